"""When tickets began and ended, and how long that took. It does not know working hours or groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from tickets.analytics.columns import Columns
from tickets.analytics.figures import Bools, Floats
from tickets.analytics.result import DurationSource
from tickets.config.analytics import AnalyticsConfig

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Duration:
    """From the opening of each ticket to an event."""

    ends_ms: Floats
    """float64[n], the event in milliseconds since 1970; NaN: it did not happen, or it is not known when."""
    hours: Floats
    """float64[n]; NaN: not known."""
    happened: Bools
    """bool[n], whether there is any sign of the event."""
    source: DurationSource


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """When each of n tickets was opened, answered and resolved."""

    created_ms: Floats | None
    """float64[n], milliseconds since 1970; NaN: not known. Null, as below: the table does not say it of any ticket."""
    resolution: Duration | None
    first_response: Duration | None
    is_open: Bools | None
    """bool[n], whether the ticket is still to be resolved."""
    as_of_ms: float
    """Moment up to which open tickets age."""


def read_lifetimes(columns: Columns, config: AnalyticsConfig, now: datetime) -> Lifetimes:
    """Read the times of all tickets; what the columns do not allow is noted there as absent.

    Raises:
        ConfigError: A column holds another kind of value, or is named in the configuration alone.
    """
    names, now_ms = config.columns, now.timestamp() * 1000
    created = columns.times(names.created_at)
    if created is None:
        columns.leave_out("months, backlog and service levels", names.created_at)
    closed = columns.times(names.closed_at)
    resolution = _duration(columns, created, names.resolved_at, names.resolution_hours, now_ms, closed)
    if resolution is None:
        lacks = names.created_at if created is None else names.resolved_at
        columns.leave_out("resolution time, open tickets", lacks, names.resolution_hours, names.closed_at)
    response = _duration(columns, created, names.first_response_at, names.first_response_hours, now_ms)
    if response is None:
        columns.leave_out("first-response time", names.first_response_at, names.first_response_hours)
    is_open = None
    if resolution is not None:
        is_open = _is_open(columns, config, resolution)
        is_open = is_open if closed is None else is_open & np.isnan(closed)
        resolution = _of_closed(resolution, is_open)
    as_of = now_ms if config.as_of == "now" else _latest(now_ms, created, resolution, response)
    return Lifetimes(created, resolution, response, is_open, as_of)


def _duration(
    columns: Columns,
    created: Floats | None,
    at: str | None,
    hours: str | None,
    now_ms: float,
    instead: Floats | None = None,
) -> Duration | None:
    """From two times, or from the hours where one of them is missing, or else from the opening to `instead`."""
    ends, given = columns.times(at), columns.numbers(hours)
    if ((ends is None and instead is None) or created is None) and given is None:
        return None
    nothing = np.full(columns.num_rows, np.nan)
    created, ends, given, instead = (nothing if part is None else part for part in (created, ends, given, instead))
    stands_in = np.isnan(ends) & np.isnan(given) & ~np.isnan(instead)
    ends = np.where(stands_in, instead, ends)
    from_times = (ends - created) / HOUR_MS
    uses_field = np.isnan(from_times)
    taken = np.where(uses_field, given, from_times)
    is_negative = taken < 0
    taken[is_negative] = np.nan
    derived = created + taken * HOUR_MS
    ends_known = np.where(is_negative | np.isnan(ends), np.where(derived <= now_ms, derived, np.nan), ends)
    source = DurationSource(
        num_from_times=int(np.count_nonzero(~uses_field & ~is_negative)),
        num_from_field=int(np.count_nonzero(uses_field & ~np.isnan(taken))),
        num_from_closed=int(np.count_nonzero(stands_in & ~np.isnan(taken))),
        num_negative=int(np.count_nonzero(is_negative)),
    )
    return Duration(ends_known, taken, ~np.isnan(ends) | ~np.isnan(given), source)


def _is_open(columns: Columns, config: AnalyticsConfig, resolution: Duration) -> Bools:
    """By the status where the ticket has one and the configuration reads it, else by the signs of a resolution."""
    by_time: Bools = ~resolution.happened
    status = columns.keys(config.columns.status)
    if status is None:
        return by_time
    says_open, says_closed = (
        np.array([*(name in states for name in status.names), False])[status.codes]
        for states in (config.open_statuses, config.closed_statuses)
    )
    by_default = np.zeros_like(by_time) if config.open_statuses else by_time
    decided: Bools = np.where(status.codes >= 0, (says_open | by_default) & ~says_closed, by_time)
    return decided


def _of_closed(resolution: Duration, is_open: Bools) -> Duration:
    """An open ticket has no resolution, though a time may stand in its row."""
    ends, hours = (np.where(is_open, np.nan, part) for part in (resolution.ends_ms, resolution.hours))
    return Duration(ends, hours, resolution.happened & ~is_open, resolution.source)


def _latest(now_ms: float, created: Floats | None, *durations: Duration | None) -> float:
    """The latest moment that any ticket names; the present where none names one."""
    parts = [created, *(duration.ends_ms for duration in durations if duration is not None)]
    known = [float(part[~np.isnan(part)].max(initial=-np.inf)) for part in parts if part is not None]
    latest = max(known, default=-np.inf)
    return latest if np.isfinite(latest) else now_ms
