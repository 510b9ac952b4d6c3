"""Rows of any export → the ticket contract, column by column. It does not know files (`readers.py`) or Ray.

A value that does not fit its field is dropped from the field, kept in `extra` and marked; a row is refused, with its
reason and its original content, only where it cannot be read or nothing in it is usable.
"""

from __future__ import annotations

import hashlib
import string
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config import SourceConfig
from tickets.data.columns import MISFITS, Converter, is_missing
from tickets.data.envelopes import only_records
from tickets.data.rows import RawRow
from tickets.errors import ConfigError
from tickets.quality.mapped import MappedColumn
from tickets.schema import (
    BY_NAME,
    FIELDS,
    SYSTEM_COLUMNS,
    VALUE_SETS,
    Field,
    Kind,
    Stage,
    arrow_schema,
    made_id,
)
from tickets.values import converter, rounded, storable_text, to_json, to_text

QUARANTINE_SCHEMA: Final = pa.schema(
    [
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("reason", pa.string()),
        ("original", pa.binary()),
    ]
)
"""A refused row: where it stood, why it was refused, and its bytes."""

_NOT_USABLE: Final = (Kind.ID, Kind.TIME)
_HASH_LETTERS: Final = 32  # 128 bits


def own_fields(source: SourceConfig) -> tuple[Field, ...]:
    """The fields that a source adds to the contract: those it declares, and targets that nobody declared.

    Raises:
        ConfigError: A declared field has the name of a contract field or of a system column.
    """
    for name in source.own_fields:
        if name in BY_NAME or name in SYSTEM_COLUMNS:
            raise ConfigError(f"source.own_fields: {name!r} is taken; allowed: a name that the contract does not use")
    declared = [Field(name, field.kind, field.stage) for name, field in source.own_fields.items()]
    known = {*BY_NAME, *source.own_fields}
    # Closed, so that an undeclared target can never become an input.
    targets = [Field(name, Kind.CATEGORICAL, Stage.CLOSED) for name in source.targets if name not in known]
    return (*declared, *targets)


def creation_columns(source: SourceConfig) -> list[str]:
    """The fields whose value is known when a ticket is opened, but its id."""
    fields = (*FIELDS, *own_fields(source))
    return [field.name for field in fields if field.stage is Stage.CREATION and field.name != "ticket_id"]


