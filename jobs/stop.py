#!/usr/bin/env python3
"""End what jobs left running for this root: the embedded online store."""

from _entry import Job, run_job

from tickets.online import embedded


def main(job: Job) -> None:
    """Stop the embedded online store, if it runs."""
    stopped = embedded.stop(job.storage.work_dir)
    job.report.result = {"online store": "stopped" if stopped else "was not running"}
    job.tell(f"online store: {job.report.result['online store']}")


if __name__ == "__main__":
    run_job("stop", main)
