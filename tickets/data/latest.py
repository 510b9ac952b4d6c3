"""Which version of each ticket is the latest, and the parts that hold the latest versions alone.

A later `updated_at` wins, then the source's own sequence, then the greater content hash, so the order in which files
came does not matter. Months in which every row is the latest are taken over from bronze as they are. It does not know
where rows come from.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tickets.data.months import by_month
from tickets.errors import SourceError
from tickets.snapshots import Part, read_part, write_part
from tickets.storage import Storage

_KEYS: Final = ["ticket_id", "updated_at", "sequence", "content_hash"]
_MOST_PARTS: Final = 64
"""Parts of a month that are taken over as they are; more of them are written together as one."""
_MOST_BYTES: Final = 128 * 2**20
_NIBBLES: Final = np.array([int(chr(code), 16) if chr(code) in "0123456789abcdef" else 0 for code in range(128)])


@dataclass(frozen=True)
class Latest:
    """The latest version of every ticket, among the rows of some parts.

    Attributes:
        keep: Per part which of its rows are the latest, bool [rows].
        num_superseded: Rows of which a later version exists.
        num_duplicates: Rows that repeat a version of the same ticket, byte for byte.
        rule: What told the versions apart, for a person.
        first: Per part and row that is kept, the place of its ticket's first version among all rows, int64; None where
            the versions are no log of events.
    """

    keep: tuple[np.ndarray, ...]
    num_superseded: int
    num_duplicates: int
    rule: str
    first: tuple[np.ndarray, ...] | None = None


def find_latest(
    storage: Storage, parts: Sequence[Part], current: Sequence[bool] | None = None, events: bool = False
) -> Latest:
    """Find the latest version of every ticket; holds some fifty bytes per row, and the ids, in memory.

    Args:
        storage: The root.
        parts: Where the versions are.
        current: Per part whether its file still has this content; the other rows lose a tie. None: all have.
        events: They are a log of events, so that the first one counts too.

    Raises:
        SourceError: Nothing orders the events.
    """
    if not parts:
        return Latest((), 0, 0, "no rows")
    keys = [_keys(read_part(storage, part, _KEYS)) for part in parts]
    table = pa.concat_tables(keys)
    ids = table["ticket_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    is_old = np.repeat(~np.array(current or [True] * len(parts), dtype=bool), [part.num_rows for part in parts])
    updated = _filled(pc.cast(table["updated_at"], pa.int64()), np.iinfo(np.int64).min + 1)
    sequence = _filled(table["sequence"], -np.inf)
    content = table["content"].to_numpy()
    order = np.lexsort((np.arange(len(ids)), ~content, is_old, -sequence, -updated, ids))
    same_ticket = ids[order][1:] == ids[order][:-1]
    keep = np.zeros(len(ids), dtype=bool)
    keep[order[np.r_[True, ~same_ticket]]] = True
    by_content = np.lexsort((content, ids))
    repeats = (ids[by_content][1:] == ids[by_content][:-1]) & (content[by_content][1:] == content[by_content][:-1])
    num_duplicates = int(repeats.sum())
    num_superseded = int((~keep).sum()) - num_duplicates
    ends = np.cumsum([part.num_rows for part in parts])[:-1]
    first = None
    if events:
        starts = np.flatnonzero(np.r_[True, ~same_ticket])
        lengths = np.diff(np.r_[starts, len(ids)])
        of_row = np.empty(len(ids), dtype=np.int64)
        of_row[order[starts]] = order[starts + lengths - 1]
        first = tuple(of[kept] for of, kept in zip(np.split(of_row, ends), np.split(keep, ends), strict=True))
    rule = _rule(table, num_superseded)
    if (
        events
        and num_superseded
        and all(table[name].null_count == table.num_rows for name in ("updated_at", "sequence"))
    ):
        raise SourceError(
            "source.events=true: no event has updated_at or a sequence; map one, else their order is open"
        )
    return Latest(tuple(np.split(keep, ends)), num_superseded, num_duplicates, rule, first)


def write_latest(
    storage: Storage,
    bucket: str,
    parts: Sequence[Part],
    latest: Latest,
    before: Sequence[Part],
    from_first: Sequence[str] = (),
) -> list[Part]:
    """Parts of the latest versions, by month; what did not change since `before` is taken over.

    Args:
        storage: The root.
        bucket: Folder under it.
        parts: The parts that `latest` was found in.
        latest: Which of their rows to keep.
        before: Parts that were made in this way before.
        from_first: Columns that the first event of a ticket gives, where the versions are a log of events.
    """
    folding = _Folding(storage, parts, from_first) if latest.first is not None else None
    known: dict[str, list[Part]] = defaultdict(list)
    for part in before:
        known[part.made_from].append(part)
    made: list[Part] = []
    firsts = latest.first or tuple(np.empty(0, dtype=np.int64) for _ in parts)
    chosen = [_Chosen(*of) for of in zip(parts, latest.keep, firsts, strict=True)]
    for month, in_month in groupby(sorted(chosen, key=lambda of: of.part.month), key=lambda of: of.part.month):
        rows = [of for of in in_month if of.keep.any()]
        if folding is None and len(rows) <= _MOST_PARTS and all(of.keep.all() for of in rows):
            made += [of.part for of in rows]
            continue
        made_from = _made_from(rows, folding)
        made += known.get(made_from) or [
            write_part(storage, bucket, of_month, table, made_from)
            for kept in _kept(storage, rows, folding)
            for of_month, table in (by_month(kept) if folding else [(month, kept)])
        ]
    return sorted(made, key=lambda part: part.month)


class _Chosen(NamedTuple):
    """A part, which of its rows are kept, and where the first events of these are."""

    part: Part
    keep: np.ndarray
    first: np.ndarray


class _Folding:
    """First events, by their place among all rows."""

    def __init__(self, storage: Storage, parts: Sequence[Part], columns: Sequence[str]) -> None:
        self._storage = storage
        self._parts = parts
        self.columns = list(columns)
        self._starts = np.cumsum([0, *(part.num_rows for part in parts)])

    def apply(self, last: pa.Table, first: np.ndarray) -> pa.Table:
        """Last events with the columns of their first ones."""
        of_part, in_part = self.place(first)
        pieces, rows = [], []
        for at in np.unique(of_part):
            wanted = np.flatnonzero(of_part == at)
            table = read_part(self._storage, self._parts[at], [*self.columns, "originals"])
            pieces.append(table.take(pa.array(in_part[wanted])))
            rows.append(wanted)
        in_order = pa.concat_tables(pieces).take(pa.array(np.argsort(np.concatenate(rows))))
        originals = self._originals(last["originals"], in_order["originals"])
        for name in self.columns:
            last = last.set_column(last.schema.get_field_index(name), last.schema.field(name), in_order[name])
        at = last.schema.get_field_index("originals")
        return last.set_column(at, last.schema.field(at), originals)

    def place(self, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places among all rows as parts and rows in these, int64 each."""
        of_part = np.searchsorted(self._starts, first, side="right") - 1
        return of_part, first - self._starts[of_part]

    def key(self, part: int) -> str:
        """The key of a part by its place."""
        return self._parts[part].key

    def _originals(self, last: pa.ChunkedArray, first: pa.ChunkedArray) -> pa.Array:
        """What texts were before they were cleaned, each from the event that its text is from."""
        if last.null_count == len(last) and first.null_count == len(first):
            return last.combine_chunks()
        merged = []
        for of_last, of_first in zip(last.to_pylist(), first.to_pylist(), strict=True):
            later = {name: text for name, text in orjson.loads(of_last or "{}").items() if name not in self.columns}
            earlier = {name: text for name, text in orjson.loads(of_first or "{}").items() if name in self.columns}
            merged.append(orjson.dumps(later | earlier).decode() if later or earlier else None)
        return pa.array(merged, pa.string())


