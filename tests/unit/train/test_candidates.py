"""Which families of a target become candidates; sweeps and fits are replaced."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tickets.config.parse import parse
from tickets.errors import ModelError
from tickets.train import fit
from tickets.train.sweep import Candidate

SOURCE = {"name": "mine", "targets": ["label", "other"]}
TREES = {"families": ["catboost", "xgboost"]}


def _search(monkeypatch: pytest.MonkeyPatch, failing: set[str]) -> list[Candidate]:
    """The candidates of a target where the sweeps of some families give nothing."""
    import ray

    def sweep(name: str, *_: Any) -> Candidate:
        if name in failing:
            raise ModelError(f"{name}: none of 6 trials finished")
        return Candidate(name, {"swept": 1}, 1.0, np.zeros((0, 2)))

    def fit_first(problem: Any, name: str, params: Any, config: Any) -> Candidate:
        if "fit" in failing:
            raise ModelError(f"{name} could not be fitted")
        return Candidate(name, params, 1.0, np.zeros((0, 2)))

    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(fit, "sweep", sweep)
    monkeypatch.setattr(fit, "fit_first", fit_first)
    problem: Any = SimpleNamespace(
        target="label", limits=None, lessons=lambda *_, **__: None, examples=lambda *_, **__: None
    )
    return _work(TREES)._search(problem, None)


def _work(model: dict[str, Any]) -> fit._Work:
    """What a search reads of it, and no rows."""
    nothing: Any = None
    config = parse({"source": SOURCE, "model": model})
    return fit._Work(nothing, nothing, None, [], config, Path(), lambda record: None)


def test_a_family_whose_trials_all_fail_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _search(monkeypatch, {"catboost"})
    assert [of.family for of in found] == ["linear", "xgboost"]


def test_linear_is_there_to_be_beaten_even_where_its_sweep_gave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _search(monkeypatch, {"linear", "catboost"})
    assert [of.family for of in found] == ["linear", "xgboost"]
    assert found[0].params == {"c": 0.3, "vector_weight": 1.0}


def test_where_linear_cannot_be_fitted_there_is_nothing_to_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="linear could not be fitted"):
        _search(monkeypatch, {"linear", "fit"})


def _heads(monkeypatch: pytest.MonkeyPatch, model: dict[str, Any], num_labels: int = 3) -> dict[str, Any]:
    """Target → its head; that of the target `other` cannot be fitted."""

    def fit_head(problem: Any, num_folds: int) -> str:
        if problem.target == "other":
            raise ModelError("the text head could not be fitted")
        return f"head of {problem.target}"

    monkeypatch.setattr(fit, "fit_head", fit_head)
    problems: list[Any] = [SimpleNamespace(target=name, labels=range(num_labels)) for name in ("label", "other")]
    return {problem.target: _work(model)._head(problem) for problem in problems}


def test_a_target_that_is_not_swept_does_without_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _heads(monkeypatch, TREES) == {"label": "head of label", "other": None}
    with pytest.raises(ModelError):
        _heads(monkeypatch, {**TREES, "sweep_targets": ["label", "other"]})


def test_heads_are_fitted_where_trees_may_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(_heads(monkeypatch, {"families": ["dnn"]}).values()) == {None}
    asked: list[str] = []
    monkeypatch.setattr(fit, "fit_head", lambda problem, num_folds: asked.append(problem.target))
    for num_labels in (64, 65):  # what is no swept target's own, and has more labels than there is room for
        problem: Any = SimpleNamespace(target="other", labels=range(num_labels))
        _work(TREES)._head(problem)
    assert asked == ["other"]


def test_only_swept_targets_read_the_heads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "joined", lambda head, others: (head, *(other for _, other in others)))
    posed: Any = {name: fit._Posed(name, {}, f"head of {name}") for name in ("label", "other", "third")}  # type: ignore[arg-type]
    posed |= {"failed": "no labels", "headless": fit._Posed(posed["label"].problem, {}, None)}
    found: Any = _work(TREES).join_heads(posed)
    assert found["label"].head == ("head of label", "head of other", "head of third")
    assert found["other"].head == "head of other"
    assert (found["failed"], found["headless"].head) == ("no labels", None)
