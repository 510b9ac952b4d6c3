#!/usr/bin/env python3
"""Compare a release with the champion on the same rows; move the champion's pointer, or refuse with the reason."""

from _entry import Job, run_job

from tickets.errors import RefusedError
from tickets.events import Promoted
from tickets.registry import build_tracker
from tickets.release import move_champion, open_release, read_champion
from tickets.train.gate import check, compare


def main(job: Job) -> None:
    """Promote `release` (`latest` unless another is named)."""
    config, storage = job.config, job.storage
    wanted = "latest" if config.release == "champion" else config.release
    challenger = open_release(storage, job.bucket, wanted)
    pointer = read_champion(storage, job.bucket)
    if pointer is None or pointer["release"] == challenger.id:
        raise RefusedError(f"{challenger.id} is the champion already; train another release, or name one: release=ID")
    champion = open_release(storage, job.bucket, pointer["release"])
    comparisons = compare(storage, champion, challenger, config.compare, job.connect)
    job.tell("\n".join(str(comparison) for comparison in comparisons))
    job.report.result = {"champion": champion.id, "challenger": challenger.id}
    job.report.result["targets"] = [comparison.to_json() for comparison in comparisons]
    if not config.promote.force:
        check(comparisons, config.promote)
    why = "forced" if config.promote.force else "passed the gate"
    move_champion(storage, challenger, pointer, why)
    tracker = build_tracker(config.mlflow, storage.work_dir, job.bucket)
    tracker.set_alias(f"tickets-{job.bucket}", "champion", challenger.id)
    job.emit(Promoted(release=challenger.id, uri=challenger.uri, before=champion.id, why=why))
    job.report.next = [job.command("predict", "release=champion", "data.raw_file=FILE")]


if __name__ == "__main__":
    run_job("promote", main)
