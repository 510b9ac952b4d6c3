"""Summaries and rates of many groups at once. It does not know tickets, columns or what a value means."""

from __future__ import annotations

from math import isfinite
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickets.analytics.result import Rate, Summary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.number[Any]]

_QUANTILES: Final = (0.5, 0.75, 0.9, 0.95, 0.99)


class Quantity:
    """A value of each ticket, sorted once for the summaries of any number of groupings.

    Args:
        values: float64[n]; NaN: the ticket has none.
        is_duration: They are times or ages: never below zero, and some much longer than most, so that the bounds of
            the mean are those of its logarithm.
    """

    def __init__(self, values: Floats, is_duration: bool = False) -> None:
        self.values = values
        self._is_duration = is_duration
        num_known = int(np.count_nonzero(~np.isnan(values)))
        self._ascending: Ints = np.argsort(values, kind="stable")[:num_known]  # NaN comes last

    def summaries(self, slots: Ints, num_slots: int, confidence: float, min_count: int = 1) -> list[Summary]:
        """One summary per slot.

        Args:
            slots: int64[n], the slot of each ticket.
            num_slots: k.
            confidence: Probability with which each interval holds the true value.
            min_count: With fewer values a slot's figures are null.
        """
        of_known = slots[self._ascending]
        by_slot = np.argsort(of_known.astype(np.int32), kind="stable")  # within a slot the values keep ascending
        ascending = self.values[self._ascending[by_slot]]
        counts = np.bincount(of_known, minlength=num_slots)
        starts = np.cumsum(counts) - counts
        with np.errstate(over="ignore", invalid="ignore"):  # numbers so large have no mean that can be written
            columns = _means(ascending, of_known[by_slot], counts, confidence, self._is_duration)
        columns["p50_low"], columns["p50_high"] = _median_bounds(ascending, starts, counts, confidence)
        for quantile in _QUANTILES:
            columns[f"p{quantile * 100:.0f}"] = _quantiles(ascending, starts, counts, quantile)
        names = list(columns)
        shown = counts >= min_count
        rows = zip(*(_nullable(column, shown) for column in columns.values()), strict=True)
        return [
            Summary(count=int(count), **dict(zip(names, row, strict=True)))
            for count, row in zip(counts, rows, strict=True)
        ]

    def summary(self, confidence: float) -> Summary:
        """The summary of all tickets."""
        return self.summaries(np.zeros(len(self.values), np.int64), 1, confidence)[0]


def rates(flags: Floats, slots: Ints, num_slots: int, confidence: float, min_count: int = 1) -> list[Rate]:
    """One rate per slot.

    Args:
        flags: float64[n], 1 or 0; NaN: not known.
        slots: int64[n], the slot of each ticket.
        num_slots: k.
        confidence: Probability with which each interval holds the true rate.
        min_count: With fewer tickets of which it is known a slot's figures are null.
    """
    is_known = ~np.isnan(flags)
    counts = np.bincount(slots[is_known], minlength=num_slots)
    hits = np.bincount(slots[is_known], flags[is_known], minlength=num_slots)
    shown = counts >= min_count
    parts = _divided(hits, counts), *wilson(hits, counts, confidence)
    rows = zip(counts.tolist(), hits.astype(int).tolist(), *(_nullable(part, shown) for part in parts), strict=True)
    return [
        Rate(count=count, hits=num if count >= min_count else None, rate=share, low=low, high=high)
        for count, num, share, low, high in rows
    ]


def rate(flags: Floats, confidence: float) -> Rate:
    """The rate over all tickets; `flags` as in `rates`."""
    return rates(flags, np.zeros(len(flags), np.int64), 1, confidence)[0]


def wilson(hits: Numbers, counts: Ints, confidence: float) -> tuple[Floats, Floats]:
    """The score interval of Wilson (Journal of the American Statistical Association 1927) for shares.

    Args:
        hits: [k], numbers.
        counts: int64[k]; 0 gives NaN.
        confidence: Two-sided.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    shares = _divided(hits, counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (shares + z**2 / (2 * counts)) / (1 + z**2 / counts)
        half = z / (1 + z**2 / counts) * np.sqrt(shares * (1 - shares) / counts + z**2 / (4 * counts**2.0))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _means(values: Floats, slots: Ints, counts: Ints, confidence: float, in_logs: bool) -> dict[str, Floats]:
    """Means with the bounds of Student's t; of durations on the logarithm of the mean, by the delta method.

    The standard error of log(m) is that of m divided by m (Casella and Berger, Statistical Inference 2002, section
    5.5.4), so both bounds lie above zero, the upper one further from the mean, as the tail of long times asks for.
    """
    from scipy.special import stdtrit

    means = _divided(np.bincount(slots, values, minlength=len(counts)), counts)
    squares = np.bincount(slots, (values - means[slots]) ** 2, minlength=len(counts))
    errors = np.sqrt(_divided(_divided(squares, counts - 1), counts))
    half = stdtrit(np.maximum(counts - 1, 1), (1 + confidence) / 2) * errors
    if not in_logs:
        return {"mean": means, "mean_low": means - half, "mean_high": means + half}
    spread = np.exp(np.divide(half, means, out=np.where(np.isnan(half), np.nan, 0.0), where=means > 0))
    return {"mean": means, "mean_low": means / spread, "mean_high": means * spread}


def _median_bounds(ascending: Floats, starts: Ints, counts: Ints, confidence: float) -> tuple[Floats, Floats]:
    """From the r-th smallest to the r-th largest value (David and Nagaraja, Order Statistics 2003, section 7.1)."""
    ranks = _median_ranks(counts, confidence)
    low, high = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    found = ranks > 0
    low[found] = ascending[(starts + ranks - 1)[found]]
    high[found] = ascending[(starts + counts - ranks)[found]]
    return low, high


def _median_ranks(counts: Ints, confidence: float) -> Ints:
    """The largest r with P(Binomial(n, 1/2) < r) <= (1 - confidence) / 2 for each n; 0: none."""
    from scipy.special import bdtr

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    ranks = np.clip(np.floor((counts - z * np.sqrt(counts)) / 2).astype(np.int64) + 2, 0, counts)  # never too low
    while (is_above := (ranks > 0) & (bdtr(ranks - 1, counts, 0.5) > (1 - confidence) / 2)).any():
        ranks = ranks - is_above
    return ranks


def _quantiles(ascending: Floats, starts: Ints, counts: Ints, quantile: float) -> Floats:
    """The quantile of each slot; NaN where the slot is empty."""
    found = np.full(len(counts), np.nan)
    filled = counts > 0
    place = (counts[filled] - 1) * quantile
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, counts[filled] - 1)
    low, high = ascending[starts[filled] + below], ascending[starts[filled] + above]
    found[filled] = low + (place - below) * (high - low)
    return found


def _divided(numerators: Numbers, counts: Ints) -> Floats:
    """NaN where the count is not positive."""
    out = np.full(len(counts), np.nan)
    np.divide(numerators, counts, out=out, where=counts > 0)
    return out


def _nullable(values: Floats, shown: Bools) -> list[float | None]:
    """Null where a value is not finite or not to be shown."""
    return [
        value if is_shown and isfinite(value) else None for value, is_shown in zip(values.tolist(), shown, strict=True)
    ]
