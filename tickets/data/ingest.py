"""An export becomes tables: bronze (every version), quarantine (refused rows), offline (latest), online (newest).

Ray tasks read the files side by side, each in bounded memory, and write parts; this process then finds the latest
versions and shows readers all tables at one moment. Only new and changed files are read. It does not know models.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa

from tickets import logs
from tickets.config import DataConfig, SourceConfig, TicketsConfig
from tickets.data.latest import Latest, find_latest, write_latest
from tickets.data.mapping import QUARANTINE_SCHEMA, TicketMapper, creation_columns, own_fields
from tickets.data.newest import write_newest
from tickets.data.quarantine import Repaired, expire, repair
from tickets.data.readers import read_rows
from tickets.data.sources import SourceFile, find_files
from tickets.data.stage import Staged, fingerprint, stage_file, staged_key
from tickets.data.treatment import Reading
from tickets.errors import SourceError, StorageError
from tickets.online import OnlineStore, fill
from tickets.quality.assemble import build_report
from tickets.quality.checks import Checks
from tickets.quality.report import QualityReport
from tickets.quality.tally import Tally
from tickets.schema import FIELDS
from tickets.snapshots import (
    UNDATED,
    Head,
    Part,
    Snapshot,
    commit,
    load_snapshot,
    read_head,
    save_snapshot,
    write_part,
)
from tickets.storage import Storage

Connect = Callable[[], OnlineStore]
Stage = Callable[[Storage, str, Mapping[str, SourceFile], Reading], list[Staged]]
TABLES: Final = ("bronze", "quarantine", "offline", "online")
_REFUSED: Final = "refused"
_SHOW_EVERY_S: Final = 5.0


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


def ingest(
    storage: Storage,
    bucket: str,
    reading: Reading,
    data: DataConfig,
    work_dir: Path,
    stage: Stage | None = None,
    expire_days: int | None = None,
) -> Ingested:
    """Bring the source's files into the bucket's tables, those that were not brought before.

    Args:
        storage: The root.
        bucket: Folder under it.
        reading: Which files, and how their rows are read.
        data: Other files than the source's, and how large the online slice is.
        work_dir: Folder where the command runs, for relative paths.
        stage: What reads the files; by default `stage_files`, which needs a running Ray.
        expire_days: Days after which the content of refused rows is emptied; None keeps it.

    Raises:
        SourceError: The files cannot be found or read at all, or hold no usable row; or the mapping changed and files
            that were ingested before are gone.
        RefusedError: Checks found more than `quality.limits` allow; nothing was changed.
        StorageError: The sums do not add up.
        ConflictError: Another ingestion finished first; nothing was changed, and what was read is kept for the next.
    """
    source, now = reading.source, datetime.now(UTC)
    checks = reading.checks(now)  # before anything is read: a wrong setting is told at once
    files = find_files(source, data.raw_file, [storage.uri(bucket), str(work_dir)])
    head = read_head(storage, bucket)
    before = _load(storage, bucket, head)
    kept = _kept_files(before, files, reading, data)
    prints = {fingerprint(file, reading): file for file in files}
    known = {staged.fingerprint for staged in kept}
    new = {print_: file for print_, file in prints.items() if print_ not in known}
    if expire_days is not None:
        kept = expire(storage, bucket, kept, expire_days, now)
    if not new and before is not None and kept == before.files:
        logs.get("data").info("{} is ingested already: {} tickets", source.name, before.result.offline.num_rows)
        return before.result
    staged = (stage or stage_files)(storage, bucket, new, reading)
    _refuse_useless(storage, source, staged, is_first=not kept)
    quality = _judge(checks, staged, reading, now)
    quality.refuse_if_exceeded()
    files_now = [*_still_valid(kept, staged), *(replace(of, tally="") for of in staged)]
    done = replace(
        _resolve(storage, bucket, reading, files_now, before, data.online_rows),
        quality=quality,
        new_files=tuple(staged),
    )
    commit(storage, bucket, head, list(done.tables.values()))
    for print_ in new:
        storage.delete(staged_key(bucket, print_))
    logs.get("data").info("{}", done)
    return done


def repair_quarantine(
    storage: Storage, bucket: str, reading: Reading, data: DataConfig, lines: Sequence[bytes]
) -> tuple[Ingested, Repaired]:
    """Take repaired rows back: those that can be used leave the quarantine and become tickets.

    Raises:
        SourceError: A line is wrong, or the source is read otherwise than before.
        StorageError: Nothing was ingested yet, or the sums do not add up.
        ConflictError: Another ingestion finished first; nothing was changed.
    """
    head = read_head(storage, bucket)
    before = _load(storage, bucket, head)
    if before is None:
        raise StorageError(f"{storage.uri(bucket)}: nothing was ingested yet; run jobs/ingest.py first")
    if before.mapping != reading.digest:
        raise SourceError(f"source {reading.source.name!r} is read otherwise than before; run jobs/ingest.py first")
    repaired = repair(storage, bucket, before.files, lines, reading, datetime.now(UTC))
    if not repaired.num_accepted:
        return before.result, repaired
    done = _resolve(storage, bucket, reading, repaired.files, before, data.online_rows)
    commit(storage, bucket, head, list(done.tables.values()))
    return done, repaired


def ingest_and_publish(storage: Storage, config: TicketsConfig, work_dir: Path, connect: Connect) -> Ingested:
    """Ingest, and bring the newest tickets to the online store where that does not hold them yet.

    Args:
        storage: The root.
        config: Source, data and bucket.
        work_dir: Folder where the command runs, for relative paths.
        connect: Opens the online store.
    """
    days = config.quarantine.expire_days
    done = ingest(storage, config.bucket, reading_of(config), config.data, work_dir, expire_days=days)
    if config.source.comments:
        from tickets.data.comments import ingest_comments

        ingest_comments(storage, config.bucket, reading_of(config), config.source.comments, config.data, work_dir)
    fill(storage, config.bucket, connect())
    return done


def reading_of(config: TicketsConfig) -> Reading:
    """How the configured source is read."""
    data = config.data
    return Reading(config.source, config.cleaning, config.quality, data.batch_rows, data.mask_quarantine)


def stage_files(storage: Storage, bucket: str, files: Mapping[str, SourceFile], reading: Reading) -> list[Staged]:
    """Read files side by side, in the order of their names.

    Args:
        storage: The root.
        bucket: Folder under it.
        files: Fingerprint → file.
        reading: How their rows are read.
    """
    import ray

    now, root = datetime.now(UTC), storage.root

    def stage(batch: Any) -> Iterator[dict[str, list[Any]]]:
        for print_, item in zip(batch["print"], batch["file"], strict=True):
            file = SourceFile(**orjson.loads(item))
            told = time.monotonic()
            for said in stage_file(Storage(root), bucket, file, print_, reading, now):
                if not isinstance(said, Staged) and time.monotonic() - told < _SHOW_EVERY_S / 2:
                    continue
                told = time.monotonic()
                is_end = isinstance(said, Staged)
                rows_read = said.rows_in if isinstance(said, Staged) else said
                content = orjson.dumps(asdict(said)).decode() if isinstance(said, Staged) else ""
                yield {"print": [print_], "rows": [rows_read], "is_end": [is_end], "staged": [content]}

    if not files:
        return []
    names = [{"print": print_, "file": orjson.dumps(asdict(file)).decode()} for print_, file in files.items()]
    context = ray.data.DataContext.get_current().copy()
    context.target_max_block_size = 1  # every word of progress travels at once, instead of waiting for a large block
    with ray.data.DataContext.current(context):
        listed = ray.data.from_items(names, override_num_blocks=len(names))
        plan = listed.map_batches(stage, batch_size=1, batch_format="numpy", num_cpus=0.5)
    staged: list[Staged] = []
    rows: Counter[str] = Counter()
    shown = time.monotonic()
    for said in plan.iter_rows():
        rows[said["print"]] = said["rows"]
        if said["is_end"]:
            staged.append(Staged.from_json(orjson.loads(said["staged"])))
        if time.monotonic() - shown > _SHOW_EVERY_S:
            shown = time.monotonic()
            logs.get("data").info("{} rows read, {} of {} files done", rows.total(), len(staged), len(names))
    return sorted(staged, key=lambda of: (of.name, of.fingerprint))


def read_tickets(files: Sequence[SourceFile], source: SourceConfig, batch_rows: int) -> Any:
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


def load_ingested(storage: Storage, bucket: str) -> Ingested | None:
    """What the bucket's tables hold; None before the first ingestion."""
    before = _load(storage, bucket, read_head(storage, bucket))
    return before.result if before else None


