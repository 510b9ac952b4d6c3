"""Settings of the analytics report: columns, groups, calendars and targets. It does not know how a figure is made."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from tickets.config.base import Config, Count, PositiveInt, Probability

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)

_HOURS: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(m|h)")
_DAY_MINUTES: Final = 24 * 60
_ALWAYS: Final[dict[Weekday, tuple[str, ...]]] = dict.fromkeys(WEEKDAYS, ("00:00-24:00",))


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # it depends on how the name is wrong
        raise ValueError(
            f"{name!r} is no time zone; allowed: a name of the IANA database such as Europe/Berlin"
        ) from error
    return name


def _long_enough(duration: str) -> str:
    if not minutes_of(duration) > 0:
        raise ValueError(f"{duration!r} is no time at all; allowed: more than 0m")
    return duration


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Duration = Annotated[str, AfterValidator(_long_enough)]
"""Minutes or hours, such as `30m`, `8h` or `1.5h`."""


def minutes_of(duration: str) -> float:
    """Minutes of `30m` or `8h`.

    Raises:
        ValueError: It is written in another way.
    """
    match = _DURATION.fullmatch(duration.strip())
    if not match:
        raise ValueError(f"{duration!r} is no duration; allowed: minutes or hours such as 30m, 8h or 1.5h")
    return float(match[1]) * (60 if match[2] == "h" else 1)


class ColumnsConfig(Config):
    """Names of the columns that the report reads. A column that does not exist is an error, unless it is a field of the
    ticket contract: then, as with one that is empty, the figures that need it are left out, and named."""

    created_at: str = "created_at"
    """When the ticket was opened."""
    resolved_at: str = "resolved_at"
    """When it was resolved; a ticket without, and without `closed_at`, is open."""
    closed_at: str | None = None
    """When it was closed, where the source has it: stands in where `resolved_at` is missing, and a ticket that has it
    is never open."""
    resolution_hours: str = "resolution_time_hours"
    """Hours from opening to resolution; stands in where one of the two times is missing."""
    first_response_at: str | None = None
    """When the customer was first answered, where the source has it."""
    first_response_hours: str | None = None
    """Hours from opening to the first answer; stands in where the time is missing."""
    satisfaction: str = "satisfaction_score"
    """The customer's score."""
    contacts: str = "resolution_attempts"
    """Contacts or attempts that the resolution took, or a flag: solved at first contact."""
    reopened: str | None = None
    """How often the ticket was opened again, or a flag, where the source has it."""
    escalated: str = "escalated"
    """Whether, or how often, it was escalated."""
    transferred: str = "transferred_count"
    """How often it was handed on, or a flag."""
    agent: str = "agent_id"
    """Who handled it."""
    status: str | None = None
    """State of the ticket, where `open_statuses` or `closed_statuses` decide which tickets are open."""


