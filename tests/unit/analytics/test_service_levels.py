"""Service levels by hand: targets, calendars, pauses, and tickets that wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.analytics.columns import Columns
from tickets.analytics.durations import read_lifetimes
from tickets.analytics.levels import judge
from tickets.analytics.result import ServiceLevel
from tickets.config.analytics import AnalyticsConfig

Table = Callable[..., pa.Table]
OFFICE = {"hours": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), ("09:00-17:00",))}


def level(
    table: pa.Table, now: datetime, columns: dict[str, str] | None = None, **target: Any
) -> tuple[ServiceLevel, list[float | None]]:
    found, _ = judged(table, now, columns, **target)
    assert found is not None
    return found[0], [None if np.isnan(flag) else flag for flag in found[1].tolist()]


def judged(table: pa.Table, now: datetime, columns: dict[str, str] | None = None, **target: Any) -> tuple[Any, Columns]:
    config = AnalyticsConfig.model_validate(
        {"columns": columns or {}, "calendars": {"office": OFFICE}, "targets": {"t": target}}
    )
    read = Columns(table, now)
    return judge("t", read, read_lifetimes(read, config, now), config), read


def test_each_priority_has_its_time(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-03T09:00"] * 5,
        resolved_at=[
            "2025-03-03T13:00",
            "2025-03-03T13:01",
            "2025-03-03T17:00",
            "2025-03-03T10:00",
            "2025-03-03T10:00",
        ],
        priority=["critical", "critical", "high", "low", None],
    )
    found, flags = level(tickets, now, targets={"critical": "4h", "high": "480m"})
    assert flags == [1.0, 0.0, 1.0, None, None]
    assert (found.attained.count, found.attained.hits) == (3, 2)
    assert (found.num_late, found.num_open_late, found.num_pending) == (1, 0, 0)
    assert (found.num_without_target, found.num_unknown) == (2, 0)
    assert [(each.value, each.allowed_minutes, each.attained.count, each.attained.hits) for each in found.values] == [
        ("critical", 240.0, 2, 1),
        ("high", 480.0, 1, 1),
    ]
    assert found.values[0].working_hours.mean == pytest.approx((4 + 4 + 1 / 60) / 2)
    assert found.working_hours.count == 3


def test_otherwise_holds_for_every_other_value_and_for_none(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-03T09:00"] * 3, resolved_at=["2025-03-03T11:00"] * 3, priority=["critical", "low", None]
    )
    found, flags = level(tickets, now, targets={"critical": "3h"}, otherwise="1h")
    assert flags == [1.0, 0.0, 0.0]
    assert [(each.value, each.attained.count) for each in found.values] == [("critical", 1), (None, 2)]
    one, flags = level(tickets, now, field=None, otherwise="2h")
    assert flags == [1.0, 1.0, 1.0]
    assert [each.value for each in one.values] == [None]


def test_time_is_that_of_the_calendar(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-07T16:00"] * 2, resolved_at=["2025-03-10T10:00", "2025-03-10T10:01"])
    found, flags = level(tickets, now, field=None, otherwise="2h", calendar="office")
    assert flags == [1.0, 0.0]
    assert found.working_hours.p50 == pytest.approx((120 + 121) / 2 / 60)
    assert level(tickets, now, field=None, otherwise="2h")[1] == [0.0, 0.0]


def test_pauses_stop_the_clock(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-03T09:00"] * 4,
        resolved_at=["2025-03-03T12:00"] * 4,
        paused=[60.0, 59.0, None, 10_000.0],
    )
    found, flags = level(tickets, now, field=None, otherwise="2h", calendar="office", paused_minutes="paused")
    assert flags == [1.0, 0.0, 0.0, 1.0]
    assert found.working_hours.mean == pytest.approx((120 + 121 + 180 + 0) / 4 / 60)
    assert found.paused_minutes == "paused"


def test_tickets_that_wait_are_late_or_have_time_left(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-03T09:00", "2025-03-03T11:00", "2025-03-03T11:00", None],
        resolved_at=[None, None, "2025-03-03T12:00", None],
    )
    found, flags = level(tickets, now, field=None, otherwise="2h")
    assert flags == [0.0, None, 1.0, None]
    assert (found.num_late, found.num_open_late, found.num_pending, found.num_unknown) == (0, 1, 1, 1)
    assert (found.attained.count, found.attained.hits) == (2, 1)
    assert found.working_hours.count == 1


def test_a_first_response_may_wait_while_the_ticket_is_open(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-03T09:00"] * 4,
        resolved_at=["2025-03-03T12:00", "2025-03-03T12:00", None, None],
        answered_at=["2025-03-03T09:30", None, "2025-03-03T11:00", None],
    )
    target = {"measure": "first_response", "field": None, "otherwise": "1h"}
    found, flags = level(tickets, now, {"first_response_at": "answered_at"}, **target)
    assert flags == [1.0, None, 0.0, 0.0]
    assert (found.num_late, found.num_open_late, found.num_unknown) == (1, 1, 1)


def test_without_its_times_a_level_is_absent_and_named(table: Table, now: datetime) -> None:
    found, columns = judged(table(category=["a"]), now, field=None, otherwise="1h")
    assert found is None
    assert columns.absent[-1].model_dump() == {
        "figure": "service level t",
        "columns": ("created_at",),
        "why": "no such column",
    }
    found, columns = judged(table(created_at=["2025-03-03"]), now, measure="first_response", field=None, otherwise="1h")
    assert found is None
    assert (columns.absent[-1].figure, columns.absent[-1].why) == ("service level t", "not configured")


def test_without_the_field_of_its_targets_the_rest_holds(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-03T09:00"], resolved_at=["2025-03-03T10:00"])
    found, columns = judged(tickets, now, targets={"high": "1h"}, otherwise="2h")
    assert found[1].tolist() == [1.0]
    assert columns.absent[-1].figure == "targets of service level t by priority"
    found, _ = judged(tickets, now, targets={"high": "1h"})
    assert found[0].num_without_target == 1
    assert found[0].attained.rate is None
