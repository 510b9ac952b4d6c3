from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tickets.errors import FieldError
from tickets.features.request import build_table, has_content, read_ticket, text_of
from tickets.features.state import FeatureState, Selection
from tickets.schema import Stage

SELECTION = Selection(
    Stage.CREATION, ("subject", "description"), ("product", "weekend_ticket", "own_queue"), ("affected_users",)
)


def test_a_ticket_is_read_as_ingestion_reads_it() -> None:
    raw = {"subject": "x", "product": " API ", "weekend_ticket": "yes", "own_queue": 7, "affected_users": "12"}
    assert read_ticket({**raw, "resolution": "never read"}, SELECTION) == {
        "subject": "x",
        "description": None,
        "language": None,
        "product": "API",
        "weekend_ticket": True,
        "own_queue": "7",
        "affected_users": 12.0,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("affected_users", "many"), ("affected_users", True), ("affected_users", "nan"), ("weekend_ticket", "perhaps")],
)
def test_a_value_that_does_not_fit_is_named(field: str, value: Any) -> None:
    with pytest.raises(FieldError, match=f"{field}: {str(value)!r} is not a") as caught:
        read_ticket({"subject": "x", field: value}, SELECTION)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("ticket", "expected"),
    [
        ({}, False),
        ({"subject": "", "description": " \n"}, False),
        ({"ticket_id": "T1", "language": "en", "resolution": "done"}, False),
        ({"description": "x"}, True),
        ({"product": "API"}, True),
        ({"affected_users": 0}, True),
    ],
)
def test_something_must_be_readable(ticket: dict[str, Any], expected: bool) -> None:
    assert has_content(read_ticket(ticket, SELECTION), SELECTION) is expected


def test_the_table_is_what_the_feature_state_reads(state: FeatureState, table: pa.Table) -> None:
    rows = table.slice(0, 20)
    read = [read_ticket(row, state.selection) for row in rows.to_pylist()]
    built = build_table(read, state.selection)
    assert [text_of(ticket, state.selection) for ticket in read] == state.texts(rows) == state.texts(built)
    assert state.patterns(built) == state.patterns(rows)
    for name in state.selection.columns:
        assert built[name].to_pylist() == rows[name].to_pylist(), name
