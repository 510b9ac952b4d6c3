"""The tickets that arrived lately, held in memory. It does not know how many are usual (`volume.py`)."""

from __future__ import annotations

import heapq
from bisect import bisect_right, insort
from datetime import datetime
from threading import Lock

from tickets.errors import ModelError


def epoch_s(moment: datetime) -> float:
    """Seconds since 1970 in UTC.

    Raises:
        ModelError: The moment has no time zone.
    """
    if moment.utcoffset() is None:
        raise ModelError(f"moment {moment.isoformat()} has no time zone; allowed: a time with one, such as UTC")
    return moment.timestamp()


class ArrivalWindow:
    """A sliding window of arrivals, counted by label. Threads may share it; each process sees its own (`exchange.py`).

    Moments need not come in order. Every call forgets what is older than the window at its own moment, so a clock
    that once ran ahead empties the window but does not blind it.

    Args:
        window_s: Length in seconds.
        max_arrivals: Arrivals remembered over all labels; beyond, the oldest is forgotten.
    """

    def __init__(self, window_s: float, max_arrivals: int) -> None:
        self._window_s = window_s
        self._max_arrivals = max_arrivals
        self._lock = Lock()
        self._oldest_first: list[tuple[float, str, str]] = []  # a heap of (moment, label, ticket id or "")
        self._moments: dict[str, list[float]] = {}  # by label, ascending
        self._ticket_ids: set[str] = set()

    def add(self, label: str, moment: datetime, ticket_id: str | None = None) -> bool:
        """Remember one arrival. A ticket that is still in the window is not added again, whatever its label now.

        Returns:
            Whether it was added.

        Raises:
            ModelError: The moment has no time zone.
        """
        second = epoch_s(moment)
        with self._lock:
            self._forget(second)
            if ticket_id and ticket_id in self._ticket_ids:
                return False
            heapq.heappush(self._oldest_first, (second, label, ticket_id or ""))
            insort(self._moments.setdefault(label, []), second)
            if ticket_id:
                self._ticket_ids.add(ticket_id)
            if len(self._oldest_first) > self._max_arrivals:
                self._pop_oldest()
            return True

    def count(self, label: str, moment: datetime) -> int:
        """Arrivals of a label in the window that ends at a moment: its start is excluded, its end included.

        Raises:
            ModelError: The moment has no time zone.
        """
        second = epoch_s(moment)
        with self._lock:
            self._forget(second)
            return bisect_right(self._moments.get(label, []), second)

    def __len__(self) -> int:
        """Arrivals remembered, over all labels."""
        return len(self._oldest_first)

    def _forget(self, second: float) -> None:
        while self._oldest_first and self._oldest_first[0][0] <= second - self._window_s:
            self._pop_oldest()

    def _pop_oldest(self) -> None:
        _, label, ticket_id = heapq.heappop(self._oldest_first)
        moments = self._moments[label]
        moments.pop(0)  # the oldest of all is the oldest of its label
        if not moments:
            del self._moments[label]
        self._ticket_ids.discard(ticket_id)
