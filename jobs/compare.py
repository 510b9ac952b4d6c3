#!/usr/bin/env python3
"""Releases side by side on rows that none of them learned from: figures, and differences that are surely there."""

from _entry import Job, run_job

from tickets.events import Saved
from tickets.page import render
from tickets.release import read_champion
from tickets.train.compare import compare_releases
from tickets.train.compare_page import build_page, format_comparison
from tickets.train.entrants import choose_releases


def main(job: Job) -> None:
    """Compare the releases that `compare` asks for; a table here, JSON and a page in the run's folder."""
    config, storage = job.config.compare, job.storage
    chosen = choose_releases(storage, job.bucket, config)
    found = compare_releases(storage, chosen.releases, config, job.connect)
    for comparison in found:
        job.tell(format_comparison(comparison))
    for point, why in chosen.failed.items():
        job.tell(f"no release: {point} ({why})")
    result = {"buckets": [comparison.to_json() for comparison in found], "failed": dict(chosen.failed)}
    places = {"comparison": f"{job.run_key}/comparison.json", "page": f"{job.run_key}/comparison.html"}
    storage.write_json(places["comparison"], result)
    storage.write_bytes(places["page"], render(build_page(found, chosen.failed)))
    for name, key in places.items():
        job.emit(Saved(what=name, uri=storage.uri(key)))
    job.report.result = result
    without = tuple(f"compare.{name}" for name in type(config).model_fields)
    for comparison in found:
        champion = (read_champion(storage, comparison.bucket) or {}).get("release")
        if best := comparison.better_than(champion):
            changed = (f"release={best}", f"data.bucket={comparison.bucket}")
            job.report.next.append(job.command("promote", *changed, without=without))


if __name__ == "__main__":
    run_job("compare", main)
