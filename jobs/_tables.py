"""Bringing a source's files into the bucket's tables, for every job that starts from them; says what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from _entry import Job

from tickets.data.comments import ingest_comments
from tickets.data.ingest import ingest, reading_of
from tickets.data.tables import Ingested
from tickets.events import Checked, Loaded, Published, Saved
from tickets.online import connect, fill
from tickets.page import render
from tickets.quality.report import QualityReport
from tickets.quality.report_page import build_page

_MASKED_EXPIRE_DAYS: Final = 30
"""Default age of masked refused rows, at which they are emptied."""


def bring_tables(job: Job, online: bool = True) -> Ingested:
    """Ingest what was not ingested yet; its events are noted before the online store is filled, which may be away.

    Args:
        job: The job that asks.
        online: Whether to fill the online store.

    Raises:
        TicketsError: As `ingest`, `ingest_comments` and `fill`.
    """
    config, storage, reading = job.config, job.storage, reading_of(job.config)

    def judged(report: QualityReport) -> None:
        save_quality(job, report)

    days = config.quarantine.expire_days or (_MASKED_EXPIRE_DAYS if config.data.mask_quarantine else None)
    done = ingest(storage, job.bucket, reading, config.data, Path.cwd(), expire_days=days, judged=judged)
    for file in done.new_files:
        job.emit(Loaded(what="source", uri=file.name, rows=file.rows_in))
    for name, snapshot in done.tables.items():
        place = {"what": name, "uri": storage.uri(snapshot.key), "rows": snapshot.num_rows}
        job.emit(Loaded.model_validate(place) if done.reused else Published.model_validate(place))
    job.report.made |= {name: f"{storage.uri(of.key)} ({of.num_rows} rows)" for name, of in done.tables.items()}
    if config.source.comments:
        comments = config.source.comments
        found = ingest_comments(storage, job.bucket, reading, comments, config.data, Path.cwd(), expire_days=days)
        job.emit(Saved(what="comments", uri=storage.uri(found.snapshot.key), rows=found.snapshot.num_rows))
    if online:
        fill(storage, job.bucket, connect(config.redis, storage.work_dir))
    return done


def save_quality(job: Job, report: QualityReport) -> None:
    """Write what the checks found as JSON and as a page, and note it."""
    places = {"quality": f"{job.run_key}/quality.json", "quality page": f"{job.run_key}/quality.html"}
    job.storage.write_json(places["quality"], report.model_dump(mode="json"))
    job.storage.write_bytes(places["quality page"], render(build_page(report)))
    for name, key in places.items():
        job.emit(Saved(what=name, uri=job.storage.uri(key)))
    figures = {check.name: check.num_found for check in report.checks if check.num_found}
    job.emit(Checked(what="quality", passed=not report.exceeded, figures=figures))
