"""Closed lists of labels. Nothing that a model prints lies outside its list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

OUTSIDE: Final = -1
"""Index of a label that is not in the list."""
MISSING: Final = -2
"""Index of a row without a label."""


@dataclass(frozen=True)
class Labels:
    """The labels that one target's model can give.

    Attributes:
        names: The labels, sorted.
    """

    names: tuple[str, ...]

    @classmethod
    def fit(cls, values: Sequence[str | None], min_rows: int) -> Labels:
        """The labels that at least `min_rows` training rows carry."""
        counts = Counter(value for value in values if value is not None)
        return cls(tuple(sorted(name for name, count in counts.items() if count >= min_rows)))

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, values: Sequence[str | None]) -> np.ndarray:
        """Indices of labels, int64 [n]; `OUTSIDE` and `MISSING` below 0."""
        index: dict[str | None, int] = {name: at for at, name in enumerate(self.names)}
        return np.array(
            [index.get(value, OUTSIDE if value is not None else MISSING) for value in values], dtype=np.int64
        )


def label_values(table: pa.Table, target: str) -> list[str | None]:
    """A target's values as text, whatever its kind: `3.0` reads `3`, NaN is missing, a flag reads `true` or `false`."""
    column = table[target]
    if pa.types.is_floating(column.type):
        # 15 digits: whatever a person can tell apart stays apart, and 0.1 + 0.2 still reads 0.3.
        return [None if value is None or value != value else f"{value:.15g}" for value in column.to_pylist()]
    values: list[str | None] = pc.cast(column, pa.string()).to_pylist()
    return values
