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
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
    """

    keep: tuple[np.ndarray, ...]
    num_superseded: int
    num_duplicates: int
    rule: str


def find_latest(storage: Storage, parts: Sequence[Part]) -> Latest:
    """Find the latest version of every ticket; holds some forty bytes per row, and the ids, in memory."""
    if not parts:
        return Latest((), 0, 0, "no rows")
    table = pa.concat_tables([read_part(storage, part, _KEYS) for part in parts])
    ids = table["ticket_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    updated = _filled(pc.cast(table["updated_at"], pa.int64()), np.iinfo(np.int64).min + 1)
    sequence = _filled(table["sequence"], -np.inf)
    content = _first_64_bits(table["content_hash"])
    order = np.lexsort((np.arange(len(ids)), ~content, -sequence, -updated, ids))
    same_ticket = ids[order][1:] == ids[order][:-1]
    keep = np.zeros(len(ids), dtype=bool)
    keep[order[np.r_[True, ~same_ticket]]] = True
    by_content = np.lexsort((content, ids))
    repeats = (ids[by_content][1:] == ids[by_content][:-1]) & (content[by_content][1:] == content[by_content][:-1])
    num_duplicates = int(repeats.sum())
    num_superseded = int((~keep).sum()) - num_duplicates
    ends = np.cumsum([part.num_rows for part in parts])
    rule = _rule(table, num_superseded)
    return Latest(tuple(np.split(keep, ends[:-1])), num_superseded, num_duplicates, rule)


def write_latest(
    storage: Storage, bucket: str, parts: Sequence[Part], latest: Latest, before: Sequence[Part]
) -> list[Part]:
    """Parts of the latest versions, by month; what did not change since `before` is taken over.

    Args:
        storage: The root.
        bucket: Folder under it.
        parts: The parts that `latest` was found in.
        latest: Which of their rows to keep.
        before: Parts that were made in this way before.
    """
    known: dict[str, list[Part]] = defaultdict(list)
    for part in before:
        known[part.made_from].append(part)
    made: list[Part] = []
    by_month = sorted(zip(parts, latest.keep, strict=True), key=lambda pair: pair[0].month)
    for month, of_month in groupby(by_month, key=lambda pair: pair[0].month):
        pairs = [(part, keep) for part, keep in of_month if keep.any()]
        if len(pairs) <= _MOST_PARTS and all(keep.all() for _, keep in pairs):
            made += [part for part, _ in pairs]
            continue
        made_from = _made_from(pairs)
        made += known.get(made_from) or [
            write_part(storage, bucket, month, table, made_from) for table in _kept(storage, pairs)
        ]
    return made


def _kept(storage: Storage, pairs: Sequence[tuple[Part, np.ndarray]]) -> Iterator[pa.Table]:
    """The rows to keep, in tables of bounded size."""
    waiting: list[pa.Table] = []
    for part, keep in pairs:
        waiting.append(read_part(storage, part).filter(pa.array(keep)))
        if sum(table.nbytes for table in waiting) > _MOST_BYTES:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _made_from(pairs: Sequence[tuple[Part, np.ndarray]]) -> str:
    digest = hashlib.sha256()
    for part, keep in pairs:
        digest.update(part.key.encode())
        digest.update(np.packbits(keep).tobytes())
    return digest.hexdigest()[:32]


def _filled(column: pa.ChunkedArray, value: float) -> np.ndarray:
    return np.asarray(pc.fill_null(column, value).to_numpy())


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
