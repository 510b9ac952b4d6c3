#!/usr/bin/env python3
"""Compare a release with the champion on the same rows; move the champion's pointer, or refuse with the reason."""

from _entry import Job, run_job

from tickets.errors import RefusedError, ReleaseError
from tickets.events import Promoted
from tickets.registry import build_tracker
from tickets.release import Release, move_champion, open_release, read_champion
from tickets.train.gate import Comparison, check, compare


def main(job: Job) -> None:
    """Promote `release` (`latest` unless another is named)."""
    config, storage = job.config, job.storage
    wanted = "latest" if config.release == "champion" else config.release
    challenger = open_release(storage, job.bucket, wanted)
    pointer = read_champion(storage, job.bucket)
    before = pointer["release"] if pointer else None
    if before == challenger.id:
        raise RefusedError(f"{challenger.id} is the champion already; train another release, or name one: release=ID")
    job.report.result = {"champion": before, "challenger": challenger.id, "targets": []}
    why = "there was none"
    if before is not None:
        comparisons = compare_with(job, before, challenger)
        job.report.result["targets"] = [comparison.to_json() for comparison in comparisons]
        why = "forced" if config.promote.force else "passed the gate"
        if not config.promote.force:
            check(comparisons, config.promote)
    move_champion(storage, challenger, pointer, why)
    tracker = build_tracker(config.mlflow, storage.work_dir, job.model_name)
    tracker.set_alias(job.model_name, "champion", challenger.id)
    job.emit(Promoted(release=challenger.id, uri=challenger.uri, before=before, why=why))
    job.report.next = [job.command("predict", "release=champion", "data.raw_file=FILE")]


def compare_with(job: Job, before: str, challenger: Release) -> list[Comparison]:
    """Target by target; nothing where the two cannot be compared, and that shall not matter.

    Raises:
        RefusedError: They cannot be compared, and `promote.force` is off.
    """
    try:
        champion = open_release(job.storage, job.bucket, before)
        comparisons = compare(job.storage, champion, challenger, job.config.compare, job.connect)
    except (RefusedError, ReleaseError) as error:
        if not job.config.promote.force:
            hint = "promote.force=true moves the champion without a comparison"
            raise RefusedError(f"not compared with the champion {before}: {error.message}; {hint}") from error
        job.tell(f"not compared with the champion {before}: {error.message}")
        return []
    job.tell("\n".join(str(comparison) for comparison in comparisons))
    return comparisons


if __name__ == "__main__":
    run_job("promote", main)
