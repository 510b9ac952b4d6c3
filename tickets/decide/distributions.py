"""Rows of probabilities: checked, as logarithms, and back. It does not know who gave them or how they are corrected."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.errors import ModelError

FLOOR: Final = 1e-12
"""Probabilities are read as at least this, so that a zero has a logarithm."""


def log_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithms, float64[n, k], of rows that may sum to anything.

    Args:
        probabilities: float[n, k].

    Raises:
        ModelError: Not two-dimensional, no column, or a value is negative or not finite.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ModelError(f"probabilities of shape {values.shape}; allowed: [rows, labels] with at least one label")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ModelError("probabilities hold a negative or non-finite value; allowed: finite numbers from 0")
    logs: NDArray[np.float64] = np.log(np.maximum(values, FLOOR))
    return logs


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows moved so that their exponentials sum to 1, float64[n, k]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def labelled_rows(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """The rows that a calibrator can be fitted on: those whose label is in the list.

    Args:
        probabilities: float[n, k].
        labels: int[n], column of the true label; -1 for a label outside the list.

    Returns:
        (logarithms float64[m, k], labels int64[m], bool[n] that says which rows they are).

    Raises:
        ModelError: The arrays do not fit each other, or hold a value that is no probability or no label.
    """
    logs, truth = log_probabilities(probabilities), np.asarray(labels, dtype=np.int64)
    num_labels = logs.shape[1]
    if truth.shape != logs.shape[:1] or (truth.size and not -1 <= truth.min() <= truth.max() < num_labels):
        raise ModelError(
            f"labels of shape {truth.shape}; allowed: {len(logs)} whole numbers from -1 to {num_labels - 1}"
        )
    inside = truth >= 0
    return logs[inside], truth[inside], inside


def check_width(rows: NDArray[np.float64], num_labels: int) -> NDArray[np.float64]:
    """The rows as they are.

    Raises:
        ModelError: They have another number of columns.
    """
    if rows.shape[1] != num_labels:
        raise ModelError(f"probabilities of {rows.shape[1]} labels; allowed: {num_labels}, as calibration saw")
    return rows
