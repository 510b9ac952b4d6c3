"""How often tickets came in each hour of the week, measured on a history. It does not know what is surprising."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HOUR_S: Final = 3600
HOURS_PER_WEEK: Final = 168
MIN_WEEKS: Final = 2
"""A shorter history cannot tell one hour of the week from another: its rates are flat."""
EXTRA_TICKETS: Final = 0.5
"""Tickets that every class is given beside those it had: Jeffreys' prior for the rate of a Poisson process. A class
that was never seen has these alone."""

_EPOCH_HOUR: Final = 72  # 1970 began on a Thursday, 72 hours into its week

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class ClassRate:
    """Usual arrivals of one class."""

    hourly: Floats
    """float64[168], tickets per hour, from Monday 00:00 UTC."""
    dispersion: float
    """Variance of an hour's true rate around the usual one, relative to the square of that; 0: counts are Poisson."""
    num_tickets: int
    """Past tickets that it was measured on."""

    def to_json(self) -> dict[str, Any]:
        """The fields as values that JSON holds."""
        return {"hourly": self.hourly.tolist(), "dispersion": self.dispersion, "num_tickets": self.num_tickets}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ClassRate:
        """The inverse of `to_json`."""
        return cls(np.array(state["hourly"], dtype=np.float64), state["dispersion"], state["num_tickets"])


class History:
    """The clock hours from the first ticket to the last, h of them, and the weekly shape of all tickets.

    The rate of an hour of the week is the mean of its gamma posterior (Clayton and Kaldor, Biometrics 1987), the prior
    of which weighs as much as `smoothing_weeks` weeks; for the shape of all tickets it is a flat rate, for a class its
    total rate times that shape. A history below `MIN_WEEKS` keeps to the total rate.

    Args:
        seconds: float64[n], moments of tickets since 1970, of which first and last lie an hour apart or more.
        smoothing_weeks: Weeks that a prior weighs.
    """

    def __init__(self, seconds: Floats, smoothing_weeks: float) -> None:
        start, end = float(seconds.min()), float(seconds.max())
        self._first_hour = int(start // HOUR_S)
        self._of_week, self._lengths = _clock_hours(start, end)
        self._prior_weeks = smoothing_weeks
        self._num_hours = float(self._lengths.sum())
        self.has_weekly_shape = self._num_hours >= MIN_WEEKS * HOURS_PER_WEEK
        self.weeks = _by_hour_of_week(self._of_week, self._lengths) + smoothing_weeks
        """float64[168], weeks behind each hour of the week, those of the prior included."""
        self._shape = np.ones(HOURS_PER_WEEK)
        flat = np.full(HOURS_PER_WEEK, len(seconds) / self._num_hours)
        if self.has_weekly_shape:
            self._shape = self._smoothed(self._counts(seconds), flat) / flat

    def rate(self, seconds: Floats) -> ClassRate:
        """Of a class whose tickets came at these moments, float64[m] within the history; none: of an unseen class."""
        counts = self._counts(seconds)
        hourly = (len(seconds) + EXTRA_TICKETS) / self._num_hours * self._shape
        if self.has_weekly_shape and len(seconds):
            hourly = self._smoothed(counts, hourly)
        return ClassRate(hourly, self._dispersion(counts, hourly), len(seconds))

    def _counts(self, seconds: Floats) -> Floats:
        """Tickets in each clock hour, float64[h]."""
        hours = (seconds // HOUR_S).astype(np.int64) - self._first_hour
        last = len(self._lengths) - 1  # a last ticket on the full hour ends the history: it counts to the hour before
        return np.bincount(np.minimum(hours, last), minlength=last + 1).astype(np.float64)

    def _smoothed(self, counts: Floats, prior: Floats) -> Floats:
        smoothed: Floats = (_by_hour_of_week(self._of_week, counts) + self._prior_weeks * prior) / self.weeks
        return smoothed

    def _dispersion(self, counts: Floats, hourly: Floats) -> float:
        """By the method of moments over the clock hours (Breslow, Applied Statistics 1984)."""
        means = hourly[self._of_week] * self._lengths
        squares = (counts - means) ** 2 / self._residual_share()
        return max(float((squares - means).sum() / (means**2).sum()), 0.0)

    def _residual_share(self) -> Floats | float:
        """Share of a count's variance that is left around a rate which was drawn towards that count, float64[h]."""
        if not self.has_weekly_shape:
            return 1.0
        weeks = self.weeks[self._of_week]
        share: Floats = 1 - 2 / weeks + (weeks - self._prior_weeks) / weeks**2
        return share


def hours_of_week(start_s: float, end_s: float) -> Floats:
    """How long a window lies in each hour of the week, float64[168] in hours, from Monday 00:00 UTC."""
    return _by_hour_of_week(*_clock_hours(start_s, end_s))


def _by_hour_of_week(of_week: Ints, values: Floats) -> Floats:
    """Sums of one value per clock hour, float64[168]."""
    return np.bincount(of_week, values, HOURS_PER_WEEK).astype(np.float64)


def _clock_hours(start_s: float, end_s: float) -> tuple[Ints, Floats]:
    """The clock hours that a window touches: hour of the week int64[h], and length within the window float64[h]."""
    hours = np.arange(start_s // HOUR_S, -(-end_s // HOUR_S) + 1)
    lengths = np.diff(np.clip(hours * HOUR_S, start_s, end_s)) / HOUR_S
    return (hours[:-1].astype(np.int64) + _EPOCH_HOUR) % HOURS_PER_WEEK, lengths
