#!/usr/bin/env python3
"""The main job: raw files → tables → audit → sweeps → calibrated model → judged release → registry."""

from pathlib import Path

from _entry import Job, run_job
from _released import promotion, try_card
from _work import open_work

from tickets.config.parse import dump
from tickets.events import Trained
from tickets.registry import SWEEP_TAG, build_tracker, track
from tickets.train.fit import fit_triage
from tickets.train.notes import TrialNotes, load_notes, save_notes
from tickets.train.prepare import prepare
from tickets.train.publish import judge_and_publish


def main(job: Job) -> None:
    """Make a release; the first one of a bucket becomes its champion, a later one a challenger."""
    storage = job.storage
    tracker = build_tracker(job.config.mlflow, storage.work_dir, job.model_name)
    with open_work(job) as (work, config):
        dataset = prepare(storage, work.snapshot, config, Path.cwd())
        job.report.result["split"] = {"kind": dataset.split_kind, "note": dataset.split_note}
        with track(tracker, work.run_id, dump(config), {SWEEP_TAG: work.run_id}) as run:
            run.log_inputs(dataset.uses(storage))
            notes = TrialNotes(run.log_trial)
            fitted = fit_triage(dataset, config, work.folder, notes)
            audit = load_notes(storage, job.bucket, work.run_id)["audit"]
            save_notes(storage, job.bucket, job.report.run_id, audit, notes.trials, fitted.fit_s)
            made = judge_and_publish(storage, dataset, fitted, config, job.report.run_id)
            run.log_release(job.model_name, made.release, made.role, made.summary(), made.scores)
        work.finish(made.release.id)
    job.tell(made.table)
    job.emit(Trained(release=made.release.id, uri=made.release.uri, role=made.role, targets=made.figures))
    job.report.result |= made.summary()
    this = () if made.role == "champion" else (f"release={made.release.id}",)
    then = (("predict", "data.raw_file=FILE"), ("serve",))
    job.report.next = promotion(job, made.release)
    job.report.next += [job.command(*to, *this, without=("resume", "release")) for to in then]
    try_card(job, made.release)


if __name__ == "__main__":
    run_job("train", main)
