"""Which rows a remedy lies on, and when remedies are measured at all, without Ray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickets.config import ModelConfig, SweepConfig
from tickets.features.state import Features
from tickets.models.family import Limits
from tickets.models.labels import Labels
from tickets.train.problem import Problem
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.tasks import choose_remedy

NUM_ROWS = 300


@pytest.fixture
def problem(features: Features) -> Problem:
    """Three classes, the first with 8 of 10 rows; every fifth row is for validation."""
    codes = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 2] * (NUM_ROWS // 10))
    splits = np.array([TRAIN, TRAIN, TRAIN, TRAIN, VALIDATION] * (NUM_ROWS // 5))
    splits[::7] = TRAIN
    texts = [f"text {row}" for row in range(NUM_ROWS)]
    return Problem("category", Labels(("a", "b", "c")), codes, features, texts, splits, Limits(3, 1, 1, 1))


def test_a_remedy_lies_on_the_rows_that_are_learned_from_alone(problem: Problem) -> None:
    weighted = replace(problem, remedy="balanced")
    lessons = weighted.lessons(TRAIN)
    assert lessons.weights is not None
    assert lessons.weights[lessons.labels == 1].min() > lessons.weights[lessons.labels == 0].max()
    assert weighted.examples(VALIDATION).weights is None
    assert problem.lessons(TRAIN).weights is None


def test_copies_without_fields_weigh_as_their_rows_do(problem: Problem) -> None:
    copied = replace(problem, alone=problem.features, field_dropout=0.5, remedy="balanced").lessons(TRAIN)
    num_rows = len(problem.rows(TRAIN))
    assert copied.weights is not None
    assert copied.has_copy is not None
    assert len(copied) > num_rows
    np.testing.assert_array_equal(copied.weights[num_rows:], copied.weights[:num_rows][copied.has_copy[:num_rows]])


@pytest.mark.parametrize("asked", ["none", "balanced", "effective", "adjusted"])
def test_what_is_asked_for_is_done_without_a_measurement(problem: Problem, asked: str) -> None:
    chosen, record = choose_remedy(problem, {}, ModelConfig.model_validate({"imbalance": asked}), SweepConfig())
    assert (chosen.remedy, record["chosen"]) == (asked, asked)
    assert record["evenness"] < 0.9


def test_even_classes_are_left_alone(problem: Problem) -> None:
    even = replace(problem, codes=np.arange(NUM_ROWS) % 3)
    chosen, record = choose_remedy(even, {}, ModelConfig(), SweepConfig())
    assert (chosen.remedy, set(record)) == ("none", {"chosen", "evenness"})
