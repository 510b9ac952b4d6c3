"""What every station of the graph shares: it answers lists of items by a release that it holds in memory.

A call names the release that is to answer, and a part keeps the last two, so while a graph moves from one release to
the next no answer mixes them. It does not know Ray, HTTP, or who calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from tickets import logs
from tickets.errors import TicketsError
from tickets.release import Release, open_release
from tickets.storage import Storage

Loaded = TypeVar("Loaded")
NUM_KEPT: Final = 2
"""Releases that a part holds, the last used ones: the one that answers, and the one before or after it."""


@dataclass(frozen=True)
class Place:
    """Where releases lie: the root and the bucket under it."""

    root: str
    bucket: str

    @property
    def storage(self) -> Storage:
        """The root."""
        return Storage(self.root)

    def open_release(self, reference: str) -> Release:
        """A release by `champion`, `latest` or its id.

        Raises:
            ReleaseError: There is none, or its manifest was changed.
        """
        return open_release(self.storage, self.bucket, reference)


@dataclass(frozen=True)
class Failure:
    """Stands in a list of answers for the item that could not be answered."""

    message: str


class Part(Generic[Loaded]):
    """A station of the graph.

    Args:
        place: Where releases lie.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._kept: dict[str, Loaded] = {}  # replaced as a whole, so that it is read without a lock
        self._used: dict[str, float] = {}  # release → when it was asked last
        self._loading = threading.Lock()
        self._probe: tuple[str, Any] | None = None
        logs.setup(place.storage.local_path("logs"), "INFO", human=False)

    def load(self, release: Release) -> Loaded:
        """What this part needs of a release."""
        raise NotImplementedError

    def answer(self, loaded: Loaded, items: Sequence[Any]) -> list[Any]:
        """One answer per item, in order."""
        raise NotImplementedError

    def __call__(self, release_id: str, items: Sequence[Any]) -> list[Any]:
        """Answer items by a release; an item that cannot be answered gives a `Failure` and does not touch the others.

        Raises:
            ReleaseError: There is no such release, or a file of it was changed.
        """
        loaded = self.hold(release_id)
        if not items:
            return []
        try:
            answers = self.answer(loaded, items)
        except Exception as error:  # noqa: BLE001 - one bad item must not take its batch-mates with it
            if len(items) > 1:
                return [self(release_id, [item])[0] for item in items]
            logs.get("api").opt(exception=error).error("{} failed", type(self).__name__)
            return [Failure(f"{type(error).__name__} in {type(self).__name__}")]
        self._probe = release_id, items[-1]
        return answers

    def hold(self, release_id: str) -> Loaded:
        """What was loaded of a release; loaded now if it is not held. Calls on a release that is held never wait."""
        kept = self._kept
        self._used[release_id] = time.monotonic()
        if release_id in kept:
            return kept[release_id]
        with self._loading:
            if release_id not in self._kept:
                with logs.timed(logs.get("api"), "part.load", part=type(self).__name__, release=release_id):
                    loaded = self.load(self._place.open_release(release_id))
                by_use = sorted(self._kept, key=lambda known: self._used.get(known, 0.0))
                self._kept = {known: self._kept[known] for known in by_use[1 - NUM_KEPT :]} | {release_id: loaded}
            return self._kept[release_id]

    def holds(self, release_id: str) -> bool:
        """Whether a call on a release is answered from memory."""
        return release_id in self._kept

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Hold the release that `config` names: at once where none is held, else beside the work, which goes on.

        One that cannot be loaded is reported in the log alone: calls name the release that they want, and the one that
        answers may be another.
        """
        if self._kept:
            threading.Thread(target=self._hold_or_tell, args=(config["release"],), daemon=True).start()
        else:
            self._hold_or_tell(config["release"])

    def check_health(self) -> None:
        """Answer the last item again, on what is in memory; Ray Serve replaces a part for which this raises."""
        if self._probe is not None:
            release_id, item = self._probe
            loaded = self._kept.get(release_id)
            if loaded is not None:
                self.answer(loaded, [self.as_probe(item)])

    def as_probe(self, item: Any) -> Any:
        """The item as a health check may ask it, without leaving a trace."""
        return item

    def _hold_or_tell(self, release_id: str) -> None:
        try:
            self.hold(release_id)
        except (TicketsError, OSError) as error:
            logs.get("api").error("release {} is not taken: {}", release_id, error)
