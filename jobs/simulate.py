#!/usr/bin/env python3
"""Write a simulated export with planted truth, and a few unseen tickets to try predictions on."""

import orjson
from _entry import Job, run_job

from tickets.data.simulate import simulate
from tickets.data.tables import TABLES
from tickets.events import Saved
from tickets.snapshots import commit, load_snapshot, read_head


def main(job: Job) -> None:
    """Write tickets, unseen tickets and truth into the bucket's `raw/` folder."""
    simulation = simulate(job.config.simulate)
    files = {
        "tickets": ("simulated.jsonl", _lines(simulation.tickets)),
        "unseen": ("unseen.jsonl", _lines(simulation.unseen)),
        "truth": ("simulated.truth.json", simulation.truth.to_json().encode()),
    }
    forget_other_history(job, files["tickets"][1])
    for what, (name, content) in files.items():
        key = f"{job.bucket}/raw/{name}"
        job.storage.write_bytes(key, content)
        job.emit(Saved(what=what, uri=job.storage.uri(key)))
    job.report.result = {"tickets": len(simulation.tickets), "ceilings": simulation.truth.ceilings}
    job.report.next = [job.command("train")]


def forget_other_history(job: Job, tickets: bytes) -> None:
    """Start the tables anew where another history was simulated before: its tickets have the same ids."""
    key, head = f"{job.bucket}/raw/simulated.jsonl", read_head(job.storage, job.bucket)
    if "bronze" not in head.tables or not job.storage.exists(key) or job.storage.read_bytes(key) == tickets:
        return
    bronze = load_snapshot(job.storage, f"{job.bucket}/bronze")
    if bronze.meta["source"] == job.config.source.name:
        commit(job.storage, job.bucket, head, [], forget=TABLES)


def _lines(rows: list[dict[str, object]]) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


if __name__ == "__main__":
    run_job("simulate", main)