@dataclass(frozen=True)
class _Before:
    """The tables as an earlier run left them."""

    files: list[Staged]
    result: Ingested
    mapping: str


def _load(storage: Storage, bucket: str, head: Head) -> _Before | None:
    if not set(TABLES) <= set(head.tables):
        return None
    tables = {name: load_snapshot(storage, f"{bucket}/{name}", head.tables[name]) for name in TABLES}
    meta = tables["bronze"].meta
    parts = {name: iter(tables[name].parts) for name in ("bronze", "quarantine")}
    files = []
    for record in meta["files"]:
        own = {name: [asdict(next(parts[name])) for _ in range(record[name])] for name in parts}
        files.append(Staged.from_json({**record, **own}))
    return _Before(files, Ingested(tables, **meta["sums"]), meta["mapping"])


def _kept_files(
    before: _Before | None, files: Sequence[SourceFile], reading: Reading, data: DataConfig
) -> list[Staged]:
    """What earlier runs read and what still counts."""
    if before is None or data.rebuild:
        return []
    if before.mapping == reading.digest:
        return before.files
    here = {file.name for file in files}
    if gone := sorted({staged.name for staged in before.files} - here):
        raise SourceError(
            f"source {reading.source.name!r} is read otherwise than before, so all files have to be read again, and "
            f"{len(gone)} of them are gone: {', '.join(gone[:3])}; bring them back, or set data.rebuild=true to do "
            "without them, or data.bucket=… to start another bucket"
        )
    return []