def _kept(storage: Storage, rows: Sequence[_Chosen], folding: _Folding | None) -> Iterator[pa.Table]:
    """The rows to keep, in tables of bounded size."""
    waiting: list[pa.Table] = []
    for part, keep, first in rows:
        table = read_part(storage, part).filter(pa.array(keep))
        waiting.append(folding.apply(table, first) if folding else table)
        if sum(table.nbytes for table in waiting) > _MOST_BYTES:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _made_from(rows: Sequence[_Chosen], folding: _Folding | None) -> str:
    digest = hashlib.sha256(repr(folding.columns if folding else ()).encode())
    for part, keep, first in rows:
        digest.update(part.key.encode())
        digest.update(np.packbits(keep).tobytes())
        if folding:
            of_part, in_part = folding.place(first)
            names, of_name = np.unique(of_part, return_inverse=True)
            digest.update("".join(folding.key(at) for at in names.tolist()).encode())
            digest.update(of_name.astype(np.int64).tobytes() + in_part.astype(np.int64).tobytes())
    return digest.hexdigest()[:32]


def _filled(column: pa.ChunkedArray, value: float) -> np.ndarray:
    return np.asarray(pc.fill_null(column, value).to_numpy())


def _keys(table: pa.Table) -> pa.Table:
    """What orders versions, with eight bytes in place of a content hash."""
    content = pa.array(_first_64_bits(table["content_hash"]))
    return table.drop_columns("content_hash").append_column("content", content)


def _first_64_bits(hashes: pa.ChunkedArray) -> np.ndarray:
    """uint64 [n] of hexadecimal texts."""
    letters = np.array(pc.utf8_slice_codeunits(hashes, 0, 16).to_pylist(), dtype="S16")
    nibbles = _NIBBLES[letters.view(np.uint8).reshape(-1, 16)].astype(np.uint64)
    return np.asarray((nibbles << np.arange(60, -1, -4, dtype=np.uint64)).sum(axis=1, dtype=np.uint64))


def _rule(table: pa.Table, num_superseded: int) -> str:
    names = [name for name in ("updated_at", "sequence") if table[name].null_count < table.num_rows]
    if not names and num_superseded:
        return "the greater content hash: the source has neither updated_at nor a sequence"
    return ", then ".join([f"the later {name}" for name in names] + ["the greater content hash"])
