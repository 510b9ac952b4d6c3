"""Rows of any export → the ticket contract, column by column. It does not know files (`readers.py`) or Ray.

A value that does not fit its field is dropped from the field, kept in `extra` and marked; a row is refused, with its
reason and its original content, only where it cannot be read or nothing in it is usable.
"""

from __future__ import annotations

import hashlib
import math
import string
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa

from tickets.config import SourceConfig
from tickets.data.readers import RawRow
from tickets.errors import ConfigError
from tickets.schema import (
    BY_NAME,
    FIELDS,
    SYSTEM_COLUMNS,
    TAXONOMY,
    VALUE_SETS,
    Field,
    Kind,
    Stage,
    arrow_schema,
)
from tickets.values import converter, storable_text, to_json, to_text

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


class TicketMapper:
    """Maps batches of raw rows by one source's configuration.

    Args:
        source: The mapping.

    Raises:
        ConfigError: An own field's name is taken, or a value set names no field or holds a value of another kind.
    """

    def __init__(self, source: SourceConfig) -> None:
        self._source = source
        self._fields = (*FIELDS, *own_fields(source))
        self._value_sets = self._build_value_sets()
        self._values = {name: {key.strip(): new for key, new in map_.items()} for name, map_ in source.values.items()}
        self._missing = frozenset(source.missing)
        mapped = {column for pattern in source.fields.values() for column in _columns_of(pattern)}
        self._patterns = {
            field.name: source.fields.get(field.name, "" if field.name in mapped else field.name)
            for field in self._fields
        }
        self._used = {column for pattern in self._patterns.values() for column in _columns_of(pattern)}
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
        columns, misfits = self._read_columns([row.values or {} for row in read])
        usable = self._usable(columns, len(read))
        hashes = [hashlib.sha256(to_json(row.values)).hexdigest() for row in read]
        ids = columns["ticket_id"]
        columns["ticket_id"] = [ids[at] or _made_id(file_name, row.position, hashes[at]) for at, row in enumerate(read)]
        system = {
            "extra": [self._extra(row.values or {}, misfits[at]) for at, row in enumerate(read)],
            "marks": [self._marks(columns, at, misfits[at]) for at in range(len(read))],
            "given_split": [split] * len(read),
            "source_file": [file_name] * len(read),
            "source_row": [row.position for row in read],
            "content_hash": hashes,
        }
        table = pa.table({**columns, **system}, schema=self.schema).filter(pa.array(usable, pa.bool_()))
        refused = [row for row in rows if row.values is None]
        empty = [row for at, row in enumerate(read) if not usable[at]]
        return table, _quarantine(file_name, refused, empty)

    def _read_columns(self, rows: list[dict[str, Any]]) -> tuple[dict[str, list[Any]], list[list[str]]]:
        """Every field's values, and per row the fields whose value did not fit."""
        misfits: list[list[str]] = [[] for _ in rows]
        columns = {}
        for field in self._fields:
            values = self._raw_values(field, rows)
            convert = self._converter(field)
            columns[field.name] = converted = [None] * len(rows)
            for at, value in enumerate(values):
                if value is None:
                    continue
                try:
                    converted[at] = convert(value)
                except (ValueError, TypeError, OverflowError, RecursionError):
                    misfits[at].append(field.name)
        return columns, misfits

    def _raw_values(self, field: Field, rows: list[dict[str, Any]]) -> list[Any]:
        pattern = self._patterns[field.name]
        if not pattern:
            return [None] * len(rows)
        if "{" in pattern:
            return [_fill(pattern, row, self._missing) for row in rows]
        # A closed value is a value: the region `NA` is North America.
        missing = self._missing - self._value_sets.get(field.name, frozenset())
        values = [_present(row.get(pattern), missing) for row in rows]
        if (renamed := self._values.get(field.name)) is None:
            return values
        return [value if value is None else renamed.get(to_text(value).strip(), value) for value in values]

    def _converter(self, field: Field) -> Callable[[Any], Any]:
        return converter(field.kind, self._source.timestamps)

    def _usable(self, columns: dict[str, list[Any]], num_rows: int) -> list[bool]:
        names = [field.name for field in self._fields if field.kind not in _NOT_USABLE]
        return [any(columns[name][at] not in (None, "", []) for name in names) for at in range(num_rows)]

    def _extra(self, row: dict[str, Any], misfits: list[str]) -> str | None:
        """Columns that no field reads, and the columns of misfits, as the file has them."""
        dropped = {column for name in misfits for column in _columns_of(self._patterns[name])}
        kept = {
            key: value for key, value in row.items() if value is not None and (key not in self._used or key in dropped)
        }
        return to_json(kept).decode() if kept else None

    def _marks(self, columns: dict[str, list[Any]], at: int, misfits: list[str]) -> list[str]:
        marks = [f"{name}: not a {self._kind(name)}" for name in misfits]
        for name, allowed in self._value_sets.items():
            value = columns[name][at]
            if value is not None and not allowed.issuperset(value if isinstance(value, list) else [value]):
                marks.append(f"{name}: outside the value set")
        category, subcategory = columns["category"][at], columns["subcategory"][at]
        by_contract = self._source.value_sets == "contract" and subcategory is not None
        if by_contract and category in TAXONOMY and subcategory not in TAXONOMY[category]:
            marks.append("subcategory: not of its category")
        return marks

    def _kind(self, name: str) -> str:
        return next(field.kind.value for field in self._fields if field.name == name)

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
        convert = storable_text if field.kind is Kind.LIST else self._converter(field)
        try:
            return frozenset(convert(value) for value in values)
        except (ValueError, OverflowError):
            raise ConfigError(f"source.value_sets.{field.name}: {values}; allowed: a {field.kind} each") from None


def _columns_of(pattern: str) -> list[str]:
    """The columns that a field reads: those of a template, or the one it names."""
    if "{" not in pattern:
        return [pattern] if pattern else []
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name]


def _present(value: Any, missing: frozenset[Any]) -> Any:
    """The value, or None where it is a text or a not-a-number that stands for none."""
    is_none = value.strip() in missing if isinstance(value, str) else isinstance(value, float) and math.isnan(value)
    return None if is_none else value


def _fill(pattern: str, row: dict[str, Any], missing: frozenset[str]) -> str | None:
    """A template filled from a row; None where every column of it is missing."""
    found, text = False, []
    for literal, name, _, _ in string.Formatter().parse(pattern):
        value = row.get(name) if name else None
        text.append(literal)
        if _present(value, missing) is not None:
            text.append(to_text(value))
            found = True
    return "".join(text).strip() if found else None


def _made_id(file_name: str, position: int, content: str) -> str:
    """An id for a row without one: the same file gives the same id again."""
    return "made-" + hashlib.sha256(f"{file_name}\n{position}\n{content}".encode()).hexdigest()[:20]


def _quarantine(file_name: str, refused: list[RawRow], empty: list[RawRow]) -> pa.Table:
    rows = [(row.position, row.reason, row.raw) for row in refused]
    rows += [(row.position, "no usable field", to_json(row.values)) for row in empty]
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
