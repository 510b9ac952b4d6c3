"""Columns that a source's mapping names, against those that its files have. It does not know how a file is read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tickets.config.quality import Severity
from tickets.quality.check import Batch, Check, Mask


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column from which a field takes its value.

    Attributes:
        field: The field; `sequence` for the order of versions.
        key: The setting that names the column, such as `source.fields.subject`; empty where none does: a field of the
            contract then takes the column of its own name, if there is one.
        column: The column.
    """

    field: str
    key: str
    column: str


def column_checks(mapped: Iterable[MappedColumn]) -> Iterator[Check]:
    """One check per field whose column the settings name: is the column there at all?

    What tells is what the files hold (`Tally.columns`), not any ticket, so `find` finds nothing.
    """
    keys = {of.field: of.key for of in mapped if of.key}
    for name, key in keys.items():
        yield Check(
            name=f"column.{name}",
            severity=Severity.COUNT,
            mark=f"{name}: its column stands in no file",
            meaning=f"No file that was read has the column that `{key}` names.",
            advice=f"Correct `{key}`: it must be written as the file writes it.",
            find=_nowhere,
        )


def absent_columns(mapped: Iterable[MappedColumn], seen: Collection[str]) -> list[MappedColumn]:
    """The columns that stand in no file."""
    return [of for of in mapped if of.column not in seen]


def nearest_column(column: str, known: Sequence[str]) -> str | None:
    """The column that was probably meant, by its letters alone; None where none is like it."""
    folded = {name.casefold(): name for name in reversed(known)}
    close = difflib.get_close_matches(column.casefold(), list(folded), n=1)
    return folded[close[0]] if close else None


def _nowhere(batch: Batch) -> Mask:
    return np.zeros(batch.num_rows, dtype=bool)
