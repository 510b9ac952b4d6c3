#!/usr/bin/env python3
"""Judge a release on a labelled file that it has never seen."""

from pathlib import Path

from _entry import Job, run_job
from _released import promotion

from tickets.data.sources import find_files
from tickets.release import open_release
from tickets.train.answers import judge_answers
from tickets.train.report import format_scores
from tickets.train.score import score_source


def main(job: Job) -> None:
    """Answer every ticket of the source and compare with its own labels."""
    config, storage = job.config, job.storage
    release = open_release(storage, job.bucket, config.release)
    files = find_files(config.source, config.data.raw_file, [storage.uri(job.bucket), str(Path.cwd())])
    job.connect()
    scored = score_source(release, files, config.source, config.data.batch_rows)
    scores = judge_answers(scored, release, config.decide.confidence)
    job.tell(f"{scored.num_rows} tickets, {scored.num_refused} rows refused\n" + format_scores(scores))
    job.report.result = {"release": release.id, "tickets": scored.num_rows, "refused": scored.num_refused}
    job.report.result["targets"] = scores
    job.report.next = promotion(job, release)


if __name__ == "__main__":
    run_job("evaluate", main)
