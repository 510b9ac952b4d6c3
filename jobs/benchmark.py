#!/usr/bin/env python3
"""Measure the platform beside what a user would pick instead, in one run: graph, ingestion, sweep, or models."""

import shutil
from dataclasses import asdict

import _ingest_suite
import _models_suite
import _sweep_suite
from _entry import Job, run_job
from _serve_suite import format_figures, measure, read_bodies

from tickets.release import open_release


def main(job: Job) -> None:
    """Run the suite that was asked for."""
    suites = {"serve": measure_serving, "ingest": measure_ingestion, "sweep": measure_sweeps, "models": measure_models}
    suites[job.config.benchmark.suite](job)


def measure_serving(job: Job) -> None:
    """Start each service, load it, watch it, stop it; print the figures side by side."""
    config = job.config.benchmark
    release = open_release(job.storage, job.bucket, job.config.release)
    bodies = read_bodies(job.storage, release, config.tickets)
    log_dir = job.storage.local_path(f"{job.run_key}/services")
    log_dir.mkdir(parents=True)
    figures = []
    for name in config.services:
        figures.append(measure(name, release, bodies, config, log_dir))
        job.tell(format_figures(figures[-1:]))
    job.tell(format_figures(figures, beside="plain" if "plain" in config.services else None))
    job.report.made = {"what the services printed": str(log_dir)}
    job.report.next = [job.command("serve")]
    job.report.result = {"release": release.id, "tickets": len(bodies), "services": figures}


def measure_ingestion(job: Job) -> None:
    """Write exports of the asked sizes, ingest them, let the others convert them; print the figures side by side."""
    config = job.config.benchmark
    job.connect()
    with job.storage.scratch_dir(job.run_key) as scratch:
        warm, _ = _ingest_suite.write_files(scratch, _ingest_suite.WARM_ROWS)
        warm = warm.rename(scratch / "warm.json")
        for num_rows in config.rows:
            array, lines = _ingest_suite.write_files(scratch, num_rows)
            figures: dict[str, list[_ingest_suite.Run]] = {}
            for turn in range(config.repeats):
                roots = scratch / f"roots-{turn}"
                for name in _ingest_suite.contenders(num_rows):
                    run = (
                        _ingest_suite.measure_ingestion(roots, array, warm)
                        if name == "tickets"
                        else _ingest_suite.measure_contender(
                            name, array if name == "pandas" else lines, scratch / "out"
                        )
                    )
                    figures.setdefault(name, []).append(run)
                shutil.rmtree(roots)
            job.tell(_ingest_suite.format_runs(figures, num_rows, array.stat().st_size))
            job.report.result[str(num_rows)] = _ingest_suite.to_json(figures)
    job.report.next = [job.command("ingest")]


def measure_sweeps(job: Job) -> None:
    """Search the settings of one family in several ways for the same time; print what each had found by when."""
    config = job.config.benchmark
    job.connect()
    task, test = _sweep_suite.build_task(job)
    with job.storage.scratch_dir(job.run_key) as scratch:
        loop = _sweep_suite.compare_loop(task, scratch)
        reached = _sweep_suite.compare_searches(task, test, config, scratch)
    job.tell(_sweep_suite.format_searches(reached, loop, config))
    job.report.result = {"searches": reached, "short_trials": loop}
    job.report.next = [job.command("train")]


def measure_models(job: Job) -> None:
    """Fit each family once on the first target; print what fits and predictions cost."""
    job.connect()
    task, test = _sweep_suite.build_task(job)
    costs = _models_suite.measure_families(task, test, job.config.model.families)
    job.tell(_models_suite.format_costs(costs, task.limits.num_classes, len(task.train)))
    job.report.result = {"costs": [asdict(of) for of in costs]}
    job.report.next = [job.command("train")]


if __name__ == "__main__":
    run_job("benchmark", main)
