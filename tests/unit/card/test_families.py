from __future__ import annotations

from typing import Any

import pytest

from tickets.card.families import MAX_TRIALS, curves, families


def _trial(family: str, status: str = "finished", **given: Any) -> dict[str, Any]:
    history = [{"step": 1, "nll": 0.9}, {"step": 2, "nll": 0.5}]
    plain = {
        "target": "category",
        "params": {"c": 1.0},
        "history": history,
        "error": None,
        "seconds": 2.0,
        "ended_s": 3.0,
    }
    return {"trial_id": "t", "family": family, "status": status, **plain, **given}


CHOSEN = {
    "families": {
        "linear": {"params": {"c": 0.3}, "length": 1.0, "nll": 0.5, "accuracy": 0.8},
        "dnn": {"params": {"hidden": 64}, "length": 3, "nll": 0.6, "accuracy": 0.7},
    },
    "members": {"linear": 1.0},
    "best": "linear",
    "ensemble": {"nll": 0.49, "gain": 0.01, "low": -0.01, "high": 0.02, "kept": False},
}
TRIALS = [
    _trial("linear"),
    _trial("linear", "stopped"),
    _trial("dnn"),
    _trial("xgboost", "failed", error="Traceback\nValueError: no memory for a.person@example.com"),
    _trial("linear", target="priority"),
]


def test_every_family_that_competed_is_listed_with_what_it_cost() -> None:
    found = families("category", CHOSEN, TRIALS, {"linear": 1.5}, {"linear": 1000, "head": 5}, {"linear": 0.4})
    assert list(found) == ["linear", "dnn", "xgboost"]
    assert found["linear"]["num_trials"] == {"finished": 1, "stopped": 1, "failed": 0}
    assert (found["linear"]["trial_s"], found["linear"]["fit_s"], found["linear"]["num_bytes"]) == (4.0, 1.5, 1000)
    assert (found["linear"]["weight"], found["dnn"]["weight"]) == (1.0, 0.0)
    assert found["dnn"]["cost_ms"] is None
    assert (found["xgboost"]["nll"], found["xgboost"]["why"]) == (None, "every trial failed")


@pytest.mark.parametrize(
    ("given", "linear", "dnn"),
    [
        ({}, "the best alone", "behind linear"),
        ({"best": "dnn", "members": {"dnn": 1.1}}, "not surely better than dnn", "the best alone"),
        ({"members": {"linear": 0.6, "dnn": 0.4}}, *["part of a pool that is surely better than the best alone"] * 2),
        ({"members": {"linear": 0.6, "xgboost": 0.4}}, "part of a pool that is surely better than the best alone",
         "adds nothing to the pool"),
    ],
)  # fmt: skip
def test_why_a_family_is_kept(given: dict[str, Any], linear: str, dnn: str) -> None:
    found = families("category", {**CHOSEN, **given}, [], {}, {}, {})
    assert (found["linear"]["why"], found["dnn"]["why"]) == (linear, dnn)


def test_a_family_that_was_alone_says_so() -> None:
    alone = {"families": {"linear": CHOSEN["families"]["linear"]}, "members": {"linear": 1.0}, "best": "linear"}  # type: ignore[index]
    found = families("category", alone, [], {}, {}, {})
    assert found["linear"]["why"] == "the only one that was tried"
    assert found["linear"]["trial_s"] is None


def test_curves_of_one_target_without_what_may_tell_of_a_person() -> None:
    found = curves("category", TRIALS)
    assert [of["family"] for of in found] == ["linear", "linear", "dnn", "xgboost"]
    assert found[0]["nll"] == [0.9, 0.5]
    assert found[3]["error"] == "ValueError: no memory for [email]"
    many = curves("category", [_trial("linear") for _ in range(MAX_TRIALS + 5)] + [_trial("dnn")])
    assert len(many) == MAX_TRIALS + 1


FINETUNE = {
    "precision": "int8", "int8_cost": {"category": 0.0012, "priority": -0.001}, "fit_s": 600.0, "num_bytes": 23_000_000,
}  # fmt: skip
WITH_FINETUNE = {
    **CHOSEN,
    "families": {**CHOSEN["families"], "transformer": {"params": {}, "length": 4, "nll": 0.4, "accuracy": 0.9}},  # type: ignore[dict-item]
    "finetune": FINETUNE,
}


def test_a_fine_tune_has_its_own_time_and_size() -> None:
    kept = {**WITH_FINETUNE, "members": {"transformer": 1.0}, "best": "transformer"}
    found = families("category", kept, TRIALS, {}, {"transformer": 21}, {"transformer": 7.0})["transformer"]
    assert (found["fit_s"], found["num_bytes"], found["cost_ms"]) == (600.0, 23_000_000, 7.0)
    assert "int8 changes accuracy by -0.12 points" in found["note"]
    assert "Trials of" not in found["note"]


def test_a_fine_tune_that_is_not_kept_took_its_time_and_weighs_nothing() -> None:
    found = families("priority", WITH_FINETUNE, [], {}, {"linear": 5}, {})["transformer"]
    assert (found["fit_s"], found["num_bytes"]) == (600.0, None)
    assert "by +0.10 points" in found["note"]


def test_the_trials_of_a_fine_tune_are_told_to_be_of_one_target() -> None:
    trials = [_trial("transformer", target="priority")]
    found = families("category", WITH_FINETUNE, trials, {}, {}, {})
    assert "Trials of transformer are of priority alone" in found["transformer"]["note"]
    assert found["transformer"]["trial_s"] is None
    assert found["linear"]["note"] is None


@pytest.mark.parametrize(
    ("statuses", "why"),
    [
        (["failed", "failed"], "every trial failed"),
        (["failed", "stopped"], "no trial came to its end"),
        (["finished", "failed"], "its settings were found, but the fit with them failed"),
    ],
)
def test_why_a_family_is_no_candidate(statuses: list[str], why: str) -> None:
    trials = [_trial("transformer", status) for status in statuses]
    assert families("category", CHOSEN, trials, {}, {}, {})["transformer"]["why"] == why
