"""Business rules: every operator, what a missing value means, and what a wrong rule is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tickets.config.quality import QualityConfig
from tickets.errors import ConfigError

Build = Callable[..., Any]


def broken(tickets: Build, checks_of: Build, rule: dict[str, Any], *changes: dict[str, Any]) -> list[bool]:
    """The tickets that break a rule."""
    checks = checks_of(rules=[{"name": "tried", **rule}])
    found = [finding for finding in checks.run(tickets(*changes)) if finding.name == "rule.tried"]
    return found[0].rows.tolist() if found else [False] * len(changes)


@pytest.mark.parametrize(
    ("condition", "held", "not_held"),
    [
        ({"field": "region", "op": "present"}, {"region": "EU"}, {"region": None}),
        ({"field": "tags", "op": "present"}, {"tags": ["a"]}, {"tags": []}),
        ({"field": "subject", "op": "missing"}, {"subject": "  "}, {"subject": "x"}),
        ({"field": "region", "op": "==", "value": "EU"}, {"region": "EU"}, {"region": "NA"}),
        ({"field": "region", "op": "!=", "value": "EU"}, {"region": "NA"}, {"region": "EU"}),
        ({"field": "affected_users", "op": "<", "value": 5}, {"affected_users": 4.9}, {"affected_users": 5.0}),
        ({"field": "affected_users", "op": "<=", "value": "5"}, {"affected_users": 5.0}, {"affected_users": 5.1}),
        ({"field": "affected_users", "op": ">", "value": 5}, {"affected_users": 6.0}, {"affected_users": 5.0}),
        ({"field": "affected_users", "op": ">=", "value": 5}, {"affected_users": 5.0}, {"affected_users": 4.0}),
        ({"field": "affected_users", "op": "in", "value": [1, 2]}, {"affected_users": 2.0}, {"affected_users": 3.0}),
        ({"field": "region", "op": "in", "value": ["EU", "NA"]}, {"region": "NA"}, {"region": "MEA"}),
        ({"field": "region", "op": "not_in", "value": ["EU", "NA"]}, {"region": "MEA"}, {"region": "NA"}),
        ({"field": "tags", "op": "in", "value": ["a", "b"]}, {"tags": ["z", "b"]}, {"tags": ["z"]}),
        ({"field": "tags", "op": "not_in", "value": ["a", "b"]}, {"tags": ["z"]}, {"tags": ["z", "b"]}),
        ({"field": "ticket_id", "op": "matches", "value": "^INC[0-9]+$"}, {"ticket_id": "INC7"}, {"ticket_id": "7"}),
        ({"field": "escalated", "op": "==", "value": True}, {"escalated": True}, {"escalated": False}),
        ({"field": "escalated", "op": "==", "value": "no"}, {"escalated": False}, {"escalated": True}),
        ({"field": "created_at", "op": ">=", "value": "2025-05-01"}, {}, {"created_at": datetime(2025, 4, 30)}),
        ({"field": "due_at", "op": ">", "other": "created_at"}, {"due_at": datetime(2025, 5, 9, tzinfo=UTC)},
         {"due_at": datetime(2025, 4, 9, tzinfo=UTC)}),
    ],
)  # fmt: skip
def test_an_operator_tells_what_holds(
    condition: dict[str, Any], held: dict[str, Any], not_held: dict[str, Any], tickets: Build, checks_of: Build
) -> None:
    assert broken(tickets, checks_of, {"then": [condition]}, held, not_held) == [False, True]
    never = [{"field": "ticket_id", "op": "missing"}]
    assert broken(tickets, checks_of, {"when": [condition], "then": never}, held, not_held) == [True, False]


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("region", {"op": "==", "value": "EU"}),
        ("region", {"op": "!=", "value": "EU"}),
        ("region", {"op": "not_in", "value": ["EU"]}),
        ("tags", {"op": "not_in", "value": ["a"]}),
        ("affected_users", {"op": "<", "value": 5}),
        ("error_logs", {"op": "matches", "value": "."}),
    ],
)
def test_a_missing_value_neither_fires_nor_breaks_a_rule(
    name: str, condition: dict[str, Any], tickets: Build, checks_of: Build
) -> None:
    condition = {"field": name, **condition}
    never = {"field": "ticket_id", "op": "missing"}
    assert broken(tickets, checks_of, {"then": [condition]}, {name: None}) == [False]
    assert broken(tickets, checks_of, {"when": [condition], "then": [never]}, {name: None}) == [False]
    assert broken(tickets, checks_of, {"then": [condition, never]}, {name: None}) == [True]  # one is false for sure


def test_all_of_when_fire_and_any_of_then_breaks(tickets: Build, checks_of: Build) -> None:
    rule = {
        "when": [{"field": "priority", "op": "==", "value": "high"}, {"field": "region", "op": "==", "value": "EU"}],
        "then": [{"field": "channel", "op": "present"}, {"field": "environment", "op": "present"}],
    }
    high, eu, both = {"priority": "high"}, {"region": "EU"}, {"priority": "high", "region": "EU"}
    kept = {**both, "channel": "email", "environment": "test"}
    assert broken(tickets, checks_of, rule, high, eu, both, {**both, "channel": "email"}, kept) == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_rule_reads_as_a_sentence(checks_of: Build) -> None:
    rule = {
        "name": "fast",
        "severity": "count",
        "when": [{"field": "priority", "op": "in", "value": ["high", "critical"]}],
        "then": [{"field": "response_count", "op": ">=", "value": 1}, {"field": "region", "op": "present"}],
    }
    check = next(check for check in checks_of(rules=[rule]) if check.name == "rule.fast")
    assert check.meaning == (
        "Where `priority` in high, critical: `response_count` >= 1 and `region` is present; here it is not so."
    )
    assert check.severity == "count"


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"field": "colour", "op": "present"}, "'colour' is no field; allowed: ticket_id"),
        ({"field": "subject", "op": "<", "value": "a"}, "subject is a text, which has no <; allowed: present, missing"),
        ({"field": "affected_users", "op": "<", "value": "many"}, "affected_users cannot be 'many'; allowed: a number"),
        ({"field": "created_at", "op": "<", "value": "soon"}, "created_at cannot be 'soon'; allowed: a time"),
        ({"field": "subject", "op": "matches", "value": "(?<=a)b"}, "no pattern .*; allowed: RE2 syntax"),
        ({"field": "created_at", "op": "<", "other": "subject"}, "two fields of one kind"),
        ({"field": "created_at", "op": "<", "other": "colour"}, "'colour' is no field"),
    ],
)
def test_a_rule_that_does_not_fit_the_fields_is_refused(
    condition: dict[str, Any], named: str, checks_of: Build
) -> None:
    with pytest.raises(ConfigError, match=f"quality.rules.tried: .*{named}"):
        checks_of(rules=[{"name": "tried", "then": [condition]}])


@pytest.mark.parametrize(
    "rule",
    [
        {"name": "x", "then": []},
        {"name": "No spaces", "then": [{"field": "region", "op": "present"}]},
        {"name": "x", "then": [{"field": "region", "op": "present", "value": "EU"}]},
        {"name": "x", "then": [{"field": "region", "op": "=="}]},
        {"name": "x", "then": [{"field": "region", "op": "==", "value": "EU", "other": "channel"}]},
        {"name": "x", "then": [{"field": "region", "op": "in", "value": "EU"}]},
        {"name": "x", "then": [{"field": "region", "op": "==", "value": ["EU"]}]},
        {"name": "x", "then": [{"field": "region", "op": "like", "value": "EU"}]},
        {"name": "x", "then": [{"field": "region", "op": "matches", "other": "channel"}]},
    ],
)
def test_a_rule_that_cannot_be_one_is_refused_by_the_settings(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QualityConfig(rules=[rule])


def test_two_rules_cannot_have_one_name() -> None:
    rule = {"name": "x", "then": [{"field": "region", "op": "present"}]}
    with pytest.raises(ValidationError, match="'x' is the name of two rules"):
        QualityConfig(rules=[rule, rule])