class TicketMapper:
    """Maps batches of raw rows by one source's configuration.

    Args:
        source: The mapping.
        now: When the rows are read; None leaves `ingested_at` empty.

    Raises:
        ConfigError: An own field's name is taken, or a value set names no field or holds a value of another kind.
    """

    def __init__(self, source: SourceConfig, now: datetime | None = None) -> None:
        self._source = source
        self._now = now
        self._fields = (*FIELDS, *own_fields(source))
        self._kinds = {field.name: field.kind.value for field in self._fields}
        self.value_sets = self._build_value_sets()
        self._values = {name: {key.strip(): new for key, new in map_.items()} for name, map_ in source.values.items()}
        self._missing = frozenset(source.missing)
        mapped = {column for pattern in source.fields.values() for column in _columns_of(pattern)}
        self._patterns = {
            field.name: source.fields.get(field.name, "" if field.name in mapped else field.name)
            for field in self._fields
        }
        self.used_columns = {column for pattern in self._patterns.values() for column in _columns_of(pattern)}
        self.mapped_columns = self._find_mapped()
        self._direct = tuple({pattern for pattern in self._patterns.values() if pattern and "{" not in pattern})
        self._converters = {field.name: self._build_converter(field) for field in self._fields}
        self.schema = arrow_schema(own_fields(source))

    def map(self, file_name: str, split: str | None, rows: Sequence[RawRow]) -> tuple[pa.Table, pa.Table]:
        """Turn raw rows into tickets and refused rows.

        Args:
            file_name: Name of the file the rows come from.
            split: The split that the file was given for, if any.
            rows: Rows of that file.

        Returns:
            A table of `self.schema` and one of `QUARANTINE_SCHEMA`; their rows add up to the rows given.
        """
        read = [row for row in rows if row.values is not None]
        values = [row.values or {} for row in read]
        columns, misfits = self._read_columns(values)
        usable = self._usable(columns, len(read))
        hashes = [hashlib.sha256(to_json(row)).hexdigest()[:_HASH_LETTERS] for row in values]
        columns["ticket_id"] = _with_made_ids(columns["ticket_id"], file_name, read, hashes)
        system = {
            "extra": pa.array(self._extras(values, misfits), pa.string()),
            "marks": pa.array(self._marks(len(read), misfits), pa.list_(pa.string())),
            "originals": pa.nulls(len(read), pa.string()),
            "given_split": pa.array([split] * len(read), pa.string()),
            "source_file": pa.array([file_name] * len(read), pa.string()),
            "source_row": pa.array([row.position for row in read], pa.int64()),
            "content_hash": pa.array(hashes, pa.string()),
            "sequence": self._sequence(values),
            "valid_from": pc.coalesce(columns["updated_at"], columns["created_at"]),
            "ingested_at": pa.array([self._now] * len(read), SYSTEM_COLUMNS["ingested_at"]),
        }
        table = pa.table({**columns, **system}, schema=self.schema)
        if all(usable):
            return table, _quarantine(file_name, [row for row in rows if row.values is None], [])
        empty = [row for row, is_usable in zip(read, usable, strict=True) if not is_usable]
        refused = [row for row in rows if row.values is None]
        return table.filter(pa.array(usable, pa.bool_())), _quarantine(file_name, refused, empty)

    def _find_mapped(self) -> tuple[MappedColumn, ...]:
        """Every column that is read, with the setting that says so, first those that the configuration names."""
        source, named = self._source, []
        for name in self._patterns:
            columns = _columns_of(self._patterns[name])
            if name in source.fields or name in source.own_fields:
                key = f"source.{'fields' if name in source.fields else 'own_fields'}.{name}"
                named += [MappedColumn(name, key, column) for column in columns]
            elif name not in BY_NAME:
                named += [MappedColumn(name, "source.targets", column) for column in columns]
        if source.sequence is not None:
            named.append(MappedColumn("sequence", "source.sequence", source.sequence))
        seen = {of.column for of in named}
        default = (MappedColumn(name, "", name) for name in sorted(self.used_columns - seen))
        return (*named, *default)

    def _read_columns(self, rows: list[dict[str, Any]]) -> tuple[dict[str, pa.Array], dict[int, list[str]]]:
        """Every field's column, and row → the fields whose value did not fit."""
        misfits: dict[int, list[str]] = defaultdict(list)
        columns = {}
        # Row by row, while a row is in the processor's cache: column by column costs four times as much.
        raw = dict(zip(self._direct, zip(*(map(row.get, self._direct) for row in rows), strict=True), strict=False))
        for field in self._fields:
            pattern = self._patterns[field.name]
            of_field = raw[pattern] if pattern in raw else self._raw_values(pattern, rows)
            columns[field.name], wrong = self._converters[field.name](of_field)
            for at in wrong:
                misfits[at].append(field.name)
        return columns, misfits

    def _raw_values(self, pattern: str, rows: list[dict[str, Any]]) -> list[Any]:
        """Values of a template, or of no column at all."""
        return [_fill(pattern, row, self._missing) for row in rows] if pattern else [None] * len(rows)

    def _sequence(self, rows: list[dict[str, Any]]) -> pa.Array:
        """The source's own order of versions; null where it has none, or a value that is no number."""
        column = self._source.sequence
        if column is None:
            return pa.nulls(len(rows), pa.float64())
        return Converter(Kind.NUMBER, "auto", self._missing)([rounded(row.get(column)) for row in rows]).values

    def _build_converter(self, field: Field) -> Converter:
        if "{" in self._patterns[field.name]:  # filled from values of which each was looked at
            return Converter(field.kind, self._source.timestamps, frozenset(), None, self._source.time_zone)
        # A closed value is a value: the region `NA` is North America.
        missing = self._missing - self.value_sets.get(field.name, frozenset())
        renamed = self._values.get(field.name)
        return Converter(field.kind, self._source.timestamps, missing, renamed, self._source.time_zone)

    def _usable(self, columns: dict[str, pa.Array], num_rows: int) -> list[bool]:
        """Which rows have any value but ids and times."""
        usable = np.zeros(num_rows, dtype=bool)
        for field in self._fields:
            if field.kind not in _NOT_USABLE and not usable.all():
                usable |= _has_value(columns[field.name], field.kind)
        return list(usable.tolist())

    def _extras(self, rows: list[dict[str, Any]], misfits: dict[int, list[str]]) -> list[str | None]:
        """Per row the columns that no field reads, and the columns of misfits, as the file has them."""
        unread = set().union(*rows) - self.used_columns
        extras: list[str | None] = [None] * len(rows)
        for at in range(len(rows)) if unread else misfits:
            dropped = {column for name in misfits.get(at, ()) for column in _columns_of(self._patterns[name])}
            kept = {
                key: value for key, value in rows[at].items() if value is not None and (key in unread or key in dropped)
            }
            extras[at] = to_json(kept).decode() if kept else None
        return extras

    def _marks(self, num_rows: int, misfits: dict[int, list[str]]) -> list[list[str]]:
        """Per row the values that did not fit; whatever else is odd is for the checks to find (`tickets.quality`)."""
        return [[f"{name}: not a {self._kinds[name]}" for name in misfits.get(at, ())] for at in range(num_rows)]

    def _build_value_sets(self) -> dict[str, frozenset[Any]]:
        """The closed sets, each value as its field holds it; the items' values for a list."""
        chosen = self._source.value_sets
        if isinstance(chosen, str):
            return {name: frozenset(values) for name, values in VALUE_SETS.items()} if chosen == "contract" else {}
        fields = {field.name: field for field in self._fields}
        if unknown := sorted(set(chosen) - set(fields)):
            raise ConfigError(f"source.value_sets: {unknown[0]!r} is no field; allowed: {', '.join(fields)}")
        return {name: self._value_set(fields[name], values) for name, values in chosen.items()}

    def _value_set(self, field: Field, values: Sequence[str]) -> frozenset[Any]:
        source = self._source
        convert = converter(field.kind, source.timestamps, source.time_zone)
        convert = storable_text if field.kind is Kind.LIST else convert
        try:
            return frozenset(convert(value) for value in values)
        except MISFITS:
            raise ConfigError(f"source.value_sets.{field.name}: {values}; allowed: a {field.kind} each") from None


