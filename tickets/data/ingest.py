"""An export becomes three tables: bronze (every version), quarantine (refused rows), offline (latest versions).

Ray Data reads the files side by side; this process writes what they yield, one batch at a time. What was ingested
already, from the same files with the same mapping, is not ingested again. It does not know models.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tickets import logs
from tickets.config import DataConfig, SourceConfig, TicketsConfig
from tickets.data.mapping import QUARANTINE_SCHEMA, TicketMapper
from tickets.data.readers import read_rows
from tickets.data.sources import SourceFile, find_files
from tickets.errors import SourceError, StorageError
from tickets.online import OnlineStore
from tickets.snapshots import Snapshot, has_snapshot, load_snapshot, publish_snapshot, read_parts, write_snapshot
from tickets.storage import Storage, open_export

Connect = Callable[[], OnlineStore]
_REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingestion made: rows in = bronze + quarantine, and bronze = offline + superseded.

    Attributes:
        bronze: Every row as it was mapped.
        quarantine: Refused rows with reason and original bytes.
        offline: The latest version of every ticket.
        rows_in: Rows found in the files.
        num_superseded: Rows of bronze for which a later version of the same ticket exists.
        marks: How often each oddity was marked.
        reasons: How often each reason refused a row.
        reused: Nothing was read, because these very files were ingested before.
    """

    bronze: Snapshot
    quarantine: Snapshot
    offline: Snapshot
    rows_in: int
    num_superseded: int
    marks: dict[str, int]
    reasons: dict[str, int]
    reused: bool

    def __str__(self) -> str:
        """What happened to the rows, for a person."""
        lines = [f"{self.rows_in} rows: {self.offline.num_rows} tickets"]
        if self.num_superseded:
            lines.append(f"{self.num_superseded} replaced by a later row of the same ticket_id")
        lines += [f"{count} refused: {reason}" for reason, count in sorted(self.reasons.items())]
        lines += [f"{count} marked: {mark}" for mark, count in sorted(self.marks.items())]
        return "; ".join(lines)

    def summary(self) -> dict[str, Any]:
        """Counts for a report."""
        return {
            "rows_in": self.rows_in,
            "bronze": self.bronze.num_rows,
            "quarantined": self.quarantine.num_rows,
            "offline": self.offline.num_rows,
            "superseded": self.num_superseded,
            "marks": self.marks,
            "reasons": self.reasons,
            "reused": self.reused,
        }


def ingest(storage: Storage, bucket: str, source: SourceConfig, data: DataConfig, work_dir: Path) -> Ingested:
    """Bring the source's files into the bucket's tables, unless that was done already. Needs a running Ray.

    Args:
        storage: The root.
        bucket: Folder under it.
        source: How the files map onto the contract.
        data: Which files, and how large a batch is.
        work_dir: Folder where the command runs, for relative paths.

    Raises:
        SourceError: The files cannot be found or read at all, or hold no usable row.
        StorageError: The sums do not add up.
    """
    files = find_files(source, data.raw_file, [storage.path(bucket), work_dir])
    fingerprint = _fingerprint(files, source)
    if (done := _ingested(storage, bucket, fingerprint)) is not None:
        logs.get("data").info("{} is ingested already: {} tickets", source.name, done.offline.num_rows)
        return done
    counts = _Counts()
    bronze = write_snapshot(
        storage,
        f"{bucket}/bronze",
        counts.split(read_tickets(files, source, data.batch_rows)),
        TicketMapper(source).schema,
        {"source": source.name, "files": [file.uri for file in files]},
        publish=False,
    )
    quarantine = write_snapshot(
        storage, f"{bucket}/quarantine", counts.refused, QUARANTINE_SCHEMA, {"bronze": bronze.id}, publish=False
    )
    if bronze.num_rows == 0:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in counts.reasons.most_common(3)) or "empty"
        raise SourceError(
            f"source {source.name!r}: no usable row among {counts.rows_in}: {reasons}; check source.delimiter, "
            f"source.format and source.fields; the rows are in {storage.path(quarantine.key)}"
        )
    keep = _latest_versions(storage, bronze)
    offline = write_snapshot(
        storage,
        f"{bucket}/offline",
        _kept_rows(storage, bronze, keep),
        TicketMapper(source).schema,
        {
            "fingerprint": fingerprint,
            "source": source.name,
            "bronze": bronze.id,
            "quarantine": quarantine.id,
            "rows_in": counts.rows_in,
            "marks": dict(counts.marks),
            "reasons": dict(counts.reasons),
        },
        publish=False,
    )
    done = _checked(_result(storage, bucket, offline, reused=False))
    for snapshot in (bronze, quarantine, offline):  # offline last: it names the other two
        publish_snapshot(storage, snapshot)
    logs.get("data").info("{}", done)
    return done


