"""What the settings of the analytics report allow."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from tickets.config.analytics import AnalyticsConfig, CalendarConfig, minutes_of


def test_a_full_configuration_survives_being_saved() -> None:
    config = AnalyticsConfig.model_validate(
        {
            "calendars": {
                "office": {
                    "time_zone": "Europe/Berlin",
                    "hours": {"monday": ["09:00-12:00"]},
                    "holidays": ["2025-12-25"],
                }
            },
            "targets": {"resolve": {"targets": {"critical": "30m"}, "otherwise": "1.5h", "calendar": "office"}},
        }
    )
    assert AnalyticsConfig.model_validate_json(config.model_dump_json()) == config
    assert config.calendars["office"].holidays == (date(2025, 12, 25),)


def test_a_calendar_is_always_open_by_default() -> None:
    assert CalendarConfig().week == (((0, 1440),),) * 7


def test_a_day_that_is_not_named_is_free_and_spans_are_in_order() -> None:
    week = CalendarConfig.model_validate({"hours": {"tuesday": ["13:00-17:30", "09:00-12:00"], "friday": []}}).week
    assert week == ((), ((540, 720), (780, 1050)), (), (), (), (), ())


@pytest.mark.parametrize(("written", "minutes"), [("30m", 30), ("8h", 480), ("1.5h", 90), (" 2h ", 120)])
def test_durations(written: str, minutes: float) -> None:
    assert minutes_of(written) == minutes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_zone": "Mars/Base"}, "'Mars/Base' is no time zone; allowed: a name of the IANA database"),
        ({"calendars": {"c": {"time_zone": "../x"}}}, "'../x' is no time zone"),
        ({"calendars": {"c": {"hours": {"monday": ["9-17"]}}}}, "'9-17' are no hours; allowed: HH:MM-HH:MM"),
        ({"calendars": {"c": {"hours": {"monday": ["17:00-09:00"]}}}}, "'17:00-09:00' ends before it starts"),
        ({"calendars": {"c": {"hours": {"monday": ["09:00-09:00"]}}}}, "'09:00-09:00' ends before it starts"),
        ({"calendars": {"c": {"hours": {"monday": ["22:00-24:30"]}}}}, "'22:00-24:30' ends after 24:00"),
        (
            {"calendars": {"c": {"hours": {"monday": ["11:00-14:00", "09:00-12:00"]}}}},
            "monday: 09:00-12:00 and 11:00-14:00 overlap",
        ),
        ({"calendars": {"c": {"hours": {"monday": []}}}}, "no hours on any day"),
        ({"calendars": {"c": {"hours": {"someday": ["09:00-17:00"]}}}}, "someday"),
        ({"calendars": {"c": {"holidays": ["2025-02-30"]}}}, "holidays"),
        (
            {"targets": {"t": {"otherwise": "8h", "calendar": "c"}}},
            "targets.t.calendar: 'c' is not known; allowed: none",
        ),
        ({"targets": {"t": {"otherwise": "8"}}}, "'8' is no duration; allowed: minutes or hours such as 30m"),
        ({"targets": {"t": {"otherwise": "2d"}}}, "'2d' is no duration"),
        ({"targets": {"t": {"targets": {"high": "0h"}}}}, "'0h' is no time at all"),
        ({"targets": {"t": {}}}, "no target at all"),
        ({"targets": {"t": {"field": None, "targets": {"high": "2h"}}}}, "targets by value but no field"),
        ({"open_statuses": ["new"]}, "only mean something together"),
        ({"columns": {"status": "state"}}, "only mean something together"),
        ({"backlog_days": [3, 1]}, "does not ascend"),
        ({"backlog_days": [0]}, "greater than 0"),
        ({"columns": {"creation": "x"}}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AnalyticsConfig.model_validate(settings)
    assert message in str(caught.value)
