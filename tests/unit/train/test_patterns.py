"""Thresholds for each pattern of present fields."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

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
    texts = [f"text {row}" for row in range(200)]
    return Judged(("a", "b"), np.column_stack([top, 1 - top]), codes, ["en"] * 200, patterns, texts)


def _with(judged: Judged, pattern: str, num_rows: int, right: bool) -> Judged:
    return replace(
        judged,
        probabilities=np.vstack([judged.probabilities, np.tile([0.9, 0.1], (num_rows, 1))]),
        codes=np.r_[judged.codes, np.full(num_rows, 0 if right else 1)],
        languages=[*judged.languages, *["de"] * num_rows],
        patterns=[*judged.patterns, *[pattern] * num_rows],
        texts=[*judged.texts, *[f"{pattern} {row}" for row in range(num_rows)]],
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


def test_tickets_with_one_text_are_one_observation() -> None:
    alert = replace(_judged(full=0.0), texts=["alert"] * 200)
    policy, record = choose_policy(alert, CONFIG)
    assert (policy.automate, policy.suggest, policy.ladder) == (None, None, ())
    assert (record[FULL]["num_rows"], record[FULL]["num_texts"]) == (200, 1)
    twice, record = choose_policy(replace(_judged(full=0.0), texts=[f"{row // 2}" for row in range(200)]), CONFIG)
    assert twice.automate is not None
    assert (twice.automate.hits, twice.automate.total, record[FULL]["num_texts"]) == (100, 100, 100)


def test_a_pattern_with_many_rows_of_few_texts_has_no_rules_of_its_own() -> None:
    judged = _with(_judged(), CATEGORIES, LEAST, right=True)
    repeated = replace(judged, texts=[*judged.texts[:200], *["alert"] * LEAST])
    policy, record = choose_policy(repeated, CONFIG)
    assert policy.apart == {}
    assert record[CATEGORIES] == {"num_rows": LEAST, "num_texts": 1, "copies": False, "automate": None}
    assert policy.decide([0.99, 0.01], "de", CATEGORIES).action is Action.SUGGEST


PER_CLASS = CONFIG.model_copy(update={"per_class": True})


def _two_labels(num_frequent: int = 600, num_rare: int = 60, rare_right: float = 0.7) -> Judged:
    """A frequent label that is nearly always right when it is answered, and a rare one that is not."""
    rng = np.random.default_rng(1)
    num_rows = num_frequent + num_rare
    answers = np.r_[np.zeros(num_frequent, dtype=int), np.ones(num_rare, dtype=int)]
    is_right = rng.random(num_rows) < np.where(answers == 0, 0.995, rare_right)
    top = rng.uniform(0.6, 1.0, num_rows)
    probabilities = np.where(np.eye(2)[answers] > 0, top[:, None], 1 - top[:, None])
    codes = np.where(is_right, answers, 1 - answers)
    texts = [f"text {row}" for row in range(num_rows)]
    return Judged(("a", "b"), probabilities, codes, ["en"] * num_rows, [FULL] * num_rows, texts)


def test_together_a_frequent_label_carries_a_rare_one_and_by_itself_it_does_not() -> None:
    rare, frequent = [0.02, 0.98], [0.98, 0.02]
    together, record = choose_policy(_two_labels(), CONFIG)
    assert together.decide(rare, "en", FULL).action is Action.AUTOMATE
    assert together.by_label == {}
    assert "labels" not in record[FULL]
    apart, record = choose_policy(_two_labels(), PER_CLASS)
    assert apart.decide(frequent, "en", FULL).action is Action.AUTOMATE
    decision = apart.decide(rare, "en", FULL)
    assert (decision.action, decision.reason) == (
        Action.SUGGEST,
        'no automate threshold for "b" keeps the precision that was asked for',
    )
    assert record[FULL]["labels"]["b"] == {"num_rows": 60, "num_texts": 60, "automate": None}
    assert record[FULL]["automate"] is None
    assert json.loads(json.dumps(record)) == record


def test_a_label_is_shown_on_the_rows_that_are_answered_so() -> None:
    judged = _two_labels()
    policy, record = choose_policy(judged, PER_CLASS)
    own = judged.probabilities.argmax(axis=1) == 0
    alone = replace(
        judged, probabilities=judged.probabilities[own], codes=judged.codes[own], languages=["en"] * own.sum(),
        patterns=[FULL] * own.sum(), texts=judged.texts[: own.sum()],
    )  # fmt: skip
    expected, _ = choose_policy(alone, CONFIG)
    assert policy.by_label["a"].automate == expected.automate is not None
    assert policy.by_label["a"].ladder == expected.ladder
    assert record[FULL]["labels"]["a"]["automate"] == expected.automate.to_json()


def test_a_label_that_is_answered_too_seldom_is_suggested_as_all_are_together() -> None:
    fewest = fewest_rows(CONFIG.suggest_precision, CONFIG.confidence)
    policy, record = choose_policy(_two_labels(num_rare=fewest - 1, rare_right=1.0), PER_CLASS)
    assert set(policy.by_label) == {"a"}
    assert record[FULL]["labels"]["b"] == {"num_rows": fewest - 1, "num_texts": fewest - 1, "automate": None}
    together, _ = choose_policy(_two_labels(num_rare=fewest - 1, rare_right=1.0), CONFIG)
    assert policy.suggest == together.suggest is not None
    decision = policy.decide([0.01, 0.99], "en", FULL)
    assert (decision.action, "too few" in decision.reason) == (Action.SUGGEST, True)
    assert policy.asking(0.8).decide([0.01, 0.99], "en", FULL).action is Action.SUGGEST
    judged, _ = choose_policy(_two_labels(num_rare=fewest, rare_right=1.0), PER_CLASS)
    assert set(judged.by_label) == {"a", "b"}


def test_copies_of_text_alone_are_judged_label_by_label_too() -> None:
    judged = _two_labels(rare_right=1.0)
    policy, record = choose_policy(replace(judged, alone=judged.probabilities), PER_CLASS)
    assert policy.apart[TEXT].by_label == policy.by_label != {}
    assert record[TEXT]["labels"] == record[FULL]["labels"]


NUM_LABELS = 8
CLEARNESS = np.array([5.0, 5.0, 5.0, 3.0, 5.0, 5.0, 3.0, 5.0])


def uneven(num_rows: int, seed: int) -> Judged:
    """Eight labels, each rarer than the one before, two of them hard to tell, and perfectly calibrated probabilities.

    A label has 0.7 times the rows of the one before. Of every label there is a normal score with a standard deviation
    of 1.5 and a mean of 0, but for the true one's, whose mean is its `CLEARNESS`; probabilities are the posterior.
    """
    rng = np.random.default_rng(seed)
    shares = 0.7 ** np.arange(NUM_LABELS)
    shares /= shares.sum()
    codes = rng.choice(NUM_LABELS, num_rows, p=shares)
    scores = 1.5 * rng.normal(size=(num_rows, NUM_LABELS))
    scores[np.arange(num_rows), codes] += CLEARNESS[codes]
    posterior = softmax(np.log(shares) + (CLEARNESS * scores - CLEARNESS**2 / 2) / 1.5**2, axis=1)
    texts = [f"text {row}" for row in range(num_rows)]
    return Judged(tuple("abcdefgh"), posterior, codes, ["en"] * num_rows, [FULL] * num_rows, texts)


def automated(num_rows: int, seed: int, per_class: bool, num_others: int = 20_000) -> tuple[float, dict[str, float]]:
    """Share of other rows that is automated, and of each label that is, how often it is right."""
    policy, _ = choose_policy(uneven(num_rows, seed), DecideConfig(per_class=per_class))
    others = uneven(num_others, 1_000 + seed)
    decisions = policy.decide_all(others.probabilities, others.languages, others.patterns)
    acted_on = np.array([decision.action is Action.AUTOMATE for decision in decisions])
    answers = others.probabilities.argmax(axis=1)
    own = {label: acted_on & (answers == code) for code, label in enumerate(others.labels)}
    right = {label: float((answers == others.codes)[rows].mean()) for label, rows in own.items() if rows.any()}
    return float(acted_on.mean()), right


def test_a_promise_for_all_labels_is_none_for_each_and_a_promise_for_each_costs_coverage() -> None:
    (coverage, pooled), (own_coverage, own) = (automated(3_000, 0, per_class, 5_000) for per_class in (False, True))
    assert max(pooled["d"], pooled["g"]) < 0.93
    assert min(own.values()) > 0.93
    assert 0.6 < own_coverage < coverage - 0.03
