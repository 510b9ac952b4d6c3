from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tickets.schema import Kind
from tickets.values import converter, storable_text, to_json


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


def test_a_lone_surrogate_is_no_text_but_json() -> None:
    with pytest.raises(UnicodeEncodeError):
        storable_text("\ud800")
    assert to_json({"a": "\ud800"}) == b'{"a":"\\ud800"}'
