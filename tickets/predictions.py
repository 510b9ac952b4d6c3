"""The append-only log of answers: gathered in memory, written as objects of JSON Lines, found again by id.

An id is `<YYYYMMDDTHHMMSS>-<writer>-<number>`, in UTC; an object is `<bucket>/predictions/<YYYYMMDD>/` with the name
`<writer>-<first>-<last>.jsonl`, so that an id names the one object that can
hold it. It does not know what an answer is.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import orjson

from tickets import logs
from tickets.storage import Storage
from tickets.values import to_json

MOST_WAITING: Final = 5_000
"""Answers kept in memory while they cannot be written; beyond it the oldest are dropped, and the log says so."""
_ID: Final = re.compile(r"(\d{8})T\d{6}-([0-9a-f]{8})-(\d{9})")


class PredictionLog:
    """The log of one process. Every method may be called from any thread.

    Args:
        storage: The root.
        bucket: Folder under it.
        flush_s: Longest time that an answer waits, seconds.
        flush_rows: Answers that are written as one object.
        to_line: What becomes of a record before it is kept for good, such as masking; gives JSON without line ends.
    """

    def __init__(
        self,
        storage: Storage,
        bucket: str,
        flush_s: float,
        flush_rows: int,
        to_line: Callable[[Mapping[str, Any]], bytes] = to_json,
    ) -> None:
        self._storage = storage
        self._parent = f"{bucket}/predictions"
        self._flush_s = flush_s
        self._flush_rows = flush_rows
        self._writer = secrets.token_hex(4)
        self._count = 0
        self._to_line = to_line
        self._waiting: dict[str, Mapping[str, Any]] = {}
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write in the background."""
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def new_id(self, now: datetime) -> str:
        """An id that no other process gives.

        Args:
            now: When the question came, with its zone.
        """
        with self._guard:
            self._count += 1
            return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{self._writer}-{self._count:09d}"

    def append(self, prediction_id: str, record: Mapping[str, Any]) -> None:
        """Keep what was answered; written soon, and at the latest by `close`."""
        with self._guard:
            self._waiting[prediction_id] = record
            num_waiting = len(self._waiting)
            if num_waiting > MOST_WAITING:
                lost = next(iter(self._waiting))
                del self._waiting[lost]
                logs.get("api").error("prediction {} is dropped: {} wait to be written", lost, MOST_WAITING)
        if num_waiting % self._flush_rows == 0:  # not at every one more, where the storage refuses them
            self._wake.set()

    def find(self, prediction_id: str) -> dict[str, Any] | None:
        """What was answered, or None where no log of the bucket holds the id (yet)."""
        parsed = _ID.fullmatch(prediction_id)
        if parsed is None:
            return None
        with self._guard:
            record = self._waiting.get(prediction_id)
        if record is not None:
            found: dict[str, Any] = orjson.loads(self._to_line(record))
            return found
        return self._find_written(prediction_id, *parsed.groups())

    def flush(self) -> None:
        """Write what waits. An object that cannot be written stays in memory and is tried again.

        Raises:
            OSError: The storage refused an object.
        """
        with self._writing:
            with self._guard:
                waiting = list(self._waiting.items())
            for day, group in groupby(waiting, key=lambda item: item[0][:8]):
                records = list(group)
                for start in range(0, len(records), self._flush_rows):
                    self._write(day, dict(records[start : start + self._flush_rows]))

    def close(self) -> None:
        """Stop the background and write what still waits.

        Raises:
            OSError: The storage refused an object.
        """
        self._is_closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.wait(self._flush_s)
            self._wake.clear()
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001 - the log goes on whatever happened to one object
                logs.get("api").error("answers could not be written and wait in memory: {}", error)

    def _write(self, day: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Write one object; its records wait no longer."""
        numbers = [int(prediction_id.rsplit("-", 1)[1]) for prediction_id in records]
        name = f"{self._writer}-{min(numbers):09d}-{max(numbers):09d}.jsonl"
        lines = [self._line(prediction_id, record) for prediction_id, record in records.items()]
        self._storage.write_bytes(f"{self._parent}/{day}/{name}", b"".join(lines))
        with self._guard:
            for prediction_id in records:
                self._waiting.pop(prediction_id, None)

    def _line(self, prediction_id: str, record: Mapping[str, Any]) -> bytes:
        try:
            return self._to_line(record) + b"\n"
        except Exception as error:  # noqa: BLE001 - one record that has no JSON must not hold up the others
            logs.get("api").error("prediction {} cannot be kept: {}", prediction_id, type(error).__name__)
            return b""

    def _find_written(self, prediction_id: str, day: str, writer: str, number: str) -> dict[str, Any] | None:
        for name in self._storage.list_keys(f"{self._parent}/{day}"):
            by, _, numbers = name.removesuffix(".jsonl").partition("-")
            first, _, last = numbers.partition("-")
            if by == writer and first <= number <= last:
                for line in self._storage.read_bytes(f"{self._parent}/{day}/{name}").split(b"\n"):
                    if prediction_id.encode() in line:
                        record: dict[str, Any] = orjson.loads(line)
                        if record["prediction_id"] == prediction_id:
                            return record
        return None
