"""Whether labels, and what tells them, change over time. It does not know fields, verdicts or pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickets.train.sample import Interval, Ints, Sample, mean_interval, number_labels
from tickets.train.signal import predict_held_out

MIN_ROWS: Final = 40
"""Labelled rows with a time below which nothing is said."""

LEAST_SHIFT: Final = 0.05
"""Share of rows with another label, beyond what chance gives, from which on a significant shift is worth a word."""

LEAST_GAP: Final = 0.02
"""Accuracy that must be lost before a sure loss is worth a word."""

MIN_LATER_ROWS: Final = 30
"""Later rows with a new text below which learning from the past is not measured."""

MAX_LINES: Final = 6
"""Most frequent labels whose rows are counted by period."""

_NUM_SHUFFLES: Final = 999
_QUARTER: Final = 4
_MAX_PERIODS: Final = 48

Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Later:
    """What is learned from earlier rows, tried on later ones whose text is new."""

    since: str
    """Day of the first later row."""
    num_rows: int
    """Later rows that were answered."""
    accuracy: float
    """By a fit of the earlier rows alone."""
    cross_validated: float
    """The same rows by fits of as many rows from all times."""
    gap: float
    """Accuracy lost for want of rows of the same time."""
    gap_interval: Interval
    """95 % interval of the gap; rows of one text count as one observation."""
    worse: bool
    """Whether the loss is sure, and at least `LEAST_GAP`."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How labels moved. Quarters are of the labelled rows that have a time, in its order."""

    first: str
    """Day of the first row, UTC."""
    last: str
    num_rows: int
    distance: float
    """Total variation between the labels of the first and the last quarter: the share of rows with another label."""
    expected: float
    """The distance that chance gives where nothing changes."""
    p_value: float
    """Probability of such a distance where nothing changes; rows that come in bursts make it too small."""
    shifted: bool
    """Whether the distance is significant, and `LEAST_SHIFT` beyond what chance gives."""
    early: Mapping[str, float]
    """Label → share of the first quarter."""
    late: Mapping[str, float]
    """Label → share of the last quarter."""
    new: Mapping[str, int]
    """Labels of the last quarter alone → rows, where that is no chance."""
    gone: Mapping[str, int]
    """Labels that the last quarter lacks → rows before, where that is no chance."""
    periods: Sequence[str]
    """First days of the months, or of the weeks of a short history, the latest `_MAX_PERIODS`."""
    period_rows: Sequence[int]
    """Labelled rows of each period."""
    counts: Mapping[str, Sequence[int]]
    """The `MAX_LINES` most frequent labels → rows of each period."""
    later: Later | None = None

    @property
    def moved(self) -> list[str]:
        """The labels, the one first whose share changed most."""
        return sorted(self.early, key=lambda label: (-abs(self.late[label] - self.early[label]), label))


def measure_drift(labels: Sequence[str], times: Times, significance: float) -> Drift | None:
    """Compare the labels of early and late rows.

    The distance is tested by permuting the labels of both quarters (Good 2005). A label counts as new, or as gone,
    when its rows would lie so by chance with a probability below `significance` over all labels together.

    Args:
        labels: n labels.
        times: datetime64[n], NaT where a row has none.
        significance: Rate of false alarms where rows are independent.

    Returns:
        None for fewer than `MIN_ROWS` rows with a time, or where all have the same.
    """
    rows = np.flatnonzero(~np.isnat(times))
    rows = rows[np.argsort(times[rows], kind="stable")]
    if len(rows) < MIN_ROWS or times[rows[0]] == times[rows[-1]]:
        return None
    names, codes = number_labels([labels[row] for row in rows.tolist()])
    size, num_labels = len(rows) // _QUARTER, len(names)
    early = np.bincount(codes[:size], minlength=num_labels)
    late = np.bincount(codes[-size:], minlength=num_labels)
    distance, expected, p_value = _test_distance(early, late)
    periods, period_rows, counts = _by_period(times[rows], codes, names)
    before = np.bincount(codes[:-size], minlength=num_labels)
    each = significance / (2 * num_labels)  # every label could be new, or gone
    new = (before == 0) & (late >= _rows_to_show(1 / _QUARTER, each))
    gone = (late == 0) & (before >= _rows_to_show(1 - 1 / _QUARTER, each))
    return Drift(
        first=_day(times[rows[0]]),
        last=_day(times[rows[-1]]),
        num_rows=len(rows),
        distance=distance,
        expected=expected,
        p_value=p_value,
        shifted=p_value <= significance and distance - expected >= LEAST_SHIFT,
        early=dict(zip(names, (early / size).tolist(), strict=True)),
        late=dict(zip(names, (late / size).tolist(), strict=True)),
        new={names[at]: int(late[at]) for at in np.flatnonzero(new).tolist()},
        gone={names[at]: int(before[at]) for at in np.flatnonzero(gone).tolist()},
        periods=periods,
        period_rows=period_rows,
        counts=counts,
    )


