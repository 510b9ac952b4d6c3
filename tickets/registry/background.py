"""The newest state of each trial, written by one thread. It does not know where to.

What is told of a trial before the thread came to it replaces what was told earlier: a slow server sees fewer points of
a running trial at a time, the sweep never waits, and no more is held than one state per trial.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread

from tickets.events import TrialRecord


class Background:
    """Writes trials while others do their work.

    Args:
        write: Writes one trial of a run; raises nothing.
    """

    def __init__(self, write: Callable[[str, TrialRecord], None]) -> None:
        self._write = write
        self._waiting: dict[tuple[str, str], TrialRecord] = {}
        self._changed = Condition()
        self._thread: Thread | None = None

    def put(self, run_id: str, trial: TrialRecord) -> None:
        """Take the state of a trial, to be written soon."""
        with self._changed:
            self._waiting[run_id, trial.trial_id] = trial
            if self._thread is None:
                self._thread = Thread(target=self._work, name="mirror", daemon=True)
                self._thread.start()

    def wait(self, timeout_s: float) -> int:
        """Wait until everything is written.

        Returns:
            How many trials are still waiting after so many seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None, timeout_s)
            return len(self._waiting)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    self._changed.notify_all()
                    return
                key = next(iter(self._waiting))
                trial = self._waiting.pop(key)
            self._write(key[0], trial)
