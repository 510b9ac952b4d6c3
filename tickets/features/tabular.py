"""Categories and numbers of a ticket as codes and robustly scaled values. It does not know text or vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING: Final = 0
"""Code of an absent category."""
UNSEEN: Final = 1
"""Code of a category that training did not see, or saw too rarely."""
_FIRST: Final = 2
_RARE: Final = 3  # a value that fewer training rows hold counts as unseen, so that models learn what unseen means


@dataclass(frozen=True)
class Categories:
    """Category columns → codes.

    Attributes:
        values: Field → its values, whose codes count up from 2.
    """

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, table: pa.Table, names: Sequence[str]) -> Categories:
        """Learn each column's values that are not rare, the most frequent first."""
        return cls({name: _frequent(table[name]) for name in names})

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes per column."""
        return tuple(len(values) + _FIRST for values in self.values.values())

    def transform(self, table: pa.Table) -> np.ndarray:
        """Codes of rows.

        Returns:
            int32 [rows, fields]: 0 missing, 1 unseen, from 2 on the known values.
        """
        codes = np.zeros((table.num_rows, len(self.values)), dtype=np.int32)
        for column, (name, known) in enumerate(self._codes.items()):
            codes[:, column] = [known.get(value, UNSEEN) for value in _as_text(table[name]).to_pylist()]
        return codes

    @cached_property
    def _codes(self) -> dict[str, dict[str | None, int]]:
        """Field → value → code."""
        return {
            name: {None: MISSING, **{value: code for code, value in enumerate(values, start=_FIRST)}}
            for name, values in self.values.items()
        }


@dataclass(frozen=True)
class Numbers:
    """Number columns → centred by the median, scaled by the interquartile range, clipped to ±10.

    Attributes:
        centres: Field → median.
        scales: Field → interquartile range, or 1 where that is 0.
    """

    centres: Mapping[str, float]
    scales: Mapping[str, float]

    @classmethod
    def fit(cls, table: pa.Table, names: Sequence[str], measures: Mapping[str, np.ndarray] | None = None) -> Numbers:
        """Learn median and interquartile range of each column; a column without finite values is left out.

        Args:
            table: n rows.
            names: Its number columns.
            measures: More columns, float64 [n] each, that the table does not hold.
        """
        centres, scales = {}, {}
        for name, values in ({name: _as_float(table[name]) for name in names} | dict(measures or {})).items():
            values = values[np.isfinite(values)]
            if values.size:
                low, centre, high = np.quantile(_squash(values), [0.25, 0.5, 0.75])
                centres[name], scales[name] = float(centre), float(high - low) or 1.0
        return cls(centres, scales)

    def transform(self, table: pa.Table, measures: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Scaled values of rows; `measures` as in `fit`.

        Returns:
            float32 [rows, columns]; NaN where the value is missing.
        """
        others = measures or {}
        columns = [others[name] if name in others else _as_float(table[name]) for name in self.centres]
        if not columns:
            return np.zeros((table.num_rows, 0), dtype=np.float32)
        values = (_squash(np.column_stack(columns)) - list(self.centres.values())) / list(self.scales.values())
        return np.clip(values, -10, 10).astype(np.float32)


def to_json(categories: Categories, numbers: Numbers) -> dict[str, Any]:
    """Both states as JSON-able values."""
    values = {name: list(known) for name, known in categories.values.items()}
    return {"categories": values, "centres": dict(numbers.centres), "scales": dict(numbers.scales)}


def from_json(content: Mapping[str, Any]) -> tuple[Categories, Numbers]:
    """What `to_json` wrote."""
    values = {name: tuple(known) for name, known in content["categories"].items()}
    return Categories(values), Numbers(content["centres"], content["scales"])


def _frequent(column: pa.ChunkedArray) -> tuple[str, ...]:
    counted = pc.value_counts(_as_text(column)).to_pylist()
    kept = [(entry["counts"], entry["values"]) for entry in counted if entry["values"] is not None]
    kept = [pair for pair in kept if pair[0] >= _RARE]
    return tuple(value for _, value in sorted(kept, key=lambda pair: (-pair[0], pair[1])))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if column.type == pa.string() else pc.cast(column, pa.string())


def _as_float(column: pa.ChunkedArray) -> np.ndarray:
    floats = column if column.type == pa.float64() else pc.cast(column, pa.float64())
    return np.asarray(floats.to_numpy(zero_copy_only=False), dtype=np.float64)


def _squash(values: np.ndarray) -> np.ndarray:
    """Signed logarithm: counts and amounts spread over orders of magnitude."""
    squashed: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
    return squashed
