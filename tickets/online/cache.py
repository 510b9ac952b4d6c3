"""The online store as a cache of the online snapshot: whoever finds it empty or behind fills it again.

It does not know how the snapshot is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets import logs
from tickets.online.store import OnlineStore
from tickets.snapshots import Snapshot, load_snapshot, read_parts
from tickets.storage import Storage


def fill(storage: Storage, bucket: str, store: OnlineStore) -> int:
    """Bring the online snapshot that readers see to the store, unless that holds it; one process at a time does.

    Returns:
        Tickets sent.

    Raises:
        StorageError: Nothing was ingested yet.
        OnlineStoreError: The store cannot be reached.
    """
    online = load_snapshot(storage, f"{bucket}/online")
    if store.holds(bucket, online.id, online.num_rows):
        return 0
    with store.locked(bucket):
        if store.holds(bucket, online.id, online.num_rows):  # who held the lock before may have filled it
            return 0
        logs.get("data").info("filling the online store with {} tickets", online.num_rows)
        return store.publish(bucket, online.id, _rows(storage, online))


def latest(storage: Storage, bucket: str, store: OnlineStore, count: int) -> list[dict[str, Any]]:
    """Up to `count` of the newest tickets, newest first; the store is filled first where it lost them.

    Raises:
        StorageError: Nothing was ingested yet.
        OnlineStoreError: The store cannot be reached.
    """
    fill(storage, bucket, store)
    return store.latest(bucket, count)


def _rows(storage: Storage, online: Snapshot) -> Iterator[dict[str, Any]]:
    return (row for table in read_parts(storage, online) for row in table.to_pylist())
