"""What is open: how old it is, and how it grew. It does not know what a ticket is about."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from tickets.analytics.durations import HOUR_MS, Lifetimes
from tickets.analytics.figures import Floats, Ints, Quantity
from tickets.analytics.groups import month_name
from tickets.analytics.result import Backlog, Bin, MonthFlow
from tickets.analytics.zones import local_months
from tickets.config.analytics import AnalyticsConfig

_HOURS_PER_DAY: Final = 24


def measure_backlog(times: Lifetimes, config: AnalyticsConfig) -> Backlog | None:
    """The open tickets and the flow that led there; null where openings or resolutions are absent."""
    if times.created_ms is None or times.resolution is None or times.is_open is None:
        return None
    age_days = (times.as_of_ms - times.created_ms) / (HOUR_MS * _HOURS_PER_DAY)
    age_days[~times.is_open] = np.nan
    is_placed = ~np.isnan(times.created_ms) & (times.is_open | ~np.isnan(times.resolution.ends_ms))
    created = local_months(times.created_ms[is_placed], config.time_zone)
    resolved = local_months(times.resolution.ends_ms[is_placed], config.time_zone)
    last = int(local_months(np.array([times.as_of_ms]), config.time_zone)[0])
    return Backlog(
        num_open=int(np.count_nonzero(times.is_open)),
        age_days=Quantity(age_days, is_duration=True).summary(config.confidence),
        ages=bins(age_days, (0.0, *config.backlog_days)),
        months=_flow(created, resolved, last, config.max_months),
        num_unplaced=int(np.count_nonzero(~is_placed)),
    )


def bins(values: Floats, lows: tuple[float, ...]) -> tuple[Bin, ...]:
    """How many values lie from each bound to the next; the last range has no end.

    Args:
        values: float64[n]; NaN: none.
        lows: Bounds in ascending order, the first of them at or below every value.
    """
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(np.array(lows), known, side="right") - 1, minlength=len(lows))
    return tuple(
        Bin(low=low, high=high, count=int(count))
        for low, high, count in zip(lows, (*lows[1:], None), counts, strict=True)
    )


def _flow(created: Ints, resolved: Ints, last: int, max_months: int) -> tuple[MonthFlow, ...]:
    """The latest months. `created` int64[m] and `resolved` int64[m], -1 for not, are months since January 1970."""
    if not len(created):
        return ()
    first = int(created.min())
    num_created = np.bincount(created - first, minlength=last - first + 1)
    num_resolved = np.bincount(resolved[resolved >= 0] - first, minlength=last - first + 1)
    num_open = np.cumsum(num_created - num_resolved)
    return tuple(
        MonthFlow(
            month=date.fromisoformat(f"{month_name(first + at)}-01"),
            created=int(num_created[at]),
            resolved=int(num_resolved[at]),
            open_at_end=int(num_open[at]),
        )
        for at in range(max(len(num_open) - max_months, 0), len(num_open))
    )
