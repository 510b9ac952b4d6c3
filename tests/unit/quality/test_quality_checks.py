"""Every check that looks at a ticket alone, with tickets in which it must and must not find something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config.quality import QualityConfig, Severity
from tickets.errors import ConfigError
from tickets.quality.checks import Checks, build_checks
from tickets.quality.nearest import nearest
from tickets.quality.outcome import mark
from tickets.schema import BY_NAME, VALUE_SETS, Kind

Build = Callable[..., Any]
START = datetime(2025, 5, 1, 8, tzinfo=UTC)
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
RULE = {
    "name": "answered",
    "when": [{"field": "priority", "op": "==", "value": "low"}],
    "then": [{"field": "region", "op": "!=", "value": "EU"}],
}
NAN, INF = float("nan"), float("inf")

FOUND = [
    ("type.created_at", {"created_at": None, "marks": ["created_at: not a time"]}),
    ("type.tags", {"marks": ["priority: outside the value set", "tags: not a list"]}),
    ("value_set.priority", {"priority": "Urgent"}),
    ("value_set.priority", {"priority": "LOW"}),
    ("value_set.satisfaction_score", {"satisfaction_score": 4.5}),
    ("taxonomy.subcategory", {"category": "Security", "subcategory": "Billing"}),
    ("taxonomy.subcategory", {"category": "Security", "subcategory": "Made up"}),
    ("time_order.resolved_at_before_created_at", {"resolved_at": START - timedelta(milliseconds=1)}),
    ("time_order.updated_at_before_created_at", {"updated_at": START - timedelta(days=1)}),
    ("time_order.first_response_at_before_created_at", {"first_response_at": START - timedelta(minutes=5)}),
    ("future.created_at", {"created_at": NOW + timedelta(hours=1)}),
    ("future.first_response_at", {"first_response_at": NOW + timedelta(days=400)}),
    ("too_old.created_at", {"created_at": datetime(1970, 1, 1, tzinfo=UTC)}),
    ("missing.ticket_id", {"ticket_id": "made-0123456789abcdef0123"}),
    ("missing.created_at", {"created_at": None}),
    ("number.affected_users", {"affected_users": -1.0}),
    ("number.affected_users", {"affected_users": NAN}),
    ("number.affected_users", {"affected_users": INF}),
    ("number.satisfaction_score", {"satisfaction_score": 0.0}),
    ("number.satisfaction_score", {"satisfaction_score": 6.0}),
    ("number.resolution_time_hours", {"resolution_time_hours": -24.0}),
    ("duration.resolution_time_hours", {"resolution_time_hours": 24.6}),
    ("duration.resolution_time_hours", {"resolution_time_hours": 1.0}),
    ("lifecycle.resolved_without_resolution", {"resolution": None}),
    ("lifecycle.resolved_without_resolution", {"resolution": " \n"}),
    ("lifecycle.code_on_open", {"resolved_at": None, "resolution_time_hours": None}),
    ("text.empty", {"subject": None, "description": None}),
    ("text.empty", {"subject": "\u00a0\u3000", "description": "\u200b\ufeff\t"}),
    ("rule.answered", {"region": "EU"}),
]
NOT_FOUND = [
    ("type.created_at", {"marks": ["created_at: outside the value set"]}),
    ("type.created_at", {"marks": None}),
    ("value_set.priority", {"priority": None}),
    ("value_set.satisfaction_score", {"satisfaction_score": None}),
    ("taxonomy.subcategory", {"category": None}),
    ("taxonomy.subcategory", {"category": "Unheard of", "subcategory": "Billing"}),  # the closed set says so already
    ("time_order.resolved_at_before_created_at", {"resolved_at": START, "resolution_time_hours": 0.0}),
    ("time_order.resolved_at_before_created_at", {"resolved_at": None}),
    ("time_order.updated_at_before_created_at", {"updated_at": datetime(2025, 5, 30, tzinfo=UTC)}),  # after resolved
    ("future.created_at", {"created_at": NOW + timedelta(minutes=4)}),  # within the clocks' skew
    ("missing.ticket_id", {"ticket_id": "made-by-hand"}),
    ("number.affected_users", {"affected_users": 0.0}),
    ("number.affected_users", {"affected_users": None}),
    ("number.satisfaction_score", {"satisfaction_score": 1.0}),
    ("duration.resolution_time_hours", {"resolution_time_hours": 24.4}),
    ("duration.resolution_time_hours", {"resolved_at": None}),
    ("duration.resolution_time_hours", {"resolution_time_hours": None}),
    ("lifecycle.resolved_without_resolution", {"resolution": None, "resolved_at": None}),
    ("lifecycle.code_on_open", {"resolution_code": None, "resolved_at": None}),
    ("text.empty", {"subject": None}),
    ("text.empty", {"subject": "问", "description": None}),
    ("rule.answered", {"region": None}),
    ("rule.answered", {"region": "EU", "priority": "high"}),
]


def rows_of(checks: Checks, name: str, table: pa.Table) -> list[bool]:
    """The rows in which a check finds something; it must be one of the checks."""
    assert name in {check.name for check in checks.row_local}
    found = {finding.name: finding.rows.tolist() for finding in checks.run(table)}
    return found.get(name, [False] * table.num_rows)


def test_a_sound_ticket_is_clear(tickets: Build, checks_of: Build) -> None:
    assert checks_of(rules=[RULE]).run(tickets({}, {})) == []


@pytest.mark.parametrize(("name", "change"), FOUND)
def test_what_is_wrong_is_found(name: str, change: dict[str, Any], tickets: Build, checks_of: Build) -> None:
    assert rows_of(checks_of(rules=[RULE]), name, tickets({}, change, {})) == [False, True, False]


@pytest.mark.parametrize(("name", "change"), NOT_FOUND)
def test_what_is_right_is_not_found(name: str, change: dict[str, Any], tickets: Build, checks_of: Build) -> None:
    assert rows_of(checks_of(rules=[RULE]), name, tickets({}, change)) == [False, False]


def test_every_family_is_tried(checks_of: Build) -> None:
    tried = {name.split(".")[0] for name, _ in FOUND}
    assert tried == {check.family for check in checks_of(rules=[RULE]).row_local}


def test_nothing_is_quarantined_by_default_and_lifecycle_is_counted(checks_of: Build) -> None:
    by_family: dict[str, set[Severity]] = {}
    for check in checks_of():
        by_family.setdefault(check.family, set()).add(check.severity)
    assert not any(Severity.QUARANTINE in severities for severities in by_family.values())
    assert by_family["lifecycle"] == {Severity.COUNT}


def test_a_value_outside_its_set_is_named_and_a_suggestion_made(tickets: Build, checks_of: Build) -> None:
    checks = checks_of()
    (finding,) = checks.run(tickets({"priority": "Hihg"}, {}, {"priority": "blocker"}))
    assert finding.details.to_pylist() == ["Hihg", "blocker"]
    check = next(check for check in checks if check.name == finding.name)
    assert [check.suggest(value) for value in finding.details.to_pylist()] == ["high", None]


def test_a_pair_outside_the_taxonomy_is_named_with_the_category_that_fits(tickets: Build, checks_of: Build) -> None:
    checks = checks_of()
    (finding,) = checks.run(tickets({"category": "Security"}))
    check = next(check for check in checks if check.name == finding.name)
    assert finding.details.to_pylist() == ["Security / Billing"]
    assert check.suggest("Security / Billing") == "Account Management / Billing"


def test_the_closed_set_of_a_list_is_that_of_its_items(fields: Any, tickets: Build, now: datetime) -> None:
    checks = build_checks(QualityConfig(), fields, {"tags": frozenset({"billing", "login"})}, now)
    table = tickets({}, {"tags": ["billing", "odd", "strange"]}, {"tags": []}, {"tags": None})
    assert rows_of(checks, "value_set.tags", table) == [False, True, False, False]
    assert checks.run(table)[0].details.to_pylist() == ["odd"]


def test_the_contracts_taxonomy_is_in_force_with_its_sets_alone(fields: Any, now: datetime) -> None:
    def names(config: QualityConfig, sets: dict[str, frozenset[Any]]) -> set[str]:
        return {check.name for check in build_checks(config, fields, sets, now)}

    sets = {name: frozenset(VALUE_SETS[name]) for name in ("category", "subcategory")}
    assert "taxonomy.subcategory" in names(QualityConfig(), sets)
    assert "taxonomy.subcategory" not in names(QualityConfig(), {"category": frozenset({"a"})})
    assert "taxonomy.subcategory" in names(QualityConfig(taxonomy={"a": ("b",)}), {})


def test_an_own_taxonomy_replaces_the_contracts(tickets: Build, checks_of: Build) -> None:
    checks = checks_of(taxonomy={"Account Management": ["License"]})
    assert rows_of(checks, "taxonomy.subcategory", tickets({}, {"subcategory": "License"})) == [True, False]


def test_working_hours_may_be_fewer_than_the_hours_between(tickets: Build, checks_of: Build) -> None:
    table = tickets({"resolution_time_hours": 8.0}, {"resolution_time_hours": 25.0})
    assert rows_of(checks_of(business_hours=True), "duration.resolution_time_hours", table) == [False, True]


def test_bounds_and_order_come_from_the_settings(tickets: Build, checks_of: Build) -> None:
    checks = checks_of(
        bounds={"satisfaction_score": {"min": 0, "max": 10}, "affected_users": {"max": 5}},
        time_order=[{"earlier": "created_at", "later": "resolved_at", "tolerance_s": 60}],
    )
    table = tickets({"satisfaction_score": 9.0, "affected_users": 6.0}, {"affected_users": -3.0})
    assert rows_of(checks, "number.satisfaction_score", table) == [False, False]
    assert rows_of(checks, "number.affected_users", table) == [True, False]
    late = tickets({"resolved_at": START - timedelta(seconds=59)}, {"resolved_at": START - timedelta(seconds=61)})
    assert rows_of(checks, "time_order.resolved_at_before_created_at", late) == [False, True]


def test_a_due_date_may_lie_ahead(tickets: Build, checks_of: Build) -> None:
    assert checks_of().run(tickets({"due_at": NOW + timedelta(days=30)})) == []


def test_severities_go_by_family_and_by_name(checks_of: Build) -> None:
    checks = checks_of(severities={"value_set": "count", "value_set.priority": "quarantine"})
    severities = {check.name: check.severity for check in checks}
    assert severities["value_set.priority"] is Severity.QUARANTINE
    assert severities["value_set.channel"] is Severity.COUNT
    assert severities["future.created_at"] is Severity.MARK


def test_a_costly_check_that_shall_mark_sees_every_ticket(tickets: Build, checks_of: Build) -> None:
    checks = checks_of(severities={"personal_data.email": "mark"}, personal_data={"sample_rows": 1})
    assert rows_of(checks, "personal_data.email", tickets({}, {"subject": "ann@example.com"})) == [False, True]
    assert "personal_data.email" not in {finding.name for finding in checks.run_deep(tickets({}), 1)}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"severities": {"value_sets": "count"}}, "'value_sets' is no check; allowed: .*value_set.priority"),
        ({"limits": {"priority": 0.1}}, "'priority' is no check; allowed: .*unreadable"),
        ({"severities": {"duplicate.id": "mark"}}, "duplicate.id is mark; allowed: count"),
        ({"required": ["colour"]}, "quality.required: 'colour'; allowed: .*created_at"),
        ({"bounds": {"subject": {"min": 1}}}, "quality.bounds: 'subject'; allowed: .*affected_users"),
        ({"past": ["subject"]}, "quality.past: 'subject'"),
        ({"text_fields": ["affected_users"]}, "quality.text_fields: 'affected_users'"),
        ({"time_order": [{"earlier": "created_at", "later": "closed"}]}, "'closed' is no time; allowed: .*resolved_at"),
        ({"personal_data": {"fields": ["affected_users"]}}, "personal_data.fields: 'affected_users'; allowed: .*extra"),
    ],
)
def test_a_name_that_there_is_none_of_is_refused(settings: dict[str, Any], named: str, checks_of: Build) -> None:
    with pytest.raises(ConfigError, match=named):
        checks_of(**settings)


class Shouting:
    """A plug-in check: subjects without a lower-case letter."""

    name = "shouting"
    severity = "quarantine"

    def find(self, table: pa.Table) -> np.ndarray:
        return np.array([subject.isupper() for subject in table["subject"].to_pylist()])


class Broken(Shouting):
    """A plug-in check that answers for one ticket too many."""

    name = "broken"

    def find(self, table: pa.Table) -> np.ndarray:
        return np.zeros(table.num_rows + 1, dtype=bool)


def test_a_plugin_check_is_one_of_the_checks(tickets: Build, checks_of: Build) -> None:
    (finding,) = checks_of(plugins=[Shouting()]).run(tickets({}, {"subject": "HELP"}))
    assert (finding.name, finding.severity, finding.rows.tolist()) == (
        "plugin.shouting",
        Severity.QUARANTINE,
        [False, True],
    )
    assert checks_of(plugins=[Shouting()], chosen=[]).run(tickets({"subject": "HELP"})) == []
    with pytest.raises(ConfigError, match=r"'whispering' is not installed; allowed: shouting"):
        checks_of(plugins=[Shouting()], chosen=["whispering"])


def test_a_plugin_that_fails_on_a_ticket_loses_none_and_is_named(tickets: Build, checks_of: Build) -> None:
    # `Shouting` fails on a ticket without a subject; the others are judged all the same.
    table = tickets({"subject": "HELP"}, {}, {"subject": None}, {"subject": "HELP"}, {})
    found, failed = checks_of(plugins=[Shouting()]).run(table)
    assert (found.name, found.rows.tolist()) == ("plugin.shouting", [True, False, False, True, False])
    assert (failed.name, failed.severity, failed.rows.tolist()) == (
        "plugin_failed.shouting",
        Severity.MARK,
        [False, False, True, False, False],
    )
    assert failed.details.to_pylist() == ["AttributeError: 'NoneType' object has no attribute 'isupper'"]
    assert mark(table, [failed])["marks"].to_pylist() == [[], [], ["plugin: shouting: failed"], [], []]


def test_a_plugin_that_answers_something_else_has_failed(tickets: Build, checks_of: Build) -> None:
    (failed,) = checks_of(plugins=[Broken()]).run(tickets({}, {}))
    assert (failed.name, failed.rows.tolist()) == ("plugin_failed.broken", [True, True])
    assert set(failed.details.to_pylist()) == {
        "TypeError: it answered bool [2] for a table; allowed: bool [number of tickets]"
    }
    stopped = checks_of(plugins=[Broken()], severities={"plugin_failed": "quarantine"}).run(tickets({}))
    assert [finding.severity for finding in stopped] == [Severity.QUARANTINE]


@pytest.mark.parametrize(
    ("value", "allowed", "meant"),
    [
        ("Critical", ["critical", "high"], "critical"),
        ("bug-fix", ["BUG_FIX", "WONT_FIX"], "BUG_FIX"),
        ("en-US", ["de", "en"], "en"),
        ("crtical", ["critical", "high"], "critical"),
        ("zzz", ["critical", "high"], None),
        ("", ["critical"], None),
        ("9", ["1", "2", "5"], "5"),
        ("nan", ["1", "2"], "1"),
        ("7", ["a", "b"], None),
    ],
)
def test_the_nearest_value_is_what_was_probably_meant(value: str, allowed: list[str], meant: str | None) -> None:
    assert nearest(value, allowed) == meant


ODD: dict[Kind, list[Any]] = {
    Kind.TEXT: [None, "", " ", "\u200b", "\0", "a" * 10_000, "\U0001f600", "-----BEGIN PRIVATE KEY", "x@y.zz", "\r\n"],
    Kind.NUMBER: [None, NAN, INF, -INF, -0.0, 0.0, 1e308, -1e308, 5e-324, 3.0],
    Kind.TIME: [None, datetime.min.replace(tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC), START, NOW],
    Kind.FLAG: [None, True, False],
    Kind.LIST: [None, [], [""], [None], ["a", None, "b"], ["\0"], ["x"] * 50],
}
ODD_MARKS = [None, [], [None], [""], ["priority: not a categorical"], ["x"] * 3]


@pytest.mark.parametrize("seed", range(8))
def test_odd_values_are_checked_row_by_row(seed: int, tickets: Build, checks_of: Build) -> None:
    """Nothing raises, and what is found in a row does not depend on the rows beside it."""
    rng = np.random.default_rng(seed)
    checks = checks_of(rules=[RULE])
    pools = {name: ODD.get(field.kind, ODD[Kind.TEXT]) for name, field in BY_NAME.items()}
    pools |= {"marks": ODD_MARKS, "ticket_id": [None, "", "T", "\0"], "extra": [None, "{}", '{"a": NaN}']}
    rows = [{name: pool[rng.integers(len(pool))] for name, pool in pools.items()} for _ in range(40)]
    table = tickets(*rows)
    whole = {finding.name: finding.rows for finding in checks.run(table)}
    assert whole
    for start, end in ((0, 1), (1, 17), (17, 40)):
        part = {finding.name: finding.rows for finding in checks.run(table.slice(start, end - start))}
        for name, found in whole.items():
            assert part.get(name, np.zeros(end - start, dtype=bool)).tolist() == found[start:end].tolist(), name
    for finding in [*checks.run_all(table), *checks.run_deep(table, 40)]:
        assert finding.rows.shape == (40,)


def test_no_tickets_are_no_trouble(tickets: Build, checks_of: Build) -> None:
    checks = checks_of()
    assert checks.run(tickets()) == []
    assert all(finding.num_examined == 0 for finding in [*checks.run_all(tickets()), *checks.run_deep(tickets(), 0)])
