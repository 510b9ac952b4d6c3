#!/usr/bin/env python3
"""What is wrong with the tickets that were ingested, how much of it, and what to do; JSON and a page."""

from datetime import UTC, datetime

from _entry import Job, run_job

from tickets.data.ingest import reading_of
from tickets.data.inspect import inspect_tickets
from tickets.events import Checked, Saved
from tickets.page import render
from tickets.quality.report_page import build_page


def main(job: Job) -> None:
    """Check everything, write both forms, and refuse where a limit is exceeded."""
    report = inspect_tickets(job.storage, job.bucket, reading_of(job.config), datetime.now(UTC))
    places = {"quality": f"{job.run_key}/quality.json", "page": f"{job.run_key}/quality.html"}
    job.storage.write_json(places["quality"], report.model_dump(mode="json"))
    job.storage.write_bytes(places["page"], render(build_page(report)))
    job.tell("\n".join(report.summary()))
    for name, key in places.items():
        job.emit(Saved(what=name, uri=job.storage.uri(key)))
    job.report.result = {"tickets": report.num_tickets, "refused": report.num_refused, "marked": report.num_marked}
    job.emit(Checked(what="quality", passed=not report.exceeded, figures=job.report.result))
    job.report.next = [job.command("analyze"), job.command("train")]
    report.refuse_if_exceeded()


if __name__ == "__main__":
    run_job("check", main)
