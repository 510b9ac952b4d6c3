"""The report that people read: what it says, and that no text of a ticket becomes markup in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa

from tickets.analytics import Analytics, analyze, to_page
from tickets.config.analytics import AnalyticsConfig
from tickets.page import Page, Section, render
from tickets.schema import FIELDS, Kind

Table = Callable[..., pa.Table]
PLANTED = '<script>alert(1)</script>"><img src=x onerror=alert(1)></style></title>]]>javascript:alert(1)'


def texts(part: Any) -> Iterator[str]:
    """Every text in a page."""
    if is_dataclass(part):
        for field in fields(part):
            yield from texts(getattr(part, field.name))
    elif isinstance(part, tuple):
        for item in part:
            yield from texts(item)
    elif isinstance(part, str):
        yield part


def report(table: pa.Table, now: datetime, **settings: Any) -> tuple[Analytics, Page]:
    found = analyze(table, AnalyticsConfig.model_validate(settings), now)
    return found, to_page(found, "Report")


def section(page: Page, heading: str) -> Section:
    [found] = [each for each in page.sections if each.heading == heading]
    return found


def full(table: Table, text: str) -> pa.Table:
    """40 tickets with every field of the contract, `text` in those that hold any."""
    num = 40
    made: dict[Kind, Any] = {Kind.NUMBER: 2.0, Kind.FLAG: True, Kind.LIST: [text], Kind.TIME: "2025-03-01T10:00"}
    columns = {field.name: [made.get(field.kind, text)] * num for field in FIELDS}
    columns["created_at"] = ["2025-03-01"] * num
    columns["resolved_at"][0], columns["resolution_time_hours"][0] = None, None
    return (
        table(**{name: values for name, values in columns.items() if not name.endswith("_at")})
        .append_column("created_at", table(created_at=columns["created_at"])["created_at"])
        .append_column("resolved_at", table(resolved_at=columns["resolved_at"])["resolved_at"])
    )


class Tags(HTMLParser):
    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.words: list[str] = []
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_no_text_of_a_ticket_becomes_markup(table: Table, now: datetime) -> None:
    groupings = [field.name for field in FIELDS if field.kind in (Kind.TEXT, Kind.CATEGORICAL, Kind.ID)]

    def rendered(text: str) -> Tags:
        settings = {
            "groupings": groupings,
            "targets": {text: {"targets": {text: "1h"}, "calendar": text, "measure": "resolution"}},
            "calendars": {text: {}},
        }
        _, page = report(full(table, text), now, **settings)
        return Tags(render(page))

    planted, harmless = rendered(PLANTED), rendered("x" * len(PLANTED))
    assert planted.shape == harmless.shape
    assert {"script", "img", "a"}.isdisjoint(tag for tag, _ in planted.shape)
    assert sum(PLANTED in words for words in planted.words) > len(groupings)


def test_the_report_says_what_was_found(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01"] * 40,
        resolved_at=["2025-03-01T05:00"] * 20 + ["2025-03-03T02:00"] * 19 + [None],
        category=["fast"] * 20 + ["slow"] * 20,
        satisfaction_score=[4] * 40,
        agent_id=["most"] * 35 + ["least"] * 5,
    )
    found, page = report(tickets, now, groupings=["category"], targets={"swift": {"field": None, "otherwise": "8h"}})
    said = " ".join(texts(page))
    assert [each.heading for each in page.sections] == [
        "At a glance",
        "Backlog",
        "How long and how good",
        "Over time",
        "Service levels",
        "By category",
        "Agents",
        "What could not be computed",
        "How to read this",
    ]
    assert "Slowest is slow with a median resolution time of 50\u00a0h, fastest fast with 5\u00a0h" in said
    assert "A figure on fewer than 30 tickets is left out" in said and "1 of those below have fewer" in said
    assert "first-response time" in " ".join(texts(section(page, "What could not be computed")))
    assert page.summary[0].startswith("40 tickets, opened from 2025-03-01")
    assert found.overall.attainment["swift"].hits == 20
    assert len(render(page)) > 10_000


def test_no_difference_is_claimed_where_chance_may_explain_it(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01"] * 20,
        resolved_at=[f"2025-03-01T{hour:02d}:00" for hour in range(1, 21)],
        category=["even", "odd"] * 10,
    )
    _, page = report(tickets, now, groupings=["category"])
    assert "No value is clearly slower or faster" in " ".join(texts(section(page, "By category")))


def test_a_report_on_nothing_still_names_what_is_missing(now: datetime) -> None:
    found, page = report(pa.table({"ticket_id": pa.array([], pa.string())}), now)
    assert [each.heading for each in page.sections] == [
        "At a glance",
        "What could not be computed",
        "How to read this",
    ]
    named = " ".join(texts(section(page, "What could not be computed")))
    assert all(each.figure in named for each in found.absent)
    assert b"<!doctype html>" in render(page)


def test_folded_and_missing_groups_are_named(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-01"] * 5, channel=["mail", "mail", "chat", "phone", None])
    _, page = report(tickets, now, groupings=["channel"], top_groups=1)
    assert {"mail", "(all other 2)", "(no value)"} <= set(texts(section(page, "By channel")))


def test_a_target_for_a_value_that_no_ticket_has_is_pointed_out(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-01"], resolved_at=["2025-03-02"], priority=["urgent"])
    found, page = report(tickets, now, targets={"t": {"targets": {"Urgent": "8h"}, "otherwise": "30h"}})
    assert [(each.value, each.num_tickets) for each in found.service_levels[0].values] == [("Urgent", 0), (None, 1)]
    assert "No ticket has Urgent: is that how the tickets spell it?" in " ".join(texts(section(page, "Service levels")))
