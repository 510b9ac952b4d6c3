"""Which families are deployed, by what they say of validation rows; no family is fitted here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from tickets.features.state import Features
from tickets.models.family import Limits
from tickets.models.labels import Labels
from tickets.train.choice import choose, gain_of
from tickets.train.problem import Problem
from tickets.train.split import VALIDATION
from tickets.train.sweep import Candidate

NUM_ROWS = 300
CODES = np.arange(NUM_ROWS) % 3
FOLDS = 5


@pytest.fixture
def problem(features: Features) -> Problem:
    texts = [f"text {row}" for row in range(NUM_ROWS)]
    splits = np.full(NUM_ROWS, VALIDATION)
    return Problem("category", Labels(("a", "b", "c")), CODES, features, texts, splits, Limits(3, 1, 1, 1))


def _candidate(family: str, clearness: float, seed: int, noise: float = 1.0) -> Candidate:
    """What a family says that sees the right label through noise of its own."""
    logits = clearness * np.eye(3)[CODES] + noise * np.random.default_rng(seed).normal(size=(NUM_ROWS, 3))
    return Candidate(family, {"c": clearness}, 7.0, softmax(logits, axis=1))


def test_a_family_that_is_surely_better_is_taken(problem: Problem) -> None:
    weights, record = choose(problem, [_candidate("linear", 0.5, 0), _candidate("xgboost", 6.0, 1)], FOLDS)
    assert record["best"] == "xgboost"
    assert weights["xgboost"] > 0
    found = record["families"]["xgboost"]
    assert (found["params"], found["length"], found["accuracy"] > 0.9) == ({"c": 6.0}, 7.0, True)
    assert 0 < found["gain_over_linear"]["low"] < found["gain_over_linear"]["gain"]
    assert found["nll"] < record["families"]["linear"]["nll"]


def test_a_handful_of_texts_is_sure_of_nothing() -> None:
    losses = np.linspace(0.5, 1.0, 60)
    assert gain_of(losses + 0.3, losses, [f"text {row}" for row in range(60)])["sure"]
    few = gain_of(losses + 0.3, losses, [f"text {row % 5}" for row in range(60)])
    assert (few["low"] > 0, few["sure"]) == (True, False)


def test_linear_stays_where_another_is_better_by_chance_alone(problem: Problem) -> None:
    linear = _candidate("linear", 3.0, 0)
    rng = np.random.default_rng(1)
    others = [
        Candidate("dnn", {}, 1.0, softmax(np.log(linear.validation) + 0.05 * rng.normal(size=(NUM_ROWS, 3)), axis=1))
        for _ in range(5)
    ]
    for other in others:
        weights, record = choose(problem, [linear, other], FOLDS)
        assert record["best"] == "linear"
        assert list(weights) == ["linear"]
        assert not record["families"]["dnn"]["gain_over_linear"]["sure"]
        assert record["ensemble"]["kept"] is False


def test_members_that_err_apart_are_pooled(problem: Problem) -> None:
    candidates = [_candidate(name, 1.5, seed) for seed, name in enumerate(("linear", "catboost", "dnn"))]
    weights, record = choose(problem, candidates, FOLDS)
    assert record["ensemble"]["kept"]
    assert set(weights) == {"linear", "catboost", "dnn"}
    assert record["ensemble"]["nll"] < min(of["nll"] for of in record["families"].values())


def _reckless(of: Candidate, name: str) -> Candidate:
    """A family that is surer of half the rows with reason, and of a few without: better by far or by chance."""
    logits, rows = np.log(of.validation), np.random.default_rng(103).permutation(NUM_ROWS)
    known, mistaken = rows[:150], rows[150:162]
    logits[known, CODES[known]] += 1
    logits[mistaken, (CODES[mistaken] + 1) % 3] += 4
    return Candidate(name, {}, 1.0, softmax(logits, axis=1))


def test_a_pool_has_to_beat_the_best_member_even_where_that_is_not_surely_better_than_linear(problem: Problem) -> None:
    linear = _candidate("linear", 1.5, 3)
    weights, record = choose(problem, [linear, _reckless(linear, "dnn")], FOLDS)
    families, ensemble = record["families"], record["ensemble"]
    assert families["dnn"]["nll"] < families["linear"]["nll"]
    assert (record["best"], ensemble["best_member"]) == ("linear", "dnn")
    assert ensemble["gain_over_linear"]["sure"]
    assert not ensemble["sure"]
    assert (ensemble["kept"], list(weights)) == (False, ["linear"])


def test_copies_of_one_text_make_no_gain_sure(problem: Problem) -> None:
    linear, dnn = _candidate("linear", 1.5, 0), _candidate("dnn", 1.9, 4)
    rows = np.tile(np.arange(30), 10)
    linear, dnn = (replace(of, validation=of.validation[rows]) for of in (linear, dnn))
    copied = replace(problem, codes=CODES[rows])
    _, apart = choose(copied, [linear, dnn], FOLDS)
    _, together = choose(replace(copied, texts=[f"text {row}" for row in rows]), [linear, dnn], FOLDS)
    assert apart["families"]["dnn"]["gain_over_linear"]["sure"]
    assert not together["families"]["dnn"]["gain_over_linear"]["sure"]


def test_a_member_that_says_nothing_is_no_part_of_the_pool(problem: Problem) -> None:
    candidates = [_candidate(name, 1.5, seed) for seed, name in enumerate(("linear", "catboost"))]
    chance = Candidate("dnn", {}, 1.0, np.full((NUM_ROWS, 3), 1 / 3))
    weights, record = choose(problem, [*candidates, chance], FOLDS)
    assert record["ensemble"]["kept"]
    assert set(weights) == {"linear", "catboost"}


def test_one_family_alone_is_taken_with_its_temperature(problem: Problem) -> None:
    weights, record = choose(problem, [_candidate("linear", 4.0, 0, noise=2.0)], FOLDS)
    assert set(weights) == {"linear"}
    assert weights["linear"] != 1
    assert "ensemble" not in record
