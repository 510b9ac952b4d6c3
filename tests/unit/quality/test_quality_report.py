"""The report's arithmetic, its limits, and its page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tickets.errors import RefusedError
from tickets.page import Bars, Table, render
from tickets.quality.assemble import build_report
from tickets.quality.mapped import MappedColumn
from tickets.quality.report import CheckResult, QualityReport
from tickets.quality.report_page import build_page
from tickets.quality.tally import Tally
from tickets.schema import FIELDS

Build = Callable[..., Any]
QUARANTINE = pa.table({"reason": ["not JSON: Expecting value", "not JSON: Extra data", "not UTF-8"]})

MAPPED = (
    MappedColumn("subject", "source.fields.subject", "Colours"),
    MappedColumn("product", "source.fields.product", "System"),
    MappedColumn("sequence", "source.sequence", "mod_count"),
    MappedColumn("channel", "", "channel"),
    MappedColumn("region", "", "region"),
)


@pytest.fixture
def table(tickets: Build) -> pa.Table:
    """Ten tickets: three with a wrong priority, of which one has a wrong region too, one refused, two alike."""
    wrong = {"priority": "Urgent", "language": None}
    texts = [{"ticket_id": f"T{at}", "subject": f"Case {chr(97 + at)}", "language": None} for at in range(10)]
    changes = [{}, wrong, wrong, {**wrong, "region": "ann@example.com"}, {"affected_users": -1.0}, *[{}] * 5]
    rows = [{**text, **change} for text, change in zip(texts, changes, strict=True)]
    rows[9]["subject"] = rows[8]["subject"]
    rows[9]["resolution"] = None  # counted alone: the ticket is clean
    rows[9]["extra"] = '{"Colour": "red", "Old priority": 1, "priority": []}'
    return tickets(*rows)


@pytest.fixture
def report_of(table: pa.Table, checks_of: Build, fields: Any, now: datetime) -> Callable[..., QualityReport]:
    def build(
        whole: pa.Table = table,
        deep: bool = True,
        seen: tuple[str, ...] | None = None,
        num_rows: int | None = None,
        **settings: Any,
    ) -> QualityReport:
        checks = checks_of(**{"severities": {"number": "quarantine"}, **settings})
        tally = Tally.empty(checks.config)
        tally.add(whole, checks.run(whole), fields)
        if deep:
            tally.add_findings(whole, checks.run_deep(whole, whole.num_rows))
        tally.add_quarantine(QUARANTINE)
        if seen is not None:
            tally.add_columns(seen)
        prints = checks.fingerprint(whole) if deep else None
        return build_report(checks, tally, fields, "desk", now, prints, {"Old priority"}, num_rows)

    return build


def result(report: QualityReport, name: str) -> CheckResult:
    return next(check for check in report.checks if check.name == name)


def test_rows_add_up(report_of: Callable[..., QualityReport]) -> None:
    report = report_of()
    assert (report.num_rows, report.num_tickets, report.num_unreadable) == (13, 10, 3)
    assert (report.num_refused, report.num_marked, report.num_clean) == (1, 3, 6)
    assert report.quarantine == {"not JSON": 2, "not UTF-8": 1}
    assert list(report.months.items()) == [("2025-05", 10)]


def test_versions_of_tickets_are_rows_that_came_in(report_of: Callable[..., QualityReport]) -> None:
    report = report_of(num_rows=103, limits={"unreadable": 0.5})
    assert report.summary()[0] == "103 rows came in; 10 are tickets, 3 unreadable."
    assert report.limits[0].share == 3 / 103


def test_a_mapped_column_that_no_file_has_is_found(report_of: Callable[..., QualityReport]) -> None:
    report = report_of(mapped=MAPPED, seen=("System", "region"))
    assert report.warnings == (
        "column 'Colours' of source.fields.subject stands in no file (did you mean 'Colour'?)",
        "column 'mod_count' of source.sequence stands in no file",
    )
    assert report.summary()[3:] == tuple(f"Warning: {warning}." for warning in report.warnings)
    assert [(of.field, of.key) for of in report.absent if not of.key] == [("channel", "")]
    verdicts = {check.name: check.verdict for check in report.checks if check.name.startswith("column.")}
    assert verdicts == {"column.subject": "found", "column.product": "clear", "column.sequence": "found"}
    page = render(build_page(report)).decode()
    assert "source.fields.subject" in page
    assert "Colour" in page


def test_a_limit_can_stop_a_job_whose_column_is_missing(report_of: Callable[..., QualityReport]) -> None:
    report = report_of(mapped=MAPPED, seen=("System",), limits={"column": 0.0, "column.product": 0.0})
    assert [(limit.name, limit.share) for limit in report.exceeded] == [("column", 1.0)]
    with pytest.raises(RefusedError, match=r"column: 100.00%, over the limit"):
        report.refuse_if_exceeded("nothing was published")
    assert report_of(seen=(), limits={"column": 0.0}).exceeded == ()  # nothing is mapped by name


def test_where_no_row_was_looked_at_no_column_is_missing(report_of: Callable[..., QualityReport]) -> None:
    report = report_of(mapped=MAPPED, limits={"column": 0.0})
    assert (report.warnings, report.absent) == ((), ())
    assert "column.subject" not in {check.name for check in report.checks}
    assert [limit.share for limit in report.limits] == [None]


def test_a_column_that_gives_the_order_is_not_unmapped(report_of: Callable[..., QualityReport]) -> None:
    assert [of.name for of in report_of().unmapped] == ["Colour"]
    ordered = (MappedColumn("sequence", "source.sequence", "Colour"),)
    assert report_of(mapped=ordered).unmapped == ()


def test_the_page_shows_mapped_fields_and_counts_the_others(report_of: Callable[..., QualityReport]) -> None:
    report = report_of(mapped=(MappedColumn("stack_trace", "source.fields.stack_trace", "Trace"),))
    empty = [of.name for of in report.fields if not of.is_mapped]
    assert "environment" in empty
    assert {"stack_trace", "subject"}.isdisjoint(empty)
    sections = {section.heading: section.blocks for section in build_page(report).sections}
    blocks = sections["What the fields hold"]
    plots = [block for block in blocks if isinstance(block, Bars)]
    tables = [block for block in blocks if isinstance(block, Table)]
    listed = {name for plot in plots for name in plot.labels} | {row[0] for of in tables for row in of.rows}
    assert listed == {of.name for of in report.fields} - set(empty)
    assert f"{len(empty)} more fields of the contract have no column that is mapped to them, and no value." in blocks
    assert "Mapped, but empty in every ticket: stack_trace." in sections["Columns and fields that do not meet"]
    assert max(len(of.columns) for of in tables) <= 6  # as many as fit on a page


def test_a_check_says_how_much_and_what(report_of: Callable[..., QualityReport]) -> None:
    priority = result(report_of(), "value_set.priority")
    assert (priority.verdict, priority.num_examined, priority.num_found, priority.share) == ("found", 10, 3, 0.3)
    assert (priority.num_refused, priority.low) == (0, None)
    assert priority.examples == ("T1", "T2", "T3")
    assert [(of.value, of.num_rows) for of in priority.values] == [("Urgent", 3)]
    assert result(report_of(), "number.affected_users").num_refused == 1
    assert result(report_of(), "value_set.channel").verdict == "clear"


def test_what_is_urgent_comes_first(report_of: Callable[..., QualityReport]) -> None:
    names = [check.name for check in report_of().checks if check.verdict == "found"]
    assert names[:3] == ["number.affected_users", "value_set.priority", "value_set.region"]
    over = [check.name for check in report_of(limits={"personal_data": 0.0}).checks]
    assert over[:2] == ["personal_data.email", "number.affected_users"]
    assert set(names[3:]) == {
        "duplicate.text",
        "duplicate.similar_text",
        "lifecycle.resolved_without_resolution",
        "personal_data.email",
    }


def test_values_are_masked(report_of: Callable[..., QualityReport]) -> None:
    report = report_of()
    assert result(report, "value_set.region").values[0].value == "[email]"
    assert "ann@example.com" not in report.model_dump_json()
    assert b"ann@example.com" not in render(build_page(report))


def test_an_id_is_masked_unless_it_was_made(tickets: Build, report_of: Callable[..., QualityReport]) -> None:
    made = "made-4111111111111111abcd"
    rows = tickets({"ticket_id": made, "priority": "Urgent"}, {"ticket_id": "x-ann@example.com", "priority": "Urgent"})
    assert result(report_of(rows), "value_set.priority").examples == (made, "[email]")


def test_repetition_needs_all_tickets(report_of: Callable[..., QualityReport]) -> None:
    text = result(report_of(), "duplicate.text")
    assert (text.num_found, text.share, text.examples) == (2, 0.2, ("T8", "T9"))
    assert [(group.size, group.examples) for group in text.groups] == [(2, ("T8", "T9"))]
    assert result(report_of(), "duplicate.id").verdict == "clear"
    without = report_of(deep=False)
    assert {result(without, name).verdict for name in ("duplicate.text", "personal_data.email")} == {"not run"}
    assert result(without, "duplicate.text").share is None


def test_a_check_whose_field_is_always_empty_does_not_apply(
    table: pa.Table, report_of: Callable[..., QualityReport]
) -> None:
    assert result(report_of(), "language.mismatch").verdict == "not applicable"
    nothing = pa.nulls(10, pa.string())
    bare = table.set_column(table.schema.get_field_index("resolution"), "resolution", nothing)
    report = report_of(bare, limits={"lifecycle": 0.0})
    unresolved = result(report, "lifecycle.resolved_without_resolution")
    assert (unresolved.verdict, unresolved.num_found, unresolved.share) == ("not applicable", 0, None)
    assert "resolution" in report.never_filled
    assert report.exceeded == ()


def test_limits_hold_for_checks_families_and_unreadable_rows(report_of: Callable[..., QualityReport]) -> None:
    limits = {"value_set": 0.29, "value_set.priority": 0.3, "unreadable": 0.2, "duplicate": 0.1, "language": 0.0}
    report = report_of(limits=limits)
    assert {limit.name: limit.share for limit in report.limits} == {
        "value_set": 0.3,
        "value_set.priority": 0.3,
        "unreadable": 3 / 13,
        "duplicate": 0.2,
        "language": None,
    }
    assert [limit.name for limit in report.exceeded] == ["value_set", "unreadable", "duplicate"]
    with pytest.raises(RefusedError, match=r"value_set: 30.00%, over the limit of 29.00%.*nothing was published"):
        report.refuse_if_exceeded("nothing was published")
    report_of(limits={"value_set": 0.3}).refuse_if_exceeded("nothing was published")


def test_a_limit_of_what_was_not_run_is_not_exceeded(report_of: Callable[..., QualityReport]) -> None:
    report = report_of(deep=False, limits={"duplicate.text": 0.0, "personal_data": 0.0})
    assert [limit.share for limit in report.limits] == [None, None]
    report.refuse_if_exceeded("nothing was published")


def test_a_share_from_a_sample_has_an_interval(tickets: Build, report_of: Callable[..., QualityReport]) -> None:
    rows = [{"content_hash": f"{at * 16:02x}" * 16, "subject": "ann@example.com"} for at in range(16)]
    sampled = report_of(tickets(*rows), personal_data={"sample_rows": 4})
    email = result(sampled, "personal_data.email")
    assert (email.num_examined, email.num_found, email.share, email.high) == (4, 4, 1.0, 1.0)
    assert email.low == pytest.approx(0.025 ** (1 / 4))  # Clopper and Pearson, where all were hits
    assert result(report_of(tickets(*rows)), "personal_data.email").low is None


def test_the_fields_are_profiled(table: pa.Table, report_of: Callable[..., QualityReport]) -> None:
    report = report_of()
    by_name = {of.name: of for of in report.fields}
    priority, users, subject = (by_name[name] for name in ("priority", "affected_users", "subject"))
    assert (priority.num_missing, priority.num_distinct) == (0, 2)
    assert [(of.value, of.num_rows) for of in priority.top] == [("low", 7), ("Urgent", 3)]
    assert (users.share_missing, users.low, users.mean) == (0.9, -1.0, -1.0)
    assert (subject.low, subject.high, subject.num_distinct) == (6, 6, None)
    assert by_name["created_at"].mean == datetime(2025, 5, 1, 8, tzinfo=UTC)
    assert [(column.name, column.num_rows, column.types) for column in report.unmapped] == [("Colour", 1, {"text": 1})]
    assert "stack_trace" in report.never_filled
    assert len(report.fields) == len(FIELDS) + 2


def test_a_report_survives_json_and_explains_its_fields(report_of: Callable[..., QualityReport]) -> None:
    report = report_of()
    assert QualityReport.model_validate_json(report.model_dump_json()) == report
    schema = QualityReport.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    undocumented = [
        name for part in parts for name, field in part.get("properties", {}).items() if "description" not in field
    ]
    assert undocumented == []


def test_nothing_makes_a_report_too(tickets: Build, report_of: Callable[..., QualityReport]) -> None:
    report = report_of(tickets(), limits={"value_set": 0.0})
    assert report.num_tickets == 0
    assert report.exceeded == ()
    assert render(build_page(report)).startswith(b"<!doctype html>")


def test_the_page_says_what_is_wrong_and_what_to_do(report_of: Callable[..., QualityReport]) -> None:
    page = render(build_page(report_of(limits={"unreadable": 0.0}))).decode()
    assert "priority holds a value that is not among its 4 allowed ones" in page
    assert "Map the value to an allowed one in source.values.priority" in page
    assert "Urgent" in page
    assert "Share of the tickets in which a field is empty" in page
    assert "Tickets by month of creation" in page
    assert "exceeded" in page
    assert "Colour" in page


def test_what_tickets_say_is_escaped(tickets: Build, report_of: Callable[..., QualityReport]) -> None:
    planted = "<script>alert(1)</script>"
    names = ("priority", "region", "category", "ticket_id", "customer_tier", "subject")
    table = tickets({**dict.fromkeys(names, planted), "tags": [planted], "extra": f'{{"{planted}": "{planted}"}}'})
    page = render(build_page(report_of(table)))
    assert b"<script" not in page
    assert b"&lt;script&gt;" in page
