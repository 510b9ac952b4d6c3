"""Confidence thresholds that keep an asked precision. It does not know labels, only whether a row was right."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.draws import number_groups
from tickets.errors import ModelError

GRID_POINTS: Final = 50
"""Coverages at which `choose_threshold` tests."""

SLACK_ERRORS: Final = 4
"""Errors that the first test forgives where there are rows enough."""

LADDER: Final = (0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
"""Precisions for which a release keeps a threshold each, so that another one can be asked for without training."""

_MOST_ROWS: Final = 2**40


@dataclass(frozen=True, slots=True)
class Threshold:
    """A confidence from which on predictions keep a precision, and what the calibration cut showed for it."""

    value: float
    """A prediction passes with a confidence of this or more."""
    precision: float
    """The precision that was asked for."""
    coverage: float
    """Share of the calibration rows that pass."""
    hits: int
    """Passing observations that were right: rows, of every group one."""
    total: int
    """Passing observations."""
    low: float
    """One-sided lower bound of the precision, at the confidence that was asked for."""

    def to_json(self) -> dict[str, float]:
        """The fields as values that JSON holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Threshold:
        """The inverse of `to_json`."""
        return cls(**state)


def fewest_rows(precision: float, confidence: float) -> int:
    """Rows that have to be right one and all to show a precision: 59 for 95 % with 95 % confidence.

    Raises:
        ModelError: A share is out of range.
    """
    _check_share("precision", precision)
    _check_share("confidence", confidence)
    return _rows_to_pass(0, precision, confidence)


def precision_interval(hits: int, total: int, confidence: float) -> tuple[float, float]:
    """The two-sided interval of Clopper and Pearson (1934) for a share of which `hits` of `total` were seen.

    Args:
        hits: Rows that were right.
        total: Rows in all.
        confidence: Probability with which the interval holds the true share, at least.

    Returns:
        (low, high), both within 0 and 1; (0, 1) for no rows.

    Raises:
        ModelError: `hits` is not within 0 and `total`, or `confidence` not between 0 and 1.
    """
    _check_share("confidence", confidence)
    if not 0 <= hits <= total:
        raise ModelError(f"{hits} hits of {total} rows; allowed: 0 <= hits <= rows")
    one_sided = (1 + confidence) / 2
    return _lower_bound(hits, total, one_sided), 1 - _lower_bound(total - hits, total, one_sided)