class CalendarConfig(Config):
    """When a team works. All times are of the clock on its wall."""

    time_zone: TimeZone = "UTC"
    """Name of the IANA database, such as `Europe/Berlin`."""
    hours: dict[Weekday, tuple[str, ...]] = Field(default_factory=lambda: dict(_ALWAYS))
    """Weekday → working hours such as `[09:00-12:30, 13:30-18:00]`; a day that is not named is free. Unset: always."""
    holidays: tuple[date, ...] = ()
    """Days on which nobody works."""

    @field_validator("hours")
    @classmethod
    def _in_order(cls, hours: dict[Weekday, tuple[str, ...]]) -> dict[Weekday, tuple[str, ...]]:
        for day, spans in hours.items():
            for (before, first), (after, second) in pairwise(sorted((_span(span), span) for span in spans)):
                if after[0] < before[1]:
                    raise ValueError(
                        f"{day}: {first} and {second} overlap; allowed: hours that end before the next start"
                    )
        if not any(hours.values()):
            raise ValueError("no hours on any day; allowed: at least one span such as monday: [09:00-17:00]")
        return hours

    @property
    def week(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each weekday from Monday, start and end of its spans in minutes after midnight, in ascending order."""
        return tuple(tuple(sorted(map(_span, self.hours.get(day, ())))) for day in WEEKDAYS)


class TargetConfig(Config):
    """A service level: how soon something must have happened, in working time."""

    measure: Literal["resolution", "first_response"] = "resolution"
    """What must have happened."""
    field: str | None = "priority"
    """Column whose value decides how soon; unset: `otherwise` holds for every ticket."""
    targets: dict[str, Duration] = Field(default_factory=dict)
    """Value of that column → time allowed, such as `{critical: 4h, high: 8h}`."""
    otherwise: Duration | None = None
    """Time allowed for every other value and for tickets without one; unset: they have no target."""
    calendar: str | None = None
    """Name of one of `calendars`; unset: the clock never stops."""
    paused_minutes: str | None = None
    """Column with the minutes, of the same calendar, in which the clock stood still; no value means none."""

    @model_validator(mode="after")
    def _has_targets(self) -> TargetConfig:
        if self.targets and self.field is None:
            raise ValueError("targets by value but no field; allowed: a field with targets, or `otherwise` alone")
        if not self.targets and self.otherwise is None:
            raise ValueError("no target at all; allowed: targets by value of a field, `otherwise`, or both")
        return self


class AnalyticsConfig(Config):
    """What the analytics report reads, how it groups, and by what it measures."""

    columns: ColumnsConfig = ColumnsConfig()
    """Names of the columns."""
    groupings: tuple[str, ...] = (
        "customer_sentiment",
        "category",
        "product",
        "customer_tier",
        "channel",
    )
    """Columns by whose values every figure is given beside its overall value; agent and month always are."""
    top_groups: PositiveInt = 20
    """Largest groups of a column that are shown alone; all others are folded into one and counted."""
    top_agents: PositiveInt = 50
    """Agents with the most tickets who are shown alone; all others are folded into one and counted."""
    max_months: PositiveInt = 24
    """Latest months that are shown alone; all earlier ones are folded into one."""
    min_agent_tickets: PositiveInt = 30
    """With fewer tickets an agent's volume is given and nothing else: figures on so few say nothing of a person."""
    first_contact_max: Count = 1
    """Contacts up to which a ticket counts as solved at first contact."""
    open_statuses: tuple[str, ...] = ()
    """Values of `columns.status` with which a ticket is open though it has a time of resolution; where any are given, a
    ticket with another value is not open."""
    closed_statuses: tuple[str, ...] = ()
    """Values of `columns.status` with which a ticket is never open, whatever its times say."""
    confidence: Probability = 0.95
    """Probability with which each interval holds the true value."""
    as_of: Literal["data", "now"] = "data"
    """The moment up to which open tickets age: the latest one that the tickets name, or the present."""
    time_zone: TimeZone = "UTC"
    """Zone in which months begin."""
    backlog_days: tuple[Annotated[float, Field(gt=0.0)], ...] = (1, 3, 7, 14, 30, 90)
    """Ages in days that part the buckets of open tickets."""
    calendars: dict[str, CalendarConfig] = Field(default_factory=dict)
    """Name → when a team works."""
    targets: dict[str, TargetConfig] = Field(default_factory=dict)
    """Name → a service level; none are set by default."""

    @property
    def reads(self) -> frozenset[str]:
        """Every column that the report may look at."""
        named = [name for name in self.columns.model_dump().values() if name]
        of_targets = [
            name for target in self.targets.values() for name in (target.field, target.paused_minutes) if name
        ]
        return frozenset([*named, *of_targets, *self.groupings])

    @field_validator("backlog_days")
    @classmethod
    def _ascending(cls, days: tuple[float, ...]) -> tuple[float, ...]:
        if list(days) != sorted(set(days)):
            raise ValueError(f"{list(days)} does not ascend; allowed: each age above the one before")
        return days

    @model_validator(mode="after")
    def _consistent(self) -> AnalyticsConfig:
        for name, target in self.targets.items():
            if target.calendar is not None and target.calendar not in self.calendars:
                known = ", ".join(sorted(self.calendars)) or "none is configured"
                raise ValueError(f"targets.{name}.calendar: {target.calendar!r} is not known; allowed: {known}")
        if bool(self.open_statuses or self.closed_statuses) != (self.columns.status is not None):
            raise ValueError(
                "columns.status and open_statuses or closed_statuses only mean something together; allowed: both or "
                "neither"
            )
        if both := sorted(set(self.open_statuses) & set(self.closed_statuses)):
            raise ValueError(f"{both[0]!r} is open and closed; allowed: in open_statuses or in closed_statuses")
        return self


def _span(written: Any) -> tuple[int, int]:
    """Start and end in minutes after midnight."""
    match = _HOURS.fullmatch(str(written).strip())
    if not match:
        raise ValueError(f"{written!r} are no hours; allowed: HH:MM-HH:MM up to 24:00, such as 09:00-17:30")
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if end > _DAY_MINUTES:
        raise ValueError(f"{written!r} ends after 24:00; allowed: hours within one day")
    if end <= start:
        raise ValueError(f"{written!r} ends before it starts; allowed: split hours over midnight into two days")
    return start, end
