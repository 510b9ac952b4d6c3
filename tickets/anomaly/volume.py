"""How many tickets of a class are usual in an hour of the week, and how surprising a count is.

It does not know which tickets arrive now (`arrivals.py`), nor when a person is called (`scorer.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets.anomaly.arrivals import epoch_s
from tickets.anomaly.rates import EXTRA_TICKETS, HOUR_S, HOURS_PER_WEEK, ClassRate, Floats, History, hours_of_week
from tickets.config.anomaly import AnomalyConfig
from tickets.errors import ModelError


@dataclass(frozen=True, eq=False, slots=True)
class VolumeBaseline:
    """Usual arrivals by class and hour of the week, as negative binomial counts.

    A Poisson process with one rate per hour of the week (Ihler, Hutchins and Smyth, KDD 2006) whose rates vary by a
    gamma factor, judged by the upper tail of the count (Noufaily et al., Statistics in Medicine 2013). Bursts in the
    history count as dispersion: after many of them, the next is called later.
    """

    classes: Mapping[str, ClassRate]
    unseen: ClassRate
    """Stands in for a class that the history lacks: half a ticket in all of it, dispersed as the median class."""
    weeks: Floats
    """float64[168], weeks of labelled history behind the rate of each hour, smoothing included."""
    has_weekly_shape: bool
    """False where the history is shorter than two weeks: every hour of the week then has the same rate."""
    first: str
    """Moment of the first ticket, ISO 8601 in UTC."""
    last: str
    """Moment of the last ticket."""

    @classmethod
    def fit(
        cls, created_at: pa.Array | pa.ChunkedArray, labels: Sequence[str | None], config: AnomalyConfig
    ) -> VolumeBaseline | None:
        """Learn from past tickets; every hour from the first to the last counts, with tickets or without.

        Tickets without a label are taken to share the classes of those with one, since every new ticket is scored
        under a label. Where a model gives that label, its own labels of past tickets make the better baseline.

        Args:
            created_at: n timestamps (without a time zone: UTC); tickets that have none are left out.
            labels: n labels, None where a ticket has none.
            config: Smoothing, and the weeks of history to use.

        Returns:
            None where no ticket has a time and a label, or all came within one hour: that tells no rate.

        Raises:
            ModelError: The columns differ in length, or `created_at` holds no timestamps.
        """
        seconds, names = _timed(created_at, labels, config.history_weeks)
        labelled = np.array([name is not None for name in names], dtype=bool)
        if not labelled.any() or np.ptp(seconds) < HOUR_S:
            return None
        history = History(seconds, config.smoothing_weeks)
        share = float(labelled.mean())
        rates = {name: history.rate(seconds[names == name]) for name in sorted(set(names[labelled]))}
        dispersion = float(np.median([rate.dispersion for rate in rates.values()]))
        return cls(
            {name: ClassRate(rate.hourly / share, rate.dispersion, rate.num_tickets) for name, rate in rates.items()},
            ClassRate(history.rate(np.empty(0)).hourly / share, dispersion, 0),
            history.weeks * share,
            history.has_weekly_shape,
            _iso(seconds.min()),
            _iso(seconds.max()),
        )

    def expected(self, label: str, start: datetime, end: datetime) -> float:
        """Usual number of tickets of a class between two moments; an hour counts by the part that lies between.

        Raises:
            ModelError: A moment has no time zone, or the end is not after the start.
        """
        return float(self._rate(label).hourly @ _window(start, end))

    def surprise(self, label: str, count: int, start: datetime, end: datetime) -> tuple[float, float]:
        """How surprising a count of tickets is.

        The true rate varies around the usual one by one gamma factor for the whole window, because a busy hour
        follows a busy hour. Its variance is the dispersion of the class, and what the history leaves unknown of the
        usual rate: of the class's level, and of each hour of the week.

        Args:
            label: The class.
            count: Tickets of it that arrived in the window.
            start: Start of the window.
            end: End of the window.

        Returns:
            The expected number, and the probability of `count` tickets or more.

        Raises:
            ModelError: A moment has no time zone, or the end is not after the start.
        """
        rate, hours = self._rate(label), _window(start, end)
        mean = float(rate.hourly @ hours)
        variance = rate.dispersion + 1 / (rate.num_tickets + EXTRA_TICKETS)
        if self.has_weekly_shape:
            variance += float(hours**2 @ (rate.hourly / self.weeks)) / mean**2
        return mean, _upper_tail(count, mean, variance)

    def to_json(self) -> dict[str, Any]:
        """The state as values that JSON holds."""
        return {
            "classes": {name: rate.to_json() for name, rate in self.classes.items()},
            "unseen": self.unseen.to_json(),
            "weeks": self.weeks.tolist(),
            "has_weekly_shape": self.has_weekly_shape,
            "first": self.first,
            "last": self.last,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> VolumeBaseline:
        """The inverse of `to_json`."""
        return cls(
            {name: ClassRate.from_json(rate) for name, rate in state["classes"].items()},
            ClassRate.from_json(state["unseen"]),
            np.array(state["weeks"], dtype=np.float64),
            state["has_weekly_shape"],
            state["first"],
            state["last"],
        )

    def _rate(self, label: str) -> ClassRate:
        return self.classes.get(label, self.unseen)


def _timed(
    created_at: pa.Array | pa.ChunkedArray, labels: Sequence[str | None], num_weeks: int
) -> tuple[Floats, NDArray[np.object_]]:
    """Seconds since 1970 and labels of the tickets that have a time within the last weeks of the history."""
    if not (pa.types.is_timestamp(created_at.type) or pa.types.is_null(created_at.type)):
        raise ModelError(f"created_at of type {created_at.type}; allowed: timestamps")
    if len(created_at) != len(labels):
        raise ModelError(f"{len(created_at)} moments and {len(labels)} labels; allowed: one label, or None, for each")
    has_time = np.asarray(created_at.is_valid())
    milliseconds = created_at.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64()).drop_null()
    seconds = np.asarray(milliseconds) / 1000
    names = np.array(labels, dtype=object)[has_time]
    recent = seconds >= seconds.max(initial=-np.inf) - num_weeks * HOURS_PER_WEEK * HOUR_S
    return seconds[recent], names[recent]


def _window(start: datetime, end: datetime) -> Floats:
    start_s, end_s = epoch_s(start), epoch_s(end)
    if start_s >= end_s:
        raise ModelError(f"window from {start.isoformat()} to {end.isoformat()}; allowed: an end after the start")
    return hours_of_week(start_s, end_s)


def _upper_tail(count: int, mean: float, variance: float) -> float:
    """Probability of `count` or more of a Poisson variable whose mean varies as a gamma with this relative variance."""
    if count <= 0:
        return 1.0
    from scipy.special import betainc

    size = 1 / variance
    return float(betainc(count, size, mean / (mean + size)))


def _iso(second: float) -> str:
    return datetime.fromtimestamp(float(second), UTC).isoformat()
