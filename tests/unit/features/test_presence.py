"""Which inputs a ticket has, by how full tickets usually are."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tickets.features.presence import Presence


@pytest.fixture
def presence() -> Presence:
    """Three fields that are nearly always filled, and three that hardly ever are."""
    usual = {f"usual{at}": ["x"] * 10 for at in range(3)}
    rare = {f"rare{at}": ["x"] + [None] * 9 for at in range(3)}
    table = pa.table({**usual, **rare, "empty": pa.nulls(10, pa.string())})
    return Presence.fit(table, table.column_names)


def _pattern(presence: Presence, *names: str, text: str = "help") -> str:
    table = pa.table({name: ["x" if name in names else None] for name in (*presence.filled, "empty")})
    (pattern,) = presence.patterns(table, [text])
    return pattern


def test_a_field_that_no_training_row_has_is_none(presence: Presence) -> None:
    assert "empty" not in presence.filled
    assert _pattern(presence, "empty") == "text"
    assert _pattern(presence, "empty", text="") == "nothing"


def test_fields_weigh_how_often_they_are_filled(presence: Presence) -> None:
    usual, rare = [f"usual{at}" for at in range(3)], [f"rare{at}" for at in range(3)]
    assert _pattern(presence, *usual, *rare) == "text+most fields"
    assert _pattern(presence, *usual) == "text+most fields"
    assert _pattern(presence, *usual[:2]) == "text+some fields"
    assert _pattern(presence, usual[0]) == "text+few fields"
    assert _pattern(presence, *rare) == "text+few fields"
    assert _pattern(presence, *usual, text="") == "most fields"


def test_every_row_is_named_by_itself(presence: Presence) -> None:
    table = pa.table({name: ["x", None, None] for name in presence.filled})
    assert presence.patterns(table, ["help", "", "help"]) == ["text+most fields", "nothing", "text"]
    assert presence.patterns(table.slice(0, 0), []) == []


def test_without_fields_there_is_text_or_nothing() -> None:
    table = pa.table({"empty": pa.nulls(2, pa.string())})
    assert Presence.fit(table, ["empty"]).patterns(table, ["help", ""]) == ["text", "nothing"]
