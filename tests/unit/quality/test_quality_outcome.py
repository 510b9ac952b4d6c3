"""Marks on tickets, and tickets that belong in quarantine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickets.quality.outcome import mark, refused

Build = Callable[..., Any]


def test_marks_stand_behind_those_that_were_there_and_each_once(tickets: Build, checks_of: Build) -> None:
    old = ["subject: not a text", "priority: outside the value set"]
    table = tickets(
        {},
        {"priority": "Urgent", "marks": old},
        {"priority": "Urgent", "affected_users": -1.0, "marks": None},
        {"marks": ["b", "a", "b"]},
    )
    marked = mark(table, checks_of().run(table))
    assert marked["marks"].to_pylist() == [
        [],
        old,
        ["priority: outside the value set", "affected_users: impossible number"],
        ["b", "a"],
    ]
    assert marked.schema.equals(table.schema)
    assert marked.drop_columns(["marks"]).equals(table.drop_columns(["marks"]))


def test_what_is_counted_or_refused_is_not_marked(tickets: Build, checks_of: Build) -> None:
    table = tickets({"priority": "Urgent", "resolution": None})
    assert mark(table, checks_of(severities={"value_set": "quarantine"}).run(table)).equals(table)


def test_marking_again_changes_nothing(tickets: Build, checks_of: Build) -> None:
    table = tickets({"priority": "Urgent"}, {"region": "Mars"})
    checks = checks_of()
    once = mark(table, checks.run(table))
    assert mark(once, checks.run(once)).equals(once)


def test_a_refused_ticket_has_every_check_as_its_reason(tickets: Build, checks_of: Build) -> None:
    table = tickets({"priority": "Urgent", "region": "Mars"}, {}, {"region": "Mars", "affected_users": -1.0})
    checks = checks_of(severities={"value_set": "quarantine"})
    rows, reasons = refused(checks.run(table), table.num_rows)
    assert rows.tolist() == [True, False, True]
    assert reasons.to_pylist() == [
        "failed a check: value_set.priority, value_set.region",
        "failed a check: value_set.region",
    ]
    rows, reasons = refused(checks_of().run(table), table.num_rows)
    assert not rows.any()
    assert len(reasons) == 0
