"""Remedies for classes of unlike size, and whether one of them helps. It does not know how models are fitted.

Probabilities are calibrated to the shares that tickets really have, so a remedy is judged after calibration: what it
then changes is the order of the classes within a ticket, not how often each of them is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

import numpy as np

from tickets.decide.calibration import choose_calibration
from tickets.decide.draws import FEWEST_GROUPS, draw_counts, number_groups
from tickets.decide.metrics import paired_bootstrap
from tickets.models.family import Examples

NONE: Final = "none"
REMEDIES: Final = (NONE, "balanced", "effective", "adjusted")
"""Nothing; rows weighted by one over their class's rows; the same with the effective number of rows, which grows ever
slower (Cui et al., 2019); logits adjusted by the classes' shares (Menon et al., 2021), which the linear model does
after the fit and the network in its loss. Trees know no adjustment: they weight rows as `balanced` does."""
MEASURES: Final = ("nll", "weighted_f1", "macro_f1", "rare_recall")
"""What remedies are judged by. Rare labels have less than half the mean number of rows."""
EVEN: Final = 0.9
"""Evenness from which there is nothing to remedy."""
_BETA: Final = 0.999  # as in Cui et al.: of a class's rows, about the first thousand count
_RESAMPLES: Final = 1_000


def evenness(counts: np.ndarray) -> float:
    """How alike the classes are in size: the perplexity of their shares over their number, from 1/k to 1.

    Args:
        counts: int [k], rows of each class.
    """
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()) / len(counts))


def class_weights(counts: np.ndarray, remedy: str) -> np.ndarray:
    """What a row of each class counts, float64 [k]; the mean over rows is 1, a class without rows has 0."""
    size = counts.astype(np.float64)
    if remedy == "effective":
        size = (1 - _BETA**size) / (1 - _BETA)
    weights = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    weights *= counts.sum() / (weights * counts).sum()
    return weights


def remedied(examples: Examples, remedy: str, num_classes: int) -> Examples:
    """Rows to learn from, with what the remedy makes of their classes' sizes; a copy behind them, without fields,
    weighs as its row does and makes no class larger."""
    if remedy == NONE:
        return examples
    num_copies = 0 if examples.has_copy is None else int(examples.has_copy.sum())
    counts = np.bincount(examples.labels[: len(examples) - num_copies], minlength=num_classes)
    weights = class_weights(counts, remedy)[examples.labels].astype(np.float32)
    shares = np.maximum(counts, 1) / counts.sum()
    return replace(examples, weights=weights, log_prior=np.log(shares) if remedy == "adjusted" else None)


def compare(
    reached: Mapping[str, np.ndarray],
    truth: np.ndarray,
    counts: np.ndarray,
    groups: Sequence[str],
    measure: str,
    seed: int,
) -> dict[str, Any]:
    """Judge remedies on rows that nothing was fitted on, each after a calibration of its own.

    Args:
        reached: Remedy → float64 [n, k], among them `NONE`.
        truth: int64 [n].
        counts: int64 [k], training rows of each class.
        groups: n texts' fingerprints; rows that share one are calibrated together, and drawn together.
        measure: One of `MEASURES`; the remedy that is surely best by it is chosen.
        seed: Of folds and bootstrap.

    Returns:
        `chosen`, `measure`, `evenness`, `num_rows`, `num_rare` (rows with a rare label), and under `remedies` for each
        remedy and measure the `value` (None without rows) and, but for `NONE`, the `gain` with its 95 % interval
        `low`, `high`, paired by row; a gain above 0 is a better value.
    """
    rare = counts < counts.mean() / 2
    of_rare = rare[truth]
    calibrated = {
        name: choose_calibration(of, truth, groups, seed, ("vector",)).probabilities for name, of in reached.items()
    }
    f1 = _f1({name: of.argmax(axis=1) for name, of in calibrated.items()}, truth, len(counts), groups, seed)
    losses = {name: -np.log(np.maximum(of[np.arange(len(truth)), truth], 1e-12)) for name, of in calibrated.items()}
    hits = {name: (of.argmax(axis=1) == truth)[of_rare].astype(float) for name, of in calibrated.items()}

    def judge(remedy: str) -> dict[str, dict[str, Any]]:
        recall = float(hits[remedy].mean()) if of_rare.any() else None
        values = {"nll": float(losses[remedy].mean()), "rare_recall": recall}
        gains: dict[str, dict[str, float]] = {}
        if remedy != NONE:
            gains["nll"] = _gain(*paired_bootstrap(losses[NONE], losses[remedy], _RESAMPLES, seed, groups=groups))
            if of_rare.any():
                gain = paired_bootstrap(hits[remedy], hits[NONE], _RESAMPLES, seed, groups=np.asarray(groups)[of_rare])
                gains["rare_recall"] = _gain(*gain)
        for name, (value, drawn) in f1[remedy].items():
            values[name] = value
            plain, plain_drawn = f1[NONE][name]
            if remedy != NONE:
                gains[name] = _gain(value - plain, *np.quantile(drawn - plain_drawn, [0.025, 0.975]).tolist())
        return {name: {"value": values[name], **gains.get(name, {})} for name in MEASURES}

    remedies = {remedy: judge(remedy) for remedy in reached}
    observed = np.asarray(groups)[of_rare] if measure == "rare_recall" else groups
    enough = len(set(observed)) >= FEWEST_GROUPS
    sure = {name: of[measure]["gain"] for name, of in remedies.items() if enough and of[measure].get("low", 0) > 0}
    return {
        "chosen": max(sure, key=lambda remedy: sure[remedy], default=NONE),
        "measure": measure,
        "evenness": evenness(counts),
        "num_rows": len(truth),
        "num_rare": int(of_rare.sum()),
        "remedies": remedies,
    }


def _gain(gain: float, low: float, high: float) -> dict[str, float]:
    return {"gain": gain, "low": low, "high": high}


def _f1(
    predicted: Mapping[str, np.ndarray], truth: np.ndarray, k: int, groups: Sequence[str], seed: int
) -> dict[str, dict[str, tuple[float, np.ndarray]]]:
    """Remedy → weighted and macro F1 of the rows, and float64 [draws] of draws of them, the same for all remedies."""
    group = number_groups(groups, len(truth))
    num_groups = int(group.max()) + 1
    once = np.ones(num_groups, dtype=np.int64)
    pairs = [truth * k + of for of in predicted.values()]
    found = np.array(
        [
            [_f1_means(np.bincount(of, weights=counts[group], minlength=k * k).reshape(k, k)) for of in pairs]
            for counts in chain([once], draw_counts(num_groups, _RESAMPLES, seed))
        ]
    )
    return {
        name: {of: (float(drawn[0]), drawn[1:]) for of, drawn in zip(("weighted_f1", "macro_f1"), both.T, strict=True)}
        for name, both in zip(predicted, found.swapaxes(0, 1), strict=True)
    }


def _f1_means(counts: np.ndarray) -> tuple[float, float]:
    """Weighted and macro F1 of a confusion, float64 [k, k], over the classes that occur."""
    support, answered = counts.sum(axis=1), counts.sum(axis=0)
    occurs = support + answered > 0
    f1 = 2 * counts.diagonal()[occurs] / (support + answered)[occurs]
    return float(f1 @ support[occurs] / support.sum()), float(f1.mean())
