"""Tickets as JSON documents in Redis: a cache of the latest tickets of each bucket.

It does not know where rows come from, or how a server is reached. Its keys, for a bucket `b` and a snapshot `s`:

    tickets:b:s:<ticket_id>   the JSON document of one ticket
    tickets:b:recent:s        sorted set of the snapshot's ticket ids, scored by `created_at`
    tickets:b:current         id of the snapshot that readers see
    tickets:b:lock            token of the process that fills the store

All of them expire. Documents are written first; then one transaction writes the sorted set and moves `current`,
so a reader sees the old snapshot or the new one, never a mixture. The snapshot that was displaced stays for
`GRACE_S`, for readers that had just looked it up.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from tickets import logs
from tickets.config import RedisConfig
from tickets.errors import OnlineStoreError
from tickets.online.connection import Connection, security_options

GRACE_S: Final = 60
"""Seconds for which a displaced snapshot can still be read."""
LOCK_S: Final = 60
"""Seconds after which the lock of a process that died is free."""
_LOCK_PAUSE_S: Final = 0.05
_READ_ROWS: Final = 100
"""Documents fetched in one round trip: the embedded server fails on several megabytes that wait to be read."""

_T = TypeVar("_T")


def connect(config: RedisConfig, root: Path) -> OnlineStore:
    """Connect to the configured Redis, or to the embedded server of this root, which is started if need be.

    Args:
        config: Where Redis is, and how long documents live.
        root: Local folder under which everything is kept; the embedded server has its state there.

    Raises:
        OnlineStoreError: The server cannot be reached, refused the password, or could not be started.
    """
    if config.host is None:
        # Imported late, so that `python -m tickets.online.embedded` does not find itself imported already.
        from tickets.online import embedded

        address = embedded.start(root)
        connection = Connection(address.host, address.port)
    else:
        connection = Connection(config.host, config.port, db=config.db, **security_options(config))
    store = OnlineStore(connection, config)
    store.ping()
    return store


class OnlineStore:
    """Reads and writes published tickets. Built by `connect`.

    Every method raises OnlineStoreError where the server cannot be reached or refuses a command, and writes one
    log line of the scope `data`.
    """

    def __init__(self, connection: Connection, config: RedisConfig) -> None:
        self._connection = connection
        self._config = config
        self._log = logs.get("data")

    def ping(self) -> None:
        """Check that the server answers."""
        with logs.timed(self._log, "online.ping", "DEBUG", server=self._connection.address) as done:
            self._connection.run([("PING",)], done)

    def close(self) -> None:
        """Close the connection; the server goes on."""
        self._connection.close()

    def publish(self, bucket: str, snapshot_id: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Make these tickets the ones that readers of the bucket see, in place of all earlier ones.

        Args:
            bucket: Whose tickets they are.
            snapshot_id: Snapshot that the rows come from. Publishing one again replaces it.
            rows: Tickets with a `ticket_id`, times as datetimes (UTC where they have no zone). They are consumed
                one pipeline at a time. Of two rows with the same id the later one stays.

        Returns:
            Number of tickets published.
        """
        prefix = _document_key(bucket, snapshot_id, "")
        scores: dict[str, float] = {}
        with logs.timed(self._log, "online.publish", bucket=bucket, prefix=prefix, rows=0, bytes=0) as done:
            for batch in _batches(rows, self._config.pipeline_rows):
                documents = {_document_key(bucket, snapshot_id, row["ticket_id"]): _encode(row) for row in batch}
                self._write_documents(documents, done)
                scores |= {row["ticket_id"]: _recency(row) for row in batch}
                done["rows"] = len(scores)
                done["bytes"] += sum(map(len, documents.values()))
            displaced = self._switch(bucket, snapshot_id, scores, done)
            if displaced not in (None, snapshot_id):
                self._retire(bucket, displaced, done)
        return len(scores)

    def read(self, bucket: str, ticket_id: str) -> dict[str, Any] | None:
        """Return a published ticket, its times as ISO 8601 text, or None where the bucket has no such ticket."""
        with logs.timed(self._log, "online.read", "DEBUG", bucket=bucket, rows=0, bytes=0) as done:
            snapshot_id = self._current(bucket, done)
            if snapshot_id is None:
                return None
            found = self._read_documents(bucket, snapshot_id, [ticket_id], done)
        return found[0] if found else None

    def latest(self, bucket: str, count: int) -> list[dict[str, Any]]:
        """Return up to `count` published tickets, newest first; those without `created_at` come last."""
        with logs.timed(self._log, "online.latest", "DEBUG", bucket=bucket, rows=0, bytes=0) as done:
            snapshot_id = self._current(bucket, done)
            if snapshot_id is None or count < 1:
                return []
            ids = self._read_ids(bucket, snapshot_id, 0, count, done)
            return self._read_documents(bucket, snapshot_id, ids, done)

    def holds(self, bucket: str, snapshot_id: str, num_rows: int) -> bool:
        """Whether readers of the bucket see all of a snapshot."""
        with logs.timed(self._log, "online.holds", "DEBUG", bucket=bucket) as done:
            if self._current(bucket, done) != snapshot_id:
                return False
            return bool(self._connection.run([("ZCARD", _index_key(bucket, snapshot_id))], done)[0] == num_rows)

    @contextmanager
    def locked(self, bucket: str) -> Iterator[Callable[[], None]]:
        """Hold the bucket's lock, which one process at a time can; it expires with a holder that died.

        Yields:
            A function that holds it for longer, or raises OnlineStoreError where it was lost.

        Raises:
            OnlineStoreError: Another process holds it for too long.
        """
        key, token = _lock_key(bucket), uuid.uuid4().hex
        with logs.timed(self._log, "online.lock", "DEBUG", bucket=bucket) as done:
            until = time.monotonic() + 2 * LOCK_S
            # Not sent again when an answer is lost: the token tells whether it was this process that took it.
            while not self._take(key, token, done):
                if time.monotonic() > until:
                    raise OnlineStoreError(f"the online store of {bucket!r} is being filled by another process")
                time.sleep(_LOCK_PAUSE_S)

            def renew() -> None:
                if self._holder(key, done) != token:
                    raise OnlineStoreError(f"the lock on the online store of {bucket!r} was lost; run the job again")
                self._connection.run([("EXPIRE", key, LOCK_S)], done)

            try:
                yield renew
            finally:
                if self._holder(key, done) == token:
                    self._connection.run([("DEL", key)], done)

    def _take(self, key: str, token: str, done: dict[str, Any]) -> bool:
        self._connection.run([("SET", key, token, "NX", "EX", LOCK_S)], done)
        return self._holder(key, done) == token

    def _holder(self, key: str, done: dict[str, Any]) -> str | None:
        reply: bytes | None = self._connection.run([("GET", key)], done)[0]
        return None if reply is None else reply.decode()

    def count(self, bucket: str) -> int:
        """Return how many tickets of the bucket are published."""
        with logs.timed(self._log, "online.count", "DEBUG", bucket=bucket) as done:
            snapshot_id = self._current(bucket, done)
            if snapshot_id is None:
                return 0
            num_rows: int = self._connection.run([("ZCARD", _index_key(bucket, snapshot_id))], done)[0]
            return num_rows

    def _current(self, bucket: str, done: dict[str, Any]) -> str | None:
        reply: bytes | None = self._connection.run([("GET", _current_key(bucket))], done)[0]
        if reply is None:
            return None
        done["prefix"] = _document_key(bucket, reply.decode(), "")
        return reply.decode()

    def _read_ids(self, bucket: str, snapshot_id: str, first: int, num_rows: int, done: dict[str, Any]) -> list[str]:
        """Return up to `num_rows` ids from the position `first` on, counted from the newest."""
        command = ("ZRANGE", _index_key(bucket, snapshot_id), first, first + num_rows - 1, "REV")
        return [ticket_id.decode() for ticket_id in self._connection.run([command], done)[0]]

    def _read_documents(
        self, bucket: str, snapshot_id: str, ids: Sequence[str], done: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the documents that are there, in the order of `ids`."""
        found: list[bytes] = []
        for batch in _batches(ids, _READ_ROWS):
            # The path "." asks for the bare document; "$" would wrap it in a list.
            commands = [("JSON.GET", _document_key(bucket, snapshot_id, ticket_id), ".") for ticket_id in batch]
            found += filter(None, self._connection.run(commands, done))
        done["rows"], done["bytes"] = len(found), sum(map(len, found))
        return [orjson.loads(document) for document in found]

    def _write_documents(self, documents: Mapping[str, bytes], done: dict[str, Any]) -> None:
        pairs = (
            (("JSON.SET", key, "$", document), ("EXPIRE", key, self._config.ttl_s))
            for key, document in documents.items()
        )
        self._connection.run(list(itertools.chain.from_iterable(pairs)), done)

    def _switch(self, bucket: str, snapshot_id: str, scores: Mapping[str, float], done: dict[str, Any]) -> str | None:
        """Write the index and move `current` in one transaction; returns the snapshot that was current."""
        index, current, ttl_s = _index_key(bucket, snapshot_id), _current_key(bucket), self._config.ttl_s
        batches = _batches(((score, ticket_id) for ticket_id, score in scores.items()), self._config.pipeline_rows)
        commands = [
            ("GET", current),
            ("DEL", index),
            *(("ZADD", index, *itertools.chain.from_iterable(batch)) for batch in batches),
            ("EXPIRE", index, ttl_s),
            ("SET", current, snapshot_id, "EX", ttl_s),
        ]
        displaced: bytes | None = self._connection.run(commands, done, atomic=True)[0]
        return displaced.decode() if displaced is not None else None

    def _retire(self, bucket: str, snapshot_id: str, done: dict[str, Any]) -> None:
        """Let a displaced snapshot expire soon: its documents page by page, then its index."""
        page_rows = self._config.pipeline_rows
        first = 0
        while ids := self._read_ids(bucket, snapshot_id, first, page_rows, done):
            keys = [_document_key(bucket, snapshot_id, ticket_id) for ticket_id in ids]
            self._connection.run([("EXPIRE", key, GRACE_S) for key in keys], done)
            first += page_rows
        # DBSIZE costs nothing on Redis, and makes the embedded server free what has expired by now.
        self._connection.run([("EXPIRE", _index_key(bucket, snapshot_id), GRACE_S), ("DBSIZE",)], done)


def _document_key(bucket: str, snapshot_id: str, ticket_id: str) -> str:
    return f"tickets:{bucket}:{snapshot_id}:{ticket_id}"


def _index_key(bucket: str, snapshot_id: str) -> str:
    return f"tickets:{bucket}:recent:{snapshot_id}"  # apart from the documents: a ticket's id may be "recent"


def _lock_key(bucket: str) -> str:
    return f"tickets:{bucket}:lock"


def _current_key(bucket: str) -> str:
    return f"tickets:{bucket}:current"


def _encode(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(row), default=_encode_time, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _encode_time(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(type(value).__name__)  # orjson then raises its own, which names the type
    return _in_utc(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _recency(row: Mapping[str, Any]) -> float:
    """The score of a ticket: `created_at` in milliseconds since the epoch; one without it counts as the oldest."""
    created_at: datetime | str | None = row.get("created_at")
    if isinstance(created_at, str):
        created_at = datetime.fromisoformat(created_at)
    return float("-inf") if created_at is None else float(round(_in_utc(created_at).timestamp() * 1000))


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
