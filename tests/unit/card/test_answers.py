"""What may be automated, and which labels are taken for which, on answers that are known."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from card_world import with_answers

from tickets.card.automation import automation
from tickets.card.confusion import MAX_PAIRS, automated_labels, worst_pairs
from tickets.card.judged import ELSEWHERE, Judged, Tickets, judge_all
from tickets.decide.policy import Action
from tickets.decide.rules import Rules
from tickets.decide.thresholds import Threshold
from tickets.models.triage import TriageModel

ASKED = {"automate_precision": 0.9, "suggest_precision": 0.7}


def _rung(value: float, precision: float) -> Threshold:
    return Threshold(value=value, precision=precision, coverage=0.5, hits=10, total=10, low=precision)


def test_the_labelled_rows_are_judged(triage_model: TriageModel, tickets: Tickets) -> None:
    values = [None, "billing", "not in the list", *tickets.table["category"].to_pylist()[3:]]
    table = tickets.table.set_column(
        tickets.table.column_names.index("category"), "category", pa.array(values, pa.string())
    )
    category, priority = judge_all(triage_model, Tickets(table, tickets.vectors))
    assert (len(category), len(priority)) == (99, 100)
    assert category.rows.tolist() == list(range(1, 100))
    assert category.truth[:2].tolist() == [0, -1]
    assert category.ids[0] == "T201"
    assert category.name(-1) == ELSEWHERE
    assert not category.right[1]
    assert (category.automated == [action is Action.AUTOMATE for action in category.actions]).all()


def test_promises_stand_beside_what_came_true(judged: Judged) -> None:
    rows = with_answers(judged, [0, 0, 1, 1], [0, 0, 1, 0], [True, True, True, False])
    policy = replace(rows.model.policy, ladder=(_rung(0.85, 0.8), _rung(0.95, 0.99)))
    found = automation(replace(rows, model=replace(rows.model, policy=policy)), ASKED, 0.95)
    (usual,) = found["automate"]["thresholds"].values()
    assert (found["automate"]["asked"], usual["value"]) == (0.9, 0.6)
    assert (found["automate"]["coverage"], found["automate"]["right"]["share"]) == (0.75, 1.0)
    assert found["suggest"]["right"] == {"num_rows": 0, "num_hits": 0, "share": None, "low": None, "high": None}
    assert [(of["asked"], of["coverage"]) for of in found["ladder"]] == [(0.8, 1.0), (0.99, 0.0)]
    assert found["ladder"][0]["right"]["share"] == 0.75
    assert found["num_unsupported"] == 0
    assert found["curve"][-1]["coverage"] == 1.0


def test_what_calibration_did_not_see_is_counted_whatever_the_threshold(judged: Judged) -> None:
    rows = with_answers(judged, [0, 0, 1], [0, 0, 1], [False] * 3)
    rows = replace(rows, languages=["en", "fr", None], model=replace(rows.model))
    policy = replace(rows.model.policy, automate=None, ladder=(_rung(0.5, 0.8),))
    found = automation(replace(rows, model=replace(rows.model, policy=policy)), ASKED, 0.95)
    assert found["num_unsupported"] == 2
    assert (found["automate"]["asked"], found["automate"]["coverage"]) == (None, 0.0)
    assert list(found["automate"]["thresholds"].values()) == [None]
    assert found["ladder"][0]["right"]["num_rows"] == 1


def test_each_set_of_inputs_has_its_own_thresholds(judged: Judged) -> None:
    rows = with_answers(judged, [0, 0, 1, 1], [0, 0, 1, 0], [False] * 4)
    usual = rows.model.policy
    alone = replace(
        usual, automate=None, ladder=(_rung(0.95, 0.8),), support=replace(usual.support, patterns=frozenset({"text"}))
    )
    policy = replace(usual, ladder=(_rung(0.5, 0.8),), apart={"text": alone})
    rows = replace(rows, model=replace(rows.model, policy=policy), patterns=[*rows.patterns[:3], "text"])
    found = automation(rows, ASKED, 0.95)
    assert [of and of["value"] for of in found["automate"]["thresholds"].values()] == [0.6, None]
    assert list(found["automate"]["thresholds"])[1] == "text"
    assert found["automate"]["asked"] == 0.9
    assert found["ladder"][0]["right"]["num_rows"] == 3  # text alone needs 0.95
    assert found["num_unsupported"] == 0


def test_labels_that_were_judged_by_themselves_have_their_own_thresholds(judged: Judged) -> None:
    rows = with_answers(judged, [0, 0, 1, 1], [0, 0, 1, 0], [False] * 4)
    by_label = {"billing": Rules(_rung(0.7, 0.9), None, (_rung(0.5, 0.8),)), "login": Rules()}
    policy = replace(rows.model.policy, automate=None, ladder=(), by_label=by_label)
    found = automation(replace(rows, model=replace(rows.model, policy=policy)), ASKED, 0.95)
    assert found["automate"]["asked"] == 0.9
    assert list(found["automate"]["thresholds"].values()) == [None]
    (own,) = found["automate"]["by_label"].values()
    assert {label: of and of["value"] for label, of in own.items()} == {"billing": 0.7, "login": None}
    assert [of["asked"] for of in found["ladder"]] == [0.8]
    assert found["ladder"][0]["right"]["num_rows"] == sum(label == 0 for label in rows.probabilities.argmax(axis=1))
    assert found["num_unsupported"] == 0


def test_the_most_frequent_mistakes_come_first_the_surest_tickets_of_each(judged: Judged) -> None:
    rows = with_answers(
        judged, [0, 0, 0, 0, 1, -1, 2], [1, 1, 1, 0, 0, 2, 2], [True, False, False, True, True, True, True]
    )
    probabilities = rows.probabilities.copy()
    probabilities[1] = [0.01, 0.98, 0.01]
    pairs = worst_pairs(replace(rows, probabilities=probabilities))
    assert [(of["true"], of["given"], of["num_rows"], of["share"], of["num_automated"]) for of in pairs] == [
        ("billing", "login", 3, 0.75, 1),
        (ELSEWHERE, "outage", 1, 1.0, 1),
        ("login", "billing", 1, 1.0, 1),
    ]
    assert pairs[0]["tickets"] == ["T1", "T0", "T2"]
    assert len(pairs) <= MAX_PAIRS


def test_each_label_has_its_automated_answers(judged: Judged) -> None:
    rows = with_answers(judged, [0, 0, 1, 1], [0, 0, 0, 1], [True, True, True, False])
    found = automated_labels(rows, 0.95)
    assert [(of["num_rows"], of["num_hits"]) for of in found.values()] == [(3, 2), (0, 0), (0, 0)]
    assert list(found) == ["billing", "login", "outage"]


def test_no_rows_are_no_reason_to_fail(judged: Judged) -> None:
    nothing = with_answers(judged, [], [], [])
    assert automation(nothing, ASKED, 0.95)["automate"]["coverage"] is None
    assert worst_pairs(nothing) == []
