"""Arrivals that several processes saw, counted by all of them.

Every process counts its own arrivals at once, in a log that gives each the process's name and a number. Now and then
it meets the others at one place, and both sides hand over what the other has not seen: entries are told apart by name
and number, so an entry that comes twice, or by two ways, counts once. (The anti-entropy of Demers et al., 1987,
"Epidemic algorithms for replicated database maintenance", with a version vector in place of checksums.) A place that
was lost is filled again by whoever comes next, a process that starts takes what the place holds. It does not know where
the place is, how one gets there, or how many arrivals are usual.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

from tickets.anomaly.arrivals import ArrivalWindow, epoch_s


class Arrival(NamedTuple):
    """One arrival as one process saw it.

    Attributes:
        process: Name of the process.
        number: Counts the arrivals of that process, from 1.
        second: When, seconds since 1970 in UTC.
        label: What it counts to.
        ticket_id: The ticket's own id, or empty.
    """

    process: str
    number: int
    second: float
    label: str
    ticket_id: str


class Letter(NamedTuple):
    """What one side hands to the other.

    Attributes:
        arrivals: What the reader has not seen, as far as the writer knows.
        seen: Process → number of the last arrival of it that the writer has seen.
        supposed: The same of the reader, as the writer knows it from the last letter; `arrivals` begins after it.
    """

    arrivals: list[Arrival]
    seen: dict[str, int]
    supposed: dict[str, int]


Meet = Callable[[Letter, float, int], Letter]
"""Takes a letter, the window in seconds and its largest number of arrivals to the place of that window; gives its
answer, or raises where the place cannot be reached."""


class ArrivalLog:
    """The arrivals of the last seconds by process, in the order of their numbers. Not for threads.

    Args:
        window_s: Length in seconds; what is older is forgotten.
        max_arrivals: Arrivals remembered over all processes; beyond, the oldest is forgotten.
        clock: Seconds since 1970.
    """

    def __init__(self, window_s: float, max_arrivals: int, clock: Callable[[], float] = time.time) -> None:
        self._window_s = window_s
        self._max_arrivals = max_arrivals
        self._clock = clock
        self._by_process: dict[str, deque[Arrival]] = {}  # each holds its last one, whose number says what was seen
        self._num = 0

    @property
    def seen(self) -> dict[str, int]:
        """Process → number of the last arrival of it."""
        return {process: arrivals[-1].number for process, arrivals in self._by_process.items()}

    def take(self, arrivals: Iterable[Arrival]) -> list[Arrival]:
        """Add what was not seen yet; gives it. Those of one process come in the order of their numbers."""
        new = []
        for arrival in arrivals:
            known = self._by_process.setdefault(arrival.process, deque())
            if not known or arrival.number > known[-1].number:
                known.append(arrival)
                new.append(arrival)
        self._num += len(new)
        self._forget()
        return new

    def after(self, seen: Mapping[str, int]) -> list[Arrival]:
        """What someone who has seen so much has not seen."""
        lacking: list[Arrival] = []
        for process, arrivals in self._by_process.items():
            last, tail = seen.get(process, 0), deque[Arrival]()
            for arrival in reversed(arrivals):
                if arrival.number <= last:
                    break
                tail.appendleft(arrival)
            lacking.extend(tail)
        return lacking

    def __len__(self) -> int:
        """Arrivals remembered."""
        return self._num

    def _forget(self) -> None:
        """Forget what is too old or too many; of each process the last one stays for a second window."""
        oldest = self._clock() - self._window_s
        for process, arrivals in list(self._by_process.items()):
            while len(arrivals) > 1 and arrivals[0].second <= oldest:
                self._drop(process)
            if arrivals[0].second <= oldest - self._window_s:
                self._drop(process)
        while self._num > self._max_arrivals:
            many = [arrivals for arrivals in self._by_process.values() if len(arrivals) > 1]
            if not many:
                break
            self._drop(min(many, key=lambda arrivals: arrivals[0].second)[0].process)

    def _drop(self, process: str) -> None:
        self._by_process[process].popleft()
        self._num -= 1
        if not self._by_process[process]:
            del self._by_process[process]


class MeetingPlace:
    """Holds what all processes saw, for each window that is asked; counts nothing itself. Not for threads.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._logs: dict[tuple[float, int], ArrivalLog] = {}

    def meet(self, letter: Letter, window_s: float, max_arrivals: int) -> Letter:
        """Take what is new in a letter, and answer with what its writer has not seen.

        A writer that supposes more to be here than there is (the place is another one since) would leave a gap: then
        nothing is taken, and the answer says what was seen.
        """
        key = (window_s, max_arrivals)
        if key not in self._logs:
            self._logs[key] = ArrivalLog(window_s, max_arrivals, self._clock)
        log = self._logs[key]
        seen = log.seen
        if all(seen.get(process, 0) >= number for process, number in letter.supposed.items()):
            log.take(letter.arrivals)
        return Letter(log.after(letter.seen), log.seen, letter.seen)


class SharedWindow(ArrivalWindow):
    """A window that counts what other processes saw, too. Threads may share it.

    Args:
        window_s: Length in seconds.
        max_arrivals: Arrivals remembered over all labels; beyond, the oldest is forgotten.
        clock: Seconds since 1970.
    """

    def __init__(self, window_s: float, max_arrivals: int, clock: Callable[[], float] = time.time) -> None:
        super().__init__(window_s, max_arrivals)
        self._process = uuid.uuid4().hex
        self._count = 0
        self._log = ArrivalLog(window_s, max_arrivals, clock)
        self._writing = Lock()
        self._there: dict[str, int] = {}

    def add(self, label: str, moment: datetime, ticket_id: str | None = None) -> bool:
        """Count one arrival here and now, and keep it for the others.

        Returns:
            Whether it was added.

        Raises:
            ModelError: The moment has no time zone.
        """
        is_new = super().add(label, moment, ticket_id)
        if is_new:
            with self._writing:
                self._count += 1
                self._log.take([Arrival(self._process, self._count, epoch_s(moment), label, ticket_id or "")])
        return is_new

    def exchange(self, meet: Meet) -> None:
        """Hand over what was seen here since the last time, and count what others saw.

        Raises:
            Exception: What `meet` raised; nothing is lost by it, and the next call hands it over.
        """
        with self._writing:
            letter = Letter(self._log.after(self._there), self._log.seen, self._there)
        answer = meet(letter, self._window_s, self._max_arrivals)
        with self._writing:
            new = self._log.take(answer.arrivals)
            self._there = answer.seen
        for arrival in new:
            super().add(arrival.label, datetime.fromtimestamp(arrival.second, UTC), arrival.ticket_id)
