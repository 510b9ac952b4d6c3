"""Versioned Parquet tables that a reader sees whole or not at all.

A snapshot is a folder of Parquet parts with a manifest that is written last; `latest.json` beside it names the newest.
It does not know what the rows mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tickets.errors import StorageError
from tickets.storage import Storage, digest_file


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a table.

    Attributes:
        name: Key of the table, such as `acme/offline`.
        id: Time of writing and the start of the digest; sorts by time.
        digest: SHA-256 over the parts, hexadecimal.
        num_rows: Rows in all parts.
        parts: File names, in order.
        meta: What the writer noted, JSON-able.
    """

    name: str
    id: str
    digest: str
    num_rows: int
    parts: tuple[str, ...]
    meta: dict[str, Any]

    @property
    def key(self) -> str:
        """Key of the snapshot's folder."""
        return f"{self.name}/{self.id}"


def write_snapshot(
    storage: Storage,
    name: str,
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    meta: dict[str, Any],
    publish: bool = True,
) -> Snapshot:
    """Write tables as the newest snapshot of `name`; a failure leaves the one before in place.

    Args:
        storage: Where to write.
        name: Key of the table.
        tables: Parts in order, each of the given schema; read lazily, one part in memory at a time.
        schema: Columns of every part; an empty snapshot has them too.
        meta: JSON-able notes that are kept in the manifest.
        publish: Make it the newest one at once; else `publish_snapshot` does, later.
    """
    with storage.scratch_dir(name) as scratch:
        parts: list[str] = []
        num_rows = 0
        for table in tables:
            parts.append(f"part-{len(parts):05d}.parquet")
            pq.write_table(table.cast(schema), scratch / parts[-1], compression="zstd")
            num_rows += table.num_rows
        if not parts:
            parts.append("part-00000.parquet")
            pq.write_table(schema.empty_table(), scratch / parts[0], compression="zstd")
        digest = hashlib.sha256("".join(digest_file(scratch / part) for part in parts).encode()).hexdigest()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        snapshot = Snapshot(name, f"{stamp}-{digest[:8]}", digest, num_rows, tuple(parts), meta)
        scratch.rename(storage.path(snapshot.key))
    manifest = {"id": snapshot.id, "digest": digest, "num_rows": num_rows, "parts": parts, "meta": meta}
    storage.write_json(f"{snapshot.key}/manifest.json", manifest)
    if publish:
        publish_snapshot(storage, snapshot)
    return snapshot


def publish_snapshot(storage: Storage, snapshot: Snapshot) -> None:
    """Make a snapshot the newest one of its name."""
    storage.write_json(f"{snapshot.name}/latest.json", {"id": snapshot.id})


def has_snapshot(storage: Storage, name: str) -> bool:
    """Whether any snapshot of `name` was published."""
    return storage.exists(f"{name}/latest.json")


def load_snapshot(storage: Storage, name: str, snapshot_id: str | None = None) -> Snapshot:
    """Find a snapshot, the newest by default.

    Raises:
        StorageError: There is no such snapshot.
    """
    chosen = snapshot_id or storage.read_json(f"{name}/latest.json")["id"]
    manifest = storage.read_json(f"{name}/{chosen}/manifest.json")
    return Snapshot(
        name, manifest["id"], manifest["digest"], manifest["num_rows"], tuple(manifest["parts"]), manifest["meta"]
    )


def read_parts(storage: Storage, snapshot: Snapshot, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The snapshot's parts, one in memory at a time.

    Raises:
        StorageError: A part is missing or is no Parquet file.
    """
    for part in snapshot.parts:
        path = storage.path(f"{snapshot.key}/{part}")
        try:
            yield pq.read_table(path, columns=list(columns) if columns else None)
        except (OSError, pa.ArrowInvalid) as error:
            raise StorageError(f"{path}: cannot be read ({error})") from None


def read_table(storage: Storage, snapshot: Snapshot, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole snapshot as one table, rows in order."""
    return pa.concat_tables(read_parts(storage, snapshot, columns))
