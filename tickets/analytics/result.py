"""The result of an analysis, as it is stored: every figure with its meaning. It does not know how one is computed.

A figure that nothing stands behind is null, never zero. Quantiles are exact, with linear interpolation between the
two nearest values (numpy's `linear`, type 7 of Hyndman and Fan, The American Statistician 1996).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base of every part of the result: frozen, closed, each field documented by the string below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Summary(Result):
    """How a quantity is distributed over the tickets that have it; null where none has."""

    count: int
    """Tickets that have it."""
    mean: float | None
    """Arithmetic mean."""
    mean_low: float | None
    """Lower bound of the mean's interval (Student's t, of a time on its logarithm); null below two tickets."""
    mean_high: float | None
    """Upper bound of the mean's interval."""
    p50: float | None
    """Median."""
    p50_low: float | None
    """Lower bound of the median's interval (order statistics, free of any distribution); null on too few tickets."""
    p50_high: float | None
    """Upper bound of the median's interval."""
    p75: float | None
    """Three quarters of the tickets lie at or below."""
    p90: float | None
    """Nine in ten tickets lie at or below."""
    p95: float | None
    """95 in 100 tickets lie at or below."""
    p99: float | None
    """99 in 100 tickets lie at or below."""


class Rate(Result):
    """How often something was so."""

    count: int
    """Tickets of which it is known."""
    hits: int | None
    """Tickets of which it is true; null, as below, where it is known of too few tickets."""
    rate: float | None
    """Hits divided by count."""
    low: float | None
    """Lower bound of Wilson's score interval (Journal of the American Statistical Association 1927)."""
    high: float | None
    """Upper bound of that interval."""


class Figures(Result):
    """What is said of any set of tickets. A figure whose columns the table lacks is null or not in its mapping."""

    num_tickets: int
    """Tickets in the set."""
    num_open: int | None = None
    """Those of them that are open."""
    resolution_hours: Summary | None = None
    """Hours from opening to resolution."""
    first_response_hours: Summary | None = None
    """Hours from opening to the first answer."""
    satisfaction: Summary | None = None
    """The customers' scores."""
    rates: dict[str, Rate] = {}
    """By name: `first_contact` (of the resolved tickets), `reopened`, `escalated`, `transferred`."""
    attainment: dict[str, Rate] = {}
    """By name of the service level: tickets in time, of those that were in time or late."""


class Group(Result):
    """The tickets that share a value."""

    kind: Literal["value", "other", "missing"]
    """One value; all that are folded together; or the tickets that have no value."""
    name: str | None
    """The value; null for the other kinds."""
    num_values: int
    """Values behind it: 1, the number that is folded, or 0."""
    figures: Figures
    """What is said of these tickets."""


class Grouping(Result):
    """The tickets by the values of one column."""

    field: str
    """Name of the column; `month` is the month of creation."""
    groups: tuple[Group, ...]
    """The largest group first (months: the earliest first), then what is folded, then what has no value."""
    slowest: str | None = None
    """Value with the longest median resolution time, where chance does not explain that it differs from `fastest`;
    null otherwise, and always for months and agents."""
    fastest: str | None = None
    """Value with the shortest median resolution time, or null as above."""


class Bin(Result):
    """How many tickets lie in a range."""

    low: float
    """Lower bound, included."""
    high: float | None
    """Upper bound, not included; null: there is none. Equal to `low` where the bin is a single value."""
    count: int
    """Tickets in it."""


class DurationSource(Result):
    """Where the durations of one measure come from."""

    num_from_times: int
    """Tickets with both times."""
    num_from_field: int
    """Tickets where a time is missing and the column of hours stands in."""
    num_from_closed: int = 0
    """Of those with both times, tickets whose second time is when they were closed, since they have no other."""
    num_negative: int
    """Tickets that would have ended before they were opened, or have negative hours; they have no duration here."""


