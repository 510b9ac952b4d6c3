#!/usr/bin/env python3
"""What the latest tickets say of the service: speed, satisfaction, service levels, backlog; JSON and a page."""

from datetime import UTC, datetime

from _entry import Job, run_job

from tickets.analytics import analyze, to_page
from tickets.events import Loaded, Saved
from tickets.page import render
from tickets.snapshots import load_snapshot, read_columns, read_table


def main(job: Job) -> None:
    """Read the columns that are needed, compute, write both forms."""
    storage, config = job.storage, job.config.analytics
    offline = load_snapshot(storage, f"{job.bucket}/offline")
    names = read_columns(storage, offline)
    table = read_table(storage, offline, [name for name in names if name in config.reads])
    found = analyze(table, config, datetime.now(UTC), names)
    places = {"analytics": f"{job.run_key}/analytics.json", "page": f"{job.run_key}/analytics.html"}
    storage.write_json(places["analytics"], {"offline": offline.id, **found.model_dump(mode="json")})
    storage.write_bytes(places["page"], render(to_page(found, f"Ticket analytics: {job.bucket}")))
    job.emit(Loaded(what="offline", uri=storage.uri(offline.key), rows=table.num_rows))
    for name, key in places.items():
        job.emit(Saved(what=name, uri=storage.uri(key)))
    job.report.result = {
        "offline": offline.id,
        "tickets": table.num_rows,
        "absent": [of.model_dump() for of in found.absent],
    }
    job.report.next = [job.command("check"), job.command("train")]


if __name__ == "__main__":
    run_job("analyze", main)
