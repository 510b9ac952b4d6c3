"""Sums over batches: whatever the batches are, the sums are the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config.quality import Severity
from tickets.quality.profile import Values
from tickets.quality.tally import Tally

Build = Callable[..., Any]
SETTINGS = {"max_examples": 3, "max_values": 6, "language": {"enabled": False}}


@pytest.fixture
def table(tickets: Build) -> pa.Table:
    """60 tickets with something wrong in many of them; sums are of whole numbers, so that order cannot change them."""
    rng = np.random.default_rng(5)

    def one(at: int) -> dict[str, Any]:
        return {
            "ticket_id": f"T{at:03}",
            "created_at": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=int(rng.integers(120))),
            "priority": rng.choice(["low", "high", "Urgent", "p1"]).item(),
            "region": str(rng.choice(["EU", *(f"R{at}" for at in range(9))])),
            "affected_users": rng.choice([None, -1.0, 3.0, float("nan"), 1e9]),
            "tags": [["a"], ["a", "b"], [], None][rng.integers(4)],
            "subject": rng.choice([None, "", "Disk full", "ann@example.com"]),
            "extra": [None, '{"x": 1, "y": "a"}', '{"x": "text"}', '{"big": 123456789012345678901234}'][at % 4],
        }

    return tickets(*map(one, range(60)))


def tally_of(checks: Any, fields: Any, *batches: pa.Table) -> Tally:
    tally = Tally.empty(checks.config)
    for batch in batches:
        tally.add(batch, checks.run(batch), fields)
        tally.add_findings(batch, checks.run_deep(batch, 60))
        tally.add_quarantine(pa.table({"reason": ["not JSON: at 3", "failed a check: rule.x", "not UTF-8"]}))
    return tally


def as_one(tally: Tally, num_batches: int) -> dict[str, Any]:
    """The sums without what a batch adds of itself; examples aside, order does not matter to equality."""
    dumped = tally.model_dump()
    dumped["reasons"] = {reason: count / num_batches for reason, count in tally.reasons.items()}
    return dumped


def test_merged_parts_are_all_at_once(table: pa.Table, checks_of: Build, fields: Any) -> None:
    checks = checks_of(**SETTINGS)
    whole = as_one(tally_of(checks, fields, table), 1)
    assert as_one(tally_of(checks, fields, *(table.slice(at, 7) for at in range(0, 60, 7))), 9) == whole
    parts = [tally_of(checks, fields, table.slice(at, 15)) for at in (45, 0, 30, 15)]
    merged = Tally.empty(checks.config)
    for part in parts:
        merged.merge(part)
    assert as_one(merged, 4) == whole
    pair = [Tally.empty(checks.config), Tally.empty(checks.config)]
    for at, part in enumerate(parts):
        pair[at % 2].merge(part)
    pair[1].merge(pair[0])
    assert as_one(pair[1], 4) == whole


def test_a_tally_survives_json(table: pa.Table, tickets: Build, checks_of: Build, fields: Any) -> None:
    checks = checks_of(**SETTINGS)
    huge = tickets({"affected_users": 1e308}, {"affected_users": 1e308})  # their sum is infinite
    tally = tally_of(checks, fields, table, huge)
    assert Tally.model_validate_json(tally.model_dump_json()) == tally


def test_the_sums_are_right(table: pa.Table, checks_of: Build, fields: Any) -> None:
    checks = checks_of(**SETTINGS)
    tally = tally_of(checks, fields, table)
    rows = table.to_pylist()
    wrong = [row["ticket_id"] for row in rows if row["priority"] in ("Urgent", "p1")]
    sums = tally.checks["value_set.priority"]
    assert tally.num_tickets == 60
    assert sums.num_found == len(wrong)
    assert sums.examples == sorted(wrong)[:3]
    assert sums.details.counts == {name: sum(row["priority"] == name for row in rows) for name in ("Urgent", "p1")}
    in_family = [row for row in rows if row["priority"] in ("Urgent", "p1") or row["region"] != "EU"]
    assert tally.families["value_set"] == len(in_family)
    assert tally.checks["value_set.region"].details.counts is None  # nine values where six are told apart
    assert tally.reasons == {"not JSON": 1, "failed a check: rule.x": 1, "not UTF-8": 1}
    assert tally.num_unreadable == 2
    found = [{finding.severity for finding in checks.run(table.slice(at, 1))} for at in range(60)]
    assert tally.num_clean == sum(severities <= {Severity.COUNT} for severities in found)
    assert tally.severities == {severity: sum(severity in of for of in found) for severity in Severity}


def test_values_are_told_apart_up_to_their_number() -> None:
    values = Values()
    values.add(pa.array(["b", "a", "b", None]), 2)
    assert values.top(5) == [("b", 2), ("a", 1)]
    values.add(pa.array(["c"]), 2)
    assert (values.counts, values.top(5)) == (None, [])


def test_the_profile_is_right(table: pa.Table, checks_of: Build, fields: Any) -> None:
    profile = tally_of(checks_of(**SETTINGS), fields, table).profile
    rows = table.to_pylist()
    users = [row["affected_users"] for row in rows]
    finite = [value for value in users if value is not None and value == value]
    measured = profile.fields["affected_users"]
    assert measured.num_missing == users.count(None)
    assert (measured.low, measured.high, measured.total) == (min(finite), max(finite), sum(finite))
    assert measured.num_measured == len(finite)
    assert profile.fields["subject"].num_missing == sum(row["subject"] in (None, "") for row in rows)
    assert profile.fields["subject"].values is None
    assert profile.fields["tags"].num_missing == sum(not row["tags"] for row in rows)
    assert profile.fields["tags"].values.counts == {
        tag: sum(tag in (row["tags"] or ()) for row in rows) for tag in ("a", "b")
    }
    assert profile.fields["region"].values.counts is None
    assert profile.columns["x"].types == {"number": 15, "text": 15}
    assert profile.columns["big"].num_rows == 15
    assert profile.months == {
        month: sum(f"{row['created_at']:%Y-%m}" == month for row in rows) for month in profile.months
    }
    assert sum(profile.months.values()) == 60


def test_columns_of_parts_are_put_together() -> None:
    whole, part, nothing = (Tally(max_examples=3, max_values=6) for _ in range(3))
    whole.merge(nothing)
    assert whole.columns is None
    part.add_columns({"b", "a"})
    whole.merge(part)
    whole.add_columns({"c", "a"})
    assert whole.columns == ("a", "b", "c")
    assert Tally.model_validate_json(whole.model_dump_json()) == whole
