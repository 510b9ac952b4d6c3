#!/usr/bin/env python3
"""Write a simulated export with planted truth, and a few unseen tickets to try predictions on."""

import orjson
from _entry import Job, run_job

from tickets.data.simulate import simulate


def main(job: Job) -> None:
    """Write tickets, unseen tickets and truth into the bucket's `raw/` folder."""
    simulation = simulate(job.config.simulate)
    files = {
        "tickets": ("simulated.jsonl", _lines(simulation.tickets)),
        "unseen": ("unseen.jsonl", _lines(simulation.unseen)),
        "truth": ("simulated.truth.json", simulation.truth.to_json().encode()),
    }
    for what, (name, content) in files.items():
        key = f"{job.bucket}/raw/{name}"
        job.storage.write_bytes(key, content)
        job.report.made[what] = job.storage.uri(key)
    job.report.result = {"tickets": len(simulation.tickets), "ceilings": simulation.truth.ceilings}
    job.report.next = [job.command("train")]


def _lines(rows: list[dict[str, object]]) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


if __name__ == "__main__":
    run_job("simulate", main)
