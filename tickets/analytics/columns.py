"""The columns of a ticket table that a report needs, as arrays. It does not know what is computed of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.analytics.figures import Floats
from tickets.analytics.groups import Keys
from tickets.analytics.result import Absent
from tickets.errors import ConfigError
from tickets.schema import BY_NAME

_MS: Final = pa.timestamp("ms", tz="UTC")


class Columns:
    """A table's columns, read when they are asked for; what cannot be read is named.

    Args:
        table: Tickets, one per row.
        now: The present; a time after it, or before 1970, is taken as missing.
        available: Every column that the tickets have, where the table holds some of them alone.
    """

    def __init__(self, table: pa.Table, now: datetime, available: Collection[str] = ()) -> None:
        self._table = table
        self._available = frozenset([*table.column_names, *available])
        self._now_ms = now.timestamp() * 1000
        self.num_rows: int = table.num_rows
        self.num_outside = 0
        """Times before 1970 or after the present that were met."""
        self.absent: list[Absent] = []

    def times(self, name: str | None) -> Floats | None:
        """Milliseconds since 1970, float64[n] with NaN for none; null where the column is absent or empty.

        Raises:
            ConfigError: It holds no times, or is outside the contract and does not exist.
        """
        column = self._column(name)
        if column is None:
            return None
        if not pa.types.is_temporal(column.type) or pa.types.is_time(column.type) or pa.types.is_duration(column.type):
            raise ConfigError(f"column {name!r} holds {column.type}; needed: times")
        moments = _floats(pc.cast(pc.cast(column, _MS, safe=False), pa.int64()))
        is_outside = (moments > self._now_ms) | (moments < 0)
        self.num_outside += int(np.count_nonzero(is_outside))
        return np.where(is_outside, np.nan, moments)

    def numbers(self, name: str | None) -> Floats | None:
        """Numbers, or flags as 0 and 1, float64[n] with NaN for none; null where the column is absent or empty.

        Raises:
            ConfigError: It holds neither, or is outside the contract and does not exist.
        """
        column = self._column(name)
        if column is None:
            return None
        kind = column.type
        if not any(
            is_kind(kind)
            for is_kind in (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
        ):
            raise ConfigError(f"column {name!r} holds {kind}; needed: numbers or flags")
        return _floats(column)

    def holds_flags(self, name: str) -> bool:
        """Whether the values of an existing column are flags."""
        return bool(pa.types.is_boolean(self._table.schema.field(name).type))

    def keys(self, name: str | None) -> Keys | None:
        """Names by which tickets are grouped; null where the column is absent or empty.

        Raises:
            ConfigError: It holds lists or structures, or is outside the contract and does not exist.
        """
        column = self._column(name)
        if column is None:
            return None
        if pa.types.is_nested(column.type):
            raise ConfigError(f"column {name!r} holds {column.type}; needed: one value per ticket")
        encoded = pc.dictionary_encode(_texts(column))
        return Keys(encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy().astype(np.int64))

    def leave_out(self, figure: str, *names: str | None) -> None:
        """Note that a figure is not given, because none of these columns has a value, or none is configured."""
        named = tuple(name for name in names if name)
        why: Literal["not configured", "no such column", "no values"] = "not configured"
        if named:
            why = "no values" if set(named) & set(self._table.column_names) else "no such column"
        self.absent.append(Absent(figure=figure, columns=named, why=why))

    def _column(self, name: str | None) -> pa.Array | None:
        if name is None:
            return None
        if name not in self._table.column_names:
            if name in BY_NAME:
                return None
            known = ", ".join(sorted(self._available))
            raise ConfigError(f"no column {name!r}, which the settings under analytics name; allowed: {known}")
        column = self._table[name].combine_chunks()
        return None if column.null_count == len(column) else column


def _floats(column: pa.Array) -> Floats:
    numbers = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _texts(column: pa.Array) -> pa.Array:
    """As text, an empty one as none."""
    texts = pc.cast(column, pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
