"""Events of one run as JSON Lines objects under the root, written in batches. It does not know what an event means.

<bucket>/events/<day>/<run id>-<number>.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter

from tickets.events import AnyEvent, Event
from tickets.storage import Storage

_BATCH: Final = 200
_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(AnyEvent)


class Journal:
    """Gathers the events of a run.

    Args:
        storage: The root.
        bucket: Folder under it.
        run_id: The run, which every event gets.
    """

    def __init__(self, storage: Storage, bucket: str, run_id: str) -> None:
        self._storage = storage
        self._parent = f"{bucket}/events/{datetime.now(UTC):%Y%m%d}"
        self._run_id = run_id
        self._waiting: list[Event] = []
        self._num_objects = 0
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        """Take an event; a full batch is written."""
        of_run = event.model_copy(update={"run_id": self._run_id})
        self.events.append(of_run)
        self._waiting.append(of_run)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OSError: The storage refused it; it still waits.
        """
        if not self._waiting:
            return
        lines = "".join(f"{event.model_dump_json()}\n" for event in self._waiting)
        self._storage.write_bytes(f"{self._parent}/{self._run_id}-{self._num_objects:04d}.jsonl", lines.encode())
        self._num_objects += 1
        self._waiting = []


def read_events(storage: Storage, bucket: str, day: str | None = None) -> Iterator[Event]:
    """All events of a bucket, by day and run.

    Args:
        storage: The root.
        bucket: Folder under it.
        day: Such as `20260131`; None: every day.
    """
    for of_day in [day] if day else storage.list_keys(f"{bucket}/events"):
        for name in storage.list_keys(f"{bucket}/events/{of_day}"):
            for line in storage.read_bytes(f"{bucket}/events/{of_day}/{name}").splitlines():
                yield _EVENT.validate_json(line)
