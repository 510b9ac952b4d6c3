from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.features.tabular import MISSING, UNSEEN, Categories, Numbers, from_json, to_json


def _column(*values: Any, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"field": pa.array(values, kind)})


TRAINING = _column(*"aaaa", *"bbbbb", "rare", "rare", None)


def test_frequent_values_are_numbered_missing_and_unseen_have_their_own_code() -> None:
    fitted = Categories.fit(TRAINING, ["field"])
    codes = fitted.transform(_column("b", "a", None, "new", "rare", ""))
    assert codes.dtype == np.int32
    assert codes.ravel().tolist() == [2, 3, MISSING, UNSEEN, UNSEEN, UNSEEN]
    assert (MISSING, UNSEEN) == (0, 1)
    assert fitted.sizes == (4,)


def test_a_value_counts_as_known_from_three_rows_on() -> None:
    fitted = Categories.fit(_column("x", "x", "x", "y", "y"), ["field"])
    assert fitted.transform(_column("x", "y")).ravel().tolist() == [2, UNSEEN]


def test_equally_frequent_values_are_numbered_by_name_whatever_their_order() -> None:
    one, other = (Categories.fit(_column(*values), ["field"]) for values in ("zzzaaammm", "amzamzamz"))
    assert one == other
    assert one.values["field"] == ("a", "m", "z")


def test_flags_are_categories() -> None:
    fitted = Categories.fit(_column(*[True] * 4, *[False] * 3, None), ["field"])
    assert fitted.transform(_column(False, True, None, kind=pa.bool_())).ravel().tolist() == [3, 2, 0]


def test_a_flag_reads_the_same_from_text() -> None:
    # A request may lack the column, and then it is completed as text.
    fitted = Categories.fit(_column(*[True] * 4, *[False] * 3), ["field"])
    assert fitted.transform(_column("true", None)).ravel().tolist() == [2, 0]


@pytest.mark.parametrize("values", [[None, None], ["one", "two"]])
def test_a_column_without_a_frequent_value_knows_missing_and_unseen(values: list[Any]) -> None:
    fitted = Categories.fit(_column(*values, kind=pa.string()), ["field"])
    assert fitted.sizes == (2,)
    assert fitted.transform(_column("one", None)).ravel().tolist() == [UNSEEN, MISSING]


def test_chunks_and_empty_tables_are_read() -> None:
    fitted = Categories.fit(pa.concat_tables([TRAINING, TRAINING]), ["field"])
    chunks = pa.concat_tables([_column("a"), _column("b")])
    assert fitted.transform(chunks).ravel().tolist() == [3, 2]
    assert fitted.transform(chunks.slice(0, 0)).shape == (0, 1)
    assert Categories.fit(TRAINING, []).transform(chunks).shape == (2, 0)


def test_numbers_are_centred_by_the_median_and_scaled_by_the_quartiles() -> None:
    values = np.expm1([-2.0, -1.0, 0.0, 1.0, 2.0])  # the signed logarithm of the negative ones differs
    fitted = Numbers.fit(_column(*np.abs(values)), ["field"])
    expected = (np.log1p(np.abs(values)) - np.median(np.log1p(np.abs(values)))) / np.subtract(
        *np.quantile(np.log1p(np.abs(values)), [0.75, 0.25])
    )
    np.testing.assert_allclose(fitted.transform(_column(*np.abs(values))).ravel(), expected, rtol=1e-6)


def test_numbers_keep_their_order_and_sign() -> None:
    fitted = Numbers.fit(_column(*range(-50, 51)), ["field"])
    scaled = fitted.transform(_column(-1000.0, -3.0, 0.0, 3.0, 1000.0)).ravel()
    assert np.all(np.diff(scaled) > 0)
    np.testing.assert_allclose(scaled, -scaled[::-1], atol=1e-6)


def test_missing_numbers_stay_nan_and_outliers_are_clipped() -> None:
    fitted = Numbers.fit(_column(1.0, 1.1, 1.2, 1.3, None, float("nan")), ["field"])
    scaled = fitted.transform(_column(None, float("nan"), 1e300, -1e300, float("inf"), 1.15))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.ravel(), [np.nan, np.nan, 10, -10, 10, 0], atol=0.01)


def test_infinite_training_values_teach_nothing() -> None:
    fitted = Numbers.fit(_column(1.0, 2.0, 3.0, *[float("inf")] * 5), ["field"])
    assert fitted == Numbers.fit(_column(1.0, 2.0, 3.0), ["field"])


def test_a_constant_column_is_centred() -> None:
    fitted = Numbers.fit(_column(7.0, 7.0, 7.0, 7.0), ["field"])
    assert fitted.scales == {"field": 1.0}
    low, same, high = fitted.transform(_column(6.0, 7.0, 8.0)).ravel()
    assert low < same == 0 < high


@pytest.mark.parametrize("values", [[None, None], [float("nan")], [float("inf")]])
def test_a_column_without_values_is_left_out(values: list[Any]) -> None:
    fitted = Numbers.fit(_column(*values, kind=pa.float64()), ["field"])
    assert fitted.transform(_column(1.0, 2.0)).shape == (2, 0)


def test_json_keeps_every_bit() -> None:
    table = pa.table({"c": ["你", "b", "b"] * 3, "n": np.random.default_rng(0).lognormal(size=9)})
    categories, numbers = Categories.fit(table, ["c"]), Numbers.fit(table, ["n"])
    loaded = from_json(json.loads(json.dumps(to_json(categories, numbers))))
    assert loaded == (categories, numbers)
    np.testing.assert_array_equal(loaded[0].transform(table), categories.transform(table))
    np.testing.assert_array_equal(loaded[1].transform(table), numbers.transform(table))
