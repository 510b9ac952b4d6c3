#!/usr/bin/env python3
"""Give a release newer past tickets and baselines; its model stays. The champion's successor becomes champion."""

from _entry import Job, run_job
from _released import promotion, try_card

from tickets.config.parse import dump
from tickets.events import Promoted, Published
from tickets.registry import SWEEP_TAG, build_tracker, track
from tickets.release import move_champion, open_release, read_champion
from tickets.train.index import rebuild


def main(job: Job) -> None:
    """Index the tickets of the newest offline table into a new release."""
    config, storage, run_id = job.config, job.storage, job.report.run_id
    base = open_release(storage, job.bucket, config.release)
    pointer = read_champion(storage, job.bucket)
    is_champion = pointer is not None and pointer["release"] == base.id
    job.connect()
    tracker = build_tracker(config.mlflow, storage.work_dir, job.model_name)
    with track(tracker, run_id, dump(config), {SWEEP_TAG: run_id}) as run:
        release, index = rebuild(storage, base, config, run_id)
        if is_champion:
            move_champion(storage, release, pointer, "the champion's model with newer past tickets")
            job.emit(Promoted(release=release.id, uri=release.uri, before=base.id, why="newer past tickets"))
        job.report.result = {"release": release.id, "base": base.id, "retrieval": index.figures}
        role, scores = "champion" if is_champion else "challenger", release.manifest.metrics["test"]
        run.log_release(job.model_name, release, role, job.report.result, scores)
    job.emit(Published(what="release", uri=release.uri))
    job.tell(str(index))
    job.report.next = [*promotion(job, release), job.command("serve", f"release={release.id}")]
    try_card(job, release)


if __name__ == "__main__":
    run_job("index", main)
