"""The tickets and the folder that a training works with: new ones, or those of a run that was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from _entry import Job
from _tables import bring_tables

from tickets import logs
from tickets.train.audit import format_audits
from tickets.train.notes import save_notes
from tickets.train.prepare import audit_targets
from tickets.train.resume import Work, begin, take_up


@contextmanager
def open_work(job: Job) -> Iterator[Work]:
    """Ingest and audit, or with `resume` take up what a run that was cut off had reached; starts or joins Ray.

    Raises:
        TicketsError: As `bring_tables`, `audit_targets` and `take_up`.
    """
    config, storage = job.config, job.storage
    if config.resume is not None:
        with take_up(storage, job.bucket, config.resume, config) as work:
            logs.get("ml").info("taking up run {} on the offline tickets {}", work.run_id, work.snapshot.id)
            job.connect()
            yield work
        return
    offline = bring_tables(job).offline
    audits = audit_targets(storage, offline, config)
    job.tell(format_audits(audits))
    job.report.result["audit"] = [audit.to_json() for audit in audits]
    save_notes(storage, job.bucket, job.report.run_id, job.report.result["audit"])
    with begin(storage, job.bucket, job.report.run_id, offline, config) as work:
        job.report.next = [job.command("train", "resume=latest")]  # what to do should this run be cut off
        yield work
