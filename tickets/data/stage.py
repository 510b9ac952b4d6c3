"""One file of an export → parts of bronze and quarantine, by month, in bounded memory; runs inside a Ray task.

What a file gave is written down under its fingerprint when it is done, so a job that was killed goes on where it was.
Nothing here is visible to readers before the job commits it. It does not know the other files.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tickets import logs
from tickets.data.mapping import QUARANTINE_SCHEMA
from tickets.data.readers import read_rows
from tickets.data.sources import SourceFile
from tickets.data.treatment import Reading, Treatment
from tickets.snapshots import UNDATED, Part, write_part
from tickets.storage import Storage, open_export

_MOST_BYTES: Final = 96 * 2**20
"""Rows that wait to be written; above it the month with the most of them is."""


@dataclass(frozen=True)
class Staged:
    """What one file gave.

    Attributes:
        name: The file.
        fingerprint: Of its bytes and the mapping.
        rows_in: Rows found in it.
        num_made_ids: Rows to which an id was given.
        bronze: Its tickets.
        quarantine: Its refused rows.
        marks: How often each oddity was marked.
        reasons: How often each reason refused a row.
        changed: How often each cleaning step changed each field.
        ingested_at: ISO 8601, UTC.
        tally: What the checks found, as JSON; empty once it was reported.
    """

    name: str
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

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Staged:
        """What `asdict` made."""
        parts = {name: tuple(Part(**part) for part in content[name]) for name in ("bronze", "quarantine")}
        return cls(**{**content, **parts})


def fingerprint(file: SourceFile, reading: Reading) -> str:
    """Changes when the file's bytes, its name, or how rows are read changes, hexadecimal."""
    digest = hashlib.sha256(reading.digest.encode())
    digest.update(f"{file.name}\n{file.split}\n".encode())
    with open_export(file.uri, unpack=False) as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()[:32]


def stage_file(
    storage: Storage, bucket: str, file: SourceFile, print_: str, reading: Reading, now: datetime
) -> Iterator[int | Staged]:
    """Read, treat and write one file; what was done by an earlier run is not done again.

    Args:
        storage: The root.
        bucket: Folder under it.
        file: What to read.
        print_: Its fingerprint.
        reading: How its rows are read.
        now: When the job began.

    Yields:
        The number of rows read so far, now and then; at last what the file gave.

    Raises:
        SourceError: The file cannot be read at all.
        ConfigError: A cleaning step or a check cannot be built.
    """
    key = staged_key(bucket, print_)
    if storage.exists(key):
        yield Staged.from_json(storage.read_json(key))
        return
    treatment = Treatment(reading, now)
    bronze = _Months(lambda month, table: write_part(storage, bucket, month, table))
    refused: list[pa.Table] = []
    marks: Counter[str] = Counter()
    rows_in = num_made = 0
    with _few_collections(), logs.timed(logs.get("data"), "source.read", uri=file.uri, rows=0) as done:
        for rows in read_rows(file, reading.source.delimiter, reading.batch_rows):
            tickets, bad = treatment.apply(file.name, file.split, rows)
            done["rows"] = rows_in = rows_in + len(rows)
            marks.update(pc.list_flatten(tickets["marks"]).to_pylist())
            num_made += pc.sum(pc.starts_with(tickets["ticket_id"], "made-")).as_py() or 0
            bronze.add(tickets)
            if bad.num_rows:
                refused.append(bad)
            yield rows_in
    quarantine, reasons = _write_refused(storage, bucket, refused, now)
    staged = Staged(
        file.name,
        print_,
        rows_in,
        num_made,
        tuple(bronze.flush()),
        quarantine,
        dict(marks),
        reasons,
        dict(treatment.changed),
        now.astimezone(UTC).isoformat(timespec="milliseconds"),
        treatment.tally.model_dump_json(),
    )
    storage.write_json(key, asdict(staged))
    yield staged


def staged_key(bucket: str, print_: str) -> str:
    """Where it is written down what a file gave."""
    return f"{bucket}/staged/{print_}.json"


def months_of(table: pa.Table) -> pa.Array:
    """The month of each row's creation, such as `2026-01`; `undated` without one."""
    return pc.fill_null(pc.strftime(table["created_at"], "%Y-%m"), UNDATED).combine_chunks()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for cycles less often: rows are many small objects without any, and looking takes a fifth of the
    time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Months:
    """Rows that wait for others of their month."""

    def __init__(self, write: Callable[[str, pa.Table], Part]) -> None:
        self._write = write
        self._waiting: dict[str, list[pa.Table]] = defaultdict(list)
        self._num_bytes: Counter[str] = Counter()
        self._parts: list[Part] = []

    def add(self, table: pa.Table) -> None:
        """Take rows; a month is written when too many wait."""
        if not table.num_rows:
            return
        months = months_of(table)
        for month in pc.unique(months).to_pylist():
            of_month = table.filter(pc.equal(months, month))
            self._waiting[month].append(of_month)
            self._num_bytes[month] += of_month.nbytes
        while sum(self._num_bytes.values()) > _MOST_BYTES:
            self._write_month(self._num_bytes.most_common(1)[0][0])

    def flush(self) -> list[Part]:
        """Write what waits; all parts by month, in the order in which they were written."""
        for month in sorted(self._waiting):
            self._write_month(month)
        return sorted(self._parts, key=lambda part: part.month)

    def _write_month(self, month: str) -> None:
        self._parts.append(self._write(month, pa.concat_tables(self._waiting.pop(month)).combine_chunks()))
        del self._num_bytes[month]


def _write_refused(
    storage: Storage, bucket: str, refused: list[pa.Table], now: datetime
) -> tuple[tuple[Part, ...], dict[str, int]]:
    if not refused:
        return (), {}
    table = pa.concat_tables(refused).cast(QUARANTINE_SCHEMA)
    reasons = Counter(reason.split(":")[0] for reason in table["reason"].to_pylist())
    return (write_part(storage, bucket, f"{now:%Y-%m}", table, private=True),), dict(reasons)
