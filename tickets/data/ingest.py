"""An export becomes tables: bronze (every version), quarantine (refused rows), offline (latest), online (newest).

Files are read side by side (`parallel.py`), those alone that are new or changed (`increment.py`); then the latest
versions are found (`tables.py`), and readers see all tables at one moment. It does not know models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tickets import logs
from tickets.config import DataConfig, TicketsConfig
from tickets.data.increment import StageFiles, forget_staged, plan_increment, read_increment, together
from tickets.data.mapping import TicketMapper, own_fields
from tickets.data.parallel import stage_files
from tickets.data.quarantine import Repaired, expire, forget_contents, forget_unpublished, repair
from tickets.data.repaired import repaired_files, repaired_ids
from tickets.data.sources import find_files
from tickets.data.staged import Staged, without_refused
from tickets.data.tables import Ingested, load_tables, resolve
from tickets.data.treatment import Reading
from tickets.errors import SourceError, StorageError
from tickets.quality.assemble import build_report
from tickets.quality.checks import Checks
from tickets.quality.report import QualityReport
from tickets.quality.tally import Tally
from tickets.schema import FIELDS
from tickets.snapshots import commit, read_head
from tickets.storage import Storage

Judged = Callable[[QualityReport], None]
"""Told what the checks found in new rows, before it is decided whether they are taken."""


def ingest(
    storage: Storage,
    bucket: str,
    reading: Reading,
    data: DataConfig,
    work_dir: Path,
    stage: StageFiles = stage_files,
    expire_days: int | None = None,
    judged: Judged = lambda report: None,
) -> Ingested:
    """Bring the source's files into the bucket's tables, those that were not brought before.

    Args:
        storage: The root.
        bucket: Folder under it.
        reading: Which files, and how their rows are read.
        data: Other files than the source's, and how large the online slice is.
        work_dir: Folder where the command runs, for relative paths.
        stage: What reads the files; by default Ray does, which must run.
        expire_days: Days after which the content of refused rows is emptied; None keeps it.
        judged: Told what the checks found.

    Raises:
        SourceError: The files cannot be found or read at all, or a first ingestion holds no usable row; or rows are
            read otherwise than before and files that were ingested are gone.
        RefusedError: Checks found more than `quality.limits` allow; nothing was changed.
        StorageError: The sums do not add up.
        ConflictError: Another ingestion finished first; nothing was changed.
    """
    source, now = reading.source, datetime.now(UTC)
    checks = reading.checks(now)  # before anything is read: a wrong setting is told at once
    files = [*find_files(source, data.raw_file, [storage.uri(bucket), str(work_dir)]), *repaired_files(storage, bucket)]
    head = read_head(storage, bucket)
    before = load_tables(storage, bucket, head)
    increment = plan_increment(
        before.files if before else [], before.reading if before else "", files, reading, data.rebuild
    )
    kept = increment.kept if expire_days is None else expire(storage, bucket, increment.kept, expire_days, now)
    if any(file.format == "repaired" for file in increment.new.values()):  # a repair was killed before its end
        kept = [without_refused(storage, bucket, of, repaired_ids(storage, bucket)) for of in kept]
    if before and expire_days is not None:
        forget_unpublished(storage, bucket, head, expire_days)
        forget_contents(storage, before.result.tables["quarantine"])  # what a repair or a killed run left behind
    if before and not increment.new and kept == before.files and before.online_rows == data.online_rows:
        logs.get("data").info("{} is ingested already: {} tickets", source.name, before.result.offline.num_rows)
        return before.result
    staged = read_increment(storage, bucket, increment, reading, stage)
    if not any(of.bronze for of in (*kept, *staged)):
        raise SourceError(_useless(storage, source.name, staged))
    quality = _report(checks, staged, reading, now)
    judged(quality)
    quality.refuse_if_exceeded("nothing was published")
    everything = together(storage, bucket, kept, [replace(of, tally="") for of in staged])
    done = resolve(storage, bucket, reading, everything, before, data.online_rows)
    commit(storage, bucket, head, list(done.tables.values()))
    forget_staged(storage, bucket, {of.fingerprint for of in everything})
    if expire_days is not None:
        forget_contents(storage, done.tables["quarantine"])
    logs.get("data").info("{}", done)
    return replace(done, quality=quality, new_files=tuple(staged))


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
    before = load_tables(storage, bucket, head)
    if before is None:
        raise StorageError(f"{storage.uri(bucket)}: nothing was ingested yet; run jobs/ingest.py first")
    if before.reading != reading.digest:
        raise SourceError(f"source {reading.source.name!r} is read otherwise than before; run jobs/ingest.py first")
    repaired = repair(storage, bucket, before.files, lines, reading, datetime.now(UTC))
    if not repaired.num_accepted:
        return before.result, repaired
    done = resolve(storage, bucket, reading, repaired.files, before, data.online_rows)
    if done.rows_in != before.result.rows_in:
        raise StorageError(
            f"{before.result.rows_in} rows before the repair, {done.rows_in} after it; nothing was changed"
        )
    commit(storage, bucket, head, list(done.tables.values()))
    forget_staged(storage, bucket, {of.fingerprint for of in repaired.files})
    return done, repaired


def reading_of(config: TicketsConfig) -> Reading:
    """How the configured source is read."""
    data = config.data
    return Reading(config.source, config.cleaning, config.quality, data.batch_rows, data.mask_quarantine)


def _useless(storage: Storage, name: str, staged: Sequence[Staged]) -> str:
    """Why no row can be used, and where they are."""
    rows_in = sum(of.rows_in for of in staged)
    reasons = {reason: count for of in staged for reason, count in of.reasons.items()}
    why = ", ".join(f"{reason} ({count})" for reason, count in list(reasons.items())[:3]) or "empty"
    places = ", ".join(storage.uri(part.key) for of in staged[:3] for part in of.quarantine)
    return (
        f"source {name!r}: no usable row among {rows_in}: {why}; check source.delimiter, source.format, "
        f"source.encoding and source.fields{f'; the rows are in {places}' if places else ''}"
    )


def _report(checks: Checks, staged: Sequence[Staged], reading: Reading, now: datetime) -> QualityReport:
    """What the checks found in the rows of this run."""
    tally = Tally.empty(reading.quality)
    for of in staged:
        tally.merge(Tally.model_validate_json(of.tally))
    mapper = TicketMapper(reading.source)
    fields = (*FIELDS, *own_fields(reading.source))
    return build_report(checks, tally, fields, reading.source.name, now, mapped=mapper.used_columns)
