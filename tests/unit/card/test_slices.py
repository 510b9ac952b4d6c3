from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from card_world import with_answers
from scipy.stats import fisher_exact

from tickets.card.judged import Judged
from tickets.card.slices import NONE, error_slices, holm, slice_columns

NUM_ROWS = 200


def _judged(judged: Judged, wrong: range, automated: range = range(0)) -> Judged:
    predicted = [1 if row in wrong else 0 for row in range(NUM_ROWS)]
    return with_answers(judged, [0] * NUM_ROWS, predicted, [row in automated for row in range(NUM_ROWS)])


def test_a_slice_that_is_wrong_more_often_is_flagged_and_no_other_is(judged: Judged) -> None:
    columns = {"product": ["A"] * 40 + ["B"] * 160, "tier": ["x", "y"] * 100}
    found = error_slices(_judged(judged, range(20)), columns, 0.9, 10, 0.05, 0.95)
    by_value = {of["value"]: of for of in found["slices"]}
    assert {value for value, of in by_value.items() if of["worse"]} == {"A"}
    assert (by_value["A"]["right"]["num_rows"], by_value["A"]["right"]["share"]) == (40, 0.5)
    assert by_value["A"]["right"]["low"] < 0.5 < by_value["A"]["right"]["high"]
    assert by_value["A"]["rest"] == 1.0
    exact = fisher_exact([[20, 20], [0, 160]], alternative="greater").pvalue
    assert by_value["A"]["p_value"] == pytest.approx(4 * exact)


def test_chance_is_not_flagged_however_many_slices_are_looked_at(judged: Judged) -> None:
    rng = np.random.default_rng(0)
    flagged = 0
    for _ in range(40):
        wrong = rng.random(NUM_ROWS) < 0.3
        rows = with_answers(judged, [0] * NUM_ROWS, wrong.astype(int).tolist(), [False] * NUM_ROWS)
        columns = {f"field {at}": rng.choice(["a", "b", "c"], NUM_ROWS).tolist() for at in range(8)}
        flagged += any(of["worse"] for of in error_slices(rows, columns, 0.9, 10, 0.05, 0.95)["slices"])
    assert flagged <= 4


def test_small_values_and_fields_with_one_value_are_left_out(judged: Judged) -> None:
    columns = {"product": ["rare"] * 5 + ["B"] * 195, "language": ["en"] * NUM_ROWS}
    found = error_slices(_judged(judged, range(3)), columns, 0.9, 10, 0.05, 0.95)
    assert [(of["dimension"], of["value"]) for of in found["slices"]] == [("product", "B")]
    assert found["num_small"] == 1


def test_automation_that_is_surely_worse_than_asked_is_flagged(judged: Judged) -> None:
    columns = {"product": ["A"] * 60 + ["B"] * 140}
    found = error_slices(_judged(judged, range(30), range(200)), columns, 0.9, 10, 0.05, 0.95)["slices"]
    assert [(of["value"], of["automated"]["below"]) for of in found] == [("A", True), ("B", False)]
    assert found[0]["automated"]["share"] == 0.5  # 0.9 was asked
    unacted = error_slices(_judged(judged, range(30)), columns, 0.9, 10, 0.05, 0.95)["slices"]
    assert [(of["automated"]["share"], of["automated"]["below"]) for of in unacted] == [(None, False)] * 2


def test_slices_follow_the_labelled_rows(judged: Judged) -> None:
    rows = replace(_judged(judged, range(20)), rows=np.arange(NUM_ROWS) + 50)
    columns = {"product": ["unlabelled"] * 50 + ["A"] * 40 + ["B"] * 160}
    found = error_slices(rows, columns, 0.9, 10, 0.05, 0.95)["slices"]
    assert [(of["value"], of["right"]["num_hits"]) for of in found] == [("A", 20), ("B", 160)]


def test_holm_corrects_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_tickets_are_parted_by_field_length_month_and_inputs() -> None:
    texts = ["one", "one two", "one two three", "one two three four five six"]
    table = pa.table(
        {
            "product": ["A", None, "", "B"],
            "created_at": pa.array([datetime(2026, 1, 31, tzinfo=UTC), None] * 2, pa.timestamp("us", "UTC")),
        }
    )
    columns = slice_columns(table, ["product", "not there"], texts, ["text"] * 4)
    assert list(columns) == ["product", "length of text", "month", "inputs present"]
    assert columns["product"] == ["A", NONE, NONE, "B"]
    assert columns["month"] == ["2026-01", NONE] * 2
    assert columns["length of text"] == ["1 words", "2 words", "3 words", "4 to 6 words"]


def test_texts_of_one_length_are_one_slice() -> None:
    table = pa.table({"created_at": pa.nulls(3, pa.timestamp("us", "UTC"))})
    assert set(slice_columns(table, [], ["a b"] * 3, ["text"] * 3)["length of text"]) == {"2 words"}
