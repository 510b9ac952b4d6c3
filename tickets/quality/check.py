"""What a check is, what it finds, and the batch it looks at. It does not know any particular check."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickets.config.quality import Severity
from tickets.schema import MADE_ID

Mask = NDArray[np.bool_]


class Batch:
    """A table of tickets, with what several checks need worked out once.

    Args:
        table: Tickets as ingestion maps them.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.num_rows = table.num_rows
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, worked out the first time that the key is asked for."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def __getitem__(self, name: str) -> pa.Array:
        """A column as one array [n]."""
        return self.once(("column", name), lambda: self.table[name].combine_chunks())

    def absent(self, name: str) -> pa.Array:
        """Where a field says nothing: null, an empty list, or white space; bool [n]."""
        return self.once(("absent", name), lambda: absent(self[name]))

    def marked(self, text: str) -> Mask:
        """The rows that carry a mark; bool [n]."""
        rows, codes, texts = self.once("marks", lambda: _encoded_marks(self["marks"]))
        found = np.zeros(self.num_rows, dtype=bool)
        if text in texts:
            found[rows[codes == texts.index(text)]] = True
        return found


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that can be wrong with a ticket.

    Attributes:
        name: `family.what`, such as `value_set.priority`.
        severity: What becomes of a ticket in which it is found.
        mark: What is written on such a ticket.
        meaning: One sentence for a reader of the report.
        advice: What that reader should do about it.
        find: Batch → the rows in which it is found, bool [n]; null in an Arrow array where it cannot tell.
        detail: Batch and those rows → a text for each of them, such as the value that was refused.
        suggest: Such a text → what was probably meant, or None.
        needs: Fields without which it says nothing: where one is empty in every ticket, the check does not apply.
        sample_rows: About how many tickets a costly check looks at; None: all.
    """

    name: str
    severity: Severity
    mark: str
    meaning: str
    advice: str
    find: Callable[[Batch], pa.Array | Mask]
    detail: Callable[[Batch, Mask], pa.Array] | None = None
    suggest: Callable[[str], str | None] | None = None
    needs: tuple[str, ...] = ()
    sample_rows: int | None = None

    @property
    def family(self) -> str:
        """The part of the name before the dot."""
        return family_of(self.name)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a check found something in one batch.

    Attributes:
        name: The check.
        severity: What becomes of the rows.
        mark: What is written on the rows.
        rows: bool [n].
        details: A text for each row in `rows`, in order, where the check has any.
        num_examined: Rows that could be judged; None for a check that looks at every row.
    """

    name: str
    severity: Severity
    mark: str
    rows: Mask
    details: pa.Array | None
    num_examined: int | None


def family_of(name: str) -> str:
    """The part of a check's name before the dot."""
    return name.split(".", 1)[0]


def as_mask(found: pa.Array | Mask) -> Mask:
    """The rows as numpy; where a check cannot tell, it has found nothing."""
    if isinstance(found, np.ndarray):
        return found
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    filled = pc.fill_null(found, False) if found.null_count else found
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=bool)


def _encoded_marks(marks: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int32], list[str]]:
    """The row of every mark, its code, and the text of each code."""
    texts = pc.list_flatten(marks).dictionary_encode()
    rows = pc.list_parent_indices(marks).to_numpy(zero_copy_only=False)
    return rows, texts.indices.to_numpy(zero_copy_only=False), texts.dictionary.to_pylist()


def made_ids(ids: pa.Array) -> pa.Array:
    """Which ids ingestion made up for tickets without one; bool [n] without nulls."""
    return pc.fill_null(pc.match_substring_regex(ids, MADE_ID), False)


def absent(column: pa.Array) -> pa.Array:
    """Where a column says nothing; bool [n] without nulls."""
    if pa.types.is_string(column.type):
        return pc.fill_null(pc.or_(pc.utf8_is_space(column), pc.equal(pc.binary_length(column), 0)), True)
    if pa.types.is_list(column.type):
        return pc.fill_null(pc.equal(pc.list_value_length(column), 0), True)
    return pc.is_null(column)
