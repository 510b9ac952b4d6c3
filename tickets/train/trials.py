"""What the trials of one sweep reached, kept as files, so that a sweep that was killed goes on where it was.

One JSON record per trial that ended and one `.npz` per trial that finished; no pickle, so that nothing in the folder
can run. It does not know how trials are run (`sweep.py`).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.models.family import Params

_DONE: Final = "done.json"


class TrialLog:
    """The trials of one family and target.

    Args:
        folder: Their folder; made with access for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder

    def is_done(self, num_trials: int) -> bool:
        """Whether the sweep came to its end when so many trials, or more, were asked for."""
        done = self.folder / _DONE
        return done.exists() and int(orjson.loads(done.read_bytes())["num_trials"]) >= num_trials

    def read_records(self) -> list[TrialRecord]:
        """Every trial that ended, the first one first."""
        paths = sorted(self.folder.glob("trial-*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [TrialRecord(**orjson.loads(path.read_bytes())) for path in paths]

    def write_record(self, record: TrialRecord) -> None:
        """Keep a trial that ended; the file is whole or not there."""
        self._write(f"trial-{record.trial_id}.json", asdict(record))

    def write_done(self, best: TrialRecord, num_trials: int) -> None:
        """Note that the sweep came to its end, how many trials were asked for, and which settings were best."""
        found = {"best": best.trial_id, "params": dict(best.params), "nll": best.nll}
        self._write(_DONE, {"num_trials": num_trials, **found})

    def save_outcome(self, trial_id: str, length: float, validation: np.ndarray) -> None:
        """Keep what a finished trial gives: how far its fit went, and its probabilities, float64 [rows, k]."""
        np.savez(self.folder / f"trial-{trial_id}.npz", length=length, validation=validation)

    def load_outcome(self, trial_id: str) -> tuple[float, np.ndarray]:
        """What `save_outcome` kept: length and probabilities."""
        with np.load(self.folder / f"trial-{trial_id}.npz", allow_pickle=False) as outcome:
            return float(outcome["length"]), outcome["validation"]

    def _write(self, name: str, content: object) -> None:
        draft = self.folder / f".{name}"
        draft.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
        draft.replace(self.folder / name)


def best_of(records: list[TrialRecord], family: str) -> TrialRecord:
    """The finished trial with the least NLL.

    Raises:
        ModelError: None finished; names the first error.
    """
    finished = [(record.nll, record) for record in records if record.status == "finished" and record.nll is not None]
    if not finished:
        errors = [record.error for record in records if record.error]
        reason = last_line(errors[0]) if errors else "none finished within the time budget"
        raise ModelError(f"{family}: none of {len(records)} trials finished: {reason}")
    return min(finished, key=lambda pair: pair[0])[1]


def settings(record: TrialRecord) -> Params:
    """The settings of a trial that its family reads."""
    return {name: value for name, value in record.params.items() if isinstance(value, int | float)}


def last_line(traceback: str) -> str:
    """What a traceback says at its end: the error itself."""
    return traceback.strip().splitlines()[-1]
