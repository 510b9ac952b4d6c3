"""What each field of the tickets holds, as sums that add up over batches. It does not know what is right or wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from tickets.quality.check import Batch
from tickets.schema import Field, Kind

_MAX_CHARACTERS: Final = 200  # of a value that is told apart
_COUNTED: Final = (Kind.ID, Kind.CATEGORICAL, Kind.NUMBER, Kind.FLAG, Kind.LIST)
_JSON_TYPES: Final = {str: "text", bool: "flag", int: "number", float: "number", list: "list", dict: "object"}


class Sums(BaseModel):
    """Base of what adds up: batches may be added in any order, in any process, and put together."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings")


class Values(Sums):
    """Distinct values and how often each occurs, up to a number of them."""

    counts: dict[str, int] | None = {}
    """Value, at most its first 200 characters → rows; None once there were more values than are told apart."""

    def add(self, column: pa.Array, max_values: int) -> None:
        """Count values that can be written as texts [n]; nulls are left out."""
        if self.counts is None:
            return
        values, counts = pc.value_counts(column.drop_null()).flatten()
        texts = pc.utf8_slice_codeunits(pc.cast(values, pa.string()), 0, _MAX_CHARACTERS)
        self._add_counts(zip(texts.to_pylist(), counts.to_pylist(), strict=True), max_values)

    def merge(self, other: Values, max_values: int) -> None:
        """Count what another part counted."""
        if self.counts is None or other.counts is None:
            self.counts = None
        else:
            self._add_counts(other.counts.items(), max_values)

    def top(self, num_values: int) -> list[tuple[str, int]]:
        """The most frequent values, equal ones by name; empty where there were too many to tell apart."""
        return sorted((self.counts or {}).items(), key=lambda item: (-item[1], item[0]))[:num_values]

    def _add_counts(self, counts: Iterable[tuple[str, int]], max_values: int) -> None:
        known = Counter(self.counts)
        for value, count in counts:
            known[value] += count
        self.counts = dict(known) if len(known) <= max_values else None


class FieldSums(Sums):
    """What one field holds."""

    num_missing: int = 0
    """Rows in which it says nothing."""
    num_measured: int = 0
    """Rows that have a measure: a finite number, a time, or a text's length."""
    low: float | None = None
    """Least measure: the number, milliseconds since 1970 of a time, or characters of a text."""
    high: float | None = None
    """Greatest measure."""
    total: float = 0.0
    """Sum of the measures."""
    values: Values | None = None
    """Distinct values, of a list its items; None for texts and times."""

    def add(self, field: Field, batch: Batch, max_values: int) -> None:
        """Add a batch."""
        column = batch[field.name]
        self.num_missing += pc.sum(batch.absent(field.name)).as_py() or 0
        if (measured := _measures(column, field.kind)) is not None:
            ends = pc.min_max(measured).as_py()
            self._add_measures(len(measured), ends["min"], ends["max"], pc.sum(measured).as_py() or 0.0)
        if field.kind in _COUNTED:
            self.values = self.values or Values()
            if self.values.counts is not None:
                items = pc.list_flatten(column) if field.kind is Kind.LIST else column
                self.values.add(items, max_values)

    def merge(self, other: FieldSums, max_values: int) -> None:
        """Add what another part added up."""
        self.num_missing += other.num_missing
        self._add_measures(other.num_measured, other.low, other.high, other.total)
        if other.values is not None:
            self.values = self.values or Values()
            self.values.merge(other.values, max_values)

    def _add_measures(self, num: int, low: float | None, high: float | None, total: float) -> None:
        self.num_measured += num
        self.total += total
        self.low = min((end for end in (self.low, low) if end is not None), default=None)
        self.high = max((end for end in (self.high, high) if end is not None), default=None)


class ColumnSums(Sums):
    """A column of the source that is kept in `extra`."""

    num_rows: int = 0
    """Rows that have it."""
    types: dict[str, int] = {}
    """What its values are in JSON (text, number, flag, list, object) → rows."""

    def merge(self, other: ColumnSums) -> None:
        """Add what another part added up."""
        self.num_rows += other.num_rows
        self.types = dict(Counter(self.types) + Counter(other.types))


class Profile(Sums):
    """What all fields hold, the columns that no field took, and how many tickets each month has."""

    num_rows: int = 0
    """Tickets."""
    fields: dict[str, FieldSums] = {}
    """Field → its sums."""
    columns: dict[str, ColumnSums] = {}
    """Column of the source that stands in `extra` → its sums."""
    months: dict[str, int] = {}
    """Month of `created_at`, such as `2025-03` → tickets."""

    def add(self, batch: Batch, fields: Sequence[Field], max_values: int) -> None:
        """Add a batch.

        Args:
            batch: Tickets as ingestion maps them.
            fields: Those of the contract and the source.
            max_values: Distinct values per field that are told apart.
        """
        self.num_rows += batch.num_rows
        for field in fields:
            self.fields.setdefault(field.name, FieldSums()).add(field, batch, max_values)
        for name, sums in _columns(batch["extra"]).items():
            self.columns.setdefault(name, ColumnSums()).merge(sums)
        self.months = dict(Counter(self.months) + _months(batch["created_at"]))

    def merge(self, other: Profile, max_values: int) -> None:
        """Add what another part added up."""
        self.num_rows += other.num_rows
        for name, sums in other.fields.items():
            self.fields.setdefault(name, FieldSums()).merge(sums, max_values)
        for name, column in other.columns.items():
            self.columns.setdefault(name, ColumnSums()).merge(column)
        self.months = dict(Counter(self.months) + Counter(other.months))


def _measures(column: pa.Array, kind: Kind) -> pa.Array | None:
    """A number per row that has one: the finite number itself, epoch milliseconds, or characters."""
    if kind is Kind.NUMBER:
        return column.filter(pc.is_finite(column), null_selection_behavior="drop")
    if kind is Kind.TIME:
        return pc.cast(column.drop_null(), pa.int64())
    return pc.utf8_length(column.drop_null()) if kind is Kind.TEXT else None


def _columns(extra: pa.Array) -> dict[str, ColumnSums]:
    """The columns in `extra`. Rows are parsed one by one, 1 µs each: their keys may differ from row to row."""
    seen: Counter[tuple[str, str]] = Counter()
    for text in extra.drop_null().to_pylist():
        seen.update((name, _JSON_TYPES.get(type(value), "null")) for name, value in _parsed(text).items())
    columns: dict[str, ColumnSums] = {}
    for (name, kind), count in seen.items():
        columns.setdefault(name, ColumnSums()).merge(ColumnSums(num_rows=count, types={kind: count}))
    return columns


def _parsed(text: str) -> dict[str, Any]:
    """Integers beyond 64 bits, which orjson refuses, go the slow way, as they were written."""
    try:
        row: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        row = json.loads(text)
    return row


def _months(times: pa.Array) -> Counter[str]:
    counted = pc.value_counts(pc.strftime(pc.floor_temporal(times.drop_null(), unit="month"), "%Y-%m"))
    return Counter({row["values"]: row["counts"] for row in counted.to_pylist()})
