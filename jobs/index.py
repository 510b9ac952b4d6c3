#!/usr/bin/env python3
"""Give a release newer past tickets and baselines; its model stays. The champion's successor becomes champion."""

from _entry import Job, run_job

from tickets.events import Promoted, Published
from tickets.release import move_champion, open_release, read_champion
from tickets.train.index import rebuild


def main(job: Job) -> None:
    """Index the tickets of the newest offline table into a new release."""
    config, storage = job.config, job.storage
    base = open_release(storage, job.bucket, config.release)
    pointer = read_champion(storage, job.bucket)
    job.connect()
    release, index = rebuild(storage, base, config, job.report.run_id)
    is_champion = pointer is not None and pointer["release"] == base.id
    if is_champion:
        move_champion(storage, release, pointer, "the champion's model with newer past tickets")
        job.emit(Promoted(release=release.id, uri=release.uri, before=base.id, why="newer past tickets"))
    job.emit(Published(what="release", uri=release.uri))
    job.tell(str(index))
    job.report.result = {"release": release.id, "base": base.id, "retrieval": index.figures}
    job.report.next = [job.command("serve", f"release={'champion' if is_champion else release.id}")]


if __name__ == "__main__":
    run_job("index", main)
