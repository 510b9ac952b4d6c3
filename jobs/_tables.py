"""Bringing a source's files into the bucket's tables and the online store, for every job that starts from them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from _entry import Job

from tickets import logs
from tickets.data.comments import ingest_comments
from tickets.data.ingest import ingest, reading_of
from tickets.data.mapping import own_fields
from tickets.data.sources import find_files
from tickets.data.tables import Ingested
from tickets.errors import OnlineStoreError
from tickets.events import Checked, Loaded, Published, Saved
from tickets.features.state import select_fields
from tickets.online import connect, fill
from tickets.page import render
from tickets.quality.report import QualityReport
from tickets.quality.report_page import build_page

_MASKED_EXPIRE_DAYS: Final = 30
"""Default age of masked refused rows, at which they are emptied."""


def bring_tables(job: Job, online: bool = True) -> Ingested:
    """Ingest what was not ingested yet, in a Ray that is joined or started for it, and note it in the job's report.

    That is done before the online store is filled, which may be away.

    Args:
        job: The job that asks.
        online: Whether to fill the online store.

    Raises:
        TicketsError: As `ingest`, `ingest_comments` and `fill`.
    """
    config, storage, reading = job.config, job.storage, reading_of(job.config)

    def judged(report: QualityReport) -> None:
        save_quality(job, report)

    _look_before_ray(job)
    job.connect()
    days = config.quarantine.expire_days or (_MASKED_EXPIRE_DAYS if config.data.mask_quarantine else None)
    done = ingest(storage, job.bucket, reading, config.data, Path.cwd(), expire_days=days, judged=judged)
    for file in done.new_files:
        job.emit(Loaded(what="source", uri=file.name, rows=file.rows_in))
    for name, snapshot in done.tables.items():
        place = {"what": name, "uri": storage.uri(snapshot.key), "rows": snapshot.num_rows}
        job.emit(Loaded.model_validate(place) if done.reused else Published.model_validate(place))
    job.report.made |= {name: f"{storage.uri(of.key)} ({of.num_rows} rows)" for name, of in done.tables.items()}
    job.report.result["ingest"] = done.summary()
    if (comments := config.source.comments) is not None:
        found = ingest_comments(storage, job.bucket, reading, comments, config.data, Path.cwd(), expire_days=days)
        job.emit(Saved(what="comments", uri=storage.uri(found.snapshot.key), rows=found.snapshot.num_rows))
        job.report.result["comments"] = found.summary()
    if online:
        fill_online(job)
    return done


def fill_online(job: Job) -> None:
    """Bring the newest tickets to the online store.

    Raises:
        OnlineStoreError: It is away; says that the tables are there all the same.
    """
    try:
        fill(job.storage, job.bucket, connect(job.config.redis, job.storage.work_dir))
    except OnlineStoreError as error:
        raise OnlineStoreError(
            f"{error.message}; the tables are published and the online store alone is behind: run the job again once "
            "it is back, or let a reader fill it"
        ) from error


def _look_before_ray(job: Job) -> None:
    """Find out what is wrong with settings and paths before Ray takes its time to start.

    Raises:
        ConfigError: A check or a cleaning step cannot be built, or a model is to read what it may not.
        SourceError: There is nothing to read.
    """
    config = job.config
    reading_of(config).checks(datetime.now(UTC))
    select_fields(config.features, own_fields(config.source), config.source.targets)
    find_files(config.source, config.data.raw_file, [job.storage.uri(job.bucket), str(Path.cwd())])


def save_quality(job: Job, report: QualityReport) -> None:
    """Write what the checks found as JSON and as a page, and note it; what was surely not meant is told at once."""
    for warning in report.warnings:
        logs.get("data").warning("{}", warning)
    places = {"quality": f"{job.run_key}/quality.json", "quality page": f"{job.run_key}/quality.html"}
    job.storage.write_json(places["quality"], report.model_dump(mode="json"))
    job.storage.write_bytes(places["quality page"], render(build_page(report)))
    for name, key in places.items():
        job.emit(Saved(what=name, uri=job.storage.uri(key)))
    figures = {check.name: check.num_found for check in report.checks if check.num_found}
    job.emit(Checked(what="quality", passed=not report.exceeded, figures=figures))
