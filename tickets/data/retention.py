"""Which versions of a bucket's tables are still needed, and removing the others. It does not know what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tickets.config import SnapshotsConfig
from tickets.data.ingest import TABLES
from tickets.data.stage import Staged
from tickets.release import list_releases, open_release
from tickets.snapshots import Snapshot, list_snapshots, load_snapshot, read_head
from tickets.storage import Storage

_SPLITS = "splits"


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
    for table in sorted({*TABLES, *head.tables, _SPLITS}):
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
    versions = list_versions(storage, bucket, config)
    old = [of for of in versions if not of.why and storage.age_s(of.snapshot.key) >= oldest_s]
    for version in old:
        storage.delete(version.snapshot.key)
    kept = {part.key for of in versions if of not in old for part in of.snapshot.parts} | _staged(storage, bucket)
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
    """Table → versions from which a release was made."""
    pinned: dict[str, set[str]] = {"offline": set(), _SPLITS: set()}
    for release_id in list_releases(storage, bucket):
        data = open_release(storage, bucket, release_id).manifest.data
        pinned["offline"].add(str(data["offline"]))
        pinned[_SPLITS].add(str(data["splits"]))
    return pinned


def _staged(storage: Storage, bucket: str) -> set[str]:
    """Parts that files gave and no version lists yet."""
    records = [storage.read_json(f"{bucket}/staged/{name}") for name in storage.list_keys(f"{bucket}/staged")]
    return {part.key for of in map(Staged.from_json, records) for part in (*of.bronze, *of.quarantine)}
