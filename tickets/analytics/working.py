"""How long a team worked between two moments, for whole columns. It does not know tickets or targets."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from tickets.analytics.figures import Floats, Ints
from tickets.analytics.zones import DAY_MS, offsets
from tickets.config.analytics import CalendarConfig

MINUTE_MS: Final = 60_000

_THURSDAY: Final = 3  # the first day of 1970, with Monday as 0
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class WorkingTime:
    """Working minutes between moments, by the clock of the calendar's zone.

    A moment is working time if the clock on the wall then shows a working hour of a day that is no holiday. So the
    hour that is skipped in spring lasts no time, and the one that comes twice in autumn counts twice.

    All spans of working time in the window are laid out once, stretch by stretch of the zone's distance to UTC; the
    work up to a moment is then a search among them and a sum.

    Args:
        calendar: When the team works.
        first_ms: Start of the window, in milliseconds since 1970.
        last_ms: Its end.
    """

    def __init__(self, calendar: CalendarConfig, first_ms: int, last_ms: int) -> None:
        self._opens, closes = _spans(calendar, first_ms, last_ms)
        self._lengths = closes - self._opens
        self._before = np.cumsum(self._lengths) - self._lengths

    def minutes(self, starts_ms: Floats, ends_ms: Floats) -> Floats:
        """Working minutes from each start to its end.

        Args:
            starts_ms: float64[n] within the window, in milliseconds since 1970; NaN: not known.
            ends_ms: float64[n], none before its start.

        Returns:
            float64[n], NaN where either is not known.
        """
        return (self._worked(ends_ms) - self._worked(starts_ms)) / MINUTE_MS

    def _worked(self, moments_ms: Floats) -> Floats:
        """Working milliseconds from the start of the window, float64[n]."""
        if not len(self._opens):
            return moments_ms * 0.0  # which keeps what is not known
        span = np.maximum(np.searchsorted(self._opens, moments_ms, side="right") - 1, 0)
        within = np.clip(moments_ms - self._opens[span], 0.0, self._lengths[span])
        worked: Floats = self._before[span] + within
        return worked


def _spans(calendar: CalendarConfig, first_ms: int, last_ms: int) -> tuple[Ints, Ints]:
    """Start and end of every span of working time, in UTC milliseconds since 1970, in ascending order."""
    starts, distances = offsets(calendar.time_zone, first_ms, last_ms)
    ends = np.append(starts[1:], last_ms)
    opens, closes = _wall_spans(calendar, first_ms - DAY_MS, last_ms + DAY_MS)
    pieces = []
    for start, end, distance in zip(starts, ends, distances, strict=True):
        begin, stop = np.searchsorted(closes, start + distance, "right"), np.searchsorted(opens, end + distance, "left")
        wall = np.stack([opens[begin:stop], closes[begin:stop]])
        pieces.append(np.clip(wall, start + distance, end + distance) - distance)
    joined = np.concatenate(pieces, axis=1)
    return joined[0], joined[1]


def _wall_spans(calendar: CalendarConfig, first_ms: int, last_ms: int) -> tuple[Ints, Ints]:
    """Start and end of every working span as the clock on the wall shows them, in ascending order."""
    days = np.arange(first_ms // DAY_MS, last_ms // DAY_MS + 1)
    holidays = [holiday.toordinal() - _EPOCH_ORDINAL for holiday in calendar.holidays]
    days = days[~np.isin(days, np.array(holidays, dtype=np.int64))]
    weekdays = (days + _THURSDAY) % 7
    pairs = [
        days[weekdays == weekday] * DAY_MS + np.array(span)[:, None] * MINUTE_MS
        for weekday, spans in enumerate(calendar.week)
        for span in spans
    ]
    wall = np.concatenate(pairs, axis=1)
    wall = wall[:, np.argsort(wall[0])]
    return wall[0], wall[1]
