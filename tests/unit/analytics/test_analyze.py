"""The whole analysis of small tables: every figure by hand, and what happens where columns are missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.analytics import Analytics, analyze
from tickets.analytics.result import Group, Grouping
from tickets.config.analytics import AnalyticsConfig
from tickets.errors import ConfigError
from tickets.schema import FIELDS

Table = Callable[..., pa.Table]


def run(table: pa.Table, now: datetime, **settings: Any) -> Analytics:
    return analyze(table, AnalyticsConfig.model_validate(settings), now)


def group(grouping: Grouping | None, name: str | None) -> Group:
    assert grouping is not None
    [found] = [each for each in grouping.groups if each.name == name]
    return found


@pytest.fixture
def tickets(table: Table) -> pa.Table:
    return table(
        created_at=["2025-01-01", "2025-01-02", "2025-01-03", "2025-03-01", "2025-03-02"],
        resolved_at=["2025-01-01T10:00", "2025-01-02T20:00", "2025-01-04T06:00", "2025-03-01T01:00", None],
        satisfaction_score=[5, 4, None, 1, None],
        resolution_attempts=[1, 2, 1, None, 1],
        escalated=[False, True, False, None, True],
        transferred_count=[0, 3, 0, 0, None],
        category=["A", "A", "B", None, "C"],
        agent_id=["x", "x", "x", "y", None],
        reopens=[0, 1, 2, None, 0],
    )


def test_the_overall_figures(tickets: pa.Table, now: datetime) -> None:
    found = run(tickets, now, columns={"reopened": "reopens"})
    overall = found.overall
    assert (overall.num_tickets, overall.num_open) == (5, 1)
    assert overall.resolution_hours is not None and overall.satisfaction is not None
    assert (overall.resolution_hours.count, overall.resolution_hours.mean, overall.resolution_hours.p50) == (
        4,
        15.25,
        15,
    )
    assert (overall.satisfaction.count, overall.satisfaction.p50) == (3, 4)
    assert overall.first_response_hours is None
    shares = {name: (rate.hits, rate.count) for name, rate in overall.rates.items()}
    assert shares == {"first_contact": (2, 3), "reopened": (2, 4), "escalated": (2, 4), "transferred": (1, 4)}
    assert found.first_created == datetime(2025, 1, 1, tzinfo=UTC)
    assert found.last_created == found.as_of == datetime(2025, 3, 2, tzinfo=UTC)
    assert found.backlog is not None and found.backlog.num_open == 1


def test_groups_without_a_figure_have_null_not_zero(tickets: pa.Table, now: datetime) -> None:
    [by_category] = run(tickets, now, groupings=["category"]).groupings
    assert [(each.name, each.kind, each.figures.num_tickets) for each in by_category.groups] == [
        ("A", "value", 2),
        ("B", "value", 1),
        ("C", "value", 1),
        (None, "missing", 1),
    ]
    only_open = group(by_category, "C").figures
    assert only_open.resolution_hours is not None and only_open.satisfaction is not None
    assert (only_open.num_open, only_open.resolution_hours.count) == (1, 0)
    assert only_open.resolution_hours.mean is only_open.resolution_hours.p50 is only_open.satisfaction.p99 is None
    assert only_open.rates["first_contact"].rate is None
    assert only_open.rates["escalated"].rate == 1.0


def test_small_groups_are_folded_and_nothing_is_lost(tickets: pa.Table, now: datetime) -> None:
    [by_category] = run(tickets, now, groupings=["category"], top_groups=1).groupings
    assert [(each.kind, each.name, each.num_values) for each in by_category.groups] == [
        ("value", "A", 1),
        ("other", None, 2),
        ("missing", None, 0),
    ]
    assert sum(each.figures.num_tickets for each in by_category.groups) == 5


def test_months_run_through_though_nothing_came(tickets: pa.Table, now: datetime) -> None:
    months = run(tickets, now).months
    assert months is not None
    assert [(each.name, each.figures.num_tickets) for each in months.groups] == [
        ("2025-01", 3),
        ("2025-02", 0),
        ("2025-03", 2),
    ]
    empty = group(months, "2025-02").figures
    assert empty.resolution_hours is not None and empty.resolution_hours.mean is None
    january = group(months, "2025-01").figures
    assert january.satisfaction is not None and january.satisfaction.mean == 4.5


def test_agents_on_few_tickets_have_their_volume_alone(tickets: pa.Table, now: datetime) -> None:
    agents = run(tickets, now, min_agent_tickets=3).agents
    enough, few = group(agents, "x").figures, group(agents, "y").figures
    assert enough.resolution_hours is not None and few.resolution_hours is not None
    assert enough.resolution_hours.p50 == 20
    assert enough.satisfaction is not None and enough.satisfaction.mean is None  # three tickets, but two scores
    assert enough.rates["escalated"].rate == pytest.approx(1 / 3)
    assert (few.num_tickets, few.resolution_hours.count, few.resolution_hours.p50) == (1, 1, None)
    assert few.rates["transferred"].model_dump() == {"count": 1, "hits": None, "rate": None, "low": None, "high": None}


def test_thirty_tickets_are_the_least_by_default(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-01-01"] * 59, resolved_at=["2025-01-02"] * 59, agent_id=["many"] * 30 + ["few"] * 29
    )
    agents = run(tickets, now).agents
    many, few = (group(agents, name).figures.resolution_hours for name in ("many", "few"))
    assert many is not None and many.p50 == 24
    assert few is not None and few.count == 29 and few.p50 is None


def test_values_are_compared_but_never_people_or_months(table: Table, now: datetime) -> None:
    tickets = table(
        created_at=["2025-01-01"] * 30 + ["2025-02-01"] * 30,
        resolution_time_hours=[float(hours) for hours in range(60)],
        category=["swift"] * 30 + ["slow"] * 30,
        channel=["even", "odd"] * 30,
        agent_id=["x"] * 30 + ["y"] * 30,
    )
    found = run(tickets, now, groupings=["category", "channel"])
    by_category, by_channel = found.groupings
    assert (by_category.slowest, by_category.fastest) == ("slow", "swift")
    assert (by_channel.slowest, by_channel.fastest) == (None, None)
    assert found.agents is not None and found.months is not None
    assert found.agents.slowest is found.agents.fastest is found.months.slowest is None


def test_first_contact_may_be_a_flag_or_a_count(table: Table, now: datetime) -> None:
    tickets = table(created_at=["2025-01-01"] * 3, resolved_at=["2025-01-02"] * 3, at_once=[True, False, None])
    rate = run(tickets, now, columns={"contacts": "at_once"}).overall.rates["first_contact"]
    assert (rate.hits, rate.count) == (1, 2)
    counted = table(created_at=["2025-01-01"] * 3, resolved_at=["2025-01-02"] * 3, resolution_attempts=[1, 2, 3])
    assert run(counted, now).overall.rates["first_contact"].hits == 1
    assert run(counted, now, first_contact_max=2).overall.rates["first_contact"].hits == 2


def test_service_levels_stand_beside_the_other_figures(tickets: pa.Table, now: datetime) -> None:
    found = run(tickets, now, targets={"day": {"field": None, "otherwise": "24h"}}, groupings=["category"])
    assert [level.name for level in found.service_levels] == ["day"]
    assert (found.overall.attainment["day"].hits, found.overall.attainment["day"].count) == (3, 4)
    assert group(found.groupings[0], "B").figures.attainment["day"].rate == 0.0


def test_distributions(table: Table, now: datetime) -> None:
    tickets = table(resolution_time_hours=[0.5, 1.0, 800.0, None], satisfaction_score=[1, 5, 5, None])
    found = run(tickets, now)
    assert [each.count for each in found.resolution_distribution] == [1, 1, 0, 0, 0, 0, 0, 1]
    assert [(each.low, each.high, each.count) for each in found.satisfaction_distribution] == [(1, 1, 1), (5, 5, 2)]
    many = run(table(satisfaction_score=[float(score) for score in range(0, 101)]), now).satisfaction_distribution
    assert len(many) == 10
    assert sum(each.count for each in many) == 101


def test_missing_columns_are_named_and_the_rest_is_computed(table: Table, now: datetime) -> None:
    found = run(table(category=["a", "b"], satisfaction_score=[1, 2]), now)
    assert found.overall.satisfaction is not None and found.overall.satisfaction.mean == 1.5
    assert found.overall.resolution_hours is found.overall.num_open is None
    assert found.backlog is found.months is found.agents is None
    assert found.resolution_distribution == ()
    absent = {each.figure: (each.columns, each.why) for each in found.absent}
    assert absent["months, backlog and service levels"] == (("created_at",), "no such column")
    assert absent["agents"] == (("agent_id",), "no such column")
    assert absent["rate of reopened tickets"] == ((), "not configured")
    assert absent["figures by product"] == (("product",), "no such column")
    assert "satisfaction" not in absent and "figures by category" not in absent


@pytest.mark.parametrize("rows", [0, 3])
def test_a_table_without_any_value_names_everything(rows: int, now: datetime) -> None:
    table = pa.table({field.name: pa.nulls(rows, field.kind.arrow_type) for field in FIELDS})
    found = run(table, now)
    assert found.overall.num_tickets == rows
    assert found.overall.rates == {}
    assert {each.why for each in found.absent} == {"no values", "not configured"}
    assert found.groupings == ()


def test_a_grouping_that_no_column_has_is_an_error(tickets: pa.Table, now: datetime) -> None:
    with pytest.raises(ConfigError, match="no column 'team'"):
        run(tickets, now, groupings=["team"])


def test_the_names_that_are_allowed_are_all_that_the_tickets_have(tickets: pa.Table, now: datetime) -> None:
    config = AnalyticsConfig(groupings=("regoin",))
    with pytest.raises(ConfigError, match=r"'regoin'.*allowed: .*region_of_all"):
        analyze(tickets, config, now, available=("region_of_all",))


def test_the_result_survives_being_stored(tickets: pa.Table, now: datetime) -> None:
    found = run(tickets, now, targets={"day": {"field": None, "otherwise": "24h"}})
    assert Analytics.model_validate_json(found.model_dump_json()) == found
    assert "NaN" not in found.model_dump_json()


def test_the_order_of_rows_does_not_matter(tickets: pa.Table, now: datetime) -> None:
    order = np.random.default_rng(0).permutation(tickets.num_rows)
    assert run(tickets.take(pa.array(order)), now) == run(tickets, now)
    chunked = pa.concat_tables([tickets.slice(0, 2), tickets.slice(2)])
    assert run(chunked, now) == run(tickets, now)


def test_every_field_of_the_result_is_documented() -> None:
    from tickets.analytics import result

    models = [kind for kind in vars(result).values() if isinstance(kind, type) and issubclass(kind, result.Result)]
    undocumented = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert len(models) > 10
    assert undocumented == []
