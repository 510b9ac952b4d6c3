#!/usr/bin/env python3
"""Bring an export into the platform: files → bronze, quarantine, offline; the latest tickets → the online store."""

from functools import partial
from pathlib import Path

from _entry import Job, run_job

from tickets.data.ingest import ingest_and_publish
from tickets.online import connect


def main(job: Job) -> None:
    """Ingest what was not ingested yet, and publish the online slice."""
    config, storage = job.config, job.storage
    job.connect()
    done = ingest_and_publish(storage, config, Path.cwd(), partial(connect, config.redis, storage.work_dir))
    job.report.made = {
        name: f"{storage.uri(snapshot.key)} ({snapshot.num_rows} rows)" for name, snapshot in done.tables.items()
    }
    job.report.result = done.summary()
    job.report.next = [job.command("audit"), job.command("train")]


if __name__ == "__main__":
    run_job("ingest", main)
