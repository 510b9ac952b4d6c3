"""Members' probabilities pooled into one distribution; the weights that are likeliest on rows no member was fitted on.

The pool is logarithmic: a weighted sum of log-probabilities, normalised again (Genest and Zidek, 1986). Its loss is
convex in the weights, whose sum is free, so that one weight alone is a temperature. A penalty that weighs as much as
one row draws the sum towards 1: where every row is right, no weight would be large enough. Where members know nothing
the likeliest sum is 0, and a pool without weights says the same of every ticket; the sum therefore stops at
`LEAST_SUM`, where the answers are as flat as any temperature makes them, and still their members'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy import optimize

from tickets.decide.distributions import log_probabilities, log_softmax
from tickets.decide.temperature import BOUNDS

LEAST_SUM: Final = 1 / BOUNDS[1]
"""Of the weights: the inverse of the highest temperature."""


def fit_weights(probabilities: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Non-negative weights of the pool with the least penalised NLL.

    Args:
        probabilities: One float [n, k] per member.
        labels: int [n].

    Returns:
        float64 [members], with a sum of `LEAST_SUM` or more.
    """
    logs = np.stack([log_probabilities(of_member) for of_member in probabilities])
    rows = np.arange(len(labels))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        pooled = log_softmax(np.tensordot(weights, logs, axes=1))
        expected = np.einsum("nk,mnk->mn", np.exp(pooled), logs)
        excess = weights.sum() - 1
        gradient = (expected - logs[:, rows, labels]).mean(axis=1) + 2 * excess / len(labels)
        return float(-pooled[rows, labels].mean()) + excess**2 / len(labels), gradient

    start = np.full(len(logs), 1 / len(logs))
    asked: dict[str, Any] = {"fun": loss, "jac": True, "bounds": [(0, None)] * len(logs)}
    weights: np.ndarray = optimize.minimize(x0=start, method="L-BFGS-B", **asked).x
    if weights.sum() >= LEAST_SUM:
        return weights
    # The loss is convex: with the bound, the best sum is the bound itself.
    on_bound = {"type": "eq", "fun": lambda given: given.sum() - LEAST_SUM, "jac": np.ones_like}
    found = optimize.minimize(x0=LEAST_SUM * start, method="SLSQP", constraints=[on_bound], tol=1e-9, **asked)
    weights = np.maximum(found.x, 0)
    weights *= LEAST_SUM / weights.sum()
    return weights


def pool(probabilities: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The pooled distributions, float64 [n, k].

    Args:
        probabilities: One float [n, k] per member.
        weights: float [members].
    """
    total = sum(weight * log_probabilities(rows) for weight, rows in zip(weights, probabilities, strict=True))
    pooled: np.ndarray = np.exp(log_softmax(np.asarray(total)))
    return pooled


def cross_pool(probabilities: Sequence[np.ndarray], labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Rows pooled by weights that were fitted on the other folds, float64 [n, k]; what such a pool is judged by.

    Args:
        probabilities: One float [n, k] per member.
        labels: int [n].
        folds: int [n], the fold of each row; one fold alone is pooled by its own weights.
    """
    pooled = np.empty(probabilities[0].shape)
    for fold in np.unique(folds):
        held_out = folds == fold
        others = ~held_out if (~held_out).any() else held_out
        weights = fit_weights([rows[others] for rows in probabilities], labels[others])
        pooled[held_out] = pool([rows[held_out] for rows in probabilities], weights)
    return pooled
