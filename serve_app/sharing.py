"""Arrivals exchanged among the processes that count them, in the background: no ticket waits for it.

Where the exchange fails every process goes on with what it knows, and its log says so again and again. It does not know
what an arrival is, nor how two sides agree (`tickets/anomaly/exchange.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from tickets import logs
from tickets.anomaly.exchange import Letter, Meet, MeetingPlace, SharedWindow

_ANSWER_S: Final = 10.0
"""Seconds that an answer may take; a place that is made first needs some."""
_TELL_S: Final = 60.0
"""Seconds after which an exchange that still fails is told once more."""


class ActorPlace:
    """The meeting place of a deployment as a Ray actor; made by the process that needs it first, found by the others.

    It ends with the process that made it, and whoever meets next makes another one, which all fill again. So nothing
    is left on a cluster when the graph is taken down.
    """

    def __init__(self) -> None:
        self._actor: Any = None

    def __call__(self, letter: Letter, window_s: float, max_arrivals: int) -> Letter:
        """As `MeetingPlace.meet`.

        Raises:
            RayError: The place does not answer.
        """
        import ray
        from ray.exceptions import ActorDiedError

        if self._actor is None:
            self._actor = self._find_or_make()
        try:
            answer: Letter = ray.get(self._actor.meet.remote(letter, window_s, max_arrivals), timeout=_ANSWER_S)
        except ActorDiedError:
            self._actor = None
            raise
        return answer

    def _find_or_make(self) -> Any:
        import ray
        from ray import serve

        here = serve.get_replica_context()
        name = f"{here.app_name}-{here.deployment}-arrivals"
        place: Any = ray.remote(MeetingPlace)
        return place.options(name=name, get_if_exists=True, num_cpus=0, max_restarts=-1).remote()


class Sharing:
    """Exchanges the arrivals of a window every few seconds.

    Args:
        meet: The place.
        every_s: Seconds between two exchanges.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, meet: Meet, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._meet = meet
        self._every_s = every_s
        self._clock = clock
        self._window: SharedWindow | None = None
        self._thread: threading.Thread | None = None
        self._failing_since: float | None = None
        self._told_at = 0.0

    def share(self, window: SharedWindow) -> None:
        """Exchange this window from now on, the first time before this returns, so that a new process knows all."""
        self._window = window
        first = threading.Thread(target=self.exchange, daemon=True)  # Ray may not wait in the thread of an event loop
        first.start()
        first.join(_ANSWER_S)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)
            self._thread.start()

    def exchange(self) -> None:
        """Exchange once; what goes wrong is told in the log, the first time and every minute."""
        if self._window is None:
            return
        try:
            self._window.exchange(self._meet)
        except Exception as error:  # noqa: BLE001 - whatever became of the others, this process counts on
            self._tell_failure(error)
        else:
            if self._failing_since is not None:
                logs.get("api").info("arrivals are exchanged again")
            self._failing_since = None

    def _tell_failure(self, error: Exception) -> None:
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._told_at < _TELL_S:
            return
        self._told_at = now
        logs.get("api").error(
            "arrivals are not exchanged since {:.0f} s, this process counts its own: {}",
            now - self._failing_since,
            type(error).__name__,
        )

    def _run(self) -> None:
        rest = threading.Event()
        while not rest.wait(self._every_s):
            self.exchange()