def measure_later(
    sample: Sample,
    matrix: NDArray[np.float32],
    cross_validated: Ints,
    times: Times,
    num_folds: int,
    significance: float,
) -> Later | None:
    """Fit the baseline on the earlier rows and try it on the later ones, as many as a fold has.

    Later rows whose text stands among the earlier ones too are left out: cross-validation does not see them either.

    Args:
        sample: n rows in the order of time.
        matrix: float32[n, d], the view that the baseline reads.
        cross_validated: int[n], the labels that it gave each row by a fit that did not see the row's text.
        times: datetime64[n].
        num_folds: Folds of that fit.
        significance: Rate at which a loss is called sure where there is none.

    Returns:
        None where too few later rows have a new text, or nothing can be learned from the earlier ones.
    """
    start = len(sample.codes) - len(sample.codes) // num_folds
    is_later = np.arange(len(sample.codes)) >= start
    if np.isnat(times[start:]).any() or np.bincount(sample.codes[:start]).max() < 2:
        return None
    is_new = ~np.isin(sample.groups[start:], sample.groups[:start])
    if is_new.sum() < MIN_LATER_ROWS:
        return None
    truth = sample.codes[start:][is_new]
    right = predict_held_out(sample.codes, matrix, is_later)[is_new] == truth
    right_before = cross_validated[start:][is_new] == truth
    lost = right_before.astype(np.float64) - right
    groups = sample.groups[start:][is_new]
    gap, (surely, _) = float(lost.mean()), mean_interval(lost, groups, 1 - 2 * significance)
    return Later(
        since=_day(times[start]),
        num_rows=len(truth),
        accuracy=float(right.mean()),
        cross_validated=float(right_before.mean()),
        gap=gap,
        gap_interval=mean_interval(lost, groups),
        worse=surely > 0 and gap >= LEAST_GAP,
    )


def _test_distance(early: Ints, late: Ints) -> tuple[float, float, float]:
    """Distance, its mean under permutation, and the p-value."""
    size, pooled = int(early.sum()), early + late
    distance = float(np.abs(early - late).sum() / (2 * size))
    shuffled = np.random.default_rng(0).multivariate_hypergeometric(pooled, size, _NUM_SHUFFLES, method="marginals")
    distances = np.abs(2 * shuffled - pooled).sum(axis=1) / (2 * size)
    exceeding = int((distances >= distance - 1e-12).sum())
    return distance, float(distances.mean()), (1 + exceeding) / (1 + _NUM_SHUFFLES)


def _rows_to_show(share: float, significance: float) -> int:
    """Fewest rows that all fall into a given share of the history by chance no more often than `significance`."""
    return math.ceil(math.log(significance) / math.log(share))


def _by_period(times: Times, codes: Ints, names: Sequence[str]) -> tuple[list[str], list[int], dict[str, list[int]]]:
    months = times.astype("datetime64[M]")
    # Numpy's weeks begin on a Thursday, as 1970-01-01 was one: a Monday is moved onto it, and back.
    weeks = (times.astype("datetime64[D]") + 3).astype("datetime64[W]").astype("datetime64[D]") - 3
    starts = months if (months[-1] - months[0]).astype(int) >= 3 else weeks
    periods, places = np.unique(starts, return_inverse=True)
    shown = slice(max(len(periods) - _MAX_PERIODS, 0), None)
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:MAX_LINES]
    counts = {
        names[code]: np.bincount(places[codes == code], minlength=len(periods))[shown].tolist()
        for code in frequent.tolist()
    }
    days = [str(day) for day in periods[shown].astype("datetime64[D]")]
    return days, np.bincount(places, minlength=len(periods))[shown].tolist(), counts


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
