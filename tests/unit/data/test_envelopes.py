from __future__ import annotations

from typing import Any

import pytest

from tickets.data.envelopes import Seeker, only_records


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_arrays_under_a_path_are_found_in_pieces(size: int) -> None:
    text = '{"x]\\"[": {"a": {"b": [1]}}, "a": {"c": [["b"]], "b": [2], "\\u0062": [3]}}{"a":{"b":[4]}}'
    seeker, rest, found = Seeker(["a", "b"]), "", ""
    for end in range(size, len(text) + size, size):
        rest, is_open = seeker.seek(rest + text[end - size : end])
        while is_open:
            found += text[min(end, len(text)) - len(rest)]
            rest, is_open = seeker.seek(rest)
    assert found == "234"
    assert seeker.num_found == 3


def test_what_ends_within_a_text_in_quotes_comes_again() -> None:
    for start in ('{"a": "[ ', '{"a": "x\\', '{"a": "'):
        assert Seeker(["a"]).seek(start) == (start[start.rindex(' "') + 1 :], False)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"tickets": [{}], "count": 3, "ids": [1], "none": []}, "tickets"),
        ({"data": {"page": {"rows": [{"a": 1}]}}}, "data.page.rows"),
        ({"a": [{}], "b": {"c": [{}]}}, None),
        ({"a": [{}, 1]}, None),
        ({}, None),
    ],
)
def test_the_one_list_of_objects_is_named(values: dict[str, Any], path: str | None) -> None:
    assert only_records(values) == path
