"""Service levels: which tickets were in time. It does not know groups, or how working time is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tickets.analytics.columns import Columns
from tickets.analytics.durations import Lifetimes
from tickets.analytics.figures import Bools, Floats, Ints, Quantity, rate, rates
from tickets.analytics.groups import Keys
from tickets.analytics.result import ServiceLevel, TargetValue
from tickets.analytics.working import MINUTE_MS, WorkingTime
from tickets.config.analytics import AnalyticsConfig, ColumnsConfig, TargetConfig, minutes_of

_MINUTES: Final = 60.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """How soon each ticket must have been served."""

    values: tuple[str | None, ...]
    """The k values with a target, null for all others."""
    minutes: Floats
    """float64[k + 1], working minutes of each, NaN for none."""
    of_ticket: Ints
    """int64[n], position among the values; k: the ticket has no target."""


def judge(name: str, columns: Columns, times: Lifetimes, config: AnalyticsConfig) -> tuple[ServiceLevel, Floats] | None:
    """One service level over all tickets.

    Returns:
        The result, and float64[n] with 1 for a ticket in time, 0 for one that is late, NaN for all others. Null where
        the times that it needs are absent.

    Raises:
        ConfigError: A column of the target does not exist or holds another kind of value.
    """
    target = config.targets[name]
    event = times.resolution if target.measure == "resolution" else times.first_response
    keys, paused = columns.keys(target.field), columns.numbers(target.paused_minutes)
    if times.created_ms is None or event is None:
        columns.leave_out(f"service level {name}", *_needed(target, config.columns, times.created_ms is None))
        return None
    if target.field is not None and keys is None:
        columns.leave_out(f"targets of service level {name} by {target.field}", target.field)
    allowed = _allowed(target, keys, columns.num_rows)
    limit = allowed.minutes[allowed.of_ticket]
    waits = np.zeros(columns.num_rows, bool) if times.is_open is None else times.is_open & ~event.happened
    ends = np.where(waits, times.as_of_ms, event.ends_ms)
    worked = _worked_minutes(target, config, times.created_ms, ends)
    worked = np.maximum(worked - np.nan_to_num(paused), 0.0) if paused is not None else worked
    in_time = _in_time(worked, limit, waits)
    return _level(name, target, allowed, worked, waits, in_time, config.confidence), in_time


def _needed(target: TargetConfig, names: ColumnsConfig, lacks_created: bool) -> tuple[str | None, ...]:
    """The columns of the time that is absent."""
    if lacks_created:
        return (names.created_at,)
    if target.measure == "resolution":
        return names.resolved_at, names.resolution_hours
    return names.first_response_at, names.first_response_hours


def _allowed(target: TargetConfig, keys: Keys | None, num_tickets: int) -> Allowed:
    values = [*target.targets] + ([None] if target.otherwise else [])
    durations = [*target.targets.values()] + ([target.otherwise] if target.otherwise else [])
    minutes = np.array([*map(minutes_of, durations), np.nan])
    rest = len(target.targets)  # the place of `otherwise`, or of no target
    if keys is None:
        return Allowed(tuple(values), minutes, np.full(num_tickets, rest))
    place = {value: at for at, value in enumerate(target.targets)}
    places = np.array([*(place.get(name, rest) for name in keys.names), rest])
    return Allowed(tuple(values), minutes, places[keys.codes])


def _worked_minutes(target: TargetConfig, config: AnalyticsConfig, starts: Floats, ends: Floats) -> Floats:
    if target.calendar is None:
        return (ends - starts) / MINUTE_MS
    known = np.concatenate([starts, ends])
    known = known[~np.isnan(known)]
    first, last = (int(known.min()), int(known.max())) if len(known) else (0, 0)
    return WorkingTime(config.calendars[target.calendar], first, last).minutes(starts, ends)


def _in_time(worked: Floats, limit: Floats, waits: Bools) -> Floats:
    """1, 0, or NaN where there is no target, no time, or still time left."""
    judged = np.where(np.isnan(worked) | np.isnan(limit), np.nan, worked <= limit)
    return np.where(waits & (judged == 1), np.nan, judged)


def _level(
    name: str, target: TargetConfig, allowed: Allowed, worked: Floats, waits: Bools, in_time: Floats, confidence: float
) -> ServiceLevel:
    has_target = allowed.of_ticket < len(allowed.values)
    is_known = ~np.isnan(worked) & has_target
    is_late = in_time == 0
    finished = Quantity(np.where(is_known & ~waits, worked, np.nan) / _MINUTES, is_duration=True)
    num_slots = len(allowed.values) + 1
    by_value = zip(
        allowed.values,
        np.bincount(allowed.of_ticket, minlength=num_slots).tolist(),
        allowed.minutes.tolist(),
        rates(in_time, allowed.of_ticket, num_slots, confidence),
        finished.summaries(allowed.of_ticket, num_slots, confidence),
        strict=False,  # the last slot holds what has no target
    )
    return ServiceLevel(
        name=name,
        measure=target.measure,
        field=target.field,
        calendar=target.calendar,
        paused_minutes=target.paused_minutes,
        attained=rate(in_time, confidence),
        num_late=_count(is_late & ~waits),
        num_open_late=_count(is_late & waits),
        num_pending=_count(is_known & waits & ~is_late),
        num_without_target=_count(~has_target),
        num_unknown=_count(has_target & ~is_known),
        working_hours=finished.summary(confidence),
        values=tuple(
            TargetValue(value=value, num_tickets=num, allowed_minutes=minutes, attained=attained, working_hours=hours)
            for value, num, minutes, attained, hours in by_value
        ),
    )


def _count(flags: Bools) -> int:
    return int(np.count_nonzero(flags))
