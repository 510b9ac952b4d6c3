from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tickets.events import TrialRecord
from tickets.storage import Storage
from tickets.train.notes import TrialNotes, load_notes, save_notes


def _record(number: int) -> TrialRecord:
    return TrialRecord(f"t{number}", "linear", "category", {"c": 0.3}, [{"step": 1, "nll": 0.5}], "finished", None, 2.0)


def test_trials_are_noted_and_handed_on(tmp_path: Path) -> None:
    told: list[TrialRecord] = []
    notes = TrialNotes(told.append)
    for number in range(3):
        notes(_record(number))
    assert told == [_record(number) for number in range(3)]
    ends = [trial["ended_s"] for trial in notes.trials]
    assert ends == sorted(ends)
    storage = Storage(str(tmp_path))
    save_notes(storage, "support", "run-1", [{"target": "category"}], notes.trials, {"category": {"linear": 1.5}})
    found = load_notes(storage, "support", "run-1")
    assert found["audit"] == [{"target": "category"}]
    assert [trial["trial_id"] for trial in found["trials"]] == ["t0", "t1", "t2"]
    assert found["trials"][0]["history"] == [{"step": 1, "nll": 0.5}]
    assert found["fit_s"] == {"category": {"linear": 1.5}}


def test_a_trial_that_is_told_twice_is_noted_once_as_it_was_at_last() -> None:
    notes = TrialNotes(lambda trial: None)
    for record in (_record(0), _record(1), replace(_record(0), seconds=9.0)):
        notes(record)
    assert [(trial["trial_id"], trial["seconds"]) for trial in notes.trials] == [("t1", 2.0), ("t0", 9.0)]


def test_a_run_that_left_nothing_is_empty(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    assert load_notes(storage, "support", "run-1") == {"audit": [], "trials": [], "fit_s": {}}
    save_notes(storage, "support", "run-1", [{"target": "category"}])
    assert load_notes(storage, "support", "run-1") == {"audit": [{"target": "category"}], "trials": [], "fit_s": {}}
