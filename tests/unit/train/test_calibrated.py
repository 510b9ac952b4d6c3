"""A target's calibration and thresholds, without Ray: the classifier is a stand-in that repeats given probabilities."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from tickets.config import DecideConfig
from tickets.decide.thresholds import choose_threshold
from tickets.features.state import Features
from tickets.models.family import Limits
from tickets.models.labels import OUTSIDE, Labels
from tickets.models.triage import Member, TargetModel
from tickets.train.calibrated import calibrate, decide
from tickets.train.problem import Problem
from tickets.train.split import CALIBRATION, TRAIN, VALIDATION

NAMES = ("billing", "login", "outage")
NUM_ROWS = 300


@dataclass(frozen=True)
class Repeats:
    """A classifier whose answer is known."""

    probabilities: np.ndarray

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        return self.probabilities[: len(features)]

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def _calibrate(
    features: Features, biases: tuple[float, ...], pattern: str = "text", alone: Features | None = None
) -> tuple[TargetModel, dict[str, Any], np.ndarray]:
    """Calibrated on 300 rows whose probabilities are shifted by `biases`, with the labels; one is outside the list."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(NUM_ROWS, 3))
    codes = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((NUM_ROWS, 1))).sum(axis=1)
    codes[5] = OUTSIDE
    texts = [f"text {row}" for row in range(NUM_ROWS)]
    splits = np.full(NUM_ROWS, CALIBRATION)
    problem = Problem("category", Labels(NAMES), codes, features, texts, splits, Limits(3, 1, 1, 1), alone)
    member = Member("linear", Repeats(softmax(logits + np.array(biases), axis=1)), 1.0)
    config = DecideConfig(automate_precision=0.85, suggest_precision=0.7)
    calibrated = calibrate(problem, None, (member,), ["en"] * NUM_ROWS, [pattern] * NUM_ROWS, config)
    model, patterns = decide(calibrated, config)
    return model, {**calibrated.record, "patterns": patterns}, codes


def test_probabilities_that_need_no_more_get_a_temperature_and_thresholds_on_what_is_served(features: Features) -> None:
    model, record, codes = _calibrate(features, (0.0, 0.0, 0.0))
    assert record["kind"] == model.calibration.kind == "temperature"
    served = model.predict(features)
    expected = choose_threshold(served.max(axis=1), served.argmax(axis=1) == codes, 0.85, 0.95)
    assert expected is not None
    assert model.policy.automate == expected


def test_thresholds_are_not_chosen_on_rows_that_the_calibration_learned_by_heart(features: Features) -> None:
    model, record, codes = _calibrate(features, (3.0, 0.0, -1.0))
    assert record["kind"] == model.calibration.kind != "temperature"
    served = model.predict(features)
    by_heart = choose_threshold(served.max(axis=1), served.argmax(axis=1) == codes, 0.85, 0.95)
    assert model.policy.automate is not None
    assert model.policy.automate != by_heart
    assert (served.max(axis=1) >= model.policy.automate.value).mean() == pytest.approx(
        model.policy.automate.coverage, abs=0.1
    )


def _problem(features: Features, seed: int = 0) -> Problem:
    splits, limits = np.array([TRAIN, VALIDATION] * 150), Limits(3, 1, 1, 1, seed=seed)
    bare = replace(
        features, categories=np.zeros_like(features.categories), numbers=np.full_like(features.numbers, np.nan)
    )
    codes, texts = np.arange(NUM_ROWS) % 3, [""] * NUM_ROWS
    return Problem("category", Labels(NAMES), codes, features, texts, splits, limits, bare, field_dropout=0.4)


def test_behind_the_examples_stand_copies_of_some_without_their_fields(features: Features) -> None:
    problem = _problem(features)
    head = np.random.default_rng(0).random((NUM_ROWS, 3))
    plain, lessons = problem.examples(TRAIN, head=head), problem.lessons(TRAIN, head=head)
    assert lessons.head is not None
    num_copies = len(lessons) - len(plain)
    assert 40 < num_copies < 80
    assert np.array_equal(lessons.features.categories[:150], plain.features.categories)
    assert not lessons.features.categories[150:].any()
    assert np.isnan(lessons.features.numbers[150:]).all()
    texts = lessons.features.texts[:150].tolist()
    for copy in range(150, len(lessons)):
        row = next(
            row for row in range(150) if texts[row] == lessons.features.texts[copy]
            and np.array_equal(lessons.head[row], lessons.head[copy])
        )  # fmt: skip
        assert lessons.labels[row] == lessons.labels[copy]
        assert (lessons.features.words[row] != lessons.features.words[copy]).nnz == 0


def test_copies_are_the_same_for_a_seed_and_in_every_selection_of_splits(features: Features) -> None:
    def copied(seed: int, *splits: str) -> list[str]:
        problem = _problem(features, seed)
        return sorted(problem.lessons(*splits).features.texts[len(problem.rows(*splits)) :].tolist())

    assert copied(0, TRAIN) == copied(0, TRAIN) != copied(1, TRAIN)
    assert copied(0, TRAIN, VALIDATION) == sorted([*copied(0, TRAIN), *copied(0, VALIDATION)])


def test_without_fields_there_are_no_copies(features: Features) -> None:
    assert len(replace(_problem(features), alone=None).lessons(TRAIN)) == 150


def test_text_alone_is_calibrated_on_what_is_said_without_fields(features: Features) -> None:
    model, record, _ = _calibrate(features, (0.0, 0.0, 0.0), pattern="text+categories", alone=features)
    assert record["patterns"]["text"] == {**record["patterns"]["text+categories"], "copies": True}
    assert model.policy.apart["text"].automate == model.policy.automate
    assert model.policy.apart["text"].support.languages == {"en", None}


def test_the_record_says_how_many_rows_and_is_json(features: Features) -> None:
    _, record, _ = _calibrate(features, (0.0, 0.0, 0.0))
    assert record["num_rows"] == NUM_ROWS - 1
    assert json.loads(json.dumps(record)) == record
