#!/usr/bin/env python3
"""Write out the rows that were refused, to be repaired; or take repaired ones back (quarantine.repaired=FILE)."""

from pathlib import Path

from _entry import Job, run_job

from tickets.data.ingest import reading_of, repair_quarantine
from tickets.data.quarantine import export_rows
from tickets.data.sources import find_files_at
from tickets.errors import SourceError
from tickets.events import Corrected, Published, Saved
from tickets.online import connect, fill
from tickets.snapshots import load_snapshot
from tickets.storage import open_export


def main(job: Job) -> None:
    """Export, or repair."""
    config = job.config.quarantine
    if config.repaired:
        take_back(job, config.repaired)
        return
    snapshot = load_snapshot(job.storage, f"{job.bucket}/quarantine")
    output = Path(config.export or job.storage.local_path(f"{job.run_key}/quarantine.jsonl")).absolute()
    output.touch(mode=0o600)
    with output.open("wb") as file:
        file.writelines(export_rows(job.storage, snapshot.parts))
    job.emit(Saved(what="refused rows", uri=str(output), rows=snapshot.num_rows))
    job.report.result = {"rows": snapshot.num_rows}
    job.report.next = [job.command("quarantine", "quarantine.repaired=FILE", without=("quarantine.export",))]


def take_back(job: Job, path: str) -> None:
    """Repair, and bring the newest tickets to the online store."""
    found = find_files_at(path, [job.storage.uri(job.bucket), str(Path.cwd())])[1]
    if not found:
        raise SourceError(f"quarantine.repaired={path}: no such file in the bucket or here")
    with open_export(found[0]) as file:
        lines = file.readlines()
    config = job.config
    done, repaired = repair_quarantine(job.storage, job.bucket, reading_of(config), config.data, lines)
    if repaired.num_accepted:
        fill(job.storage, job.bucket, connect(config.redis, job.storage.work_dir))
    again = ", ".join(f"{count} refused again: {reason}" for reason, count in repaired.refused.items())
    job.tell(f"{repaired.num_accepted} rows left the quarantine" + (f"; {again}" if again else ""))
    job.emit(Corrected(what="quarantine", rows=repaired.num_accepted))
    job.emit(Published(what="offline", uri=job.storage.uri(done.offline.key), rows=done.offline.num_rows))
    job.report.result = done.summary()
    job.report.next = [job.command("check", without=("quarantine.repaired",))]


if __name__ == "__main__":
    run_job("quarantine", main)