def _columns_of(pattern: str) -> list[str]:
    """The columns that a field reads: those of a template, or the one it names."""
    if "{" not in pattern:
        return [pattern] if pattern else []
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name]


def _fill(pattern: str, row: dict[str, Any], missing: frozenset[str]) -> str | None:
    """A template filled from a row; None where every column of it is missing."""
    found, text = False, []
    for literal, name, _, _ in string.Formatter().parse(pattern):
        value = row.get(name) if name else None
        text.append(literal)
        if value is not None and not is_missing(value, missing):
            text.append(to_text(value))
            found = True
    return "".join(text).strip() if found else None


def _has_value(column: pa.Array, kind: Kind) -> np.ndarray:
    """Where there is a value that is neither null nor empty, bool [n]."""
    if kind is Kind.LIST:
        found = pc.greater(pc.list_value_length(column), 0)
    elif pa.types.is_string(column.type):
        found = pc.not_equal(column, "")
    else:
        found = column.is_valid()
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False))


def _with_made_ids(ids: pa.Array, file_name: str, rows: Sequence[RawRow], hashes: Sequence[str]) -> pa.Array:
    """The ids, with one made for each row without: the same row of the same file gets the same again."""
    if not ids.null_count:
        return ids
    return pa.array(
        [
            known or made_id(file_name, row.position, made)
            for known, row, made in zip(ids.to_pylist(), rows, hashes, strict=True)
        ],
        pa.string(),
    )


def _why_empty(values: dict[str, Any]) -> str:
    path = only_records(values)
    return f"no usable field, but source.records={path} may read its rows" if path else "no usable field"


def _quarantine(file_name: str, refused: list[RawRow], empty: list[RawRow]) -> pa.Table:
    rows = [(row.position, row.reason, row.raw) for row in refused]
    rows += [(row.position, _why_empty(row.values or {}), to_json(row.values)) for row in empty]
    rows.sort(key=lambda row: row[0])
    return pa.table(
        {
            "source_file": [file_name] * len(rows),
            "source_row": [row[0] for row in rows],
            "reason": [row[1] for row in rows],
            "original": [row[2] for row in rows],
        },
        schema=QUARANTINE_SCHEMA,
    )
