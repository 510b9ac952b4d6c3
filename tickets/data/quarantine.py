"""Refused rows: written out to be repaired, taken back as tickets, and emptied when they are too old to keep.

A repaired row is the same row: it leaves the quarantine and enters bronze, and the number of rows that came in stays.
It does not know why a row was refused.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import pyarrow as pa

from tickets.data.readers import RawRow
from tickets.data.stage import Staged, months_of
from tickets.data.treatment import Reading, Treatment
from tickets.errors import SourceError
from tickets.snapshots import Part, read_part, write_part
from tickets.storage import Storage

_EXPIRED: Final = "expired"


@dataclass(frozen=True)
class Repaired:
    """What became of repaired rows.

    Attributes:
        files: What every file gave, after the repair.
        num_accepted: Rows that are tickets now.
        refused: Why the others are refused again, and how many.
    """

    files: list[Staged]
    num_accepted: int
    refused: Counter[str]


def quarantine_id(row: Mapping[str, Any]) -> str:
    """The id of a refused row: the same place in the same file with the same reason has the same, hexadecimal."""
    text = f"{row['source_file']}\n{row['source_row']}\n{row['reason']}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def export_rows(storage: Storage, parts: Sequence[Part]) -> Iterator[bytes]:
    """A JSON line per refused row: `quarantine_id`, `source_file`, `source_row`, `reason` and `original`.

    `original` is text, with what is not UTF-8 replaced; null where it has expired.
    """
    for part in parts:
        for row in read_part(storage, part).to_pylist():
            original = row["original"]
            shown = None if original is None else original.decode("utf-8", "replace")
            yield orjson.dumps({"quarantine_id": quarantine_id(row), **row, "original": shown}) + b"\n"


def repair(
    storage: Storage, bucket: str, files: Sequence[Staged], lines: Sequence[bytes], reading: Reading, now: datetime
) -> Repaired:
    """Treat repaired rows as their source's, and move those that can be used out of the quarantine.

    Args:
        storage: The root.
        bucket: Folder under it.
        files: What every file gave so far.
        lines: JSON objects with `quarantine_id` and `row`.
        reading: How the source's rows are read.
        now: The present, with its zone.

    Raises:
        SourceError: A line is no such object, or names no row in quarantine.
    """
    wanted = dict(_parsed(at, line) for at, line in enumerate(lines) if line.strip())
    treatment, left, tickets = Treatment(reading, now), dict(wanted), []
    reasons: Counter[str] = Counter()
    changed: list[Staged] = []
    for file in files:
        accepted: set[str] = set()
        found = {quarantine_id(row): row for part in file.quarantine for row in _rows(storage, part)}
        rows = [RawRow(row["source_row"], left.pop(name)) for name, row in found.items() if name in left]
        if rows:
            good, bad = treatment.apply(file.name, None, rows)
            reasons.update(reason.split(":")[0] for reason in bad["reason"].to_pylist())
            places = set(good["source_row"].to_pylist())
            accepted = {name for name, row in found.items() if name in wanted and row["source_row"] in places}
            tickets.append(good)
        changed.append(_without(storage, bucket, file, accepted) if accepted else file)
    if left:
        raise SourceError(f"quarantine.repaired: {next(iter(left))!r} is no row in quarantine; {len(left)} such lines")
    num_accepted = sum(table.num_rows for table in tickets)
    if num_accepted:
        changed.append(_staged(storage, bucket, pa.concat_tables(tickets), now))
    return Repaired(changed, num_accepted, reasons)


def expire(storage: Storage, bucket: str, files: Sequence[Staged], days: int, now: datetime) -> list[Staged]:
    """Empty the content of rows that were refused too long ago.

    Args:
        storage: The root.
        bucket: Folder under it.
        files: What every file gave.
        days: How long content is kept.
        now: The present, with its zone.
    """
    oldest = now - timedelta(days=days)
    return [
        replace(of, quarantine=tuple(_emptied(storage, bucket, part) for part in of.quarantine))
        if datetime.fromisoformat(of.ingested_at) < oldest
        else of
        for of in files
    ]


def _emptied(storage: Storage, bucket: str, part: Part) -> Part:
    if part.made_from == _EXPIRED:
        return part
    table = read_part(storage, part)
    at = table.schema.get_field_index("original")
    nothing = pa.nulls(table.num_rows, table.schema.field(at).type)
    emptied = table.set_column(at, table.schema.field(at), nothing)
    return write_part(storage, bucket, part.month, emptied, _EXPIRED, private=True)


def _parsed(at: int, line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        content = orjson.loads(line)
        name, row = content["quarantine_id"], content["row"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        name, row = None, None
    if not isinstance(name, str) or not isinstance(row, dict):
        raise SourceError(
            f"quarantine.repaired: line {at + 1}; allowed: an object with quarantine_id and row"
        ) from None
    return name, row


def _rows(storage: Storage, part: Part) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_part(storage, part, ["source_file", "source_row", "reason"]).to_pylist()
    return rows


def _without(storage: Storage, bucket: str, file: Staged, gone: set[str]) -> Staged:
    """A file's record without rows that left its quarantine."""
    parts, reasons = [], Counter(file.reasons)
    for part in file.quarantine:
        table = read_part(storage, part)
        rows = _rows(storage, part)
        leaves = [quarantine_id(row) in gone for row in rows]
        reasons.subtract(row["reason"].split(":")[0] for row, goes in zip(rows, leaves, strict=True) if goes)
        stays = table.filter(pa.array([not goes for goes in leaves]))
        if stays.num_rows == table.num_rows:
            parts.append(part)
        elif stays.num_rows:
            parts.append(write_part(storage, bucket, part.month, stays, part.made_from, private=True))
    return replace(file, rows_in=file.rows_in - len(gone), quarantine=tuple(parts), reasons=dict(+reasons))


def _staged(storage: Storage, bucket: str, tickets: pa.Table, now: datetime) -> Staged:
    """Repaired tickets as what one more file gave."""
    by_month: dict[str, list[int]] = defaultdict(list)
    for row, month in enumerate(months_of(tickets).to_pylist()):
        by_month[month].append(row)
    parts = [write_part(storage, bucket, month, tickets.take(rows)) for month, rows in sorted(by_month.items())]
    name = hashlib.sha256("".join(part.key for part in parts).encode()).hexdigest()[:32]
    marks = Counter(mark for marks in tickets["marks"].to_pylist() for mark in marks)
    moment = now.astimezone(UTC).isoformat(timespec="milliseconds")
    return Staged(f"repaired-{name[:8]}", name, tickets.num_rows, 0, tuple(parts), (), dict(marks), {}, {}, moment)
