"""The model card of a release, made, kept and told, for the jobs that end with one."""

from __future__ import annotations

from _entry import Job

from tickets.events import Saved
from tickets.release import Release
from tickets.train.card import make_card, save_card


def bring_card(job: Job, release: Release) -> None:
    """Make the card of a release, write it beside the release, and tell what it comes to."""
    card = make_card(job.storage, release, job.config.card)
    for name, key in save_card(job.storage, release, card).items():
        job.emit(Saved(what=name, uri=job.storage.uri(key)))
    job.tell("\n".join([*card["uses"], "", "its limits:", *card["limits"]]))
    job.report.result |= {"uses": card["uses"], "limits": card["limits"]}
