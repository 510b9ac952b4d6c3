"""Scores of predictions on labelled rows. It does not know models, or which split the rows come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.distributions import FLOOR
from tickets.decide.draws import draw_counts, number_groups
from tickets.decide.thresholds import precision_interval
from tickets.errors import ModelError

NUM_BINS: Final = 15
"""Bins of equal width in the reliability table and the calibration error."""

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


def score(
    probabilities: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str],
    automated: ArrayLike | None = None,
    confidence: float = 0.95,
    majority: int | None = None,
    ceiling: float | None = None,
) -> dict[str, Any]:
    """Everything that a report says of one target, as values that JSON holds.

    A label outside the closed list can only be answered wrongly: it counts as an error in `accuracy`, `ece` and
    `automation`, as one more class with an F1 of 0 in `macro_f1` and `weighted_f1`, and as one more class of
    probability 0 in `brier`; `nll`, which would be infinite, is taken over the other rows.

    Args:
        probabilities: float[n, k], calibrated.
        labels: int[n], column of the true label, -1 for a label outside the list.
        class_names: k names.
        automated: bool[n], predictions that are acted on; None: none is.
        confidence: Probability with which each interval holds the true share.
        majority: Column of the most frequent training label.
        ceiling: Best accuracy that any model can reach, where it is known.

    Returns:
        A dictionary in which whatever has no rows to be computed on is None:

        - `num_rows`, `num_outside` (labels outside the list)
        - `accuracy`: `value`, `low`, `high` (Clopper-Pearson)
        - `macro_f1`, `weighted_f1` (by true rows), as scikit-learn's `f1_score` over the classes that occur among
          the true or the predicted labels
        - `nll`: mean negative natural logarithm of the true label's probability, floored at 1e-12
        - `brier`: mean over rows of the sum over classes of squared differences, from 0 to 2
        - `ece`: mean gap between confidence and accuracy of the top label, over `NUM_BINS` bins weighted by rows
        - `majority_floor`: accuracy of always answering `majority`; `ceiling`: as given
        - `automation`: `coverage`, `num_rows`, and their `precision`, `low`, `high`
        - `per_class`: per name `label`, `support`, `precision`, `recall`, `f1`
        - `confusion`: `labels`, `counts` (k x k, rows are the truth), `outside` (predictions on outside labels)
        - `reliability`: per bin `low`, `high` (confidence), `num_rows`, mean `confidence`, `accuracy`

    Raises:
        ModelError: Shapes, labels or values do not fit each other.
    """
    given, truth = _checked(probabilities, labels, len(class_names))
    predicted, top = given.argmax(axis=1), given.max(axis=1)
    right = predicted == truth
    counts = _confusion(truth, predicted, len(class_names))
    bins = _reliability(top, right)
    per_class = _per_class(counts, class_names)
    return {
        "num_rows": len(truth),
        "num_outside": int((truth < 0).sum()),
        "accuracy": _share(right, confidence),
        **_f1_means(counts, per_class),
        **_losses(given, truth),
        "ece": _mean_gap(bins),
        "majority_floor": None if majority is None else _mean(truth == majority),
        "ceiling": ceiling,
        "automation": _automation(right, automated, confidence),
        "per_class": per_class,
        "confusion": {"labels": list(class_names), "counts": counts[:-1].tolist(), "outside": counts[-1].tolist()},
        "reliability": bins,
    }


def paired_bootstrap(
    better: ArrayLike,
    worse: ArrayLike,
    num_resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
) -> tuple[float, float, float]:
    """The mean of `better - worse` over rows, with its percentile bootstrap interval (Efron, 1979).

    Both sides are drawn together, so what makes a row hard for both does not widen the interval. Rows of one group are
    drawn together too, so what repeats does not narrow it.

    Args:
        better: float[n], a score per row of the one expected to win.
        worse: float[n], the other's score on the same rows.
        num_resamples: Draws of as many groups as there are, with replacement.
        seed: Seed of the draws.
        confidence: Share of the draws that lies within the interval.
        groups: Numbers or strings, n of them: rows that share one, as those of one text, are one observation. None:
            every row is a group.

    Returns:
        (mean, low, high).

    Raises:
        ModelError: No rows, rows that are not paired, a value that is not finite, or a share out of range.
    """
    ours, theirs = np.asarray(better, dtype=np.float64), np.asarray(worse, dtype=np.float64)
    if ours.ndim != 1 or ours.shape != theirs.shape or not len(ours):
        raise ModelError(f"rows of shape {ours.shape} and {theirs.shape}; allowed: two lists of one length above 0")
    difference = ours - theirs
    if not np.isfinite(difference).all():
        raise ModelError("a score is not finite; allowed: finite numbers")
    if not 0 < confidence < 1:
        raise ModelError(f"confidence {confidence!r}; allowed: a number between 0 and 1")
    group = number_groups(groups, len(difference))
    sums, sizes = np.bincount(group, weights=difference), np.bincount(group)
    means = [(counts @ sums) / (counts @ sizes) for counts in draw_counts(len(sizes), num_resamples, seed)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(difference.mean()), float(low), float(high)


def _checked(probabilities: ArrayLike, labels: ArrayLike, num_classes: int) -> tuple[_Floats, _Ints]:
    given, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if num_classes == 0 or given.shape != (*truth.shape, num_classes) or truth.ndim != 1:
        raise ModelError(
            f"probabilities {given.shape}, labels {truth.shape}, {num_classes} class names; "
            "allowed: one row per label, one column per name"
        )
    if not np.isfinite(given).all():
        raise ModelError("probabilities hold a value that is not finite; allowed: numbers from 0 to 1")
    if truth.size and not -1 <= truth.min() <= truth.max() < num_classes:
        raise ModelError(f"labels {truth.min()} to {truth.max()}; allowed: -1 to {num_classes - 1}")
    return given, truth


def _confusion(truth: _Ints, predicted: _Ints, num_classes: int) -> _Ints:
    """int[k + 1, k]: rows are the truth, the last one labels outside the list; columns are the prediction."""
    counts = np.zeros((num_classes + 1, num_classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def _per_class(counts: _Ints, class_names: Sequence[str]) -> list[dict[str, Any]]:
    hits, support, predicted = counts.diagonal(), counts[:-1].sum(axis=1), counts.sum(axis=0)
    return [
        {
            "label": name,
            "support": int(true),
            "precision": _ratio(hit, answered),
            "recall": _ratio(hit, true),
            "f1": _ratio(2 * hit, true + answered),
        }
        for name, hit, true, answered in zip(class_names, hits, support, predicted, strict=True)
    ]


def _f1_means(counts: _Ints, per_class: list[dict[str, Any]]) -> dict[str, float | None]:
    """A class that is neither true nor predicted has no F1; outside labels are one class whose F1 is 0."""
    num_outside = int(counts[-1].sum())
    occurring = [(entry["f1"], entry["support"]) for entry in per_class if entry["f1"] is not None]
    f1, support = np.array([*occurring, *([(0.0, num_outside)] if num_outside else [])]).reshape(-1, 2).T
    return {
        "macro_f1": float(f1.mean()) if len(f1) else None,
        "weighted_f1": float(f1 @ support / support.sum()) if len(f1) else None,
    }


def _losses(given: _Floats, truth: _Ints) -> dict[str, float | None]:
    inside = truth >= 0
    of_truth = np.where(inside, given[np.arange(len(truth)), truth], 0.0)
    squares = (given**2).sum(axis=1) - 2 * of_truth + 1
    return {"nll": _mean(-np.log(np.maximum(of_truth[inside], FLOOR))), "brier": _mean(squares)}


def _reliability(top: _Floats, right: NDArray[np.bool_]) -> list[dict[str, Any]]:
    edges = np.linspace(0, 1, NUM_BINS + 1)
    index = np.clip(np.searchsorted(edges, top, side="left") - 1, 0, NUM_BINS - 1)
    return [
        {
            "low": float(edges[b]),
            "high": float(edges[b + 1]),
            "num_rows": int((index == b).sum()),
            "confidence": _mean(top[index == b]),
            "accuracy": _mean(right[index == b]),
        }
        for b in range(NUM_BINS)
    ]


def _mean_gap(bins: list[dict[str, Any]]) -> float | None:
    num_rows = sum(entry["num_rows"] for entry in bins)
    gaps = (e["num_rows"] * abs(e["confidence"] - e["accuracy"]) for e in bins if e["num_rows"])
    return sum(gaps) / num_rows if num_rows else None


def _automation(right: NDArray[np.bool_], automated: ArrayLike | None, confidence: float) -> dict[str, Any]:
    acted_on = np.zeros_like(right) if automated is None else np.asarray(automated, dtype=bool)
    if acted_on.shape != right.shape:
        raise ModelError(f"automated has shape {acted_on.shape}; allowed: {right.shape}, one value per row")
    passing = right[acted_on]
    shares = _share(passing, confidence)
    return {
        "coverage": _ratio(len(passing), len(right)),
        "num_rows": len(passing),
        "precision": shares["value"],
        "low": shares["low"],
        "high": shares["high"],
    }


def _share(right: NDArray[np.bool_], confidence: float) -> dict[str, float | None]:
    if not len(right):
        return {"value": None, "low": None, "high": None}
    low, high = precision_interval(int(right.sum()), len(right), confidence)
    return {"value": float(right.mean()), "low": low, "high": high}


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
