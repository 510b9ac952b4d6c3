from __future__ import annotations

import numpy as np
import pyarrow as pa

from tickets.models.labels import MISSING, OUTSIDE, Labels, label_values


def test_the_list_is_sorted_and_holds_what_is_frequent_enough() -> None:
    assert Labels.fit(["b", "a", "b", "c", "a", None, None, None], min_rows=2).names == ("a", "b")
    assert len(Labels.fit(["b", "a"], min_rows=2)) == 0


def test_labels_become_columns_of_the_list() -> None:
    codes = Labels(("a", "b")).encode(["b", None, "z", "a", ""])
    assert codes.dtype == np.int64
    assert codes.tolist() == [1, MISSING, OUTSIDE, 0, OUTSIDE]
    assert MISSING < OUTSIDE < 0
    assert Labels(("a",)).encode([]).dtype == np.int64


def test_values_read_as_text_whatever_their_kind() -> None:
    table = pa.table(
        {
            "text": ["x", None, "3"],
            "flag": [True, None, False],
            "whole": pa.array([3, None, 4], pa.int64()),
            "number": [3.0, None, 4.5],
        }
    )
    assert label_values(table, "text") == ["x", None, "3"]
    assert label_values(table, "flag") == ["true", None, "false"]
    assert label_values(table, "whole") == ["3", None, "4"]
    assert label_values(table, "number") == ["3", None, "4.5"]


def test_different_numbers_stay_different_labels() -> None:
    values = label_values(pa.table({"id": [1234567.0, 1234568.0, 0.1 + 0.2, 0.3]}), "id")
    assert values == ["1234567", "1234568", "0.3", "0.3"]


def test_nan_is_no_label() -> None:
    assert label_values(pa.table({"score": [float("nan"), 5.0]}), "score") == [None, "5"]
