"""Vector scaling: a scale and a bias for every label. It does not know which model gave the probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.distributions import check_width, labelled_rows, log_probabilities, log_softmax
from tickets.decide.temperature import Temperature
from tickets.errors import ModelError

SCALE_SPREAD: Final = 0.05
"""Standard deviation of a label's scale around the common one, relative to the temperature's, that is expected
beforehand. Small: a scale moves the far tail of every row, where logarithms are large and rows with the label few."""

BIAS_SPREAD: Final = 0.5
"""Standard deviation of a label's bias around zero, in nats, that is expected beforehand."""

_MOST_FALL: Final = 0.45
"""Share of the temperature's scale by which the common scale, and any label's own beyond it, may fall at most: all
stay above 0, so that a label never becomes less probable where the model finds it more so."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VectorScaling:
    """The softmax of scaled and shifted log-probabilities: it can lower a label that is given too often.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    kind: ClassVar[str] = "vector"

    scales: tuple[float, ...]
    biases: tuple[float, ...]

    def __post_init__(self) -> None:
        finite = np.isfinite([*self.scales, *self.biases]).all()
        if not (self.scales and len(self.scales) == len(self.biases) and finite and min(self.scales) > 0):
            raise ModelError(
                f"scales {self.scales!r}, biases {self.biases!r}; "
                "allowed: finite numbers, one of each per label, scales above 0"
            )

    @classmethod
    def fit(cls, probabilities: ArrayLike, labels: ArrayLike) -> VectorScaling:
        """The scales and biases under which held-out labels are most likely, drawn towards a temperature.

        Two numbers per label are more than a few rows can tell, so biases are drawn to 0 and scales to a common one
        as normal priors would (Kull et al., Beyond Temperature Scaling, NeurIPS 2019, regularise Dirichlet
        calibration alike). The loss is a sum over rows and the penalty is fixed: with few rows per label nothing
        but the common scale is left, which is the temperature, and with hundreds a label is fitted freely. The
        common scale is fitted anew, unpenalised, since a temperature fitted alone is too high where labels are
        biased. The loss is that of `Temperature.fit`, its smoothing included, and convex: there is one solution.

        Args:
            probabilities: float[n, k], one distribution per row, from a model that never saw these rows.
            labels: int[n], column of the true label; -1 for a label outside the list, which is left out.

        Returns:
            Fitted scales and biases; those of a temperature of 1 where no row has a label of the list.

        Raises:
            ModelError: The arrays do not fit each other, or hold a value that is no probability or no label.
        """
        from scipy.optimize import minimize

        temperature = Temperature.fit(probabilities, labels).temperature
        logs, truth, _ = labelled_rows(probabilities, labels)
        num_rows, num_labels = logs.shape
        if not num_rows:
            return cls((1.0,) * num_labels, (0.0,) * num_labels)
        logits = log_softmax(logs) / temperature
        targets = np.full(logits.shape, 1 / logits.size)
        targets[np.arange(num_rows), truth] += 1
        found = minimize(
            _loss,
            np.zeros(1 + 2 * num_labels),
            args=(logits, targets),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_MOST_FALL, None)] * (1 + num_labels) + [(None, None)] * num_labels,
        )
        common, own, biases = _parts(found.x)
        return cls(tuple(((1 + common + own) / temperature).tolist()), tuple(biases.tolist()))

    def transform(self, probabilities: ArrayLike) -> _Floats:
        """Calibrated probabilities.

        Args:
            probabilities: float[n, k], as the model gives them.

        Returns:
            float64[n, k], every row summing to 1.

        Raises:
            ModelError: Not k columns, or a value is negative or not finite.
        """
        logs = check_width(log_softmax(log_probabilities(probabilities)), len(self.scales))
        return np.exp(log_softmax(logs * np.array(self.scales) + np.array(self.biases)))

    def to_json(self) -> dict[str, Any]:
        """The kind and the state, as values that JSON holds."""
        return {"kind": self.kind, "scales": list(self.scales), "biases": list(self.biases)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> VectorScaling:
        """The inverse of `to_json`."""
        return cls(tuple(map(float, state["scales"])), tuple(map(float, state["biases"])))


def _parts(parameters: _Floats) -> tuple[float, _Floats, _Floats]:
    """Relative changes of the scale, one common and one per label, and the biases."""
    own, biases = parameters[1:].reshape(2, -1)
    return float(parameters[0]), own, biases


def _loss(parameters: _Floats, logits: _Floats, targets: _Floats) -> tuple[float, _Floats]:
    """Penalised cross-entropy and its gradient."""
    common, own, biases = _parts(parameters)
    log_likely = log_softmax(logits * (1 + common + own) + biases)
    residuals = np.exp(log_likely) * targets.sum(axis=1, keepdims=True) - targets
    by_scale, by_bias = (residuals * logits).sum(axis=0), residuals.sum(axis=0)
    penalty = 0.5 * float(((own / SCALE_SPREAD) ** 2).sum() + ((biases / BIAS_SPREAD) ** 2).sum())
    gradient = [[by_scale.sum()], by_scale + own / SCALE_SPREAD**2, by_bias + biases / BIAS_SPREAD**2]
    return penalty - float((targets * log_likely).sum()), np.concatenate(gradient)
