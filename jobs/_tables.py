"""Bringing a source's files into the bucket's tables, for every job that starts from them; says what it did."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from _entry import Job

from tickets.data.ingest import Ingested, ingest_and_publish
from tickets.events import Checked, Loaded, Published
from tickets.online import connect


def bring_tables(job: Job) -> Ingested:
    """Ingest what was not ingested yet, and fill the online store.

    Raises:
        TicketsError: As `ingest_and_publish`.
    """
    config, storage = job.config, job.storage
    done = ingest_and_publish(storage, config, Path.cwd(), partial(connect, config.redis, storage.work_dir))
    for file in done.new_files:
        job.emit(Loaded(what="source", uri=file.name, rows=file.rows_in))
    if done.quality is not None:
        figures = {check.name: check.num_found for check in done.quality.checks if check.num_found}
        job.emit(Checked(what="quality", passed=True, figures=figures))
    for name, snapshot in done.tables.items():
        job.emit(Published(what=name, uri=storage.uri(snapshot.key), rows=snapshot.num_rows))
    return done
