#!/usr/bin/env python3
"""Make the model card of a release again: JSON, a page, Markdown. `release` names which; the champion by default."""

from _entry import Job, run_job
from _released import bring_card, promotion

from tickets.release import open_release


def main(job: Job) -> None:
    """Measure the release on its own test rows and write the card beside it."""
    release = open_release(job.storage, job.bucket, job.config.release)
    job.connect()
    job.report.result["release"] = release.id
    bring_card(job, release)
    job.report.next = [job.command("evaluate", "data.raw_file=LABELLED_FILE"), *promotion(job, release)]


if __name__ == "__main__":
    run_job("card", main)
