"""A target's calibration and thresholds, without Ray: the classifier is a stand-in that repeats given probabilities."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
from tickets.train.split import CALIBRATION
from tickets.train.target import Problem, calibrate, decide

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


def _calibrate(features: Features, biases: tuple[float, ...]) -> tuple[TargetModel, dict[str, Any], np.ndarray]:
    """Calibrated on 300 rows whose probabilities are shifted by `biases`, with the labels; one is outside the list."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(NUM_ROWS, 3))
    codes = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((NUM_ROWS, 1))).sum(axis=1)
    codes[5] = OUTSIDE
    texts = [f"text {row}" for row in range(NUM_ROWS)]
    splits = np.full(NUM_ROWS, CALIBRATION)
    problem = Problem("category", Labels(NAMES), codes, features, texts, splits, Limits(3, 1, 1, 1))
    member = Member("linear", Repeats(softmax(logits + np.array(biases), axis=1)), 1.0)
    config = DecideConfig(automate_precision=0.85, suggest_precision=0.7)
    calibrated = calibrate(problem, None, (member,), ["en"] * NUM_ROWS, ["text"] * NUM_ROWS, config)
    return decide(calibrated, config), calibrated.record, codes


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


def test_the_record_says_how_many_rows_and_is_json(features: Features) -> None:
    _, record, _ = _calibrate(features, (0.0, 0.0, 0.0))
    assert record["num_rows"] == NUM_ROWS - 1
    assert json.loads(json.dumps(record)) == record
