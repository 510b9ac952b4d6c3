"""Refused rows: written out to be repaired, taken back as tickets, and emptied when they are too old to keep.

A repaired row is the same row: it leaves the quarantine and enters bronze, and the number of rows that came in stays.
It does not know why a row was refused.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
import pyarrow as pa

from tickets.config import SourceConfig
from tickets.data.repaired import repaired_files
from tickets.data.rows import RawRow
from tickets.data.sources import SourceFile, given_split
from tickets.data.stage import stage_file, take_print
from tickets.data.staged import Staged, quarantine_id, without_refused
from tickets.data.treatment import Reading, Treatment
from tickets.errors import SourceError
from tickets.snapshots import Head, Part, Snapshot, list_snapshots, load_snapshot, read_part, write_part
from tickets.storage import Storage
from tickets.values import to_json

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


def export_rows(storage: Storage, files: Sequence[Staged]) -> Iterator[bytes]:
    """A JSON line per refused row: `quarantine_id`, `source_file`, `source_row`, `reason` and `original`.

    `original` is text, with what is not UTF-8 replaced; null where it has expired.
    """
    for file in files:
        for part in file.quarantine:
            for row in read_part(storage, part).to_pylist():
                original = row["original"]
                shown = None if original is None else original.decode("utf-8", "replace")
                name = quarantine_id(file, row["source_row"])
                yield orjson.dumps({"quarantine_id": name, **row, "original": shown}) + b"\n"


def repair(
    storage: Storage, bucket: str, files: Sequence[Staged], lines: Sequence[bytes], reading: Reading, now: datetime
) -> Repaired:
    """Treat repaired rows as their source's, and move those that can be used out of the quarantine.

    They are kept as a file of the bucket, which is read again whenever the source is.

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
    wanted: dict[str, dict[str, Any]] = {}
    for at, line in enumerate(lines):
        if line.strip():
            name, row = _parsed(at, line)
            if name in wanted:
                raise SourceError(f"quarantine.repaired: line {at + 1} repairs {name!r} a second time; allowed: once")
            wanted[name] = row
    places = {name: place for file in files for name, place in _places(storage, file) if name in wanted}
    if unknown := [name for name in wanted if name not in places]:
        raise SourceError(f"quarantine.repaired: {unknown[0]!r} is no row in quarantine; {len(unknown)} such lines")
    accepted, refused = _tried(wanted, places, reading, now)
    if not accepted:
        return Repaired(list(files), 0, refused)
    file = _write_accepted(storage, bucket, {name: wanted[name] for name in accepted}, places, reading.source)
    *_, staged = stage_file(storage, bucket, file, take_print(file, reading), reading, now)
    assert isinstance(staged, Staged)
    left = [without_refused(storage, bucket, of, accepted) if of.quarantine else of for of in files]
    everything = sorted([*left, replace(staged, tally="")], key=lambda of: (of.name, of.ingested_at, of.fingerprint))
    return Repaired(everything, len(accepted), refused)


def expire(storage: Storage, bucket: str, files: Sequence[Staged], days: int, now: datetime) -> list[Staged]:
    """Empty the content of rows that were refused too long ago; place and reason stay.

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


def forget_contents(storage: Storage, quarantine: Snapshot) -> None:
    """Delete what must not stay: older snapshots of the quarantine, and their parts that the newest one does not list.

    Args:
        storage: The root.
        quarantine: The newest snapshot, which readers see already.
    """
    kept = {part.key for part in quarantine.parts}
    for id_ in list_snapshots(storage, quarantine.name):
        if id_ != quarantine.id:
            for part in load_snapshot(storage, quarantine.name, id_).parts:
                if part.key not in kept:
                    storage.delete(part.key)
            storage.delete(f"{quarantine.name}/{id_}.json")


def forget_unpublished(storage: Storage, bucket: str, head: Head, days: int) -> None:
    """Delete the refused rows of runs that ended before they published anything, where they are too old.

    Args:
        storage: The root.
        bucket: Folder under it.
        head: What readers see, of every table: a run may have been killed after it published, and what it wrote down of
            its files is still there.
        days: How long content is kept.
    """
    seen = (load_snapshot(storage, f"{bucket}/{name}", id_) for name, id_ in head.tables.items())
    kept = {part.key for snapshot in seen for part in snapshot.parts}
    for name in storage.list_keys(f"{bucket}/staged"):
        key = f"{bucket}/staged/{name}"
        if storage.age_s(key) > days * 86_400:
            for part in Staged.from_json(storage.read_json(key)).quarantine:
                if part.key not in kept:
                    storage.delete(part.key)
            storage.delete(key)


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


def _places(storage: Storage, file: Staged) -> Iterator[tuple[str, tuple[str, int]]]:
    """Id → file and row of every refused row of a file."""
    for part in file.quarantine:
        for row in read_part(storage, part, ["source_file", "source_row"]).to_pylist():
            yield quarantine_id(file, row["source_row"]), (row["source_file"], row["source_row"])


def _tried(
    wanted: dict[str, dict[str, Any]], places: dict[str, tuple[str, int]], reading: Reading, now: datetime
) -> tuple[set[str], Counter[str]]:
    """Ids of the rows that can be used now, and why the others cannot."""
    accepted: set[str] = set()
    refused: Counter[str] = Counter()
    for name, row in wanted.items():
        file, place = places[name]
        good, bad = Treatment(reading, now).apply(file, None, [RawRow(place, row)])
        accepted |= {name} if good.num_rows else set()
        refused.update(reason.split(":")[0] for reason in bad["reason"].to_pylist())
    return accepted, refused


def _write_accepted(
    storage: Storage,
    bucket: str,
    rows: dict[str, dict[str, Any]],
    places: dict[str, tuple[str, int]],
    source: SourceConfig,
) -> SourceFile:
    """Keep repaired rows as a file of the bucket."""
    lines = []
    for name, row in sorted(rows.items(), key=lambda item: places[item[0]]):
        file, place = places[name]
        split = given_split(source, file)
        whole = {"quarantine_id": name, "source_file": file, "source_row": place, "split": split, "row": row}
        lines.append(to_json(whole) + b"\n")
    content = b"".join(lines)
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.jsonl"
    storage.write_bytes(f"{bucket}/repaired/{name}", content, private=True)
    return next(of for of in repaired_files(storage, bucket) if of.name == f"repaired/{name}")
