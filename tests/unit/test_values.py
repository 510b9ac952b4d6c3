from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tickets.schema import Kind
from tickets.values import converter, rounded, storable_text, to_json


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.TEXT, {"b": 1, "a": None}, '{"a":null,"b":1}'),
        (Kind.CATEGORICAL, "  ", None),
        (Kind.CATEGORICAL, True, "true"),
        (Kind.NUMBER, "1e3", 1000.0),
        (Kind.FLAG, "No", False),
        (Kind.LIST, '["a", "b"]', ["a", "b"]),
        (Kind.LIST, "a, b,", ["a", "b"]),
        (Kind.TIME, 1_735_689_600_000, datetime(2025, 1, 1, tzinfo=UTC)),
        (Kind.TIME, "2025-01-01T01:00:00+01:00", datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_value_becomes_its_kind(kind: Kind, value: Any, expected: Any) -> None:
    assert converter(kind)(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"), [(Kind.NUMBER, "1_000"), (Kind.NUMBER, "inf"), (Kind.FLAG, "maybe"), (Kind.TIME, "soon")]
)
def test_a_value_that_does_not_fit_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        converter(kind)(value)


JAN_5 = datetime(2024, 1, 5, 10, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "forms", "expected"),
    [
        ("05/01/2024 10:11", ("%d/%m/%Y %H:%M",), JAN_5),
        ("1/5/2024 10:11 AM", ("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p"), JAN_5),
        ("2024-01-05T11:11+01:00", ("%d/%m/%Y", "auto"), JAN_5),
        (20240105.0, ("%Y%m%d",), JAN_5.replace(hour=0, minute=0)),
        ("05.01.2024 10:11", "auto", JAN_5),
        ("5.1.2024", "auto", JAN_5.replace(hour=0, minute=0)),
        ("Fri, 5 Jan 2024 12:11:00 +0200", "auto", JAN_5),
        ("Fri, 05 Jan 2024 05:11:00 EST (winter)", "auto", JAN_5),
        ("05-JAN-2024 10:11", "auto", JAN_5),
        ("2024-01-05 10:11:00 UTC", "auto", JAN_5),
        ("2024-01-05 10:11:00 GMT", "auto", JAN_5),
        ("2024-01-05 12:11:00 +0200", "auto", JAN_5),
    ],
)
def test_a_time_as_people_write_it(text: Any, forms: str | tuple[str, ...], expected: datetime) -> None:
    assert converter(Kind.TIME, forms)(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("05/01/2024", "1/5/2024 3:04 PM", "5.13.2024", "5 Xyz 2024", "2024-01-05 10:11 CEST", "5 Jan 2024 25:00"),
        *("2024-01-05T10:11Z UTC", "05.01.24", "a\nb", " (" * 100_000),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        converter(Kind.TIME)(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-05 10:11", "2024-01-05T09:11:00+00:00"),
        ("2024-07-05 10:11", "2024-07-05T08:11:00+00:00"),
        (datetime(2024, 7, 5), "2024-07-04T22:00:00+00:00"),
        (date(2024, 7, 5), "2024-07-04T22:00:00+00:00"),
        ("2024-07-05T10:11Z", "2024-07-05T10:11:00+00:00"),
        ("2024-07-05 10:11 UTC", "2024-07-05T10:11:00+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
        ("2024-10-27 02:30", "2024-10-27T00:30:00+00:00"),
        ("2024-03-31 02:30", "2024-03-31T01:30:00+00:00"),
    ],
)
def test_a_time_without_a_zone_is_of_the_configured_one(value: Any, expected: str) -> None:
    assert converter(Kind.TIME, "auto", "Europe/Vienna")(value).isoformat() == expected


def test_a_time_that_leaves_the_calendar_in_utc_is_refused() -> None:
    with pytest.raises(OverflowError):
        converter(Kind.TIME, "auto", "Asia/Tokyo")("0001-01-01")


@pytest.mark.parametrize("value", [2**53 + 1, str(2**53 + 1), Decimal(2**53 + 1), "+9007199254740993"])
def test_an_integer_that_would_be_rounded_is_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match="more digits"):
        converter(Kind.NUMBER)(value)
    assert converter(Kind.NUMBER)(2**53) == converter(Kind.NUMBER)(str(2**53)) == 2.0**53
    assert converter(Kind.NUMBER)("1e300") == 1e300


def test_a_long_integer_is_rounded_where_it_only_orders() -> None:
    assert [rounded(value) for value in (2**53 + 1, " 12 ", True, "x", None, 10**400)] == [
        *(2.0**53, 12.0, True, "x", None, 10**400),
    ]


def test_what_is_not_finite_is_its_text_in_json() -> None:
    values = {"a": math.inf, "b": [-math.inf, None, {"c": math.inf}], "d": math.nan, "e": 1.5, "f": 2**70}
    expected = b'{"a":"Infinity","b":["-Infinity",null,{"c":"Infinity"}],"d":null,"e":1.5'
    assert to_json({key: value for key, value in values.items() if key != "f"}) == expected + b"}"
    assert to_json(values) == expected + b',"f":1180591620717411303424}'


def test_a_lone_surrogate_is_no_text_but_json() -> None:
    with pytest.raises(UnicodeEncodeError):
        storable_text("\ud800")
    assert to_json({"a": "\ud800"}) == b'{"a":"\\ud800"}'
