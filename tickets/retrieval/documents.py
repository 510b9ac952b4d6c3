"""The document store: past tickets as they may be shown, with what is known of their fixes. It does not search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.errors import ModelError
from tickets.masking import mask
from tickets.retrieval.resolutions import find_fixes, find_outcomes, values_of
from tickets.text import fingerprint

FILTER_FIELDS: Final = (
    *("tenant", "product", "product_version", "product_module", "channel", "language", "region"),
    *("customer_tier", "environment", "category", "subcategory", "priority"),
)
"""Fields of the contract by which a search may be narrowed, where the tickets have them."""

_LABEL: Final = "label_"
_CODED: Final = pa.dictionary(pa.int32(), pa.string())
_SHOWN: Final = (
    pa.field("ticket_id", pa.string()),
    pa.field("created_at", pa.timestamp("ms", tz="UTC")),
    pa.field("text", pa.string()),
    pa.field("text_print", pa.string()),
    pa.field("resolution", pa.string()),
    pa.field("resolution_code", pa.string()),
    pa.field("fix", pa.string()),
    pa.field("helped", pa.bool_()),
    pa.field("fix_helped", pa.int32()),
    pa.field("fix_tried", pa.int32()),
)


def document_schema(targets: Sequence[str], filters: Sequence[str]) -> pa.Schema:
    """Columns of the store: what is shown, `label_<target>` per target, and the filter fields, dictionary-encoded."""
    labels = [pa.field(_LABEL + target, pa.string()) for target in targets]
    return pa.schema([*_SHOWN, *labels, *(pa.field(name, _CODED) for name in filters)])


@dataclass(frozen=True)
class Document:
    """One past ticket, masked.

    Attributes:
        ticket_id: Its id.
        created_at: ISO 8601, UTC.
        text: What the customer wrote.
        text_print: Fingerprint of the text.
        resolution: What was done, in words.
        resolution_code: What was done, as a code.
        fix: Id of the fix that was tried.
        helped: Whether it helped here; None where nobody said.
        fix_helped: Tickets of the corpus in which this fix helped.
        fix_tried: Tickets of the corpus in which it is known whether this fix helped.
        labels: Target → label.
    """

    ticket_id: str
    created_at: str | None
    text: str
    text_print: str
    resolution: str | None
    resolution_code: str | None
    fix: str | None
    helped: bool | None
    fix_helped: int
    fix_tried: int
    labels: dict[str, str | None]


def is_resolved(table: pa.Table) -> np.ndarray:
    """Which tickets are closed with a word on how: a resolution or its code.

    A table in which no ticket has either comes from a source of texts and labels: there every ticket counts.

    Returns:
        bool [rows].
    """
    resolved = np.zeros(table.num_rows, dtype=bool)
    for name in ("resolution", "resolution_code"):
        if name in table.column_names:
            filled = pc.not_equal(pc.utf8_trim_whitespace(table[name].cast(pa.string())), "")
            resolved |= pc.fill_null(filled, False).to_numpy()
    return resolved if resolved.any() else np.ones(table.num_rows, dtype=bool)


def build_documents(
    table: pa.Table,
    texts: Sequence[str],
    labels: Mapping[str, Sequence[str | None]],
    no_fix_codes: Sequence[str] = (),
) -> pa.Table:
    """Past tickets as documents.

    Args:
        table: n tickets; of the columns of the contract, any may be missing but `ticket_id`.
        texts: What the customer wrote, one per ticket.
        labels: Target → n labels, the most important target first.
        no_fix_codes: Codes that close a ticket without a fix.

    Returns:
        n rows of `document_schema`, in the order of the table.
    """
    masked = [mask(text) for text in texts]
    fixes, helped = find_fixes(table, labels, no_fix_codes), find_outcomes(table)
    known = [(fix, worked) for fix, worked in zip(fixes, helped, strict=True) if fix and worked is not None]
    num_tried, num_helped = Counter(fix for fix, _ in known), Counter(fix for fix, worked in known if worked)
    columns: dict[str, Any] = {
        "ticket_id": table["ticket_id"],
        "created_at": pa.array(values_of(table, "created_at"), pa.timestamp("ms", tz="UTC")),
        "text": masked,
        "text_print": [fingerprint(text) for text in masked],
        "resolution": [mask(text) if text and text.strip() else None for text in values_of(table, "resolution")],
        "resolution_code": values_of(table, "resolution_code"),
        "fix": fixes,
        "helped": helped,
        "fix_helped": [num_helped[fix] if fix else 0 for fix in fixes],
        "fix_tried": [num_tried[fix] if fix else 0 for fix in fixes],
        **{_LABEL + target: list(values) for target, values in labels.items()},
    }
    filters = [name for name in FILTER_FIELDS if name in table.column_names]
    columns |= {name: pc.dictionary_encode(table[name].cast(pa.string()).combine_chunks()) for name in filters}
    schema = document_schema(list(labels), filters)
    return pa.table([_column(columns[field.name], field.type) for field in schema], schema=schema)


def _column(values: Any, kind: pa.DataType) -> Any:
    return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)


class Documents:
    """The documents of a corpus, by row.

    Args:
        table: Rows of `document_schema`.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table.combine_chunks()
        self.targets = tuple(name.removeprefix(_LABEL) for name in table.column_names if name.startswith(_LABEL))
        self.filter_fields = tuple(field.name for field in table.schema if field.type == _CODED)
        self._shown = self._table.select([*(field.name for field in _SHOWN), *(_LABEL + name for name in self.targets)])
        self._codes: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def take(self, rows: Sequence[int]) -> list[Document]:
        """The documents of some rows, in that order."""
        return [self._document(values) for values in self._shown.take(pa.array(rows, pa.int64())).to_pylist()]

    def _document(self, values: dict[str, Any]) -> Document:
        labels = {target: values.pop(_LABEL + target) for target in self.targets}
        created_at = values.pop("created_at")
        return Document(created_at=created_at.isoformat() if created_at else None, labels=labels, **values)

    def ticket_ids(self, rows: Sequence[int]) -> list[str]:
        """The ids of some documents, in that order."""
        return list(self._table["ticket_id"].take(pa.array(rows, pa.int64())).to_pylist())

    def texts(self) -> list[str]:
        """The text of every document."""
        return self._values("text")

    def fixes(self) -> list[str | None]:
        """The fix of every document."""
        return self._values("fix")

    def labels(self, target: str) -> list[str | None]:
        """The label of every document for a target."""
        return self._values(_LABEL + target)

    def _values(self, name: str) -> list[Any]:
        return list(self._table[name].to_pylist())

    def rows_of(self, ticket_id: str) -> np.ndarray:
        """Rows of a ticket, int64 [n]; none where the corpus does not hold it."""
        return np.flatnonzero(pc.equal(self._table["ticket_id"], ticket_id).to_numpy())

    def success_rate(self) -> float | None:
        """Share of the documents with a fix and a known end in which it helped; None where there is no such one."""
        helped = self._table["helped"].filter(pc.is_valid(self._table["fix"]))
        mean = pc.mean(helped).as_py()
        return None if mean is None else float(mean)

    def allowed(self, filters: Mapping[str, str | Sequence[str]]) -> np.ndarray:
        """Which documents have, for every field, the value or one of the values that are asked for.

        Returns:
            bool [documents].

        Raises:
            ModelError: A field by which this corpus cannot be filtered.
        """
        keep = np.ones(len(self), dtype=bool)
        for name, asked in filters.items():
            if name not in self.filter_fields:
                raise ModelError(f"filter {name!r}; allowed: {', '.join(self.filter_fields) or 'none in this corpus'}")
            values = [asked] if isinstance(asked, str) else list(asked)
            keep &= np.isin(self._codes_of(name), self._wanted(name, values))
        return keep

    def _codes_of(self, name: str) -> np.ndarray:
        if name not in self._codes:
            codes = pc.fill_null(self._encoded(name).indices, -1)
            self._codes[name] = codes.to_numpy(zero_copy_only=False)
        return self._codes[name]

    def _wanted(self, name: str, values: Sequence[str]) -> np.ndarray:
        found = pc.index_in(pa.array(values, pa.string()), value_set=self._encoded(name).dictionary)
        return np.asarray(found.drop_null(), dtype=np.int32)

    def _encoded(self, name: str) -> pa.DictionaryArray:
        return self._table[name].combine_chunks()

    def save(self, path: Path) -> None:
        """Write one Arrow IPC file that can be memory-mapped."""
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, self._table.schema) as writer:
            writer.write_table(self._table)

    @classmethod
    def load(cls, path: Path) -> Documents:
        """Map what `save` wrote into memory."""
        with pa.memory_map(str(path), "rb") as source, pa.ipc.open_file(source) as reader:
            return cls(reader.read_all())
