"""What the audit's baseline reads of tickets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tickets.errors import ModelError
from tickets.train.signal import measure_signal
from tickets.train.views import BOTH, FIELDS, MAX_CHARACTERS, PAIRS, TEXT, build_views

NO_FIELDS = pa.table({})


def test_views_hold_what_there_is() -> None:
    texts, fields = ["one text", "another text", "third"], pa.table({"tier": ["a", "b", None]})
    assert list(build_views(texts, fields)) == [TEXT, FIELDS, BOTH]
    assert list(build_views(texts, fields.append_column("region", [["x", "x", "y"]]))) == [TEXT, FIELDS, PAIRS, BOTH]
    assert list(build_views(texts, NO_FIELDS)) == ["text"]
    assert list(build_views(["", "", ""], fields)) == ["fields"]
    assert build_views(["same", "same", "same"], pa.table({"tier": ["a", "a", "a"]})) == {}


def test_each_view_has_rows_of_mean_length_one_and_fields_count_equally() -> None:
    rng = np.random.default_rng(1)
    fields = pa.table({"wide": [str(x) for x in rng.integers(15, size=200)], "flag": rng.random(200) < 0.5})
    views = build_views([f"text {number}" for number in range(200)], fields)
    for view in ("text", "fields"):
        np.testing.assert_allclose(views[view].mean(axis=0), 0, atol=1e-5)
        assert (views[view] ** 2).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)
    assert (views["fields"][:, :15] ** 2).sum(axis=1).mean() == pytest.approx(0.5, rel=1e-3)


def test_numbers_enter_by_rank_and_missing_ones_are_marked() -> None:
    plain = build_views([""] * 5, pa.table({"users": [1.0, 2.0, 3.0, 4.0, None]}))
    wild = build_views([""] * 5, pa.table({"users": [1.0, 2.0, 3.0, 1e12, float("inf")]}))
    np.testing.assert_array_equal(plain["fields"], wild["fields"])
    assert plain["fields"].shape == (5, 5)
    assert np.unique(plain["fields"][:, 4]).size == 2


@pytest.mark.parametrize("text", ["???", "日本語", "a", "\ud83d"])
def test_texts_without_latin_words_are_read(text: str) -> None:
    assert list(build_views([text, "other words", text + " more"], NO_FIELDS)) == ["text"]


def test_columns_without_any_value_tell_nothing() -> None:
    fields = pa.table({"none": pa.nulls(3), "empty": pa.array([None] * 3, pa.float64()), "tier": ["a", "b", "a"]})
    np.testing.assert_array_equal(build_views([""] * 3, fields)["fields"].any(axis=0), [False] * 6 + [True] * 2)


def test_a_column_that_is_no_plain_value_is_refused() -> None:
    with pytest.raises(ModelError, match="'tags' has type list"):
        build_views(["a", "b"], pa.table({"tags": [["x"], ["y"]]}))


def test_a_label_that_follows_from_two_fields_together_alone_is_seen_in_pairs() -> None:
    """Neither field tells anything by itself; fourteen others tell nothing at all."""
    rng = np.random.default_rng(2)
    codes = rng.integers(4, size=(16, 2000))
    fields = pa.table({f"f{at}": [f"v{code}" for code in row] for at, row in enumerate(codes)})
    signal = measure_signal((codes[0] + codes[1]) % 4, build_views([""] * 2000, fields), np.arange(2000) % 5, 99)
    assert (signal.view, signal.p_value) == (PAIRS, 0.01)


def test_a_label_of_the_middle_of_a_number_is_seen() -> None:
    number = np.random.default_rng(3).normal(size=400)
    labels = (np.abs(number) > 0.67).astype(np.int64)
    signal = measure_signal(labels, build_views([""] * 400, pa.table({"n": number})), np.arange(400) % 5, 99)
    assert (signal.predicted == labels).mean() > 0.95


def test_many_values_of_the_only_field_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    team = rng.integers(150, size=2000)
    labels = rng.integers(5, size=150)[team]
    views = build_views([""] * 2000, pa.table({"team": [f"team {code}" for code in team]}))
    assert (measure_signal(labels, views, np.arange(2000) % 5, 99).predicted == labels).mean() > 0.9


def test_a_long_text_is_read_up_to_its_cut() -> None:
    same = "w " * MAX_CHARACTERS
    assert build_views([f"{same} a", f"{same} b", f"{same} c"], NO_FIELDS) == {}