def choose_threshold(
    confidences: ArrayLike,
    correct: ArrayLike,
    precision: float,
    confidence: float,
    groups: ArrayLike | None = None,
) -> Threshold | None:
    """The lowest threshold whose precision is guaranteed: below the asked one in at most `1 - confidence` of cuts.

    Fixed-sequence testing (Learn then Test, Angelopoulos et al. 2021): coverages are tested from the most
    confident rows down, each by the exact binomial tail, until the first one fails. The coverages depend on the
    number of rows alone and never on which were right, so the tests share one error probability. A threshold
    takes every row at or above it, so rows of equal confidence pass together.

    Where to start is a trade: with the fewest rows that can pass at all (59 for 95 % with 95 %) a single error at
    the top ends everything, with many rows a good top is diluted. The first test takes a quarter of the rows, but
    no fewer than can pass without an error and no more than can pass with `SLACK_ERRORS`.

    The binomial tail counts independent rows. Sixty copies of one text are one observation, so one row of each group is
    tested, drawn by lot whatever its confidence and whether it was right: the guarantee is for a row of a group, each
    group as likely as any other. So that a frequent text that is answered wrongly does not hide behind rare ones that
    are not, a coverage passes only where the share of right rows, counted with all copies, is not below the asked
    precision either; a further condition to pass makes no guarantee weaker.

    Args:
        confidences: float[n], probability of the predicted label, on rows that neither model nor calibration saw.
        correct: bool[n], whether that label was right.
        precision: Share of right rows to keep, between 0 and 1.
        confidence: Probability with which it is kept, between 0 and 1.
        groups: Numbers or strings, n of them: rows that share one, as those of one text, are one observation. None:
            every row is a group.

    Returns:
        The threshold, or None where no coverage passes or there are too few observations to show it.

    Raises:
        ModelError: The arrays do not fit each other, a confidence is not finite, or a share is out of range.
    """
    every, every_hits = _ranked(confidences, correct)
    drawn = _one_of_each(groups, len(every))
    ordered, hits = _ranked(np.asarray(confidences)[drawn], np.asarray(correct)[drawn])
    fewest = fewest_rows(precision, confidence)
    if len(ordered) < fewest:
        return None
    most = _rows_to_pass(SLACK_ERRORS, precision, confidence)
    start = int(np.clip(len(ordered) // 4, fewest, most))
    chosen = None
    for total in _passing(ordered, start, GRID_POINTS):
        value, num_hits = float(ordered[total - 1]), int(hits[total - 1])
        low = _lower_bound(num_hits, total, confidence)
        num_rows = int(np.searchsorted(-every, -value, side="right"))
        if low < precision or every_hits[num_rows - 1] < precision * num_rows:
            break
        chosen = Threshold(value, precision, num_rows / len(every), num_hits, total, low)
    return chosen


def precision_coverage(
    confidences: ArrayLike, correct: ArrayLike, confidence: float, points: int = 20
) -> list[dict[str, float]]:
    """What each coverage costs in precision, for a report. The intervals hold one by one, not all together.

    Args:
        confidences: float[n], probability of the predicted label.
        correct: bool[n], whether that label was right.
        confidence: Probability with which each interval holds the true precision.
        points: Coverages to list, equally spaced up to 1; fewer where rows tie.

    Returns:
        One entry per coverage, the most confident rows first: `threshold`, `coverage`, `precision`, `low`, `high`.
        Empty without rows.

    Raises:
        ModelError: As `choose_threshold`.
    """
    ordered, hits = _ranked(confidences, correct)
    table = []
    for total in _passing(ordered, math.ceil(len(ordered) / points), points):
        num_hits = int(hits[total - 1])
        low, high = precision_interval(num_hits, total, confidence)
        table.append(
            {
                "threshold": float(ordered[total - 1]),
                "coverage": total / len(ordered),
                "precision": num_hits / total,
                "low": low,
                "high": high,
            }
        )
    return table


def _lower_bound(hits: int, total: int, confidence: float) -> float:
    """One-sided Clopper-Pearson bound: it reaches a precision p just when P(Binomial(total, p) >= hits) does not
    exceed `1 - confidence`."""
    from scipy.special import betaincinv

    return float(betaincinv(hits, total - hits + 1, 1 - confidence)) if hits else 0.0


def _rows_to_pass(num_errors: int, precision: float, confidence: float) -> int:
    """Fewest rows of which `num_errors` may be wrong and the rest still show the precision."""
    fewest = num_errors + 1
    bounds_rise = range(fewest, _MOST_ROWS)
    return fewest + bisect_left(bounds_rise, precision, key=lambda n: _lower_bound(n - num_errors, n, confidence))


def _ranked(confidences: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Confidences in falling order, and how many of the first rows were right."""
    values, right = np.asarray(confidences, dtype=np.float64), np.asarray(correct, dtype=bool)
    if values.ndim != 1 or values.shape != right.shape:
        raise ModelError(f"confidences {values.shape} and correct {right.shape}; allowed: two lists of one length")
    if not np.isfinite(values).all():
        raise ModelError("a confidence is not finite; allowed: numbers from 0 to 1")
    order = np.argsort(-values, kind="stable")
    return values[order], np.cumsum(right[order], dtype=np.int64)


def _one_of_each(groups: ArrayLike | None, num_rows: int) -> NDArray[np.int64]:
    """Indices of one row per group, drawn by lot, the same one in every call."""
    shuffled = np.random.default_rng(0).permutation(num_rows)
    _, first = np.unique(number_groups(groups, num_rows)[shuffled], return_index=True)
    drawn: NDArray[np.int64] = shuffled[first]
    return drawn


def _passing(ordered: NDArray[np.float64], start: int, points: int) -> list[int]:
    """Rows that pass at equally spaced coverages from `start` rows to all, every tie taken whole."""
    if not len(ordered):
        return []
    wanted = np.linspace(start, len(ordered), points).round().astype(int)
    whole = np.searchsorted(-ordered, -ordered[wanted - 1], side="right")
    return [int(total) for total in np.unique(whole)]


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ModelError(f"{name} {value!r}; allowed: a number between 0 and 1")
