"""The online store as a cache of the online snapshot: whoever finds it empty or behind fills it again.

It does not know how the snapshot is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from tickets import logs
from tickets.online.store import OnlineStore
from tickets.snapshots import Snapshot, load_snapshot, read_parts
from tickets.storage import Storage

_RENEW_ROWS: Final = 2_000


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
    with store.locked(bucket) as renew:
        online = load_snapshot(storage, f"{bucket}/online")  # who held the lock before may have brought a newer one
        if store.holds(bucket, online.id, online.num_rows):
            return 0
        logs.get("data").info("filling the online store with {} tickets", online.num_rows)
        return store.publish(bucket, online.id, _rows(storage, online, renew))


def latest(storage: Storage, bucket: str, store: OnlineStore, count: int) -> list[dict[str, Any]]:
    """Up to `count` of the newest tickets, newest first; the store is filled first where it lost them.

    Raises:
        StorageError: Nothing was ingested yet.
        OnlineStoreError: The store cannot be reached.
    """
    fill(storage, bucket, store)
    return store.latest(bucket, count)


def _rows(storage: Storage, online: Snapshot, renew: Callable[[], None]) -> Iterator[dict[str, Any]]:
    for table in read_parts(storage, online):
        for at, row in enumerate(table.to_pylist()):
            if at % _RENEW_ROWS == 0:
                renew()
            yield row
    renew()
