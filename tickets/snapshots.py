"""Versioned Parquet tables of a bucket that a reader sees whole or not at all.

A part is a Parquet file (zstd) of one month, named by its content and never changed; tables share parts. A snapshot is
a manifest that lists parts, so a month that did not change is listed again and not written again. `<bucket>/head.json`
names the snapshot of every table that readers see; it moves by a conditional write, for several tables at once.

    <bucket>/data/<month>/<digest>.parquet    <bucket>/<table>/<id>.json    <bucket>/head.json

It does not know what the rows mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tickets.errors import ConflictError, StorageError
from tickets.storage import Storage, digest_file

UNDATED: Final = "undated"
"""Stands for the month of rows without a time."""
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One file of rows.

    Attributes:
        key: Its key under the root.
        month: Such as `2026-01`, or `undated`.
        num_rows: Rows in it.
        num_bytes: Its size.
        made_from: What tells whether it has to be made again; empty where it is never made again.
    """

    key: str
    month: str
    num_rows: int
    num_bytes: int
    made_from: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a table.

    Attributes:
        name: Key of the table, such as `acme/offline`.
        id: Time of writing and the start of the digest; sorts by time.
        digest: SHA-256 over the parts, hexadecimal.
        num_rows: Rows in all parts.
        parts: In order.
        meta: What the writer noted, JSON-able.
    """

    name: str
    id: str
    digest: str
    num_rows: int
    parts: tuple[Part, ...]
    meta: dict[str, Any]

    @property
    def key(self) -> str:
        """Key of the manifest."""
        return f"{self.name}/{self.id}.json"


@dataclass(frozen=True, slots=True)
class Head:
    """What readers of a bucket see.

    Attributes:
        version: Counts up with every commit; 0 before the first.
        tables: Table → id of its snapshot.
    """

    version: int
    tables: Mapping[str, str]


def write_part(
    storage: Storage, bucket: str, month: str, table: pa.Table, made_from: str = "", private: bool = False
) -> Part:
    """Write rows as one part; equal rows give the same part again. A private one its owner alone can read."""
    with storage.scratch_dir(f"{bucket}/data") as scratch:
        draft = scratch / "part.parquet"
        pq.write_table(table, draft, compression="zstd")
        if private:  # nobody else can enter the scratch folder
            draft.chmod(0o600)
        key = f"{bucket}/data/{month}/{digest_file(draft)[:32]}.parquet"
        part = Part(key, month, table.num_rows, draft.stat().st_size, made_from)
        storage.adopt_file(draft, key)
    return part


def save_snapshot(storage: Storage, name: str, parts: Sequence[Part], meta: dict[str, Any]) -> Snapshot:
    """Write the manifest of a snapshot that no reader sees before `commit`.

    Args:
        storage: The root.
        name: Key of the table.
        parts: In order.
        meta: JSON-able notes that are kept in the manifest.
    """
    digest = hashlib.sha256("\n".join(part.key for part in parts).encode()).hexdigest()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    num_rows = sum(part.num_rows for part in parts)
    snapshot = Snapshot(name, f"{stamp}-{digest[:8]}", digest, num_rows, tuple(parts), meta)
    storage.write_json(snapshot.key, asdict(snapshot))
    return snapshot


def write_snapshot(
    storage: Storage, name: str, tables: Iterable[pa.Table], schema: pa.Schema, meta: dict[str, Any]
) -> Snapshot:
    """Write tables as the newest snapshot of `name`; a failure leaves the one before in place.

    Args:
        storage: Where to write.
        name: Key of the table.
        tables: Parts in order, each of the given schema; read lazily, one part in memory at a time.
        schema: Columns of every part; an empty snapshot has them too.
        meta: JSON-able notes that are kept in the manifest.
    """
    bucket = _bucket_of(name)
    parts = [write_part(storage, bucket, UNDATED, table.cast(schema)) for table in tables]
    if not parts:
        parts = [write_part(storage, bucket, UNDATED, schema.empty_table())]
    snapshot = save_snapshot(storage, name, parts, meta)
    for tries_left in reversed(range(_TRIES)):
        try:
            commit(storage, bucket, read_head(storage, bucket), [snapshot])
            break
        except ConflictError:  # another table moved
            if not tries_left:
                raise
    return snapshot


def read_head(storage: Storage, bucket: str) -> Head:
    """What readers of a bucket see now."""
    content = _head_content(storage, bucket)
    return Head(content["version"], content["tables"]) if content else Head(0, {})


def commit(
    storage: Storage, bucket: str, seen: Head, snapshots: Sequence[Snapshot], forget: Sequence[str] = ()
) -> Head:
    """Show readers new snapshots, all of them at the same moment.

    Args:
        storage: The root.
        bucket: Folder under it.
        seen: The head from which the writer started.
        snapshots: One per table that changes.
        forget: Tables that readers shall see no more; their snapshots stay where they are.

    Raises:
        ConflictError: Another writer moved one of these tables since then; nothing was changed.
    """
    new = {snapshot.name.removeprefix(f"{bucket}/"): snapshot.id for snapshot in snapshots}
    own = {*new, *forget}
    for tries_left in reversed(range(_TRIES)):
        tables = {name: id_ for name, id_ in seen.tables.items() if name not in forget} | new
        expected = {"version": seen.version, "tables": dict(seen.tables)} if seen.version else None
        head = Head(seen.version + 1, tables)
        try:
            storage.swap_json(f"{bucket}/head.json", expected, {"version": head.version, "tables": tables})
            break
        except ConflictError:  # another table may have moved, which is no conflict
            now = read_head(storage, bucket)
            if not tries_left or any(now.tables.get(name) != seen.tables.get(name) for name in own):
                raise
            seen = now
    return head


def has_snapshot(storage: Storage, name: str) -> bool:
    """Whether readers see any snapshot of `name`."""
    bucket = _bucket_of(name)
    return name.removeprefix(f"{bucket}/") in read_head(storage, bucket).tables


def load_snapshot(storage: Storage, name: str, snapshot_id: str | None = None) -> Snapshot:
    """Find a snapshot, the one that readers see by default.

    Raises:
        StorageError: There is no such snapshot.
    """
    bucket = _bucket_of(name)
    table = name.removeprefix(f"{bucket}/")
    chosen = snapshot_id or read_head(storage, bucket).tables.get(table)
    if chosen is None:
        raise StorageError(f"{storage.uri(name)}: there is no such table yet; run jobs/ingest.py first")
    content = storage.read_json(f"{name}/{chosen}.json")
    return Snapshot(**{**content, "parts": tuple(Part(**part) for part in content["parts"])})


def list_snapshots(storage: Storage, name: str) -> list[str]:
    """Ids of all snapshots of a table, the oldest first, those that readers never saw included."""
    return [key.removesuffix(".json") for key in storage.list_keys(name) if key.endswith(".json")]


def read_part(storage: Storage, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a part.

    Raises:
        StorageError: It is missing or is no Parquet file.
    """
    with storage.open_file(part.key) as file:
        try:
            return pq.read_table(file, columns=list(columns) if columns else None)
        except (OSError, pa.ArrowInvalid) as error:
            raise StorageError(f"{storage.uri(part.key)}: cannot be read ({error})") from None


def read_parts(storage: Storage, snapshot: Snapshot, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The snapshot's parts, one in memory at a time.

    Raises:
        StorageError: A part is missing or is no Parquet file.
    """
    for part in snapshot.parts:
        yield read_part(storage, part, columns)


def read_columns(storage: Storage, snapshot: Snapshot) -> list[str]:
    """The names of a snapshot's columns."""
    with storage.open_file(snapshot.parts[0].key) as file:
        return list(pq.read_schema(file).names)


def read_table(storage: Storage, snapshot: Snapshot, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole snapshot as one table, rows in order."""
    return pa.concat_tables(read_parts(storage, snapshot, columns))


def _head_content(storage: Storage, bucket: str) -> Any:
    key = f"{bucket}/head.json"
    return storage.read_json(key) if storage.exists(key) else None


def _bucket_of(name: str) -> str:
    return name.split("/", 1)[0]
