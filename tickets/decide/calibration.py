"""Temperature scaling: probabilities that mean what they say. It does not know which model gave them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.errors import ModelError

FLOOR: Final = 1e-12
"""Probabilities are read as at least this, so that a zero has a logarithm."""

BOUNDS: Final = (0.05, 20.0)
"""Temperatures that a fit may return."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """One number that flattens (above 1) or sharpens (below 1) every distribution, and moves no label's rank.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    temperature: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ModelError(f"temperature {self.temperature!r}; allowed: a finite number above 0")

    @classmethod
    def fit(cls, probabilities: ArrayLike, labels: ArrayLike) -> Temperature:
        """The temperature under which held-out labels are most likely.

        To the rows is added the weight of one row whose label is uniform over the list, the smoothing that Platt
        (1999) gave to sigmoid calibration. Without it a sample that holds no error asks for a temperature of
        zero, and every later answer would claim to be certain.

        Args:
            probabilities: float[n, k], one distribution per row, from a model that never saw these rows.
            labels: int[n], column of the true label; -1 for a label outside the list, which is left out.

        Returns:
            A temperature within `BOUNDS`; 1 where no row has a label of the list.

        Raises:
            ModelError: The arrays do not fit each other, or hold a value that is no probability or no label.
        """
        from scipy.optimize import minimize_scalar

        logits = _log(probabilities)
        truth = np.asarray(labels)
        num_labels = logits.shape[1]
        if truth.shape != logits.shape[:1] or (truth.size and not -1 <= truth.min() <= truth.max() < num_labels):
            raise ModelError(
                f"labels of shape {truth.shape}; allowed: {len(logits)} whole numbers from -1 to {num_labels - 1}"
            )
        logits, truth = logits[truth >= 0], truth[truth >= 0]
        if not len(truth):
            return cls(1.0)

        def loss(log_temperature: float) -> float:
            log_probabilities = _log_softmax(logits / math.exp(log_temperature))
            of_truth = log_probabilities[np.arange(len(truth)), truth]
            return -float(of_truth.sum() + log_probabilities.mean())

        best = minimize_scalar(loss, bounds=[math.log(bound) for bound in BOUNDS], method="bounded")
        return cls(math.exp(float(best.x)))

    def transform(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities.

        Args:
            probabilities: float[n, k], as the model gives them.

        Returns:
            float64[n, k], every row summing to 1.

        Raises:
            ModelError: Not two-dimensional, or a value is negative or not finite.
        """
        return np.exp(_log_softmax(_log(probabilities) / self.temperature))

    def to_json(self) -> dict[str, float]:
        """The state as values that JSON holds."""
        return {"temperature": self.temperature}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Temperature:
        """The inverse of `to_json`."""
        return cls(float(state["temperature"]))


def _log(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ModelError(f"probabilities of shape {values.shape}; allowed: [rows, labels] with at least one label")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ModelError("probabilities hold a negative or non-finite value; allowed: finite numbers from 0")
    logs: NDArray[np.float64] = np.log(np.maximum(values, FLOOR))
    return logs


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
