#!/usr/bin/env python3
"""The main job: raw files → tables → audit → sweeps → calibrated model → judged release → registry."""

from pathlib import Path

from _entry import Job, run_job
from _tables import bring_tables

from tickets.config.parse import dump
from tickets.events import Trained
from tickets.registry import SWEEP_TAG, build_tracker, track
from tickets.train.audit import format_audits
from tickets.train.fit import fit_triage
from tickets.train.prepare import audit_targets, prepare
from tickets.train.publish import judge_and_publish


def main(job: Job) -> None:
    """Make a release; the first one of a bucket becomes its champion, a later one a challenger."""
    config, storage, name = job.config, job.storage, f"tickets-{job.bucket}"
    tables = bring_tables(job)
    audits = audit_targets(storage, tables.offline, config)
    job.tell(format_audits(audits))
    dataset = prepare(storage, tables.offline, config, Path.cwd())
    sweep = {SWEEP_TAG: job.report.run_id}
    with track(build_tracker(config.mlflow, storage.work_dir, name), job.report.run_id, dump(config), sweep) as run:
        run.log_inputs(dataset.uses(storage))
        fitted = fit_triage(dataset, config, storage.local_path(f"{job.run_key}/sweeps"), run.log_trial)
        made = judge_and_publish(storage, dataset, fitted, config, job.report.run_id)
        run.log_release(name, made.release, made.role, made.summary(), made.scores)
    job.tell(made.table)
    job.emit(Trained(release=made.release.id, uri=made.release.uri, role=made.role, targets=made.figures))
    job.report.result |= {"audit": [audit.to_json() for audit in audits], **made.summary()}
    job.report.next = [job.command("promote")] if made.role == "challenger" else []
    job.report.next += [job.command("predict", "data.raw_file=FILE"), job.command("serve")]


if __name__ == "__main__":
    run_job("train", main)
