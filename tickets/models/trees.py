"""What both tree families share: how the text head becomes columns and a start, how far a fit goes, and no tree at all.

Boosting starts from the text head, so where the fields add nothing the best number of trees is none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models.family import Limits, softmax

MANY_CLASSES: Final = 16
"""Classes above which trees are spared: each round costs one tree per class, or one that costs as much."""
ROUNDS_PER_STEP: Final = 10
"""Rounds between two reports, of up to `MANY_CLASSES` classes."""
_SURE: Final = 5.0
_IMPOSSIBLE: Final = -4.0


@dataclass(frozen=True)
class Pace:
    """How many rounds a fit may take and how often it reports.

    With more than `MANY_CLASSES` classes both are fewer in proportion, so that a fit has the same number of trees and
    of steps whatever the number of classes. It is counted, not timed: a fit repeats on any machine.

    Attributes:
        limit: Most rounds.
        every: Rounds between two reports.
    """

    limit: int
    every: int

    @classmethod
    def of(cls, limits: Limits) -> Pace:
        """The pace of a fit within limits."""
        share = min(MANY_CLASSES / limits.num_classes, 1.0)
        return cls(max(round(limits.boosting_rounds * share), 1), max(round(ROUNDS_PER_STEP * share), 1))

    @property
    def num_steps(self) -> int:
        """Reports of a fit that goes to its end."""
        return -(-self.limit // self.every)

    def is_step(self, num_rounds: int) -> bool:
        """Whether a fit reports once it has `num_rounds`: every few, and at its end."""
        return num_rounds % self.every == 0 or num_rounds == self.limit

    def rounds_at(self, step: int) -> int:
        """Rounds that a fit had at a step; step 0 is the text head alone."""
        return min(step * self.every, self.limit)


class HeadAlone:
    """A booster without a tree: it says what the text head says of its target.

    Args:
        num_classes: k, the first columns of the head.
    """

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        return softmax(head_logs(head)[:, : self._num_classes])

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        (folder / "model.json").write_text(json.dumps({"trees": 0, "num_classes": self._num_classes}))


def shares(gains: Sequence[float] | np.ndarray) -> np.ndarray:
    """Non-negative numbers as parts of their sum, float64; zeros where that is 0."""
    values = np.asarray(gains, dtype=np.float64)
    parts: np.ndarray = values / (values.sum() or 1.0)
    return parts


def head_logs(head: np.ndarray | None) -> np.ndarray:
    """Log-probabilities of the text head; from those of the target's own labels, the first k, boosting starts.

    Args:
        head: float [n, k + j] probabilities.

    Returns:
        float32 [n, k + j], at least -12.

    Raises:
        ModelError: There are none: the caller forgot the head.
    """
    if head is None:
        raise ModelError("tree models need the text head's probabilities, got None")
    logs: np.ndarray = np.log(np.clip(head, np.exp(-12.0), 1.0)).astype(np.float32)
    return logs


def head_columns(head: np.ndarray | None) -> np.ndarray:
    """Log-odds of the text head for the trees to split on, cut at 2 % and 99 %.

    Of many classes nearly all are impossible for a row. Cut there, their values are one value: the trees' bins lie
    where a class is likely, and there are few of them.

    Args:
        head: float [n, k + j] probabilities.

    Returns:
        float32 [n, k + j].

    Raises:
        ModelError: There are none.
    """
    logs = head_logs(head).astype(np.float64)
    odds: np.ndarray = logs - np.log1p(-np.exp(np.minimum(logs, -1e-6)))
    columns: np.ndarray = np.clip(odds, _IMPOSSIBLE, _SURE).astype(np.float32)
    return columns
