"""One file of an export → parts of bronze and quarantine, by month, in bounded memory; runs inside a Ray task.

What a file gave is written down under its fingerprint when it is done, so a job that was killed goes on where it was.
Nothing here is visible to readers before the job commits it. It does not know the other files.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tickets import logs
from tickets.data.mapping import QUARANTINE_SCHEMA
from tickets.data.months import by_month
from tickets.data.readers import read_rows
from tickets.data.repaired import read_repaired
from tickets.data.rows import RawRow
from tickets.data.sources import SourceFile
from tickets.data.staged import Staged
from tickets.data.treatment import Reading, Treatment
from tickets.errors import DamagedFileError
from tickets.quality.outcome import LOST_FILE
from tickets.schema import MADE_ID
from tickets.snapshots import Part, write_part
from tickets.storage import Storage, open_export, stamp_of

_MOST_BYTES: Final = 96 * 2**20
"""Rows that wait to be written; above it the month with the most of them is."""
_MOST_KEPT: Final = 1 << 20
"""Bytes that are kept of a file that cannot be read."""


@dataclass(frozen=True)
class Print:
    """What tells one reading of a file from another.

    Attributes:
        content: Digest of its bytes, hexadecimal.
        fingerprint: Of its bytes, its name, and how its rows are read, hexadecimal.
        stamp: What tells that its bytes did not change without reading them (`stamp_of`); empty where nothing does.
    """

    content: str
    fingerprint: str
    stamp: str = ""


def take_print(file: SourceFile, reading: Reading, known: Mapping[tuple[str, str], str] | None = None) -> Print:
    """A file's prints.

    Args:
        file: Whose bytes are read, unless they are known.
        reading: How its rows are read.
        known: Place and stamp → digest of the bytes that such a file had.

    Raises:
        OSError: It cannot be read.
    """
    stamp = stamp_of(file.uri)
    content = (known or {}).get((file.uri, stamp)) or _content_of(file.uri)
    of_all = hashlib.sha256(f"{reading.digest}\n{file.name}\n{file.split}\n{content}".encode())
    return Print(content, of_all.hexdigest()[:32], stamp)


def _content_of(uri: str) -> str:
    digest = hashlib.sha256()
    with open_export(uri, unpack=False) as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()[:32]


def stage_file(
    storage: Storage, bucket: str, file: SourceFile, print_: Print, reading: Reading, now: datetime
) -> Iterator[int | Staged]:
    """Read, treat and write one file; what was done by an earlier run is not done again.

    Args:
        storage: The root.
        bucket: Folder under it.
        file: What to read.
        print_: Its prints.
        reading: How its rows are read.
        now: When the job began.

    Yields:
        The number of rows read so far, now and then; at last what the file gave.

    Raises:
        SourceError: The file cannot be read at all.
        ConfigError: A cleaning step or a check cannot be built.
    """
    key = staged_key(bucket, print_.fingerprint)
    if storage.exists(key):
        yield Staged.from_json(storage.read_json(key))
        return
    treatment = Treatment(reading, now)
    bronze = _Months(lambda month, table: write_part(storage, bucket, month, table))
    refused = _Refused(storage, bucket, f"{now:%Y-%m}")
    marks: Counter[str] = Counter()
    rows_in = num_made = 0
    with _few_collections(), logs.timed(logs.get("data"), "source.read", uri=file.uri, rows=0) as done:
        for name, split, rows in _batches(file, reading):
            tickets, bad = treatment.apply(name, split, rows)
            done["rows"] = rows_in = rows_in + len(rows)
            marks.update(pc.list_flatten(tickets["marks"]).to_pylist())
            num_made += pc.sum(pc.match_substring_regex(tickets["ticket_id"], MADE_ID)).as_py() or 0
            bronze.add(tickets)
            refused.add(bad)
            yield rows_in
    staged = Staged(
        file.name,
        print_.content,
        print_.fingerprint,
        rows_in,
        num_made,
        tuple(bronze.flush()),
        tuple(refused.flush()),
        dict(marks),
        dict(refused.reasons),
        dict(treatment.changed),
        now.astimezone(UTC).isoformat(timespec="milliseconds"),
        treatment.tally.model_dump_json(),
        print_.stamp,
        file.uri,
    )
    storage.write_json(key, asdict(staged), private=True)
    yield staged


def staged_key(bucket: str, print_: str) -> str:
    """Where it is written down what a file gave."""
    return f"{bucket}/staged/{print_}.json"


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
        for month, of_month in by_month(table):
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


class _Refused:
    """Refused rows that wait to be written."""

    def __init__(self, storage: Storage, bucket: str, month: str) -> None:
        self._place = storage, bucket, month
        self._waiting: list[pa.Table] = []
        self._parts: list[Part] = []
        self.reasons: Counter[str] = Counter()

    def add(self, table: pa.Table) -> None:
        """Take rows; all are written when too many wait."""
        if table.num_rows:
            self.reasons.update(reason.split(":")[0] for reason in table["reason"].to_pylist())
            self._waiting.append(table.cast(QUARANTINE_SCHEMA))
        if sum(of.nbytes for of in self._waiting) > _MOST_BYTES:
            self.flush()

    def flush(self) -> list[Part]:
        """Write what waits; all parts, in order."""
        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            self._parts.append(write_part(*self._place, table, private=True))
            self._waiting = []
        return self._parts


def _batches(file: SourceFile, reading: Reading) -> Iterator[tuple[str, str | None, list[RawRow]]]:
    """The rows of a file in batches, with the file that they come from and the split it was given for.

    A file that cannot be read for what it holds is one refused row, so that the others are read all the same.
    """
    if file.format == "repaired":
        yield from read_repaired(file)
        return
    num_rows = 0
    try:
        source = reading.source
        for rows in read_rows(file, source.delimiter, reading.batch_rows, source.encoding, source.records):
            num_rows += len(rows)
            yield file.name, file.split, rows
    except DamagedFileError as error:
        with open_export(file.uri, unpack=False) as stream:
            start = stream.read(_MOST_KEPT)
        logs.get("data").warning("{}", error.message)
        yield file.name, file.split, [RawRow(num_rows, None, start, f"{LOST_FILE}: {error.message}")]
