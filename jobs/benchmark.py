#!/usr/bin/env python3
"""Measure the graph over HTTP in its profiles, beside a plain service of the same classes, in one run."""

from _entry import Job, run_job
from _serve_suite import format_figures, measure, read_bodies

from tickets.release import open_release


def main(job: Job) -> None:
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


if __name__ == "__main__":
    run_job("benchmark", main)
