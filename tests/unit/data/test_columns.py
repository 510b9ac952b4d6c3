"""Columns converted as arrays, through their distinct values, and value by value: the same in all three ways."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
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
ZONES = ["UTC", "Europe/Vienna", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata"]
CHANGES = st.builds(
    lambda day, at: (day + timedelta(minutes=at)).isoformat(timespec="seconds"),
    st.sampled_from(
        [
            *(datetime(2024, 3, 10), datetime(2024, 11, 3), datetime(2024, 3, 31), datetime(2024, 10, 27)),
            *(datetime(2018, 2, 17), datetime(2018, 11, 4), datetime(2024, 4, 7), datetime(2050, 3, 27)),
        ]
    ),
    st.integers(-60, 26 * 60),
)
CLEAN_CLOCKS = st.datetimes(datetime(1000, 1, 2), datetime(2999, 1, 1)).map(lambda at: at.isoformat(timespec="seconds"))
COLUMNS = st.one_of(
    st.lists(st.one_of(st.none(), CLOCKS, st.just("NA")), max_size=6),
    st.lists(st.one_of(st.none(), CLEAN_CLOCKS, st.just("")), max_size=20),
    st.lists(st.one_of(st.none(), CHANGES, CLEAN_CLOCKS), max_size=20),
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


def _slowly(
    kind: Kind, timestamps: str | tuple[str, ...], renamed: dict[str, str] | None, zone: str, raw: list[Any]
) -> tuple[pa.Array, list[int]]:
    """What `tickets.values` says of each value by itself."""
    convert, values, misfits = converter(kind, timestamps, zone), [], []
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
    timestamps=st.sampled_from(
        ["auto", "iso", "epoch_s", "epoch_ms", ("%Y-%m-%dT%H:%M:%S", "epoch_s"), ("auto", "%Y%m%d")]
    ),
    zone=st.sampled_from(ZONES),
    renamed=st.sampled_from([None, {"true": "2026-02-01", "3": "4", "a, b": "c"}]),
)
def test_a_column_is_what_its_values_are_one_by_one(
    raw: list[Any], kind: Kind, timestamps: str | tuple[str, ...], zone: str, renamed: dict[str, str] | None
) -> None:
    found = Converter(kind, timestamps, MISSING, renamed, zone)(raw)
    values, misfits = _slowly(kind, timestamps, renamed, zone, raw)
    assert found.values.equals(values), (found.values.to_pylist(), values.to_pylist())
    assert found.misfits == misfits


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.NUMBER, [1, None, 2**53], [1.0, None, float(2**53)]),
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


@pytest.mark.parametrize("long", [2**53 + 1, -(2**53) - 1, str(2**53 + 1), 10**23])
def test_an_integer_that_a_number_cannot_hold_is_a_misfit(long: Any) -> None:
    found = Converter(Kind.NUMBER, "auto", MISSING)([1, long])
    assert found.values.to_pylist() == [1.0, None]
    assert found.misfits == [1]


def test_clocks_of_a_zone_are_read_as_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    converter_ = Converter(Kind.TIME, "auto", MISSING, None, "Europe/Vienna")
    monkeypatch.setattr(converter_, "_convert", None)  # value by value would fail
    shown = ["2024-01-05T10:00:00", "2024-07-05T10:00:00", "2024-03-31T02:30:00", "2024-10-27T02:30:00", None, "?"]
    found = converter_([*shown, "2024-10-26T23:59:59.123", "1893-03-31T12:00:00"])
    assert [at and at.isoformat(timespec="milliseconds") for at in found.values.to_pylist()] == [
        "2024-01-05T09:00:00.000+00:00",
        "2024-07-05T08:00:00.000+00:00",
        "2024-03-31T01:30:00.000+00:00",
        "2024-10-27T00:30:00.000+00:00",
        None,
        None,
        "2024-10-26T21:59:59.123+00:00",
        "1893-03-31T10:54:39.000+00:00",
    ]
