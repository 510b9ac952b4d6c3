"""What tasks are given and what becomes of their failures, with Ray's own functions replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tickets.config import ModelConfig, SweepConfig
from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models import imbalance
from tickets.models.family import Limits
from tickets.models.labels import Labels
from tickets.train import tasks
from tickets.train.problem import Problem
from tickets.train.split import TRAIN, VALIDATION

NUM_ROWS = 300


class Local:
    """Ray in this process: what is put is kept and counted, what is remote is called."""

    def __init__(self) -> None:
        self.put: list[Any] = []
        self.shipped: list[tuple[Any, ...]] = []

    def placed(self, task: Callable[..., Any], name: str, config: SweepConfig) -> Any:
        def remote(*given: Any) -> Any:
            self.shipped.append(given)
            return task(*given)

        return SimpleNamespace(remote=remote)

    def keep(self, value: Any) -> Any:
        self.put.append(value)
        return value


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Local:
    import ray

    found = Local()
    monkeypatch.setattr(ray, "put", found.keep)
    monkeypatch.setattr(ray, "get", lambda reference: reference)
    monkeypatch.setattr(tasks, "_placed", found.placed)
    monkeypatch.setattr(tasks, "on_granted_device", lambda limits: limits)
    return found


@pytest.fixture
def problem(features: Features, codes: np.ndarray) -> Problem:
    """The 300 tickets; some rows are learned from once more without their fields."""
    splits = np.where(np.arange(NUM_ROWS) % 4, TRAIN, VALIDATION)
    texts = list(features.texts)
    limits = Limits(3, 1, 1, 1)
    return Problem("category", Labels(("a", "b", "c")), codes, features, texts, splits, limits, features, 0.5)


def test_remedies_are_compared_on_rows_that_are_put_once(
    local: Local, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imbalance, "EVEN", 1.1)
    params = {"c": 0.3, "vector_weight": 1.0}
    chosen, record = tasks.choose_remedy(problem, params, ModelConfig(), SweepConfig())
    assert chosen.remedy == record["chosen"]
    (plain,) = local.put
    assert [given[2] for given in local.shipped] == list(imbalance.REMEDIES)
    assert all(given[1] is plain for given in local.shipped)


@pytest.mark.parametrize("remedy", imbalance.REMEDIES)
def test_a_remedy_on_plain_lessons_is_that_of_the_problem(problem: Problem, remedy: str) -> None:
    plain = replace(problem, remedy=imbalance.NONE).lessons(TRAIN)
    assert plain.weights is None
    assert len(plain) > len(problem.rows(TRAIN))
    counts = np.bincount(problem.codes[problem.rows(TRAIN)], minlength=3)
    found = imbalance.remedied(plain, remedy, 3)
    expected = (
        np.ones(len(plain)) if remedy == imbalance.NONE else imbalance.class_weights(counts, remedy)[plain.labels]
    )
    np.testing.assert_allclose(np.ones(len(plain)) if found.weights is None else found.weights, expected, rtol=1e-6)
    if remedy == "adjusted":
        assert found.log_prior is not None
        np.testing.assert_allclose(np.exp(found.log_prior), counts / counts.sum())


def _raising(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    import ray

    def get(reference: Any) -> Any:
        raise error

    monkeypatch.setattr(ray, "get", get)


def test_a_process_that_died_of_memory_is_an_error_of_the_fit(
    local: Local, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    _raising(monkeypatch, ray.exceptions.OutOfMemoryError("Task was killed due to low memory.\nRefer to the manual."))
    with pytest.raises(ModelError) as raised:
        tasks.fit_first(problem, "linear", {"c": 0.3, "vector_weight": 1.0}, SweepConfig())
    assert raised.value.message == "linear could not be fitted: OutOfMemoryError: Task was killed due to low memory."