class MonthFlow(Result):
    """What came in and went out in a month."""

    month: date
    """First day of the month."""
    created: int
    """Tickets opened in it."""
    resolved: int
    """Tickets resolved in it."""
    open_at_end: int
    """Tickets open at its end (of the last month: at `as_of`)."""


class Backlog(Result):
    """The tickets that are open."""

    num_open: int
    """All of them."""
    age_days: Summary
    """Days since they were opened, of those with that time."""
    ages: tuple[Bin, ...]
    """By age in days."""
    months: tuple[MonthFlow, ...]
    """Month by month; the months before the first one are counted in its `open_at_end`."""
    num_unplaced: int
    """Tickets outside of `months`: their opening is not known, or they are resolved and it is not known when."""


class TargetValue(Result):
    """A service level for the tickets that share an allowed time."""

    value: str | None
    """Value of the level's field; null: every other value and none."""
    num_tickets: int
    """Tickets with it, open and closed; 0 hints at a value that the configuration spells in another way."""
    allowed_minutes: float
    """Working minutes allowed."""
    attained: Rate
    """Tickets in time, of those that were in time or late."""
    working_hours: Summary
    """Working hours that the finished ones took."""


class ServiceLevel(Result):
    """How far one service level was kept."""

    name: str
    """Its name in the configuration."""
    measure: Literal["resolution", "first_response"]
    """What must have happened in time."""
    field: str | None
    """Column that decides how soon; null: one time for all."""
    calendar: str | None
    """Calendar by which time is counted; null: the clock never stops."""
    paused_minutes: str | None
    """Column with the minutes in which the clock stood still."""
    attained: Rate
    """Tickets in time, of those that were in time or late."""
    num_late: int
    """Tickets that were finished too late."""
    num_open_late: int
    """Tickets that wait and are too late already; they count as late."""
    num_pending: int
    """Tickets that wait and still have time; they do not count."""
    num_without_target: int
    """Tickets without an allowed time; they do not count."""
    num_unknown: int
    """Tickets with an allowed time of which it is not known when they began or ended; they do not count."""
    working_hours: Summary
    """Working hours that the finished tickets with a target took."""
    values: tuple[TargetValue, ...]
    """By allowed time, in the order of the configuration."""


class Absent(Result):
    """A figure that the report cannot give."""

    figure: str
    """What is left out."""
    columns: tuple[str, ...]
    """The columns, any of which would do; empty where none is configured."""
    why: Literal["not configured", "no such column", "no values"]
    """What is wrong with them."""


class Analytics(Result):
    """Everything that the analytics report says."""

    format_version: Literal[1] = 1
    """Version of this schema."""
    as_of: datetime
    """Moment up to which open tickets age, in UTC."""
    time_zone: str
    """Zone in which months begin."""
    confidence: float
    """Probability with which each interval holds the true value."""
    min_agent_tickets: int
    """With fewer tickets an agent's figures are null, save the number of tickets."""
    first_created: datetime | None
    """Opening of the first ticket, in UTC."""
    last_created: datetime | None
    """Opening of the last ticket, in UTC."""
    num_outside: int
    """Times before 1970 or after the present; they are taken as missing."""
    overall: Figures
    """What is said of all tickets."""
    resolution_source: DurationSource | None
    """Where the resolution times come from."""
    first_response_source: DurationSource | None
    """Where the first-response times come from."""
    resolution_distribution: tuple[Bin, ...]
    """Tickets by resolution time in hours."""
    satisfaction_distribution: tuple[Bin, ...]
    """Tickets by score."""
    groupings: tuple[Grouping, ...]
    """By the configured columns."""
    months: Grouping | None
    """By month of creation."""
    agents: Grouping | None
    """By agent."""
    backlog: Backlog | None
    """The tickets that are open."""
    service_levels: tuple[ServiceLevel, ...]
    """The configured service levels."""
    absent: tuple[Absent, ...]
    """Figures that the table's columns do not allow."""
