#!/usr/bin/env python3
"""Bring an export into the platform: files → bronze, quarantine, offline; the latest tickets → the online store."""

from _entry import Job, run_job
from _tables import bring_tables


def main(job: Job) -> None:
    """Ingest what was not ingested yet, and publish the online slice."""
    done = bring_tables(job)
    job.tell(str(done))
    job.report.next = [job.command("check"), job.command("audit"), job.command("train")]


if __name__ == "__main__":
    run_job("ingest", main)
