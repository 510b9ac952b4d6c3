"""Columns converted as arrays, through their distinct values, and value by value: the same in all three ways."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickets.data.columns import Converter
from tickets.schema import Kind
from tickets.values import converter, to_text

MISSING = frozenset({"", "?", "NA", "null"})
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["NA", " ? ", "null", "", "  ", "true", "no", "3", "1e3", "2026-01-31", "20260131", "a, b", '["x"]']
    ),
)
CLOCKS = st.builds(
    "{}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}{}".format,
    st.sampled_from(["0001", "0999", "1969", "2025", "2999", "9999"]),
    st.sampled_from([*range(1, 13), 13]),
    st.sampled_from([*range(1, 29), 30, 31]),
    st.sampled_from(["T", " ", "T", "t"]),
    st.sampled_from([*range(24), 24]),
    st.sampled_from([*range(60), 60]),
    st.sampled_from([*range(60), 60]),
    st.sampled_from(["", "", ".5", ".123", ".123456"]),
    st.sampled_from(["Z", "Z", "Z", "", "+02:00", "-23:59", "+24:00", "-0500", " "]),
)
CLEAN_CLOCKS = st.datetimes(datetime(1000, 1, 2), datetime(2999, 1, 1)).map(lambda at: at.isoformat(timespec="seconds"))
COLUMNS = st.one_of(
    st.lists(st.one_of(st.none(), CLOCKS, st.just("NA")), max_size=6),
    st.lists(st.one_of(st.none(), CLEAN_CLOCKS, st.just("")), max_size=20),
    st.lists(st.one_of(st.none(), CLEAN_CLOCKS.map("{}Z".format), st.just("?")), max_size=20),
    st.lists(st.one_of(st.none(), CLEAN_CLOCKS.map("{}-07:30".format)), max_size=20),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=20),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=20),
    st.lists(st.one_of(st.none(), st.integers(0, 2 * 10**12)), max_size=20),
    st.lists(st.one_of(st.none(), st.floats()), max_size=20),
    st.lists(st.one_of(st.none(), TEXTS), max_size=20),
    st.lists(TEXTS, max_size=3).flatmap(lambda few: st.lists(st.sampled_from([*few, None]), min_size=12, max_size=40)),
    st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), TEXTS), max_size=3)), max_size=12),
    st.lists(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            TEXTS,
            st.binary(max_size=4),
            st.dates(),
            st.datetimes(),
            st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
            st.sampled_from(["\ud800", 2**70, -(2**70)]),
        ),
        max_size=16,
    ),
)


def _slowly(kind: Kind, timestamps: str, renamed: dict[str, str] | None, raw: list[Any]) -> tuple[pa.Array, list[int]]:
    """What `tickets.values` says of each value by itself."""
    convert, values, misfits = converter(kind, timestamps), [], []
    for at, value in enumerate(raw):
        is_none = value is None or (isinstance(value, str) and value.strip() in MISSING) or value != value
        given_value = value
        if not is_none and renamed is not None:
            given_value = renamed.get(to_text(value).strip(), value)
        try:
            values.append(None if is_none else convert(given_value))
        except (ValueError, TypeError, OverflowError, RecursionError):
            values.append(None)
            misfits.append(at)
    return pa.array(values, kind.arrow_type), misfits


@settings(max_examples=800, deadline=None)
@given(
    raw=COLUMNS,
    kind=st.sampled_from(list(Kind)),
    timestamps=st.sampled_from(["auto", "iso", "epoch_s", "epoch_ms"]),
    renamed=st.sampled_from([None, {"true": "2026-02-01", "3": "4", "a, b": "c"}]),
)
def test_a_column_is_what_its_values_are_one_by_one(
    raw: list[Any], kind: Kind, timestamps: str, renamed: dict[str, str] | None
) -> None:
    found = Converter(kind, timestamps, MISSING, renamed)(raw)
    values, misfits = _slowly(kind, timestamps, renamed, raw)
    assert found.values.equals(values), (found.values.to_pylist(), values.to_pylist())
    assert found.misfits == misfits


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.NUMBER, [1, None, 2**53 + 1], [1.0, None, float(2**53 + 1)]),
        (Kind.NUMBER, [1.5, float("nan")], [1.5, None]),
        (Kind.FLAG, [True, None], [True, None]),
        (Kind.TIME, [1714433418000, 1714433418], [datetime(2024, 4, 29, 23, 30, 18, tzinfo=UTC)] * 2),
        (Kind.TIME, [20260131], [datetime(2026, 1, 31, tzinfo=UTC)]),
        (Kind.TIME, [date(2026, 1, 31)], [datetime(2026, 1, 31, tzinfo=UTC)]),
        (Kind.LIST, [["a"], [], None], [["a"], [], None]),
        (Kind.TEXT, ["a", " NA ", None], ["a", None, None]),
    ],
)
def test_columns_of_one_type(kind: Kind, raw: list[Any], expected: list[Any]) -> None:
    found = Converter(kind, "auto", MISSING)(raw)
    assert found.values.to_pylist() == expected
    assert found.misfits == []


def test_an_infinite_number_and_a_time_beyond_the_calendar_are_misfits() -> None:
    assert Converter(Kind.NUMBER, "auto", MISSING)([1.0, float("inf")]).misfits == [1]
    assert Converter(Kind.TIME, "epoch_s", MISSING)([1, 10**13]).misfits == [1]
