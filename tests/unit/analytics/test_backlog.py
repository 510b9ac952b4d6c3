"""Open tickets by age, and the months that led there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from tickets.analytics.backlog import bins, measure_backlog
from tickets.analytics.columns import Columns
from tickets.analytics.durations import read_lifetimes
from tickets.analytics.result import Backlog
from tickets.config.analytics import AnalyticsConfig

Table = Callable[..., pa.Table]


def backlog(table: pa.Table, now: datetime, **settings: Any) -> Backlog | None:
    config = AnalyticsConfig.model_validate(settings)
    return measure_backlog(read_lifetimes(Columns(table, now), config, now), config)


def test_bins_hold_their_lower_bound() -> None:
    found = bins(np.array([0.0, 0.5, 1.0, 3.0, 100.0, np.nan]), (0.0, 1.0, 3.0))
    assert [(each.low, each.high, each.count) for each in found] == [(0, 1, 2), (1, 3, 1), (3, None, 2)]


def test_ages_and_months_by_hand(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2024-12-30", "2025-01-10", "2025-01-20", "2025-03-01", "2025-03-31", None],
        resolved_at=["2025-01-02", None, "2025-03-05", "2025-03-02", None, None],
    )
    found = backlog(tickets, now, as_of="now", backlog_days=[1, 30], max_months=3)
    assert found is not None
    assert found.num_open == 3
    assert found.num_unplaced == 1
    assert (found.age_days.count, found.age_days.mean) == (2, (81 + 1) / 2)
    assert [each.count for each in found.ages] == [0, 1, 1]
    flow = [(each.month, each.created, each.resolved, each.open_at_end) for each in found.months]
    assert flow == [
        (date(2025, 2, 1), 0, 0, 2),
        (date(2025, 3, 1), 2, 2, 2),
        (date(2025, 4, 1), 0, 0, 2),
    ]


def test_a_closed_ticket_without_an_end_is_in_no_month(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-05", "2025-03-01"], resolved_at=["2025-03-02", "2025-03-02"])
    found = backlog(tickets, now)
    assert found is not None
    assert (found.num_open, found.num_unplaced) == (0, 1)
    assert [(each.created, each.resolved, each.open_at_end) for each in found.months] == [(1, 1, 0)]
    assert found.age_days.p50 is None


def test_months_follow_the_zone(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-01-31T23:30"], resolved_at=["2025-02-28T23:30"])
    found = backlog(tickets, now, time_zone="Europe/Berlin")
    assert found is not None
    assert [(each.month.month, each.created, each.resolved) for each in found.months] == [(2, 1, 0), (3, 0, 1)]


def test_without_openings_there_is_no_backlog(table: Table, now: datetime) -> None:
    assert backlog(table(resolution_time_hours=[1.0]), now) is None
    assert backlog(table(created_at=["2025-01-01"]), now) is None
