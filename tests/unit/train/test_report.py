from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tickets.decide.policy import Action, Decision
from tickets.models.imbalance import MEASURES
from tickets.models.labels import Labels
from tickets.models.triage import Answer
from tickets.train.report import automated_rows, format_chosen, format_scores, judge

LABELS = Labels(("billing", "login"))
SURE_BILLING, SURE_LOGIN = [0.9, 0.1], [0.2, 0.8]
PROBABILITIES = np.array([SURE_BILLING, SURE_BILLING, SURE_LOGIN, SURE_LOGIN, SURE_LOGIN])
VALUES = ["billing", "login", "login", None, "a label outside"]
AUTOMATED = np.array([True, True, False, True, False])


def _judge(num_rows: int = 5, **given: Any) -> dict[str, Any]:
    return judge(LABELS, PROBABILITIES[:num_rows], AUTOMATED[:num_rows], VALUES[:num_rows], 0.95, **given)


def _cells(scores: dict[str, dict[str, Any]]) -> list[list[str]]:
    """The cells of each line; columns are two blanks apart at least."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in format_scores(scores).splitlines()]


def test_rows_without_a_label_are_left_out_and_labels_outside_count_as_wrong() -> None:
    scores = _judge()
    assert (scores["num_rows"], scores["num_outside"]) == (4, 1)
    assert scores["accuracy"]["value"] == 0.5
    assert scores["automation"]["num_rows"] == 2
    assert (scores["automation"]["coverage"], scores["automation"]["precision"]) == (0.5, 0.5)


def test_the_floor_is_the_share_of_the_majority() -> None:
    scores = _judge(majority="login", ceiling=0.9)
    assert (scores["majority"], scores["majority_floor"], scores["ceiling"]) == ("login", 0.5, 0.9)
    outside = _judge(majority="a label outside")
    assert (outside["majority"], outside["majority_floor"]) == ("a label outside", None)


def test_only_what_may_be_acted_on_is_automated() -> None:
    decisions = [Decision(action, "billing", 0.9, (("billing", 0.9),), "") for action in Action]
    rows = automated_rows(Answer("category", PROBABILITIES[:3], decisions))
    assert (rows.dtype, rows.tolist()) == (np.bool_, [True, False, False])
    assert automated_rows(Answer("category", PROBABILITIES[:0], [])).shape == (0,)


def test_every_score_stands_under_its_name() -> None:
    lines = _cells({"category": _judge(majority="login", ceiling=0.9), "queue": _judge(3)})
    header, category, queue = lines
    assert header[:5] == ["target", "rows", "floor", "accuracy", "ceiling"]
    assert header[5:] == ["wF1", "mF1", "NLL", "Brier", "ECE", "automated"]
    assert category[:5] == ["category", "4", "0.500", "0.500 (0.068-0.932)", "0.900"]
    assert category[-1] == "50% at precision 0.500 (0.013-0.987)"
    assert queue[:5] == ["queue", "3", "-", "0.667 (0.094-0.992)", "-"]
    assert [len(line) for line in lines] == [11, 11, 11]


def test_columns_are_aligned() -> None:
    lines = format_scores({"category": _judge(majority="login"), "q": _judge(3)}).splitlines()
    assert len({line.index(cell) for line, cell in zip(lines, ["accuracy", "0.500 (", "0.667 ("], strict=True)}) == 1
    assert all(line == line.rstrip() for line in lines)


def test_where_nothing_is_automated_it_says_so() -> None:
    scores = judge(LABELS, PROBABILITIES, np.zeros(5, dtype=bool), VALUES, 0.95)
    assert _cells({"category": scores})[1][-1] == "nothing"


@pytest.mark.parametrize("values", [[], [None, None]])
def test_without_rows_every_score_is_a_dash(values: list[Any]) -> None:
    scores = judge(LABELS, PROBABILITIES[: len(values)], AUTOMATED[: len(values)], values, 0.95, majority="login")
    assert _cells({"category": scores})[1] == ["category", "0", *["-"] * 9]


def test_without_targets_the_header_stands_alone() -> None:
    assert len(format_scores({}).splitlines()) == 1


def test_each_pattern_has_its_figures() -> None:
    scores = _judge(patterns=["text", "text", "text+categories", "numbers", "text+categories"], majority="login")
    assert list(scores["patterns"]) == ["text", "text+categories"], "the row of numbers has no label"
    text = scores["patterns"]["text"]
    assert (text["num_rows"], text["accuracy"]["value"], text["majority_floor"]) == (2, 0.5, 0.5)
    assert (text["automation"]["num_rows"], text["automation"]["coverage"]) == (2, 1.0)
    assert scores["patterns"]["text+categories"]["num_outside"] == 1
    assert _cells({"category: text": text})[1][:2] == ["category: text", "2"]
    assert _judge()["patterns"] == {}


def test_what_was_found_while_choosing_is_told() -> None:
    gain = {"value": 0.5, "gain": 0.02, "low": 0.01, "high": 0.03}
    imbalance = {
        "chosen": "balanced",
        "num_rows": 500,
        "num_rare": 30,
        "remedies": {
            "none": {name: {"value": 0.52} for name in MEASURES},
            "balanced": {**dict.fromkeys(MEASURES, gain), "rare_recall": {"value": None}},
        },
    }
    hierarchy = {"parent": "category", "illegal_before": 0.192, "illegal_after": 0.0, "pooled": True}
    told = format_chosen("subcategory", {"members": {"linear": 1.0}, "imbalance": imbalance, "hierarchy": hierarchy})
    assert told.splitlines()[:2] == [
        "subcategory: 1.00 linear",
        "  within category: 19.2% illegal pairs by themselves, 0.0% as answered; pooled with it",
    ]
    assert "remedy balanced" in told
    assert "+0.020 (+0.010 to +0.030)" in told
    assert format_chosen("priority", {"members": {"linear": 1.0}, "imbalance": {"chosen": "none"}}) == (
        "priority: 1.00 linear"
    )
