"""How far past tickets were from their nearest, and so how far is far. It does not know vectors or an index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.errors import ModelError

MIN_ROWS: Final = 20
"""Fewer distances make no baseline."""
NUM_FARTHEST: Final = 100
"""Farthest rows that are all kept; of the others, one for every 2 % of rank."""


@dataclass(frozen=True, eq=False, slots=True)
class NoveltyBaseline:
    """Distances of past tickets from their nearest, thinned so that the far end stays exact."""

    distances: NDArray[np.float64]
    """float64[k], ascending and different, among them the nearest and the farthest."""
    num_as_far: NDArray[np.int64]
    """int64[k], past tickets that were at least as far as each of them."""

    @property
    def num_rows(self) -> int:
        """Past tickets that the baseline was fitted on."""
        return int(self.num_as_far[0])

    @classmethod
    def fit(cls, distances: ArrayLike) -> NoveltyBaseline | None:
        """Learn from tickets that were not in the index in which their nearest was looked up.

        Args:
            distances: float[n], 1 - cosine of each ticket and its nearest.

        Returns:
            None for fewer than `MIN_ROWS`.

        Raises:
            ModelError: Not one-dimensional, or a distance is not finite.
        """
        rows = np.sort(np.asarray(distances, dtype=np.float64))
        if rows.ndim != 1 or not np.isfinite(rows).all():
            raise ModelError(f"distances of shape {rows.shape}; allowed: a list of finite numbers")
        if len(rows) < MIN_ROWS:
            return None
        kept = np.unique(rows[len(rows) - _ranks(len(rows))])
        return cls(kept, len(rows) - np.searchsorted(rows, kept, side="left"))

    def share_as_far(self, distance: float) -> float:
        """Share of past tickets that were at least as far from their nearest, the new one counted among them.

        It is the conformal p-value (r + 1) / (n + 1) of r among n past tickets (Bates et al., Annals of Statistics
        2023), from 1 / (n + 1) to 1: a ticket like the past ones shows a share of s or less in s of cases at most.
        Between two kept distances, r is that of the farther one, at most 2 % too small.

        Raises:
            ModelError: The distance is not finite.
        """
        if not math.isfinite(distance):
            raise ModelError(f"distance {distance!r}; allowed: a finite number")
        place = int(np.searchsorted(self.distances, distance, side="left"))
        as_far = int(self.num_as_far[place]) if place < len(self.num_as_far) else 0
        return (as_far + 1) / (self.num_rows + 1)

    def to_json(self) -> dict[str, Any]:
        """The state as values that JSON holds."""
        return {"distances": self.distances.tolist(), "num_as_far": self.num_as_far.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> NoveltyBaseline:
        """The inverse of `to_json`."""
        return cls(np.array(state["distances"], dtype=np.float64), np.array(state["num_as_far"], dtype=np.int64))


def _ranks(num_rows: int) -> NDArray[np.int64]:
    """Ranks to keep, 1 being the farthest row."""
    num_steps = max(math.ceil(math.log(num_rows / NUM_FARTHEST, 1.02)), 0)
    spread = np.floor(NUM_FARTHEST * 1.02 ** np.arange(num_steps)).astype(np.int64)
    return np.unique(np.concatenate([np.arange(1, min(NUM_FARTHEST, num_rows) + 1), spread, [num_rows]]))
