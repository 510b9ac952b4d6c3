"""Weighted mean of members' probabilities; the weights that are likeliest on rows that no member was fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, special

from tickets.models.family import nll


def fit_weights(probabilities: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Non-negative weights, summing to 1, of the mixture with the least NLL.

    Args:
        probabilities: One float [n, k] per member.
        labels: int [n].

    Returns:
        float64 [members].
    """
    stacked = np.stack(probabilities)

    def loss(logits: np.ndarray) -> float:
        return nll(mix(stacked, special.softmax(logits)), labels)

    found = optimize.minimize(loss, np.zeros(len(stacked)), method="Nelder-Mead", options={"maxiter": 400})
    weights: np.ndarray = special.softmax(found.x)
    return weights


def mix(probabilities: np.ndarray | Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted mean, float64 [n, k]."""
    mixed: np.ndarray = np.tensordot(weights, np.asarray(probabilities), axes=1)
    return mixed
