"""Whether confidences come true, beside what chance alone would show. It does not know labels, only right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.errors import ModelError

NUM_BINS: Final = 10
"""Bins of about equally many rows, at most."""

LEAST_ROWS: Final = 10
"""Rows of a bin, at least, where there are as many."""

_ROUNDING: Final = 1e-12
"""Errors that differ by less are equal."""

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def reliability(
    confidences: ArrayLike, correct: ArrayLike, band: float = 0.9, num_resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """A reliability diagram with consistency bands, and calibration errors beside what chance alone would show.

    Outcomes are drawn again and again from the claimed confidences, which shows where the points of a perfectly
    calibrated model fall (Bröcker and Smith, Increasing the Reliability of Reliability Diagrams, 2007; they draw the
    confidences too, here those stay as they are). Each band holds by itself: of ten bins, one is expected outside
    bands of 90 % though nothing is wrong.

    A binned error is above 0 for a perfect model too, the more so the fewer the rows, so each is given with its
    mean in the draws.

    Args:
        confidences: float[n], calibrated probability of the predicted label.
        correct: bool[n], whether that label was right.
        band: Probability with which each band holds the point of a perfectly calibrated model, at least.
        num_resamples: Draws of all outcomes.
        seed: Seed of the draws.

    Returns:
        A dictionary that JSON holds:

        - `num_rows`, `band`
        - `bins`: up to `NUM_BINS` of about equally many rows, the least confident first, rows of equal confidence
          together; each with `low` and `high` (confidence), `num_rows`, mean `confidence`, `accuracy`, and
          `band_low`, `band_high` for that accuracy
        - `num_outside`: bins whose accuracy lies outside their band
        - `ece`: mean gap between confidence and accuracy over the bins, weighted by rows
        - `debiased_error`: root of the mean squared gap without what chance adds to it on average (Kumar, Liang and
          Ma, Verified Uncertainty Calibration, NeurIPS 2019); 0 where chance explains all of it

        The two errors are dictionaries of `value`, `expected` (the mean in the draws) and `p_value` (the share of
        draws with as great an error), all of them None without rows.

    Raises:
        ModelError: The arrays do not fit each other, a confidence is not within 0 and 1, or a setting out of range.
    """
    if not 0 < band < 1 or num_resamples < 1:
        raise ModelError(f"band {band!r}, {num_resamples!r} resamples; allowed: between 0 and 1, at least 1")
    claimed, right = _ordered(confidences, correct)
    if not len(claimed):
        nothing = dict.fromkeys(("value", "expected", "p_value"))
        return {"num_rows": 0, "band": band, "bins": [], "num_outside": 0, "ece": nothing, "debiased_error": nothing}
    starts = _bin_starts(claimed)
    sizes = np.diff(starts, append=len(claimed))
    confidence, accuracy = (np.add.reduceat(values, starts) / sizes for values in (claimed, right))
    drawn = _draw_accuracies(claimed, starts, sizes, num_resamples, seed)
    low, high = np.quantile(drawn, [(1 - band) / 2, (1 + band) / 2], axis=0, method="inverted_cdf")
    columns = {
        "low": claimed[starts],
        "high": claimed[starts + sizes - 1],
        "num_rows": sizes,
        "confidence": confidence,
        "accuracy": accuracy,
        "band_low": low,
        "band_high": high,
    }
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return {
        "num_rows": len(claimed),
        "band": band,
        "bins": [dict(zip(columns, row, strict=True)) for row in rows],
        "num_outside": int(((accuracy < low) | (accuracy > high)).sum()),
        "ece": _beside_chance(_mean_gap, confidence, accuracy, drawn, sizes),
        "debiased_error": _beside_chance(_debiased_error, confidence, accuracy, drawn, sizes),
    }


def _ordered(confidences: ArrayLike, correct: ArrayLike) -> tuple[_Floats, _Floats]:
    """Confidences in rising order, and whether each row was right, as 0 or 1."""
    claimed, right = np.asarray(confidences, dtype=np.float64), np.asarray(correct, dtype=bool)
    if claimed.ndim != 1 or claimed.shape != right.shape:
        raise ModelError(f"confidences {claimed.shape} and correct {right.shape}; allowed: two lists of one length")
    if not ((claimed >= 0) & (claimed <= 1)).all():
        raise ModelError("a confidence is not a number from 0 to 1; allowed: probabilities")
    order = np.argsort(claimed, kind="stable")
    return claimed[order], right[order].astype(np.float64)


def _bin_starts(claimed: _Floats) -> _Ints:
    """First row of every bin; rows of equal confidence are not parted, and a short rest joins the last bin."""
    num_rows = len(claimed)
    size = max(num_rows // NUM_BINS, LEAST_ROWS)
    starts = [0]
    while num_rows - starts[-1] >= 2 * size:
        start = int(np.searchsorted(claimed, claimed[starts[-1] + size - 1], side="right"))
        if num_rows - start < size:
            break
        starts.append(start)
    return np.array(starts, dtype=np.int64)


def _draw_accuracies(claimed: _Floats, starts: _Ints, sizes: _Ints, num_resamples: int, seed: int) -> _Floats:
    """float64[num_resamples, bins], accuracies of rows that are right as often as they claim."""
    rng = np.random.default_rng(seed)
    drawn = np.empty((num_resamples, len(starts)))
    for draw in drawn:  # one at a time: the memory of one outcome per row
        draw[:] = np.add.reduceat(rng.random(len(claimed)) < claimed, starts, dtype=np.float64) / sizes
    return drawn


def _mean_gap(confidence: _Floats, accuracy: _Floats, sizes: _Ints) -> _Floats:
    """float64[...] for accuracies float64[..., bins]."""
    gaps: _Floats = np.abs(confidence - accuracy) @ sizes / sizes.sum()
    return gaps


def _debiased_error(confidence: _Floats, accuracy: _Floats, sizes: _Ints) -> _Floats:
    """As `_mean_gap`; from each squared gap the estimated variance of its accuracy is taken off."""
    variances = accuracy * (1 - accuracy) / np.maximum(sizes - 1, 1)
    squares = ((confidence - accuracy) ** 2 - variances) @ sizes / sizes.sum()
    errors: _Floats = np.sqrt(np.maximum(squares, 0))
    return errors


def _beside_chance(
    error: Callable[[_Floats, _Floats, _Ints], _Floats],
    confidence: _Floats,
    accuracy: _Floats,
    drawn: _Floats,
    sizes: _Ints,
) -> dict[str, float]:
    value, by_chance = float(error(confidence, accuracy, sizes)), error(confidence, drawn, sizes)
    as_great = int((by_chance >= value - _ROUNDING).sum())
    p_value = (1 + as_great) / (1 + len(drawn))  # the rows themselves count as one draw (Davison and Hinkley, 1997)
    return {"value": value, "expected": float(by_chance.mean()), "p_value": p_value}
