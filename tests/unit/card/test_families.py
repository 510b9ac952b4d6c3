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