def ingest_and_publish(storage: Storage, config: TicketsConfig, work_dir: Path, connect: Connect) -> Ingested:
    """Ingest, and bring the latest tickets to the online store where that does not hold them yet.

    Args:
        storage: The root.
        config: Source, data and bucket.
        work_dir: Folder where the command runs, for relative paths.
        connect: Opens the online store.
    """
    done = ingest(storage, config.bucket, config.source, config.data, work_dir)
    store = connect()
    wanted = min(config.data.online_rows, done.offline.num_rows)
    if not done.reused or store.count(config.bucket) != wanted:
        publish_online(storage, done.offline, config.bucket, wanted, store)
    return done


def read_tickets(files: list[SourceFile], source: SourceConfig, batch_rows: int) -> Any:
    """A Ray dataset of tickets as the source maps them; a refused row has only its place, reason and original.

    Args:
        files: What to read, one Ray task each.
        source: How rows map onto the contract.
        batch_rows: Rows per block.

    Returns:
        `ray.data.Dataset` with the columns of the mapper's schema, `refused` (reason or null) and `original`.
    """
    import ray

    def read(batch: Any) -> Iterator[Any]:
        mapper = TicketMapper(source)
        for item in batch["file"]:
            file = SourceFile(**orjson.loads(item))
            with logs.timed(logs.get("data"), "source.read", uri=file.uri, rows=0) as done:
                for rows in read_rows(file, source.delimiter, batch_rows):
                    done["rows"] += len(rows)
                    yield _joined(*mapper.map(file.name, file.split, rows))

    names = [{"file": orjson.dumps(asdict(file)).decode()} for file in files]
    plan = ray.data.from_items(names, override_num_blocks=len(names))
    return plan.map_batches(read, batch_size=1, batch_format="numpy", num_cpus=0.5)


def publish_online(storage: Storage, offline: Snapshot, bucket: str, num_rows: int, store: OnlineStore) -> int:
    """Send the latest tickets, newest first, to the online store.

    Returns:
        Tickets sent.
    """
    times = pa.concat_tables(read_parts(storage, offline, ["created_at"]))
    newest = pc.sort_indices(times, sort_keys=[("created_at", "descending", "at_end")])[:num_rows]
    keep = np.zeros(times.num_rows, dtype=bool)
    keep[newest.to_numpy()] = True
    rows = (row for table in _kept_rows(storage, offline, keep) for row in table.to_pylist())
    return store.publish(bucket, offline.id, rows)


def _joined(tickets: pa.Table, quarantine: pa.Table) -> pa.Table:
    """Both kinds of rows in one table, so that one pass over the files yields them."""
    nulls = pa.nulls(tickets.num_rows, pa.string())
    good = tickets.append_column(_REFUSED, nulls).append_column("original", nulls.cast(pa.binary()))
    bad = quarantine.rename_columns({"reason": _REFUSED})
    return pa.concat_tables([good, bad], promote_options="default")


