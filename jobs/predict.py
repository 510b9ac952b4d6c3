#!/usr/bin/env python3
"""Score any file with a release: labels, calibrated confidence, and what may be done, into Parquet or CSV."""

from pathlib import Path

from _entry import Job, run_job

from tickets.data.sources import find_files
from tickets.events import Predicted, Saved
from tickets.release import open_release
from tickets.train.answers import format_answers, write_answers
from tickets.train.score import score_source


def main(job: Job) -> None:
    """Answer every ticket of the source, write the answers, show the first ones."""
    config, storage = job.config, job.storage
    release = open_release(storage, job.bucket, config.release)
    files = find_files(config.source, config.data.raw_file, [storage.uri(job.bucket), str(Path.cwd())])
    job.connect()
    scored = score_source(release, files, config.source, config.data.batch_rows)
    output = Path(config.predict.output or storage.local_path(f"{job.run_key}/predictions.parquet")).absolute()
    first = write_answers(scored, output, release.manifest.targets, config.predict.show)
    job.tell(format_answers(first, list(release.manifest.targets)))
    job.emit(Predicted(release=release.id, uri=str(output), rows=scored.num_rows))
    if scored.refused:
        job.emit(Saved(what="refused", uri=str(scored.write_refused(output)), rows=scored.num_refused))
    job.report.result = {"release": release.id, "tickets": scored.num_rows, "refused": scored.num_refused}
    job.report.next = [job.command("evaluate", "data.raw_file=LABELLED_FILE")]


if __name__ == "__main__":
    run_job("predict", main)
