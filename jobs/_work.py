"""The tickets and the folder that a training works with: new ones, or those of a run that was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from _audit import look
from _entry import Job
from _tables import bring_tables

from tickets import logs
from tickets.config import TicketsConfig
from tickets.train.audit_tickets import sweeping, without_noise
from tickets.train.notes import load_notes, save_notes
from tickets.train.resume import Work, begin, take_up


@contextmanager
def open_work(job: Job) -> Iterator[tuple[Work, TicketsConfig]]:
    """Ingest and audit, or with `resume` take up what a run that was cut off had reached; starts or joins Ray.

    Returns:
        The folder, and the settings without the sweeps that the audit advises against.

    Raises:
        RefusedError: Each target that would be swept is noise.
        TicketsError: As `bring_tables`, `look` and `take_up`.
    """
    config, storage = job.config, job.storage
    if config.resume is not None:
        with take_up(storage, job.bucket, config.resume, config) as work:
            logs.get("ml").info("taking up run {} on the offline tickets {}", work.run_id, work.snapshot.id)
            job.report.result["audit"] = load_notes(storage, job.bucket, work.run_id)["audit"]
            job.connect()
            yield work, sweeping(config, work.sweep_targets)
        return
    offline = bring_tables(job).offline
    audit = look(job, offline)
    job.report.result["audit"] = [of.to_json() for of in audit.targets]
    save_notes(storage, job.bucket, job.report.run_id, job.report.result["audit"])
    advised = without_noise(config, audit)
    with begin(storage, job.bucket, job.report.run_id, offline, config, advised.model.sweep_targets) as work:
        job.report.next = [job.command("train", "resume=latest")]  # what to do should this run be cut off
        yield work, advised
