"""Which versions of a bucket's tables are still needed, and removing the others. It does not know what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tickets.config import SnapshotsConfig
from tickets.data.staged import Staged
from tickets.data.tables import TABLES
from tickets.errors import ConflictError, StorageError
from tickets.release import list_releases
from tickets.snapshots import Snapshot, list_snapshots, load_snapshot, read_head
from tickets.storage import Storage

_OF_RELEASES = ("splits", "answers")


@dataclass(frozen=True)
class Version:
    """One snapshot of a table, and why it stays.

    Attributes:
        table: Name of the table.
        snapshot: The version.
        why: `seen` by readers, needed by a `release`, `recent`, or empty where nobody needs it.
    """

    table: str
    snapshot: Snapshot
    why: str

    def __str__(self) -> str:
        return f"{self.table:<11} {self.snapshot.id}  {self.snapshot.num_rows:>9} rows  {self.why or 'not needed'}"


@dataclass(frozen=True)
class Pruned:
    """What was removed."""

    snapshots: int
    parts: int
    num_bytes: int
    drafts: int


def list_versions(storage: Storage, bucket: str, config: SnapshotsConfig) -> list[Version]:
    """All versions of all tables, by table and time."""
    head, pinned = read_head(storage, bucket), _of_releases(storage, bucket)
    versions = []
    for table in sorted({*TABLES, *head.tables, *_OF_RELEASES}):
        ids = list_snapshots(storage, f"{bucket}/{table}")
        for id_ in ids:
            is_seen = head.tables.get(table) == id_
            needed = "release" if id_ in pinned.get(table, ()) else "recent" if id_ in ids[-config.keep :] else ""
            snapshot = load_snapshot(storage, f"{bucket}/{table}", id_)
            versions.append(Version(table, snapshot, "seen" if is_seen else needed))
    return versions


def prune(storage: Storage, bucket: str, config: SnapshotsConfig) -> Pruned:
    """Remove versions that nobody needs, parts that no version lists, and what killed processes left behind.

    What is younger than the configured age stays, because a job may be about to list it.
    """
    oldest_s = 3600 * config.older_than_h
    staged = _staged(storage, bucket, oldest_s)  # first: a job that commits meanwhile takes its parts into a version
    head = read_head(storage, bucket)
    versions = list_versions(storage, bucket, config)
    if read_head(storage, bucket) != head:
        raise ConflictError(f"{storage.uri(bucket)}: another job published meanwhile; run the job again")
    old = [of for of in versions if not of.why and storage.age_s(of.snapshot.key) >= oldest_s]
    for version in old:
        storage.delete(version.snapshot.key)
    kept = {part.key for of in versions if of not in old for part in of.snapshot.parts} | staged
    num_parts = num_bytes = 0
    for month in storage.list_keys(f"{bucket}/data"):
        for name in storage.list_keys(f"{bucket}/data/{month}"):
            key = f"{bucket}/data/{month}/{name}"
            if key.endswith(".parquet") and key not in kept and storage.age_s(key) >= oldest_s:
                num_bytes += storage.size(key)
                num_parts += 1
                storage.delete(key)
    return Pruned(len(old), num_parts, num_bytes, storage.delete_drafts(oldest_s))


def _of_releases(storage: Storage, bucket: str) -> Mapping[str, set[str]]:
    """Table → versions from which a release was made or judged, of whatever format the release is."""
    pinned: dict[str, set[str]] = {table: set() for table in ("offline", *_OF_RELEASES)}
    for release_id in list_releases(storage, bucket):
        data = storage.read_json(f"{bucket}/releases/{release_id}/manifest.json").get("data", {})
        for table, ids in pinned.items():
            ids.add(str(data.get(table)))
    return pinned


def _staged(storage: Storage, bucket: str, oldest_s: float) -> set[str]:
    """Parts that files gave and no version lists yet; what nobody came back for is forgotten."""
    parts: set[str] = set()
    for name in storage.list_keys(f"{bucket}/staged"):
        key = f"{bucket}/staged/{name}"
        try:
            staged = Staged.from_json(storage.read_json(key))
        except (StorageError, TypeError, KeyError):  # its job finished meanwhile, or another version wrote it
            continue
        if storage.age_s(key) >= oldest_s:
            storage.delete(key)
        else:
            parts |= {part.key for part in (*staged.bronze, *staged.quarantine)}
    return parts
