"""What jobs that end with a release do for it: its model card, and how it becomes the champion."""

from __future__ import annotations

from _entry import Job

from tickets import logs
from tickets.events import Saved
from tickets.release import Release, read_champion
from tickets.train.card import make_card, save_card


def bring_card(job: Job, release: Release) -> None:
    """Make the card of a release, write it beside the release, and tell what it comes to."""
    card = make_card(job.storage, release, job.config.card)
    for name, key in save_card(job.storage, release, card).items():
        job.emit(Saved(what=name, uri=job.storage.uri(key)))
    job.tell("\n".join([*card["uses"], "", "its limits:", *card["limits"]]))
    job.report.result |= {"uses": card["uses"], "limits": card["limits"]}


def try_card(job: Job, release: Release) -> None:
    """`bring_card` for a release that is there already, and which no fault of its card may take away."""
    try:
        bring_card(job, release)
    except Exception as error:  # noqa: BLE001 - whatever happens, hours of training stand
        again = job.command("card", f"release={release.id}", without=("resume",))
        logs.get("ml").opt(exception=error).error("the release is published, its card could not be made: {}", error)
        job.report.next.insert(0, again)


def promotion(job: Job, release: Release) -> list[str]:
    """The command that promotes a release; none for the champion."""
    champion = read_champion(job.storage, release.manifest.bucket) or {}
    is_champion = champion.get("release") == release.id
    return [] if is_champion else [job.command("promote", f"release={release.id}", without=("resume",))]
