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

FAMILIES = ("linear", "catboost", "xgboost")


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
    work = object.__new__(fit._Work)  # with what a search reads of it, and no rows
    known = {"config": parse({"source": {"name": "mine"}}), "run_dir": Path(), "on_trial": lambda record: None}
    for name, value in known.items():
        object.__setattr__(work, name, value)
    problem: Any = SimpleNamespace(
        target="label", limits=None, lessons=lambda *_, **__: None, examples=lambda *_, **__: None
    )
    return work._search(problem, None, FAMILIES)


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