class _Counts:
    """Parts a stream of joined tables in two and counts what passes."""

    def __init__(self) -> None:
        self.rows_in = 0
        self.marks: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.refused: list[pa.Table] = []

    def split(self, dataset: Any) -> Iterator[pa.Table]:
        """The tickets; refused rows are set aside."""
        for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
            self.rows_in += table.num_rows
            is_good = pc.is_null(table[_REFUSED])
            bad = table.filter(pc.invert(is_good))
            if bad.num_rows:
                self.refused.append(bad.rename_columns({_REFUSED: "reason"}).select(QUARANTINE_SCHEMA.names))
                self.reasons.update(reason.split(":")[0] for reason in bad[_REFUSED].to_pylist())
            tickets = table.filter(is_good).drop_columns([_REFUSED, "original"])
            if tickets.num_rows:
                self.marks.update(pc.list_flatten(tickets["marks"]).to_pylist())
                yield tickets
            logs.get("data").info("{} rows read, {} refused", self.rows_in, sum(self.reasons.values()))


def _latest_versions(storage: Storage, bronze: Snapshot) -> np.ndarray:
    """Which rows of bronze are their ticket's latest: later `updated_at`, then the greater content hash.

    Returns:
        bool array [rows of bronze], in order.
    """
    keys = ["ticket_id", "updated_at", "content_hash"]
    table = pa.concat_tables(read_parts(storage, bronze, keys))
    table = table.append_column("position", pa.array(range(table.num_rows), pa.int64()))
    order = pc.sort_indices(
        table,
        sort_keys=[
            ("ticket_id", "ascending", "at_end"),
            ("updated_at", "descending", "at_end"),
            ("content_hash", "descending", "at_end"),
            ("position", "ascending", "at_end"),
        ],
    ).to_numpy()
    ids = table["ticket_id"].take(pa.array(order)).to_numpy(zero_copy_only=False)
    first = np.ones(len(order), dtype=bool)
    first[1:] = ids[1:] != ids[:-1]
    keep = np.zeros(len(order), dtype=bool)
    keep[order[first]] = True
    return keep


def _kept_rows(storage: Storage, snapshot: Snapshot, keep: np.ndarray) -> Iterator[pa.Table]:
    start = 0
    for table in read_parts(storage, snapshot):
        kept = table.filter(pa.array(keep[start : start + table.num_rows]))
        start += table.num_rows
        if kept.num_rows:
            yield kept


def _fingerprint(files: Iterable[SourceFile], source: SourceConfig) -> str:
    """Changes when a file's bytes, the set of files, or the mapping changes."""
    digest = hashlib.sha256(source.model_dump_json(exclude={"path", "targets", "truth"}).encode())
    digest.update(repr(TicketMapper(source).schema).encode())
    for file in sorted(files, key=lambda file: file.name):
        digest.update(f"{file.name}\n{file.split}\n".encode())
        with open_export(file.uri, unpack=False) as stream:
            while chunk := stream.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def _ingested(storage: Storage, bucket: str, fingerprint: str) -> Ingested | None:
    if not has_snapshot(storage, f"{bucket}/offline"):
        return None
    offline = load_snapshot(storage, f"{bucket}/offline")
    return _result(storage, bucket, offline, reused=True) if offline.meta["fingerprint"] == fingerprint else None


def _result(storage: Storage, bucket: str, offline: Snapshot, reused: bool) -> Ingested:
    bronze = load_snapshot(storage, f"{bucket}/bronze", offline.meta["bronze"])
    quarantine = load_snapshot(storage, f"{bucket}/quarantine", offline.meta["quarantine"])
    superseded = bronze.num_rows - offline.num_rows
    meta = offline.meta
    return Ingested(bronze, quarantine, offline, meta["rows_in"], superseded, meta["marks"], meta["reasons"], reused)


def _checked(ingested: Ingested) -> Ingested:
    found = ingested.bronze.num_rows + ingested.quarantine.num_rows
    if found != ingested.rows_in:
        raise StorageError(f"{ingested.rows_in} rows were read but {found} written: nothing may be lost")
    return ingested
