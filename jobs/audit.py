#!/usr/bin/env python3
"""Say what can be learned, before any model is: floor, ceiling, baseline, leaks, drift, volume; table, JSON, page."""

from _audit import look
from _entry import Job, run_job
from _tables import bring_tables


def main(job: Job) -> None:
    """Ingest what was not ingested yet, then audit every target."""
    audit = look(job, bring_tables(job, online=False).offline)
    job.report.result |= {
        "targets": {of.target: of.to_json() for of in audit.targets},
        "split": {
            "kind": audit.split_kind,
            "note": audit.split_note,
            "rows": audit.split_rows,
            "error": audit.split_error,
        },
        "overlap": audit.to_json()["overlap"],
    }
    job.report.next = [job.command("train")]


if __name__ == "__main__":
    run_job("audit", main)
