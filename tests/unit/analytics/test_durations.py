"""When tickets began and ended, and from which columns that is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.analytics.columns import Columns
from tickets.analytics.durations import Lifetimes, read_lifetimes
from tickets.config.analytics import AnalyticsConfig
from tickets.errors import ConfigError

Table = Callable[..., pa.Table]


def read(table: pa.Table, now: datetime, **settings: Any) -> tuple[Lifetimes, Columns]:
    columns = Columns(table, now)
    return read_lifetimes(columns, AnalyticsConfig.model_validate(settings), now), columns


def known(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def test_hours_come_from_the_times_or_else_from_the_column(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01", "2025-03-01", None, "2025-03-01", "2025-03-01"],
        resolved_at=["2025-03-02T06:00", None, "2025-03-02", None, "2025-03-01"],
        resolution_time_hours=[99.0, 2.5, 4.0, None, None],
    )
    times, columns = read(tickets, now)
    assert times.resolution is not None and times.is_open is not None
    assert known(times.resolution.hours) == [30.0, 2.5, 4.0, None, 0.0]
    assert times.is_open.tolist() == [False, False, False, True, False]
    assert times.resolution.source.model_dump() == {
        "num_from_times": 2,
        "num_from_field": 2,
        "num_from_closed": 0,
        "num_negative": 0,
    }
    ends = times.resolution.ends_ms
    assert datetime.fromtimestamp(ends[1] / 1000, UTC) == datetime(2025, 3, 1, 2, 30, tzinfo=UTC)
    assert datetime.fromtimestamp(ends[2] / 1000, UTC) == datetime(2025, 3, 2, tzinfo=UTC)
    assert columns.absent[0].model_dump() == {"figure": "first-response time", "columns": (), "why": "not configured"}


def test_what_ended_before_it_began_has_no_duration_but_is_not_open(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-02", "2025-03-02"],
        resolved_at=["2025-03-01", None],
        resolution_time_hours=[5.0, -1.0],
    )
    times, _ = read(tickets, now)
    assert times.resolution is not None and times.is_open is not None
    assert known(times.resolution.hours) == [None, None]
    assert known(times.resolution.ends_ms) == [None, None]
    assert times.is_open.tolist() == [False, False]
    assert times.resolution.source.num_negative == 2


def test_the_future_and_the_distant_past_are_missing(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01", "2025-03-01", "9999-12-31", "1902-01-01"],
        resolved_at=["9999-12-31", "2025-03-02", None, None],
        resolution_time_hours=[None, None, None, 1e12],
    )
    times, columns = read(tickets, now)
    assert times.created_ms is not None and times.is_open is not None
    assert np.isnan(times.created_ms).tolist() == [False, False, True, True]
    assert times.is_open.tolist() == [True, False, True, False]
    assert columns.num_outside == 3
    assert times.as_of_ms == datetime(2025, 3, 2, tzinfo=UTC).timestamp() * 1000


def test_an_end_that_the_hours_put_into_the_future_is_not_known(table: Table, now: datetime) -> None:
    times, _ = read(table(created_at=["2025-03-01"], resolution_time_hours=[1e300]), now)
    assert times.resolution is not None
    assert known(times.resolution.hours) == [1e300]
    assert known(times.resolution.ends_ms) == [None]


def test_the_state_may_be_that_of_the_data_or_of_now(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-01", "2025-03-05"], resolved_at=["2025-03-04", None])
    assert read(tickets, now)[0].as_of_ms == datetime(2025, 3, 5, tzinfo=UTC).timestamp() * 1000
    assert read(tickets, now, as_of="now")[0].as_of_ms == now.timestamp() * 1000
    assert read(table(category=["a"]), now)[0].as_of_ms == now.timestamp() * 1000


def test_a_status_decides_where_there_is_one(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01"] * 4,
        resolved_at=["2025-03-02", None, None, "2025-03-02"],
        state=["new", "done", None, None],
    )
    times, _ = read(tickets, now, columns={"status": "state"}, open_statuses=["new", "waiting"])
    assert times.is_open is not None and times.resolution is not None
    assert times.is_open.tolist() == [True, False, True, False]
    assert known(times.resolution.hours) == [None, None, None, 24.0]


def test_first_response_has_columns_of_its_own(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-01"] * 3, answered_at=["2025-03-01T02:00", None, None], wait=[None, 0.5, None])
    settings = {"first_response_at": "answered_at", "first_response_hours": "wait"}
    times, columns = read(tickets, now, columns=settings)
    assert times.first_response is not None
    assert known(times.first_response.hours) == [2.0, 0.5, None]
    assert [each.figure for each in columns.absent] == ["resolution time, open tickets"]


def test_absent_and_empty_columns_are_told_apart(table: Table, now: datetime) -> None:
    times, columns = read(table(created_at=[None, None], category=["a", "b"]), now)
    assert (times.created_ms, times.resolution, times.is_open) == (None, None, None)
    found = {each.figure: (each.columns, each.why) for each in columns.absent}
    assert found["months, backlog and service levels"] == (("created_at",), "no values")
    assert found["resolution time, open tickets"] == (("created_at", "resolution_time_hours"), "no values")
    _, columns = read(table(created_at=["2025-03-01"], category=["a"]), now)
    assert columns.absent[0].columns == ("resolved_at", "resolution_time_hours")
    assert columns.absent[0].why == "no such column"


def test_a_column_outside_the_contract_must_exist(table: Table, now: datetime) -> None:
    with pytest.raises(ConfigError, match=r"no column 'first_reply'.*allowed: category, created_at"):
        read(table(created_at=["2025-03-01"], category=["a"]), now, columns={"first_response_at": "first_reply"})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"created_at": pa.array(["2025-03-01"])}, "column 'created_at' holds string; needed: times"),
        (
            {"resolution_time_hours": pa.array(["3"])},
            "column 'resolution_time_hours' holds string; needed: numbers or flags",
        ),
    ],
)
def test_a_column_of_another_kind_is_named(column: dict[str, pa.Array], message: str, now: datetime) -> None:
    with pytest.raises(ConfigError, match=message):
        read(pa.table(column), now)


def test_times_and_names_of_other_types_are_read(now: datetime) -> None:
    columns = Columns(
        pa.table(
            {
                "day": pa.array([19_782, None], pa.date32()),
                "naive": pa.array([1_700_000_000, None], pa.timestamp("s")),
                "dictionary": pa.array(["b", None]).dictionary_encode(),
                "number": pa.array([3, None]),
                "decimal": pa.array([1, None]).cast(pa.decimal128(19, 0)),
                "empty": ["", "x"],
                "list": [["a"], None],
            }
        ),
        now,
    )
    day, naive = columns.times("day"), columns.times("naive")
    assert day is not None and naive is not None
    assert known(day) == [19_782 * 86_400_000.0, None]
    assert known(naive) == [1_700_000_000_000.0, None]
    found = [columns.keys(name) for name in ("dictionary", "number", "empty")]
    assert [keys and (keys.names, keys.codes.tolist()) for keys in found] == [
        (["b"], [0, -1]),
        (["3"], [0, -1]),
        (["x"], [-1, 0]),
    ]
    decimals = columns.numbers("decimal")
    assert decimals is not None and known(decimals) == [1.0, None]
    with pytest.raises(ConfigError, match=r"holds list.*needed: one value per ticket"):
        columns.keys("list")


def test_closing_stands_in_for_a_resolution_that_is_missing(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01"] * 5,
        resolved_at=["2025-03-02", None, None, None, None],
        resolution_time_hours=[None, 2.0, None, None, None],
        closed_at=["2025-03-09", "2025-03-09", "2025-03-05", None, "2025-02-01"],
    )
    times, _ = read(tickets, now, columns={"closed_at": "closed_at"})
    assert times.resolution is not None and times.is_open is not None
    assert known(times.resolution.hours) == [24.0, 2.0, 96.0, None, None]
    assert times.is_open.tolist() == [False, False, False, True, False]
    assert times.resolution.source.model_dump() == {
        "num_from_times": 2,
        "num_from_field": 1,
        "num_from_closed": 1,
        "num_negative": 1,
    }
    without, _ = read(tickets, now)
    assert without.is_open is not None
    assert without.is_open.tolist() == [False, False, True, True, True]


def test_closing_alone_is_enough(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-03-01", "2025-03-01"], shut_at=["2025-03-02", None])
    times, columns = read(tickets, now, columns={"closed_at": "shut_at"})
    assert times.resolution is not None and times.is_open is not None
    assert known(times.resolution.hours) == [24.0, None]
    assert times.is_open.tolist() == [False, True]
    assert "resolution time, open tickets" not in {absent.figure for absent in columns.absent}


def test_a_closed_time_or_state_is_never_open(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-03-01"] * 5,
        resolved_at=[None, None, None, "2025-03-02", None],
        closed_at=["2025-03-09", None, None, None, None],
        status=["New", "Closed", "New", "New", "Other"],
    )
    columns = {"closed_at": "closed_at", "status": "status"}
    by_state, _ = read(tickets, now, columns=columns, closed_statuses=["Closed"])
    assert by_state.is_open is not None
    assert by_state.is_open.tolist() == [False, False, True, False, True]
    both, _ = read(tickets, now, columns=columns, open_statuses=["New"], closed_statuses=["Closed"])
    assert both.is_open is not None
    assert both.is_open.tolist() == [False, False, True, True, False]
