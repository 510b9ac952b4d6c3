"""Working time: weekends, holidays, changes of the clock, and random calendars against a count minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tickets.analytics.working import WorkingTime
from tickets.analytics.zones import local_months, offsets
from tickets.config.analytics import WEEKDAYS, CalendarConfig

WORKDAYS = WEEKDAYS[:5]
HOUR_MS = 3_600_000


def calendar(spans: tuple[str, ...] = ("09:00-17:00",), **settings: Any) -> CalendarConfig:
    return CalendarConfig.model_validate({"hours": dict.fromkeys(WORKDAYS, spans), **settings})


def ms(written: str) -> float:
    """Milliseconds of a moment; one without a zone is taken as UTC."""
    moment = datetime.fromisoformat(written)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def minutes(config: CalendarConfig, start: str, end: str) -> float:
    window = int(ms("2024-12-01")), int(ms("2026-01-31"))
    [worked] = WorkingTime(config, *window).minutes(np.array([ms(start)]), np.array([ms(end)]))
    return float(worked)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2025-03-03T10:00", "2025-03-03T11:30", 90),  # within a Monday
        ("2025-03-03T06:00", "2025-03-03T23:00", 480),  # around it
        ("2025-03-03T16:00", "2025-03-04T10:00", 120),  # over night
        ("2025-03-07T16:00", "2025-03-10T10:00", 120),  # over a weekend
        ("2025-03-08T10:00", "2025-03-09T10:00", 0),  # within a weekend
        ("2025-03-03T10:00", "2025-03-03T10:00", 0),  # no time at all
        ("2025-03-03T17:00", "2025-03-04T09:00", 0),  # from closing to opening
        ("2025-03-03T00:00", "2025-03-17T00:00", 10 * 480),  # two weeks
        ("2025-03-03T09:00:30", "2025-03-03T09:01:15", 0.75),  # seconds count
    ],
)
def test_office_hours(start: str, end: str, expected: float) -> None:
    assert minutes(calendar(), start, end) == expected


def test_a_lunch_break_is_no_working_time_whatever_the_order_of_spans() -> None:
    config = calendar(("13:00-17:00", "09:00-12:00"))
    assert minutes(config, "2025-03-03T11:00", "2025-03-03T14:00") == 120


def test_spans_that_touch_are_one() -> None:
    assert minutes(calendar(("09:00-12:00", "12:00-17:00")), "2025-03-03T08:00", "2025-03-03T18:00") == 480


def test_holidays_are_free() -> None:
    config = calendar(holidays=(date(2025, 3, 4), date(2025, 3, 8)))
    assert minutes(config, "2025-03-03T16:00", "2025-03-05T10:00") == 120
    assert minutes(config, "2025-03-04T10:00", "2025-03-04T12:00") == 0


def test_around_the_clock_every_minute_counts() -> None:
    assert minutes(CalendarConfig(), "2025-03-01T03:17", "2025-03-09T04:17") == 8 * 1440 + 60


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    tokyo = calendar(time_zone="Asia/Tokyo")
    assert minutes(tokyo, "2025-03-03T00:00+09:00", "2025-03-04T00:00+09:00") == 480
    assert minutes(tokyo, "2025-03-03T00:00Z", "2025-03-03T08:00Z") == 480
    assert minutes(tokyo, "2025-03-03T08:00Z", "2025-03-03T23:59Z") == 0


def test_office_hours_keep_their_length_when_the_clock_changes() -> None:
    berlin = calendar(time_zone="Europe/Berlin")
    # Friday 16:00 winter time to Monday 10:00 summer time, an hour less on the clock in between.
    assert minutes(berlin, "2025-03-28T16:00+01:00", "2025-03-31T10:00+02:00") == 120
    assert minutes(berlin, "2025-10-24T16:00+02:00", "2025-10-27T10:00+01:00") == 120


def test_the_day_of_a_change_is_an_hour_shorter_or_longer() -> None:
    berlin = CalendarConfig(time_zone="Europe/Berlin")
    assert minutes(berlin, "2025-03-30T00:00+01:00", "2025-03-31T00:00+02:00") == 23 * 60
    assert minutes(berlin, "2025-10-26T00:00+02:00", "2025-10-27T00:00+01:00") == 25 * 60


def test_a_skipped_hour_lasts_no_time_and_a_doubled_one_counts_twice() -> None:
    night = CalendarConfig.model_validate({"time_zone": "Europe/Berlin", "hours": {"sunday": ["02:00-03:00"]}})
    assert minutes(night, "2025-03-30T00:00+01:00", "2025-03-31T00:00+02:00") == 0
    assert minutes(night, "2025-10-26T00:00+02:00", "2025-10-27T00:00+01:00") == 120
    half = CalendarConfig.model_validate({"time_zone": "Europe/Berlin", "hours": {"sunday": ["02:30-03:30"]}})
    assert minutes(half, "2025-03-30T00:00+01:00", "2025-03-31T00:00+02:00") == 30
    assert minutes(half, "2025-10-26T00:00+02:00", "2025-10-27T00:00+01:00") == 90


def test_what_is_not_known_stays_so() -> None:
    working = WorkingTime(calendar(), int(ms("2025-03-03")), int(ms("2025-03-05")))
    starts = np.array([ms("2025-03-03T09:00"), np.nan, np.nan])
    ends = np.array([np.nan, ms("2025-03-03T09:00"), np.nan])
    assert np.isnan(working.minutes(starts, ends)).all()


def test_a_window_without_working_time_gives_none() -> None:
    working = WorkingTime(calendar(), int(ms("2025-03-08T01:00")), int(ms("2025-03-09T01:00")))
    found = working.minutes(np.array([ms("2025-03-08T01:00"), np.nan]), np.array([ms("2025-03-09T01:00"), 0.0]))
    assert found[0] == 0
    assert np.isnan(found[1])


ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")
CHANGES = ("2025-03-30T01:00", "2025-10-26T01:00", "2025-03-09T07:00", "2025-11-02T06:00", "2025-04-05T15:00")


@pytest.mark.parametrize("seed", range(24))
def test_random_calendars_agree_with_a_count_minute_by_minute(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = random_calendar(rng)
    zone = ZoneInfo(config.time_zone)
    centre = datetime.fromisoformat(str(rng.choice(CHANGES))).replace(tzinfo=UTC)
    start = centre - timedelta(minutes=int(rng.integers(0, 4 * 1440)))
    end = start + timedelta(minutes=int(rng.integers(0, 6 * 1440)))
    slow = sum(is_open(config, moment.astimezone(zone)) for moment in every_minute(start, end))
    margin = timedelta(days=int(rng.integers(0, 40)))
    window = (int((start - margin).timestamp() * 1000), int((end + margin).timestamp() * 1000))
    bounds = np.array([start.timestamp(), end.timestamp()]) * 1000
    assert WorkingTime(config, *window).minutes(bounds[:1], bounds[1:])[0] == slow


def random_calendar(rng: np.random.Generator) -> CalendarConfig:
    hours: dict[str, list[str]] = {}
    for weekday in rng.permutation(WEEKDAYS)[: rng.integers(1, 8)]:
        cuts = np.sort(rng.choice(np.arange(0, 1441, 15), size=2 * rng.integers(1, 4), replace=False))
        hours[str(weekday)] = [f"{clock(a)}-{clock(b)}" for a, b in cuts.reshape(-1, 2)]
    days = [date(2025, month, 1) + timedelta(days=int(rng.integers(0, 30))) for month in (3, 3, 4, 10, 11)]
    return CalendarConfig.model_validate({"time_zone": str(rng.choice(ZONES)), "hours": hours, "holidays": days})


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def every_minute(start: datetime, end: datetime) -> list[datetime]:
    return [start + timedelta(minutes=at) for at in range(int((end - start).total_seconds() // 60))]


def is_open(config: CalendarConfig, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    spans = config.week[local.weekday()]
    return local.date() not in config.holidays and any(start <= minute < end for start, end in spans)


def test_the_clock_changes_to_the_second() -> None:
    starts, distances = offsets("Europe/Berlin", int(ms("2025-01-01")), int(ms("2025-12-31")))
    assert starts.tolist() == [ms("2025-01-01"), ms("2025-03-30T01:00"), ms("2025-10-26T01:00")]
    assert distances.tolist() == [HOUR_MS, 2 * HOUR_MS, HOUR_MS]


def test_a_change_on_the_last_day_is_found() -> None:
    starts, _ = offsets("Europe/Berlin", int(ms("2025-03-29T12:00")), int(ms("2025-03-30T02:00")))
    assert starts.tolist()[1:] == [ms("2025-03-30T01:00")]


def test_months_begin_by_the_clock_of_the_zone() -> None:
    moments = np.array([ms("2025-01-31T23:30"), ms("2025-02-01T00:30"), np.nan])
    january = 55 * 12
    assert local_months(moments, "UTC").tolist() == [january, january + 1, -1]
    assert local_months(moments, "Europe/Berlin").tolist() == [january + 1, january + 1, -1]
    assert local_months(moments, "America/New_York").tolist() == [january, january, -1]
