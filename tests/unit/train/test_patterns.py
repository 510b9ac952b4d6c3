"""Thresholds for each pattern of present fields."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tickets.config import DecideConfig
from tickets.decide.policy import Action
from tickets.decide.thresholds import fewest_rows
from tickets.train.patterns import Judged, choose_policy

FULL, TEXT, CATEGORIES = "text+categories", "text", "categories"
CONFIG = DecideConfig(automate_precision=0.9, suggest_precision=0.6)
LEAST = fewest_rows(0.9, 0.95)


def _judged(**errors: float) -> Judged:
    """200 rows with text and categories, and as many of other patterns as are asked for; `errors` are shares."""
    rng = np.random.default_rng(0)
    patterns = [FULL] * 200
    wrong = rng.random(200) < errors.get("full", 0.01)
    top = rng.uniform(0.6, 1.0, 200)
    codes = np.where(wrong, 1, 0)
    return Judged(("a", "b"), np.column_stack([top, 1 - top]), codes, ["en"] * 200, patterns)


def _with(judged: Judged, pattern: str, num_rows: int, right: bool) -> Judged:
    return replace(
        judged,
        probabilities=np.vstack([judged.probabilities, np.tile([0.9, 0.1], (num_rows, 1))]),
        codes=np.r_[judged.codes, np.full(num_rows, 0 if right else 1)],
        languages=[*judged.languages, *["de"] * num_rows],
        patterns=[*judged.patterns, *[pattern] * num_rows],
    )


def _action(judged: Judged, pattern: str, language: str | None, sure: float = 0.95) -> Action:
    policy, _ = choose_policy(judged, CONFIG)
    return policy.decide([sure, 1 - sure], language, pattern).action


def test_a_pattern_is_tested_on_its_own_rows() -> None:
    judged = _with(_judged(), CATEGORIES, LEAST, right=False)
    assert _action(judged, FULL, "en") is Action.AUTOMATE
    assert _action(judged, CATEGORIES, "de", 0.99) is Action.REVIEW
    better = _with(_judged(), CATEGORIES, LEAST, right=True)
    assert _action(better, CATEGORIES, "de") is Action.AUTOMATE
    assert _action(better, CATEGORIES, "en") is Action.SUGGEST, "its rows held no English ticket"


def test_a_pattern_with_too_few_rows_is_never_automated() -> None:
    judged = _with(_judged(), CATEGORIES, LEAST - 1, right=True)
    assert _action(judged, CATEGORIES, "de", 0.99) is Action.SUGGEST


def test_the_rows_of_other_patterns_change_no_threshold() -> None:
    alone, _ = choose_policy(_judged(), CONFIG)
    among, _ = choose_policy(_with(_judged(), CATEGORIES, 150, right=False), CONFIG)
    assert (among.automate, among.suggest, among.ladder) == (alone.automate, alone.suggest, alone.ladder)


def test_copies_stand_in_for_text_alone_where_it_is_rare() -> None:
    judged = _judged()
    assert _action(judged, TEXT, None) is Action.SUGGEST
    copied = replace(judged, alone=judged.probabilities)
    assert _action(copied, TEXT, None) is _action(copied, TEXT, "en") is Action.AUTOMATE
    assert _action(copied, TEXT, "it") is Action.SUGGEST
    assert _action(copied, FULL, None) is Action.SUGGEST, "with fields, no row lacked a language"
    worse = replace(judged, alone=judged.probabilities[:, ::-1])
    assert _action(worse, TEXT, None, 0.99) is Action.REVIEW
    assert _action(worse, FULL, "en") is Action.AUTOMATE


def test_every_ticket_stands_in_a_test_once() -> None:
    judged = replace(_judged(), alone=_judged().probabilities)
    policy, record = choose_policy(judged, CONFIG)
    assert {pattern: of["num_rows"] for pattern, of in record.items()} == {FULL: 200, TEXT: 200}
    assert {pattern: of["copies"] for pattern, of in record.items()} == {FULL: False, TEXT: True}
    assert all(rules.automate and rules.automate.total <= 200 for rules in (policy, policy.apart[TEXT]))
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("num_rows", [LEAST - 1, LEAST])
def test_tickets_that_came_with_text_alone_speak_for_themselves_where_they_are_enough(num_rows: int) -> None:
    judged = _with(_judged(), TEXT, num_rows, right=False)
    judged = replace(judged, alone=judged.probabilities)
    _, record = choose_policy(judged, CONFIG)
    assert record[TEXT]["copies"] == (num_rows < LEAST)
    assert record[TEXT]["num_rows"] == (200 + num_rows if num_rows < LEAST else num_rows)


def test_rows_without_text_have_no_copies() -> None:
    judged = _judged()
    judged = replace(judged, patterns=[CATEGORIES] * 200, alone=judged.probabilities)
    policy, record = choose_policy(judged, CONFIG)
    assert list(record) == [CATEGORIES]
    assert policy.apart == {}
