"""What only the run that trains can see, kept beside its report: the audit, every trial, the seconds of final fits.

It does not know who runs trials, or who looks at them later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from tickets.events import TrialRecord
from tickets.storage import Storage

_EMPTY: Final[Mapping[str, Any]] = {"audit": [], "trials": [], "fit_s": {}}


class TrialNotes:
    """Notes every trial with the time of its end, and hands it on.

    Args:
        on_trial: Told of every trial, too.
    """

    def __init__(self, on_trial: Callable[[TrialRecord], None]) -> None:
        self._on_trial = on_trial
        self._started = time.monotonic()
        self._noted: dict[tuple[str, str, str], dict[str, Any]] = {}

    def __call__(self, trial: TrialRecord) -> None:
        """Note a trial as it is now: its fields, and in `ended_s` the seconds since these notes began."""
        key = trial.target, trial.family, trial.trial_id
        self._noted.pop(key, None)  # told again, it ends again
        self._noted[key] = {**asdict(trial), "ended_s": time.monotonic() - self._started}
        self._on_trial(trial)

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The trials, in the order in which they ended."""
        return list(self._noted.values())


def save_notes(
    storage: Storage,
    bucket: str,
    run_id: str,
    audit: Sequence[Mapping[str, Any]],
    trials: Sequence[Mapping[str, Any]] = (),
    fit_s: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Write what a run saw.

    Args:
        storage: The root.
        bucket: Folder under it.
        run_id: The run.
        audit: One verdict per target, JSON-able.
        trials: As `TrialNotes.trials`.
        fit_s: Target → family → seconds of the final fit.
    """
    storage.write_json(_key(bucket, run_id), {"audit": audit, "trials": trials, "fit_s": fit_s or {}})


def load_notes(storage: Storage, bucket: str, run_id: str) -> dict[str, Any]:
    """What `save_notes` wrote: `audit`, `trials` and `fit_s`, all empty where the run left nothing."""
    key = _key(bucket, run_id)
    return {**_EMPTY, **(storage.read_json(key) if storage.exists(key) else {})}


def _key(bucket: str, run_id: str) -> str:
    return f"{bucket}/runs/train/{run_id}/notes.json"
