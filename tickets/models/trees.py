"""What both tree families share: how often they report, and how the text head's probabilities become columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tickets.errors import ModelError

ROUNDS_PER_STEP: Final = 10
"""Trees between two reports."""


def is_step(num_rounds: int, limit: int) -> bool:
    """Whether a fit of at most `limit` trees reports once it has `num_rounds`: every few, and at its end."""
    return num_rounds % ROUNDS_PER_STEP == 0 or num_rounds == limit


def best_rounds(best_step: int, limit: int) -> int:
    """Trees that a fit of at most `limit` had at its best step, counted from 1."""
    return min(max(best_step, 1) * ROUNDS_PER_STEP, limit)


def shares(gains: Sequence[float] | np.ndarray) -> np.ndarray:
    """Non-negative numbers as parts of their sum, float64; zeros where that is 0."""
    values = np.asarray(gains, dtype=np.float64)
    parts: np.ndarray = values / (values.sum() or 1.0)
    return parts


def head_columns(head: np.ndarray | None) -> np.ndarray:
    """Log-probabilities of the text head, on which one split means the same at any scale.

    Args:
        head: float [n, k] probabilities.

    Returns:
        float32 [n, k], at least -12.

    Raises:
        ModelError: There are none: the caller forgot the head.
    """
    if head is None:
        raise ModelError("tree models need the text head's probabilities, got None")
    logs: np.ndarray = np.log(np.clip(head, np.exp(-12.0), 1.0)).astype(np.float32)
    return logs
