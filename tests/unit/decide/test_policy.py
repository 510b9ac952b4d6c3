from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tickets.decide.policy import Action, Support, TargetPolicy
from tickets.decide.rules import Rules
from tickets.decide.thresholds import Threshold
from tickets.errors import ModelError

LABELS = ("billing", "login", "outage", "other")
PATTERN = "text+categories"
SURE, LIKELY, UNSURE = [0.95, 0.03, 0.01, 0.01], [0.2, 0.6, 0.15, 0.05], [0.3, 0.3, 0.2, 0.2]


def _threshold(value: float) -> Threshold:
    return Threshold(value=value, precision=0.9, coverage=0.5, hits=100, total=100, low=0.97)


def _policy(automate: float | None = 0.9, suggest: float | None = 0.5) -> TargetPolicy:
    return TargetPolicy(
        labels=LABELS,
        automate=None if automate is None else _threshold(automate),
        suggest=None if suggest is None else _threshold(suggest),
        support=Support(frozenset({"billing", "login", "outage"}), frozenset({"en", None}), frozenset({PATTERN})),
    )


def test_a_sure_answer_on_a_known_kind_of_ticket_is_automated() -> None:
    decision = _policy().decide(SURE, "en", PATTERN)
    assert decision.action is Action.AUTOMATE
    assert (decision.label, decision.confidence) == ("billing", 0.95)
    assert decision.top == (("billing", 0.95), ("login", 0.03), ("outage", 0.01))
    assert decision.reason == "0.950 reaches the automate threshold 0.900"


def test_a_confidence_at_the_threshold_passes() -> None:
    assert _policy(automate=0.95).decide(SURE, None, PATTERN).action is Action.AUTOMATE
    assert _policy(automate=np.nextafter(0.95, 1)).decide(SURE, None, PATTERN).action is Action.SUGGEST


@pytest.mark.parametrize(
    ("language", "pattern", "degraded", "reason"),
    [
        ("it", PATTERN, False, 'calibration saw no ticket in "it"'),
        ("en", "subject", False, "calibration saw no ticket with just these fields filled in"),
        ("en", PATTERN, True, "a part of the answer was replaced by its fallback"),
    ],
)
def test_what_calibration_did_not_see_is_suggested_at_most(
    language: str, pattern: str, degraded: bool, reason: str
) -> None:
    decision = _policy().decide(SURE, language, pattern, degraded)
    assert (decision.action, decision.reason) == (Action.SUGGEST, reason)


def test_a_label_that_calibration_never_held_is_not_automated() -> None:
    decision = _policy().decide([0.01, 0.01, 0.01, 0.97], "en", PATTERN)
    assert (decision.action, decision.label) == (Action.SUGGEST, "other")
    assert decision.reason == 'calibration saw no ticket labelled "other"'


def test_no_language_is_a_language_of_its_own() -> None:
    support = Support(frozenset(LABELS), frozenset({"en"}), frozenset({PATTERN}))
    policy = TargetPolicy(LABELS, _threshold(0.9), _threshold(0.5), support)
    assert policy.decide(SURE, "en", PATTERN).action is Action.AUTOMATE
    decision = policy.decide(SURE, None, PATTERN)
    assert (decision.action, decision.reason) == (Action.SUGGEST, "calibration saw no ticket without a language")


def test_between_the_thresholds_a_label_is_suggested() -> None:
    decision = _policy().decide(LIKELY, "en", PATTERN)
    assert (decision.action, decision.label) == (Action.SUGGEST, "login")
    assert decision.reason == "0.600 is below the automate threshold 0.900"


def test_an_unseen_language_is_named_only_where_it_forbids_something() -> None:
    assert _policy().decide(LIKELY, "it", PATTERN).reason == "0.600 is below the automate threshold 0.900"


def test_below_both_a_person_decides_with_three_labels() -> None:
    decision = _policy().decide(UNSURE, "en", PATTERN)
    assert decision.action is Action.REVIEW
    assert decision.reason == "0.300 is below the suggest threshold 0.500"
    assert [label for label, _ in decision.top] == ["billing", "login", "outage"]