def _refuse_useless(storage: Storage, source: SourceConfig, staged: Sequence[Staged], is_first: bool) -> None:
    """Stop where none of the new rows can be used: the mapping is wrong, rather than all of them.

    Raises:
        SourceError: So it is; says why, and where the rows are.
    """
    rows_in = sum(of.rows_in for of in staged)
    if any(of.bronze for of in staged) or not (rows_in or is_first):
        return
    reasons = Counter[str]()
    for of in staged:
        reasons.update(of.reasons)
    why = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3)) or "empty"
    places = ", ".join(storage.uri(part.key) for of in staged[:3] for part in of.quarantine)
    raise SourceError(
        f"source {source.name!r}: no usable row among {rows_in}: {why}; check source.delimiter, source.format and "
        f"source.fields{f'; the rows are in {places}' if places else ''}"
    )


def _judge(checks: Checks, staged: Sequence[Staged], reading: Reading, now: datetime) -> QualityReport:
    """What the checks found in the rows of this run."""
    tally = Tally.empty(reading.quality)
    for of in staged:
        tally.merge(Tally.model_validate_json(of.tally))
    mapper = TicketMapper(reading.source)
    fields = (*FIELDS, *own_fields(reading.source))
    return build_report(checks, tally, fields, reading.source.name, now, mapped=mapper.used_columns)


def _still_valid(kept: Sequence[Staged], staged: Sequence[Staged]) -> list[Staged]:
    """A changed file whose rows have no ids of their own takes the place of what it gave before.

    With ids the former rows are former versions, and stay.
    """
    replaced = {of.name for of in staged if of.num_made_ids}
    return [of for of in kept if of.name not in replaced]


