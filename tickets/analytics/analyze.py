"""A table of tickets → the typed result. It reads no storage, and does not know how the result is shown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa

from tickets.analytics.backlog import bins, measure_backlog
from tickets.analytics.columns import Columns
from tickets.analytics.durations import Lifetimes, read_lifetimes
from tickets.analytics.figures import Floats
from tickets.analytics.groups import Groups, by_month, by_size
from tickets.analytics.levels import judge
from tickets.analytics.measured import Measured, measure
from tickets.analytics.result import Analytics, Bin, Grouping
from tickets.analytics.zones import local_months
from tickets.config.analytics import AnalyticsConfig

RESOLUTION_HOURS: Final = (0.0, 1.0, 4.0, 8.0, 24.0, 72.0, 168.0, 720.0)
"""Lower bounds of the ranges into which resolution times are counted."""

_MOST_SCORES: Final = 12  # distinct values up to which scores are counted one by one
_SCORE_BINS: Final = 10


def analyze(table: pa.Table, config: AnalyticsConfig, now: datetime, available: Collection[str] = ()) -> Analytics:
    """Compute every figure of the report.

    Args:
        table: One row per ticket, with the columns that `config` names; other columns are ignored.
        config: Columns, groups, calendars and targets.
        now: The present, with a zone; a time after it, or before 1970, is taken as missing.
        available: Every column that the tickets have, where the table holds some of them alone.

    Raises:
        ConfigError: A column holds another kind of value than a figure needs, or one that the configuration names and
            that is no field of the contract does not exist.
    """
    columns = Columns(table, now, available)
    times = read_lifetimes(columns, config, now)
    levels, in_time = [], {}
    for name in config.targets:
        if judged := judge(name, columns, times, config):
            levels.append(judged[0])
            in_time[name] = judged[1]
    measured = measure(columns, config, times, in_time)
    groupings = [measured.compared_by(groups) for groups in _groupings(columns, config)]
    agents = _agents(measured, columns, config)
    first, last = _period(times)
    return Analytics(
        as_of=_moment(times.as_of_ms),
        time_zone=config.time_zone,
        confidence=config.confidence,
        min_agent_tickets=config.min_agent_tickets,
        first_created=first,
        last_created=last,
        num_outside=columns.num_outside,
        overall=measured.overall(),
        resolution_source=times.resolution and times.resolution.source,
        first_response_source=times.first_response and times.first_response.source,
        resolution_distribution=bins(times.resolution.hours, RESOLUTION_HOURS) if times.resolution else (),
        satisfaction_distribution=_scores(measured),
        groupings=tuple(groupings),
        months=_months(measured, times, config),
        agents=agents,
        backlog=measure_backlog(times, config),
        service_levels=tuple(levels),
        absent=tuple(columns.absent),
    )


def _groupings(columns: Columns, config: AnalyticsConfig) -> list[Groups]:
    found = []
    for name in config.groupings:
        keys = columns.keys(name)
        if keys is None:
            columns.leave_out(f"figures by {name}", name)
        else:
            found.append(by_size(name, keys, config.top_groups))
    return found


def _months(measured: Measured, times: Lifetimes, config: AnalyticsConfig) -> Grouping | None:
    if times.created_ms is None:
        return None
    months = local_months(times.created_ms, config.time_zone)
    return measured.by(by_month(months, config.max_months))


def _agents(measured: Measured, columns: Columns, config: AnalyticsConfig) -> Grouping | None:
    """Figures on fewer tickets than asked are null: they would judge a person by chance."""
    name = config.columns.agent
    keys = columns.keys(name)
    if keys is None:
        columns.leave_out("agents", name)
        return None
    return measured.by(by_size(name, keys, config.top_agents), config.min_agent_tickets)


def _scores(measured: Measured) -> tuple[Bin, ...]:
    """How often each score was given; ranges of scores where there are many different ones."""
    if "satisfaction" not in measured.quantities:
        return ()
    values: Floats = measured.quantities["satisfaction"].values
    known = values[~np.isnan(values)]
    scores, counts = np.unique(known, return_counts=True)
    lows, highs = scores, scores
    if len(scores) > _MOST_SCORES:
        counts, edges = np.histogram(known, _SCORE_BINS)
        lows, highs = edges[:-1], edges[1:]
    triples = zip(lows.tolist(), highs.tolist(), counts.tolist(), strict=True)
    return tuple(Bin(low=low, high=high, count=count) for low, high, count in triples)


def _period(times: Lifetimes) -> tuple[datetime | None, datetime | None]:
    if times.created_ms is None:
        return None, None
    known = times.created_ms[~np.isnan(times.created_ms)]
    return (_moment(known.min()), _moment(known.max())) if len(known) else (None, None)


def _moment(moment_ms: float) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)
