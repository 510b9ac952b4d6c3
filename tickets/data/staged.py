"""What one file gave, as it is written down, and single rows taken out of it again. It does not know files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.schema import MADE_ID
from tickets.snapshots import Part, Snapshot, read_part, write_part
from tickets.storage import Storage

_TABLES: Final = ("bronze", "quarantine")


@dataclass(frozen=True)
class Staged:
    """What one file gave.

    Attributes:
        name: The file.
        content: Digest of its bytes.
        fingerprint: Of its bytes, its name, and how its rows were read.
        rows_in: Rows found in it, without those that were repaired since.
        num_made_ids: Rows to which an id was given.
        bronze: Its tickets.
        quarantine: Its refused rows.
        marks: How often each oddity was marked.
        reasons: How often each reason refused a row.
        changed: How often each cleaning step changed each field.
        ingested_at: ISO 8601, UTC.
        tally: What the checks found, as JSON; empty once it was reported.
        stamp: What told, when it was read, that its bytes are these (`tickets.data.stage.Print`).
        uri: Where it lay. What a later content at this place says counts over what this one said.
    """

    name: str
    content: str
    fingerprint: str
    rows_in: int
    num_made_ids: int
    bronze: tuple[Part, ...]
    quarantine: tuple[Part, ...]
    marks: dict[str, int]
    reasons: dict[str, int]
    changed: dict[str, int]
    ingested_at: str
    tally: str = ""
    stamp: str = ""
    uri: str = ""

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Staged:
        """What `asdict` made."""
        parts = {name: tuple(Part(**part) for part in content[name]) for name in _TABLES}
        return cls(**{**content, **parts})


def quarantine_id(file: Staged, source_row: int) -> str:
    """The id of a refused row, hexadecimal: of its place in its file's bytes and name, whatever was thought of it."""
    return hashlib.sha256(f"{file.name}\n{file.content}\n{source_row}".encode()).hexdigest()[:24]


def to_records(files: Sequence[Staged]) -> list[dict[str, Any]]:
    """Files as a snapshot notes them, with the number of their parts in its own list of parts."""
    return [{**asdict(of), "tally": "", **{name: len(getattr(of, name)) for name in _TABLES}} for of in files]


def from_records(records: Sequence[dict[str, Any]], bronze: Snapshot, quarantine: Snapshot) -> list[Staged]:
    """Files as `to_records` noted them, with their parts."""
    parts = {"bronze": iter(bronze.parts), "quarantine": iter(quarantine.parts)}
    files = []
    for record in records:
        own = {name: [asdict(next(parts[name])) for _ in range(record[name])] for name in _TABLES}
        files.append(Staged.from_json({**record, **own}))
    return files


def are_current(files: Sequence[Staged]) -> list[bool]:
    """Per file whether it is the newest content of its place."""
    newest: dict[str, str] = {}
    for of in files:
        newest[of.uri] = max(newest.get(of.uri, ""), of.ingested_at)
    return [of.ingested_at == newest[of.uri] for of in files]


def without_refused(storage: Storage, bucket: str, file: Staged, gone: Collection[str]) -> Staged:
    """A file without refused rows that were repaired.

    Args:
        storage: The root.
        bucket: Folder under it.
        file: What the file gave.
        gone: Ids of rows.
    """
    reasons, num_gone = Counter(file.reasons), 0

    def stays(table: pa.Table) -> np.ndarray:
        nonlocal num_gone
        keep = np.array([quarantine_id(file, row) not in gone for row in table["source_row"].to_pylist()], dtype=bool)
        num_gone += int((~keep).sum())
        left = table["reason"].filter(pa.array(~keep)).to_pylist()
        reasons.subtract(reason.split(":")[0] for reason in left)
        return keep

    parts = _filtered(storage, bucket, file.quarantine, stays, private=True)
    return replace(file, rows_in=file.rows_in - num_gone, quarantine=parts, reasons=dict(+reasons))


def without_made(storage: Storage, bucket: str, file: Staged) -> Staged:
    """A file without the rows that had no id of their own: a later content of the file has them again."""
    num_gone = 0

    def stays(table: pa.Table) -> np.ndarray:
        nonlocal num_gone
        made = pc.match_substring_regex(table["ticket_id"], MADE_ID).to_numpy()
        num_gone += int(made.sum())
        return np.asarray(~made)

    parts = _filtered(storage, bucket, file.bronze, stays)
    return replace(file, rows_in=file.rows_in - num_gone, bronze=parts, num_made_ids=0)


def _filtered(
    storage: Storage, bucket: str, parts: Sequence[Part], stays: Callable[[pa.Table], np.ndarray], private: bool = False
) -> tuple[Part, ...]:
    left = []
    for part in parts:
        table = read_part(storage, part)
        keep = stays(table)
        if keep.all():
            left.append(part)
        elif keep.any():
            kept = table.filter(pa.array(keep))
            left.append(write_part(storage, bucket, part.month, kept, part.made_from, private))
    return tuple(left)
