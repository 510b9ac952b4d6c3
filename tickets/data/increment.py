"""What of a source has to be read: which files are new or changed, and what earlier ones gave that still counts.

The same for tickets and for comments. It does not know what the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tickets.data.repaired import repaired_ids
from tickets.data.sources import SourceFile
from tickets.data.stage import Print, staged_key, take_print
from tickets.data.staged import Staged, are_current, without_made, without_refused
from tickets.data.treatment import Reading
from tickets.errors import SourceError, StorageError
from tickets.storage import Storage

StageFiles = Callable[[Storage, str, Mapping[Print, SourceFile], Reading], list[Staged]]
"""Root, bucket, prints → files, how rows are read → what the files gave."""


@dataclass(frozen=True)
class Increment:
    """What is to be read.

    Attributes:
        kept: What earlier runs read and what still counts.
        new: Files that no run read in this way.
    """

    kept: list[Staged]
    new: dict[Print, SourceFile]


def plan_increment(
    before: Sequence[Staged], was_read: str, files: Sequence[SourceFile], reading: Reading, rebuild: bool
) -> Increment:
    """Compare the files that are there with those that were read.

    Args:
        before: What earlier runs read.
        was_read: Digest of how they read it.
        files: The files that are there.
        reading: How rows are read now.
        rebuild: Forget what was read before.

    Raises:
        SourceError: Rows are read otherwise than before, and something that was read before is not there any more.
    """
    stamped = {} if rebuild else {(of.uri, of.stamp): of.content for of in before if of.stamp}
    prints = {take_print(file, reading, stamped): file for file in files}
    if rebuild or was_read != reading.digest:
        here = {of.content for of in prints}
        gone = [] if rebuild else [of for of in before if of.content not in here]
        if gone:
            names = ", ".join(sorted({of.name for of in gone})[:3])
            raise SourceError(
                f"source {reading.source.name!r} is read otherwise than before, so all files have to be read again, "
                f"and {len(gone)} that were read are gone or changed since: {names}; bring them back, or set "
                "data.rebuild=true to do without them, or data.bucket=… to start another bucket"
            )
        return Increment([], prints)
    # A content that was replaced since is read again when it comes back: it counts over the one that replaced it.
    current = [of for of, is_current in zip(before, are_current(before), strict=True) if is_current]
    known = {of.fingerprint for of in current}
    places = {(of.uri, of.content) for of in current}
    new = {
        of: file for of, file in prints.items() if of.fingerprint not in known and (file.uri, of.content) not in places
    }
    again = {of.fingerprint for of in new}
    return Increment([of for of in before if of.fingerprint not in again], new)


def read_increment(
    storage: Storage, bucket: str, increment: Increment, reading: Reading, stage: StageFiles
) -> list[Staged]:
    """Read what is new.

    Returns:
        What the new files gave, without refused rows that were repaired before.

    Raises:
        StorageError: A file was read and what it gave is nowhere.
    """
    staged = {of.fingerprint: of for of in stage(storage, bucket, increment.new, reading)}
    for print_, file in increment.new.items():
        if print_.fingerprint not in staged:  # a task that was tried again may have said nothing at its end
            key = staged_key(bucket, print_.fingerprint)
            if not storage.exists(key):
                raise StorageError(f"{file.uri}: its reading did not end; run the job again")
            staged[print_.fingerprint] = Staged.from_json(storage.read_json(key))
    repaired = repaired_ids(storage, bucket) if any(of.quarantine for of in staged.values()) else set()
    found = [without_refused(storage, bucket, of, repaired) if repaired else of for of in staged.values()]
    return sorted(found, key=lambda of: (of.name, of.fingerprint))


def together(storage: Storage, bucket: str, kept: Sequence[Staged], new: Sequence[Staged]) -> list[Staged]:
    """Everything that counts, by name and time.

    A changed file adds its rows as versions; rows without an id of their own are not kept from its former content.
    """
    changed = {of.uri for of in new}
    still = [without_made(storage, bucket, of) if of.num_made_ids and of.uri in changed else of for of in kept]
    return sorted([*still, *new], key=lambda of: (of.name, of.ingested_at, of.fingerprint))


def forget_staged(storage: Storage, bucket: str, fingerprints: Collection[str]) -> None:
    """Delete what was written down of files that a snapshot lists now."""
    for name in storage.list_keys(f"{bucket}/staged"):
        if name.removesuffix(".json") in fingerprints:
            storage.delete(f"{bucket}/staged/{name}")
