#!/usr/bin/env python3
"""Write out the rows that were refused, to be repaired; or take repaired ones back (quarantine.repaired=FILE)."""

from pathlib import Path

from _entry import Job, run_job
from _tables import fill_online

from tickets.data.ingest import reading_of, repair_quarantine
from tickets.data.quarantine import export_rows
from tickets.data.sources import find_files_at
from tickets.data.tables import load_tables
from tickets.errors import SourceError, StorageError
from tickets.events import Corrected, Published, Saved
from tickets.snapshots import read_head
from tickets.storage import open_export


def main(job: Job) -> None:
    """Export, or repair."""
    config = job.config.quarantine
    if config.repaired:
        take_back(job, config.repaired)
        return
    before = load_tables(job.storage, job.bucket, read_head(job.storage, job.bucket))
    if before is None:
        raise StorageError(f"bucket {job.bucket!r} has no tables yet; run jobs/ingest.py first")
    num_rows = before.result.tables["quarantine"].num_rows
    output = Path(config.export or job.storage.local_path(f"{job.run_key}/quarantine.jsonl")).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    output.touch(mode=0o600)
    with output.open("wb") as file:
        file.writelines(export_rows(job.storage, before.files))
    job.emit(Saved(what="refused rows", uri=str(output), rows=num_rows))
    job.report.result = {"rows": num_rows}
    job.report.next = [job.command("quarantine", "quarantine.repaired=FILE", without=("quarantine.export",))]


def take_back(job: Job, path: str) -> None:
    """Repair, and bring the newest tickets to the online store."""
    found = find_files_at(path, [job.storage.uri(job.bucket), str(Path.cwd())])[1]
    if len(found) != 1:
        raise SourceError(f"quarantine.repaired={path}: {len(found)} such files in the bucket or here; allowed: one")
    with open_export(found[0]) as file:
        lines = file.readlines()
    config = job.config
    done, repaired = repair_quarantine(job.storage, job.bucket, reading_of(config), config.data, lines)
    again = ", ".join(f"{count} refused again: {reason}" for reason, count in repaired.refused.items())
    job.tell(f"{repaired.num_accepted} rows left the quarantine" + (f"; {again}" if again else ""))
    job.emit(Corrected(what="quarantine", rows=repaired.num_accepted))
    job.emit(Published(what="offline", uri=job.storage.uri(done.offline.key), rows=done.offline.num_rows))
    job.report.result = done.summary()
    if repaired.num_accepted:
        fill_online(job)
    job.report.next = [job.command("check", without=("quarantine.repaired",))]


if __name__ == "__main__":
    run_job("quarantine", main)
