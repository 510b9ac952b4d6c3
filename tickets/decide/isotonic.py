"""Isotonic calibration: a rising curve for every label. It does not know which model gave the probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.distributions import check_width, labelled_rows
from tickets.decide.temperature import Temperature
from tickets.errors import ModelError

LEAST_ROWS: Final = 50
"""A label has a curve of its own from this many rows with it and as many without; below, the temperature's holds."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """What a claimed probability is worth: straight lines between knots, level beyond the first and the last."""

    claimed: tuple[float, ...]
    """Probabilities after temperature scaling, rising."""
    observed: tuple[float, ...]
    """Shares of rows with the label, rising, above 0 and below 1."""

    def __post_init__(self) -> None:
        claimed, observed = np.array(self.claimed), np.array(self.observed)
        if not (len(claimed) == len(observed) > 0 and (np.diff(claimed) > 0).all() and (np.diff(observed) > 0).all()):
            raise ModelError(f"claimed {self.claimed!r}, observed {self.observed!r}; allowed: two rising lists")
        if not 0 < observed[0] <= observed[-1] < 1:
            raise ModelError(f"observed {self.observed!r}; allowed: numbers above 0 and below 1")


@dataclass(frozen=True, slots=True)
class Isotonic:
    """One rising curve per label over the temperature's probabilities, after which rows are made to sum to 1.

    Source: Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability Estimates, KDD 2002.
    """

    kind: ClassVar[str] = "isotonic"

    temperature: Temperature
    curves: tuple[Curve | None, ...]
    """One per label; None where calibration saw too few rows of it, and the temperature's probability is taken."""

    def __post_init__(self) -> None:
        if not self.curves:
            raise ModelError("no curves; allowed: one per label")

    @classmethod
    def fit(cls, probabilities: ArrayLike, labels: ArrayLike) -> Isotonic:
        """The curves under which held-out labels fit best in squares.

        Args:
            probabilities: float[n, k], one distribution per row, from a model that never saw these rows.
            labels: int[n], column of the true label; -1 for a label outside the list, which is left out.

        Returns:
            A curve for each label with `LEAST_ROWS`.

        Raises:
            ModelError: The arrays do not fit each other, or hold a value that is no probability or no label.
        """
        temperature = Temperature.fit(probabilities, labels)
        logs, truth, _ = labelled_rows(probabilities, labels)
        claimed = temperature.transform(np.exp(logs))
        num_labels = claimed.shape[1]
        curves = (_fit_curve(claimed[:, label], truth == label, num_labels) for label in range(num_labels))
        return cls(temperature, tuple(curves))

    def transform(self, probabilities: ArrayLike) -> _Floats:
        """Calibrated probabilities.

        Args:
            probabilities: float[n, k], as the model gives them.

        Returns:
            float64[n, k], every row summing to 1.

        Raises:
            ModelError: Not k columns, or a value is negative or not finite.
        """
        shares = check_width(self.temperature.transform(probabilities), len(self.curves))
        for label, curve in enumerate(self.curves):
            if curve is not None:
                shares[:, label] = np.interp(shares[:, label], curve.claimed, curve.observed)
        normalised: _Floats = shares / shares.sum(axis=1, keepdims=True)
        return normalised

    def to_json(self) -> dict[str, Any]:
        """The kind and the state, as values that JSON holds."""
        curves = [curve and {"claimed": list(curve.claimed), "observed": list(curve.observed)} for curve in self.curves]
        return {"kind": self.kind, "temperature": self.temperature.temperature, "curves": curves}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Isotonic:
        """The inverse of `to_json`."""
        curves = (curve and Curve(tuple(curve["claimed"]), tuple(curve["observed"])) for curve in state["curves"])
        return cls(Temperature(float(state["temperature"])), tuple(curves))


def _fit_curve(claimed: _Floats, is_label: NDArray[np.bool_], num_labels: int) -> Curve | None:
    """Isotonic regression, its steps joined at their centres.

    At either end stands one more row whose label is uniform over the list, the smoothing of `Temperature.fit`: no
    share is exactly 0 or 1. Between the centres of two steps the curve is a straight line (centred isotonic
    regression, Oron and Flournoy 2017), so that it keeps rows apart that a step would tie.
    """
    from scipy.optimize import isotonic_regression  # unlike scikit-learn's, it tells the steps

    if min(is_label.sum(), (~is_label).sum()) < LEAST_ROWS:
        return None
    values, inverse = np.unique(claimed.round(12), return_inverse=True)  # so that centres differ for certain
    rows, hits = np.bincount(inverse).astype(float), np.bincount(inverse, weights=is_label)
    for end in (0, -1):
        rows[end] += 1
        hits[end] += 1 / num_labels
    fitted = isotonic_regression(hits / rows, weights=rows)
    starts = fitted.blocks[:-1]
    centres = np.add.reduceat(rows * values, starts) / np.add.reduceat(rows, starts)
    return Curve(tuple(centres.tolist()), tuple(fitted.x[starts].tolist()))
