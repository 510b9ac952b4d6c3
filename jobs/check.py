#!/usr/bin/env python3
"""What is wrong with the tickets that were ingested, how much of it, and what to do; JSON and a page."""

from datetime import UTC, datetime

from _entry import Job, run_job
from _tables import save_quality

from tickets.data.ingest import reading_of
from tickets.data.inspect import inspect_tickets


def main(job: Job) -> None:
    """Check everything, write both forms, and refuse where a limit is exceeded."""
    report = inspect_tickets(job.storage, job.bucket, reading_of(job.config), datetime.now(UTC))
    save_quality(job, report)
    job.tell("\n".join(report.summary()))
    job.report.result = {"tickets": report.num_tickets, "refused": report.num_refused, "marked": report.num_marked}
    job.report.next = [job.command("analyze"), job.command("train")]
    report.refuse_if_exceeded("they need attention; the tables stay as they are")


if __name__ == "__main__":
    run_job("check", main)
