"""Temperature scaling: one number for all labels. It does not know which model gave the probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.distributions import labelled_rows, log_probabilities, log_softmax
from tickets.errors import ModelError

BOUNDS: Final = (0.05, 20.0)
"""Temperatures that a fit may return."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """One number that flattens (above 1) or sharpens (below 1) every distribution, and moves no label's rank.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    kind: ClassVar[str] = "temperature"

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

        logits, truth, _ = labelled_rows(probabilities, labels)
        if not len(truth):
            return cls(1.0)

        def loss(log_temperature: float) -> float:
            log_likely = log_softmax(logits / math.exp(log_temperature))
            of_truth = log_likely[np.arange(len(truth)), truth]
            return -float(of_truth.sum() + log_likely.mean())

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
        return np.exp(log_softmax(log_probabilities(probabilities) / self.temperature))

    def to_json(self) -> dict[str, Any]:
        """The kind and the state, as values that JSON holds."""
        return {"kind": self.kind, "temperature": self.temperature}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Temperature:
        """The inverse of `to_json`."""
        return cls(float(state["temperature"]))
