"""What the suite `sweep` compares; searches and fits are replaced."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tickets.config import SearchConfig, SweepConfig
from tickets.config.benchmark import BenchmarkConfig
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.models.family import Examples, Limits


class World:
    """A sweep of trials with known settings, and a family that notes what it is asked to fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, train: Examples, num_trials: int = 8) -> None:
        import _sweep_suite
        import ray
        from _searches import Task

        self.suite: Any = _sweep_suite
        self.num_trials = num_trials
        self.asked: list[tuple[Limits, SweepConfig]] = []
        self.fits: list[tuple[Any, Limits]] = []
        limits = Limits(3, 300, 12, 3)
        self.task = Task("xgboost", train, train, limits, SearchConfig(), SweepConfig(time_budget_s=1.0))
        monkeypatch.setattr(ray, "put", lambda value: value)
        monkeypatch.setattr(_sweep_suite, "sweep", self._sweep)
        monkeypatch.setattr(_sweep_suite, "family", lambda name: SimpleNamespace(fit=self._fit))

    def _sweep(self, name: str, target: str, rows: Any, limits: Limits, config: SweepConfig, *rest: Any) -> None:
        self.asked.append((limits, config))
        on_trial = rest[-1]
        for at in range(self.num_trials):
            for status in ("running", "finished"):
                on_trial(TrialRecord(str(at), name, target, {"max_depth": at}, (), status, None, 1.0, 0.5))  # type: ignore[arg-type]

    def _fit(self, params: Any, train: Examples, valid: Examples, limits: Limits, report: Any) -> Any:
        self.fits.append((params, limits))
        answers = np.full((len(valid), 3), 0.1)
        answers[:, 0] += 0.01 * params["max_depth"]
        return SimpleNamespace(nll=1.0, classifier=SimpleNamespace(predict=lambda features, head: answers))


def test_the_loop_makes_the_trials_of_the_sweep_once_more(
    monkeypatch: pytest.MonkeyPatch, train: Examples, tmp_path: Path
) -> None:
    world = World(monkeypatch, train)
    found = world.suite.compare_loop(world.task, tmp_path)
    ((limits, config),) = world.asked
    assert world.fits == [({"max_depth": at}, limits) for at in range(8)]
    assert limits.boosting_rounds < world.task.limits.boosting_rounds
    assert (config.num_trials, config.time_budget_s) == (8, None)
    assert config.grace_steps >= limits.boosting_rounds  # nothing is stopped
    assert set(found) == {"sweep_s", "loop_s"}


def test_a_sweep_that_lost_a_trial_is_no_comparison(
    monkeypatch: pytest.MonkeyPatch, train: Examples, tmp_path: Path
) -> None:
    world = World(monkeypatch, train, num_trials=7)
    with pytest.raises(ModelError, match="7 of 8 short trials"):
        world.suite.compare_loop(world.task, tmp_path)


def test_curves_have_eight_moments_and_a_table_of_three(
    monkeypatch: pytest.MonkeyPatch, train: Examples, tmp_path: Path
) -> None:
    world = World(monkeypatch, train)
    from _searches import Tried

    def search(task: Any, budget_s: float, seed: int, folder: Path) -> list[Any]:
        return [Tried(12.0, {"max_depth": 1}, 0.9), Tried(31.0, {"max_depth": 5}, 0.4)]

    monkeypatch.setattr(world.suite, "SEARCHES", {"tickets": search, "random": search})
    config = BenchmarkConfig(seeds=1, search_s=40.0)
    reached = world.suite.compare_searches(world.task, train, config, tmp_path)
    (curve,) = reached["tickets"]["nll"]
    assert reached["tickets"]["seconds"] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert curve[:2] == [None, None]
    assert len(set(curve[2:6])) == len(set(curve[6:])) == 1
    assert curve[2] != curve[6]
    assert len(world.fits) == 4  # what is best at several moments is fitted once
    told = world.suite.format_searches(reached, {"sweep_s": 2.0, "loop_s": 4.0}, config)
    assert "10 s" in told and "20 s" in told and "40 s" in told and "35 s" not in told
    assert "ratio 0.50" in told


@pytest.mark.filterwarnings("error:One or more of the")  # scikit-learn only warns of scores that it could not make
def test_halving_tries_settings_on_validation_rows(train: Examples, valid: Examples, tmp_path: Path) -> None:
    from _searches import Task, by_halving

    limits = Limits(3, 20, 2, 3)
    task = Task("xgboost", train, valid, limits, SearchConfig(), SweepConfig(time_budget_s=1.0))
    tried = by_halving(task, 0.1, 0, tmp_path)
    assert tried
    assert all(0 < of.nll < np.log(3) and of.params for of in tried)
