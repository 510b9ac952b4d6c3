"""The tables of a bucket: what they hold, and new snapshots of them from what the files gave.

It does not know how files are read, nor when readers see the snapshots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.data.latest import Latest, find_latest, write_latest
from tickets.data.mapping import QUARANTINE_SCHEMA, creation_columns
from tickets.data.newest import write_newest
from tickets.data.staged import Staged, are_current, from_records, to_records
from tickets.data.treatment import Reading
from tickets.errors import StorageError
from tickets.quality.report import QualityReport
from tickets.snapshots import UNDATED, Head, Part, Snapshot, load_snapshot, read_part, save_snapshot, write_part
from tickets.storage import Storage

TABLES: Final = ("bronze", "quarantine", "offline", "online")


@dataclass(frozen=True)
class Ingested:
    """What the tables hold after an ingestion, and what it added.

    Rows in = bronze + quarantine, and bronze = offline + superseded + duplicates.

    Attributes:
        tables: Table → its snapshot.
        rows_in: Rows found in all files so far.
        num_superseded: Rows of bronze for which a later version of the same ticket exists.
        num_duplicates: Rows of bronze that repeat a version that was there already.
        marks: How often each oddity was marked.
        reasons: How often each reason refused a row.
        rule: What told the versions of a ticket apart.
        added: What this run brought: `files`, `rows`, `inserts`, `updates`, `duplicates`; none where nothing was read.
        changed: How often each cleaning step changed each field, in all files so far.
        quality: What the checks found in the rows of this run; None where nothing was read.
        new_files: What the files gave that this run read.
    """

    tables: dict[str, Snapshot]
    rows_in: int
    num_superseded: int
    num_duplicates: int
    marks: dict[str, int]
    reasons: dict[str, int]
    rule: str
    added: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    quality: QualityReport | None = None
    new_files: tuple[Staged, ...] = ()

    @property
    def offline(self) -> Snapshot:
        """The latest version of every ticket."""
        return self.tables["offline"]

    @property
    def reused(self) -> bool:
        """Nothing was read, because these very files were ingested before."""
        return not self.added

    def __str__(self) -> str:
        """What happened to the rows, for a person."""
        lines = [f"{self.rows_in} rows: {self.offline.num_rows} tickets"]
        if self.num_superseded:
            lines.append(f"{self.num_superseded} replaced by a later version ({self.rule})")
        if self.num_duplicates:
            lines.append(f"{self.num_duplicates} repeated")
        lines += [f"{count} refused: {reason}" for reason, count in sorted(self.reasons.items())]
        lines += [f"{count} marked: {mark}" for mark, count in sorted(self.marks.items())]
        lines += [f"{count} cleaned: {what}" for what, count in sorted(self.changed.items())]
        return "; ".join(lines)

    def summary(self) -> dict[str, Any]:
        """Counts for a report."""
        return {
            "rows_in": self.rows_in,
            "bronze": self.tables["bronze"].num_rows,
            "quarantined": self.tables["quarantine"].num_rows,
            "offline": self.offline.num_rows,
            "online": self.tables["online"].num_rows,
            "superseded": self.num_superseded,
            "duplicates": self.num_duplicates,
            "latest_by": self.rule,
            "marks": self.marks,
            "reasons": self.reasons,
            "cleaned": self.changed,
            "added": self.added,
            "reused": self.reused,
        }


@dataclass(frozen=True)
class Before:
    """The tables as an earlier run left them.

    Attributes:
        files: What every file gave.
        result: What the tables hold.
        reading: Digest of how the files were read.
        online_rows: How many tickets the online slice was made for.
    """

    files: list[Staged]
    result: Ingested
    reading: str
    online_rows: int


def load_tables(storage: Storage, bucket: str, head: Head) -> Before | None:
    """The tables that readers see; None before the first ingestion."""
    if not set(TABLES) <= set(head.tables):
        return None
    tables = {name: load_snapshot(storage, f"{bucket}/{name}", head.tables[name]) for name in TABLES}
    meta = tables["bronze"].meta
    files = from_records(meta["files"], tables["bronze"], tables["quarantine"])
    return Before(files, Ingested(tables, **meta["sums"]), meta["reading"], tables["online"].meta["rows"])


def resolve(
    storage: Storage,
    bucket: str,
    reading: Reading,
    files: Sequence[Staged],
    before: Before | None,
    online_rows: int,
) -> Ingested:
    """Snapshots of all tables, not yet visible.

    Args:
        storage: The root.
        bucket: Folder under it.
        reading: How the files were read.
        files: What every file gave that counts, by name and time.
        before: The tables so far.
        online_rows: Tickets of the online slice.

    Raises:
        StorageError: The sums do not add up.
    """
    parts = [part for of in files for part in of.bronze]
    current = [is_current for of, is_current in zip(files, are_current(files), strict=True) for _ in of.bronze]
    latest = find_latest(storage, parts, current, reading.source.events)
    former = before.result.offline.parts if before else ()
    offline_parts = write_latest(storage, bucket, parts, latest, former, creation_columns(reading.source))
    sums: dict[str, Any] = {
        "rows_in": sum(of.rows_in for of in files),
        "num_superseded": latest.num_superseded,
        "num_duplicates": latest.num_duplicates,
        "rule": latest.rule,
        **{name: _summed(files, name) for name in ("marks", "reasons", "changed")},
    }
    source = {"source": reading.source.name}
    meta = {**source, "reading": reading.digest, "files": to_records(files), "sums": sums}
    bronze = save_snapshot(storage, f"{bucket}/bronze", parts, meta)
    refused = [part for of in files for part in of.quarantine]
    nothing = [] if refused else [write_part(storage, bucket, UNDATED, QUARANTINE_SCHEMA.empty_table(), private=True)]
    quarantine = save_snapshot(storage, f"{bucket}/quarantine", refused or nothing, source)
    offline = save_snapshot(storage, f"{bucket}/offline", offline_parts, {**source, "bronze": bronze.id})
    newest = write_newest(storage, bucket, offline_parts, online_rows)
    online = save_snapshot(storage, f"{bucket}/online", newest, {"offline": offline.id, "rows": online_rows})
    tables = {"bronze": bronze, "quarantine": quarantine, "offline": offline, "online": online}
    done = Ingested(tables, **sums, added=_added(storage, files, offline_parts, latest, before))
    _check_sums(done, latest)
    return done


def _summed(files: Sequence[Staged], name: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for of in files:
        total.update(getattr(of, name))
    return dict(total)


def _added(
    storage: Storage, files: Sequence[Staged], offline: Sequence[Part], latest: Latest, before: Before | None
) -> dict[str, int]:
    """What the files that were not there before brought; tickets are compared by what they hold."""
    known = {(of.fingerprint, of.ingested_at) for of in before.files} if before else set()
    new = [of for of in files if (of.fingerprint, of.ingested_at) not in known]
    inserts, updates = _compare(storage, offline, before.result.offline.parts if before else ())
    return {
        "files": len(new),
        "rows": sum(of.rows_in for of in new),
        "inserts": inserts,
        "updates": updates,
        "duplicates": max(latest.num_duplicates - (before.result.num_duplicates if before else 0), 0),
    }


def _compare(storage: Storage, offline: Sequence[Part], former: Sequence[Part]) -> tuple[int, int]:
    """Tickets that were not there before, and tickets that hold something else now."""
    same = {part.key for part in former} & {part.key for part in offline}
    now, then = (_contents(storage, [part for part in of if part.key not in same]) for of in (offline, former))
    place = pc.index_in(now["ticket_id"], value_set=then["ticket_id"])
    is_new = place.is_null().to_numpy(zero_copy_only=False)
    others = pc.not_equal(now["content_hash"], then["content_hash"].take(place))
    return int(is_new.sum()), int(np.count_nonzero(pc.fill_null(others, False).to_numpy(zero_copy_only=False)))


def _contents(storage: Storage, parts: Sequence[Part]) -> dict[str, pa.Array]:
    names = ("ticket_id", "content_hash")
    tables = [read_part(storage, part, names) for part in parts]
    empty = pa.schema([(name, pa.string()) for name in names]).empty_table()
    table = pa.concat_tables([empty, *tables]).combine_chunks()
    return {
        name: pa.concat_arrays(table[name].chunks) if table.num_rows else pa.array([], pa.string()) for name in names
    }


def _check_sums(done: Ingested, latest: Latest) -> None:
    """Compare what was counted when rows were read with what the written parts say that they hold.

    Raises:
        StorageError: Something is missing.
    """
    tables = {name: snapshot.num_rows for name, snapshot in done.tables.items()}
    lost = done.rows_in - tables["bronze"] - tables["quarantine"]
    gone = tables["bronze"] - tables["offline"] - latest.num_superseded - latest.num_duplicates
    if lost or gone:
        raise StorageError(
            f"{done.rows_in} rows were read, {tables} written, {latest.num_superseded} superseded and "
            f"{latest.num_duplicates} repeated: the sums do not add up ({lost} and {gone} are missing)"
        )