def test_a_threshold_that_could_not_be_guaranteed_is_never_reached() -> None:
    decision = _policy(automate=None).decide(SURE, "en", PATTERN)
    assert decision.action is Action.SUGGEST
    assert decision.reason == "no automate threshold keeps the precision that was asked for"
    decision = _policy(automate=None, suggest=None).decide(SURE, "en", PATTERN)
    assert decision.action is Action.REVIEW
    assert decision.reason == "no suggest threshold keeps the precision that was asked for"


def test_top_is_as_short_as_the_list() -> None:
    policy = TargetPolicy(("yes", "no"), None, None, Support(frozenset(), frozenset(), frozenset()))
    assert policy.decide([0.25, 0.75], None, "").top == (("no", 0.75), ("yes", 0.25))


def test_many_rows_are_decided_as_one_by_one() -> None:
    policy = _policy()
    rows, languages, patterns = [SURE, LIKELY, UNSURE, SURE], ["en", None, "en", "it"], [PATTERN, PATTERN, "", PATTERN]
    together = policy.decide_all(rows, languages, patterns)
    assert together == [policy.decide(*row) for row in zip(rows, languages, patterns, strict=True)]
    assert [decision.action.value for decision in together] == ["automate", "suggest", "review", "suggest"]
    assert policy.decide_all(np.empty((0, 4)), [], []) == []


@pytest.mark.parametrize(
    "probabilities", [[np.nan, 0.5, 0.25, 0.25], [np.inf, 0, 0, 0], [0.5, 0.5], [SURE], []], ids=str
)
def test_decide_refuses_what_is_no_distribution(probabilities: list[float]) -> None:
    with pytest.raises(ModelError, match="allowed"):
        _policy().decide(probabilities, "en", PATTERN)


def test_rows_languages_and_patterns_must_pair_up() -> None:
    with pytest.raises(ModelError, match="1 languages, 2 patterns"):
        _policy().decide_all([SURE, SURE], ["en"], [PATTERN, PATTERN])


@pytest.mark.parametrize("labels", [(), ("a", "a")])
def test_a_closed_list_holds_different_labels(labels: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="different labels"):
        TargetPolicy(labels, None, None, _policy().support)


@pytest.mark.parametrize("policy", [_policy(), _policy(None, None)], ids=["thresholds", "none"])
def test_policy_survives_json(policy: TargetPolicy) -> None:
    assert TargetPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def _on_ladder() -> TargetPolicy:
    rungs = tuple(
        Threshold(value=value, precision=precision, coverage=0.5, hits=100, total=100, low=0.97)
        for precision, value in ((0.8, 0.55), (0.9, 0.7), (0.95, 0.94))
    )
    return TargetPolicy(LABELS, _threshold(0.9), _threshold(0.5), _policy().support, rungs)


@pytest.mark.parametrize(("asked", "value"), [(0.5, 0.55), (0.8, 0.55), (0.81, 0.7), (0.95, 0.94), (0.951, None)])
def test_another_precision_takes_the_next_rung(asked: float, value: float | None) -> None:
    automate = _on_ladder().asking(asked).automate
    assert (automate and automate.value) == value


def test_without_automation_the_best_is_a_suggestion() -> None:
    assert _on_ladder().suggesting().decide(SURE, "en", PATTERN).action is Action.SUGGEST


def test_the_ladder_is_kept() -> None:
    policy = _on_ladder()
    assert TargetPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def _with_apart() -> TargetPolicy:
    support = Support(frozenset({"billing"}), frozenset({None}), frozenset({"text"}))
    apart = TargetPolicy(LABELS, _threshold(0.99), _threshold(0.8), support, _on_ladder().ladder)
    return replace(_on_ladder(), apart={"text": apart})


def test_a_pattern_that_was_judged_by_itself_has_its_own_rules() -> None:
    policy = _with_apart()
    rows = policy.decide_all([SURE, SURE, [0.995, 0.005, 0, 0]], ["en", None, None], [PATTERN, "text", "text"])
    assert [decision.action for decision in rows] == [Action.AUTOMATE, Action.SUGGEST, Action.AUTOMATE]
    assert rows[1].reason == "0.950 is below the automate threshold 0.990"
    assert policy.decide([0.995, 0.005, 0, 0], "en", "text").reason == 'calibration saw no ticket in "en"'
    assert policy.decide(SURE, "en", "categories").action is Action.SUGGEST