def _resolve(
    storage: Storage,
    bucket: str,
    reading: Reading,
    files: Sequence[Staged],
    before: _Before | None,
    online_rows: int,
) -> Ingested:
    """Snapshots of all tables, not yet visible, from what the files gave; checks that the sums add up."""
    source = reading.source
    files = sorted(files, key=lambda of: (of.name, of.fingerprint))
    parts = [part for of in files for part in of.bronze]
    refused = [part for of in files for part in of.quarantine]
    marks, reasons, changed = Counter[str](), Counter[str](), Counter[str]()
    for of in files:
        marks.update(of.marks)
        reasons.update(of.reasons)
        changed.update(of.changed)
    rows_in = sum(of.rows_in for of in files)
    nothing = [] if refused else [write_part(storage, bucket, UNDATED, QUARANTINE_SCHEMA.empty_table(), private=True)]
    quarantine = save_snapshot(storage, f"{bucket}/quarantine", refused or nothing, {"source": source.name})
    latest = find_latest(storage, parts, source.events)
    offline_parts = write_latest(
        storage, bucket, parts, latest, before.result.offline.parts if before else (), creation_columns(source)
    )
    added = _added(files, parts, latest, before)
    sums: dict[str, Any] = {
        "rows_in": rows_in,
        "num_superseded": latest.num_superseded,
        "num_duplicates": latest.num_duplicates,
        "marks": dict(marks),
        "reasons": dict(reasons),
        "rule": latest.rule,
        "changed": dict(changed),
    }
    records = [{**asdict(of), "bronze": len(of.bronze), "quarantine": len(of.quarantine)} for of in files]
    meta = {"source": source.name, "mapping": reading.digest, "files": records, "sums": sums}
    bronze = save_snapshot(storage, f"{bucket}/bronze", parts, meta)
    made_from = {"source": source.name, "bronze": bronze.id}
    offline = save_snapshot(storage, f"{bucket}/offline", offline_parts, made_from)
    online = save_snapshot(
        storage, f"{bucket}/online", write_newest(storage, bucket, offline_parts, online_rows), {"offline": offline.id}
    )
    tables = {"bronze": bronze, "quarantine": quarantine, "offline": offline, "online": online}
    return _checked(Ingested(tables, **sums, added=added))


def _added(files: Sequence[Staged], parts: Sequence[Part], latest: Latest, before: _Before | None) -> dict[str, int]:
    """What the files that were not there before brought."""
    known = {of.fingerprint for of in before.files} if before else set()
    new = [of for of in files if of.fingerprint not in known]
    new_parts = {part.key for of in new for part in of.bronze}
    num_latest = sum(int(keep.sum()) for part, keep in zip(parts, latest.keep, strict=True) if part.key in new_parts)
    tickets = sum(int(keep.sum()) for keep in latest.keep)
    inserts = max(tickets - (before.result.offline.num_rows if before else 0), 0)
    return {
        "files": len(new),
        "rows": sum(of.rows_in for of in new),
        "inserts": inserts,
        "updates": max(num_latest - inserts, 0),
        "duplicates": latest.num_duplicates - (before.result.num_duplicates if before else 0),
    }


def _joined(tickets: pa.Table, quarantine: pa.Table) -> pa.Table:
    """Both kinds of rows in one table, so that one pass over the files yields them."""
    nulls = pa.nulls(tickets.num_rows, pa.string())
    good = tickets.append_column(_REFUSED, nulls).append_column("original", nulls.cast(pa.binary()))
    bad = quarantine.rename_columns({"reason": _REFUSED})
    return pa.concat_tables([good, bad], promote_options="default")


def _checked(ingested: Ingested) -> Ingested:
    tables = {name: snapshot.num_rows for name, snapshot in ingested.tables.items()}
    lost = ingested.rows_in - tables["bronze"] - tables["quarantine"]
    gone = tables["bronze"] - tables["offline"] - ingested.num_superseded - ingested.num_duplicates
    if lost or gone:
        raise StorageError(
            f"{ingested.rows_in} rows were read, {tables} written, {ingested.num_superseded} superseded and "
            f"{ingested.num_duplicates} repeated: the sums do not add up ({lost} and {gone} are missing)"
        )
    return ingested
