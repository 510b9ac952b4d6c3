"""Tickets that repeat an id or a text. What is compared is small, so that parts of a history can be put together.

It does not know what a repeated text means for a model (`tickets.train.audit`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickets.config.quality import Severity
from tickets.quality.check import Batch, Check, Finding
from tickets.text import normalise

SCHEMA: Final = pa.schema(
    [("ticket_id", pa.string()), ("id", pa.uint64()), ("text", pa.uint64()), ("similar_text", pa.uint64())]
)
"""What is compared of each ticket: its id, and 64-bit digests of id, text, and text without case, space and digits."""

KINDS: Final = ("id", "text", "similar_text")

_DIGITS: Final = re.compile(r"\d+")
_MEANING: Final = {
    "id": ("Another row has the same `ticket_id`.", "Check what the source writes as its id, and whether rows repeat."),
    "text": ("Another ticket has the very same text.", "Merge duplicates, and keep a text on one side of every split."),
    "similar_text": (
        "Another ticket has the same text apart from case, white space and digits.",
        "Often a form, a monitor or a template: route such tickets by a rule; they teach a model little.",
    ),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Tickets that share one value."""

    size: int
    examples: tuple[str, ...]
    """Ids, the least first."""


def duplicate_checks(text_fields: Sequence[str]) -> Iterator[Check]:
    """Repeated ids, texts, and texts that differ in case, white space and digits alone; all rows must be at hand."""
    for kind, (meaning, advice) in _MEANING.items():
        yield Check(
            name=f"duplicate.{kind}",
            severity=Severity.COUNT,
            mark=_mark(kind),
            meaning=meaning,
            advice=advice,
            find=partial(_find, kind=kind, text_fields=tuple(text_fields)),
        )


def fingerprint(table: pa.Table, text_fields: Sequence[str]) -> pa.Table:
    """What is compared of each ticket.

    Args:
        table: Tickets.
        text_fields: What their text is.

    Returns:
        A table of `SCHEMA`, row by row; null digests where there is no id or no text. Such tables can be appended to
        one another.
    """
    batch = Batch(table)
    empty = pa.scalar("", pa.string())
    text = pc.binary_join_element_wise(*(pc.fill_null(batch[name], empty) for name in text_fields), "\n")
    trimmed = pc.utf8_trim_whitespace(text)
    columns = {
        "id": _digests(batch["ticket_id"], similar=False),
        "text": _digests(trimmed, similar=False),
        "similar_text": _digests(trimmed, similar=True),
    }
    return pa.table({"ticket_id": batch["ticket_id"], **columns}, schema=SCHEMA)


def repeated(fingerprints: pa.Table, kind: str) -> NDArray[np.bool_]:
    """The rows that share their id or text with another row; bool [n]."""
    column = fingerprints[kind].combine_chunks()
    found = np.zeros(len(column), dtype=bool)
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    _, inverse, counts = np.unique(column.drop_null().to_numpy(), return_inverse=True, return_counts=True)
    found[rows] = counts[inverse] > 1
    return found


def repetition(fingerprints: pa.Table) -> list[Finding]:
    """What repeats among all tickets, a finding per kind.

    Args:
        fingerprints: Of every ticket, in any order.
    """
    rows = fingerprints.num_rows
    return [
        Finding(f"duplicate.{kind}", Severity.COUNT, _mark(kind), repeated(fingerprints, kind), None, rows)
        for kind in KINDS
    ]


def largest_groups(fingerprints: pa.Table, kind: str, num_groups: int, num_examples: int) -> list[Group]:
    """The largest groups of rows that share an id or a text, the largest first.

    Args:
        fingerprints: Of every ticket, in any order.
        kind: One of `KINDS`.
        num_groups: Most groups that are returned.
        num_examples: Ids that each group names.
    """
    shared = fingerprints.filter(pa.array(repeated(fingerprints, kind)))
    counts = shared.group_by(kind).aggregate([("ticket_id", "count"), ("ticket_id", "min")])
    order = [("ticket_id_count", "descending"), ("ticket_id_min", "ascending")]
    groups = []
    for row in counts.sort_by(order).slice(0, num_groups).to_pylist():
        ids = shared["ticket_id"].filter(pc.equal(shared[kind], pa.scalar(row[kind], pa.uint64())))
        examples = pc.unique(ids).sort().slice(0, num_examples).to_pylist()
        groups.append(Group(row["ticket_id_count"], tuple(examples)))
    return groups


def _find(batch: Batch, kind: str, text_fields: tuple[str, ...]) -> NDArray[np.bool_]:
    return repeated(batch.once("fingerprints", lambda: fingerprint(batch.table, text_fields)), kind)


def _mark(kind: str) -> str:
    return f"{kind.replace('_', ' ')}: repeated"


def _digests(texts: pa.Array, similar: bool) -> pa.Array:
    """64-bit digests; each distinct text is hashed once. Two of a million texts meet by chance once in 37 million."""
    encoded = texts.dictionary_encode()
    distinct = [_digest(text, similar) for text in encoded.dictionary.to_pylist()]
    return pa.array(distinct, pa.uint64()).take(encoded.indices)


def _digest(text: str, similar: bool) -> int | None:
    if not text:
        return None
    compared = _DIGITS.sub("0", normalise(text)) if similar else text
    return int.from_bytes(hashlib.blake2b(compared.encode(), digest_size=8).digest())