def test_what_is_asked_holds_for_every_pattern() -> None:
    policy = _with_apart()
    assert policy.asking(0.99).apart["text"].automate is policy.asking(0.99).automate is None
    asked = policy.asking(policy.ladder[-1].precision)
    assert asked.apart["text"].automate == asked.automate == policy.ladder[-1]
    assert policy.suggesting().decide([0.995, 0.005, 0, 0], None, "text").action is Action.SUGGEST


def test_the_rules_of_patterns_survive_json() -> None:
    policy = _with_apart()
    assert TargetPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def _by_label() -> TargetPolicy:
    """Billing has both thresholds, login one for suggestions; outage was answered too seldom to judge it."""
    own = {
        "billing": Rules(_threshold(0.94), _threshold(0.7), _on_ladder().ladder),
        "login": Rules(None, _threshold(0.55), ()),
    }
    return replace(_policy(automate=None, suggest=0.5), by_label=own)


@pytest.mark.parametrize(
    ("row", "action", "reason"),
    [
        ([0.95, 0.05, 0, 0], Action.AUTOMATE, '0.950 reaches the automate threshold 0.940 for "billing"'),
        ([0.93, 0.07, 0, 0], Action.SUGGEST, '0.930 is below the automate threshold 0.940 for "billing"'),
        ([0.60, 0.40, 0, 0], Action.REVIEW, '0.600 is below the suggest threshold 0.700 for "billing"'),
        ([0, 1, 0, 0], Action.SUGGEST, 'no automate threshold for "login" keeps the precision that was asked for'),
        ([0, 0, 1, 0], Action.SUGGEST, 'calibration saw too few tickets answered "outage" to show a precision for it'),
        ([0.3, 0.2, 0.4, 0.1], Action.REVIEW, "0.400 is below the suggest threshold 0.500"),
    ],
)
def test_a_label_that_was_judged_by_itself_has_thresholds_of_its_own(
    row: list[float], action: Action, reason: str
) -> None:
    decision = _by_label().decide(row, "en", PATTERN)
    assert (decision.action, decision.reason) == (action, reason)


def test_what_is_asked_holds_for_every_label_that_can_show_it() -> None:
    asked = _by_label().asking(0.8)
    assert asked.decide([0.56, 0.44, 0, 0], "en", PATTERN).action is Action.AUTOMATE
    assert asked.decide([0, 1, 0, 0], "en", PATTERN).action is Action.SUGGEST
    assert asked.decide([0, 0, 1, 0], "en", PATTERN).action is Action.SUGGEST
    above = _by_label().asking(0.99)
    assert above.by_label["billing"].automate is None
    assert above.by_label["billing"].suggest == _threshold(0.7)
    silent = _by_label().suggesting()
    assert silent.decide([1, 0, 0, 0], "en", PATTERN).action is Action.SUGGEST


def test_a_label_of_its_own_is_automated_for_tickets_that_calibration_saw_alone() -> None:
    decision = _by_label().decide(SURE, "it", PATTERN)
    assert (decision.action, decision.reason) == (Action.SUGGEST, 'calibration saw no ticket in "it"')


def test_labels_have_rules_of_their_own_within_a_pattern_too() -> None:
    policy = replace(_policy(), apart={"text": replace(_by_label(), support=replace(_policy().support))})
    assert policy.decide([0.93, 0.07, 0, 0], "en", PATTERN).action is Action.AUTOMATE
    assert policy.decide([0.93, 0.07, 0, 0], "en", "text").reason.endswith('0.940 for "billing"')
    assert policy.asking(0.99).apart["text"].by_label["billing"].automate is None
    assert TargetPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_rules_for_a_label_outside_the_list_are_refused() -> None:
    with pytest.raises(ModelError, match=r"\['spam'\]; allowed: billing"):
        replace(_policy(), by_label={"spam": Rules()})
