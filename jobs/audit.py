#!/usr/bin/env python3
"""Say what can be learned, before any model is: majority floor, ceiling, quick baseline, verdict per target."""

from _entry import Job, run_job
from _tables import bring_tables

from tickets.train.audit import format_audits
from tickets.train.prepare import audit_targets


def main(job: Job) -> None:
    """Ingest what was not ingested yet, then audit every target."""
    config = job.config
    done = bring_tables(job, online=False)
    audits = audit_targets(job.storage, done.offline, config)
    job.tell(format_audits(audits))
    job.report.result["targets"] = {audit.target: audit.to_json() for audit in audits}
    job.report.next = [job.command("train")]


if __name__ == "__main__":
    run_job("audit", main)
