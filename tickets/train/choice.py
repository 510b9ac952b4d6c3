"""Which families answer: the linear one, unless another or the pool of all is surely better on validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tickets.decide.draws import FEWEST_GROUPS
from tickets.decide.metrics import paired_bootstrap
from tickets.models.ensemble import cross_pool, fit_weights
from tickets.train.problem import Problem, text_folds
from tickets.train.split import VALIDATION
from tickets.train.sweep import Candidate

_LEAST_SHARE: Final = 0.02  # a member with less of the weights costs time at every prediction and changes nothing


def choose(
    problem: Problem, candidates: Sequence[Candidate], num_folds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """The linear model, unless another family or the pool of all is surely better on validation.

    Each candidate is judged with a temperature, and the pool with weights, that were fitted on the other folds of the
    validation rows. Surely: the gain in NLL, paired by row and drawn by text, lies above 0 with 95 % confidence. The
    pool must surely gain over the member with the least loss, be it sure or not, and over the linear model.

    Args:
        problem: The target's rows.
        candidates: The best of each family.
        num_folds: Folds of the validation rows; rows of the same text share one.

    Returns:
        Family → weight, and how the choice was made, JSON-able.
    """
    rows = problem.rows(VALIDATION)
    codes, texts = problem.codes[rows], problem.fingerprints(rows)
    folds = text_folds(texts, num_folds)
    reached = {candidate.family: candidate.validation for candidate in candidates}
    losses = {name: _losses(cross_pool([of], codes, folds), codes) for name, of in reached.items()}
    record: dict[str, Any] = {
        "families": {
            candidate.family: {
                "params": dict(candidate.params),
                "length": candidate.length,
                "nll": float(losses[candidate.family].mean()),
                "accuracy": float((candidate.validation.argmax(axis=1) == codes).mean()),
            }
            for candidate in candidates
        },
    }
    least = best = min(losses, key=lambda name: float(losses[name].mean()))
    if "linear" in losses:
        for name in losses.keys() - {"linear"}:
            record["families"][name]["gain_over_linear"] = gain_of(losses["linear"], losses[name], texts)
        if best != "linear" and not record["families"][best]["gain_over_linear"]["sure"]:
            best = "linear"
    record["best"] = best
    members = [best]
    if len(candidates) > 1:
        pooled = _losses(cross_pool(list(reached.values()), codes, folds), codes)
        gains = {name: gain_of(losses[name], pooled, texts) for name in {least, "linear"} & losses.keys()}
        kept = all(gain["sure"] for gain in gains.values())
        record["ensemble"] = {"nll": float(pooled.mean()), "best_member": least, **gains[least], "kept": kept}
        if "linear" in gains:
            record["ensemble"]["gain_over_linear"] = gains["linear"]
        if kept:
            weights = fit_weights(list(reached.values()), codes)
            members = [
                name for name, share in zip(reached, weights / weights.sum(), strict=True) if share >= _LEAST_SHARE
            ]
    weights = fit_weights([reached[name] for name in members], codes)
    return dict(zip(members, weights.tolist(), strict=True)), record


def gain_of(reference: np.ndarray, losses: np.ndarray, texts: Sequence[str]) -> dict[str, Any]:
    """What the mean loss falls by, paired by row, with its interval, and whether that surely lies above 0; rows of one
    text are one observation, and a handful of observations is sure of nothing.
    """
    gain, low, high = paired_bootstrap(reference, losses, groups=texts)
    return {"gain": gain, "low": low, "high": high, "sure": low > 0 and len(set(texts)) >= FEWEST_GROUPS}


def _losses(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """NLL of every row, float64 [n]."""
    losses: np.ndarray = -np.log(np.clip(probabilities[np.arange(len(codes)), codes], 1e-12, 1.0))
    return losses
