from __future__ import annotations

from threading import Event

from tickets.events import TrialRecord
from tickets.registry.background import Background


def _trial(trial_id: str, num_points: int) -> TrialRecord:
    history = [{"step": float(step)} for step in range(num_points)]
    return TrialRecord(trial_id, "linear", "category", {}, history, "running", None, 1.0)


def test_a_slow_server_sees_the_newest_state_and_the_sweep_never_waits() -> None:
    written: list[tuple[str, str, int]] = []
    began, go_on = Event(), Event()

    def write(run_id: str, trial: TrialRecord) -> None:
        began.set()
        assert go_on.wait(30)
        written.append((run_id, trial.trial_id, len(trial.history)))

    background = Background(write)
    background.put("run", _trial("first", 1))
    assert began.wait(30)
    for num_points in range(1, 100):  # all of these while the first one is still on its way
        background.put("run", _trial("second", num_points))
    assert background.wait(0.0) == 1
    go_on.set()
    assert background.wait(30) == 0
    assert written == [("run", "first", 1), ("run", "second", 99)]


def test_what_comes_after_a_rest_is_written_too() -> None:
    written: list[str] = []
    background = Background(lambda run_id, trial: written.append(trial.trial_id))
    for trial_id in ("a", "b"):
        background.put("run", _trial(trial_id, 1))
        assert background.wait(30) == 0
    assert written == ["a", "b"]
