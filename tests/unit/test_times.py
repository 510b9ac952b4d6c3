from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tickets.config import SourceConfig
from tickets.times import check_form, offset_ms, parse_clear, zone_of


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%y %I:%M %p", "%Y-%j", "%d.%m.%Y %H:%M:%S %z", "%G-W%V-%u"])
def test_a_form_that_tells_a_day_is_allowed(form: str) -> None:
    check_form(form)
    assert SourceConfig(name="acme", timestamps=form).timestamps == (form,)


@pytest.mark.parametrize("form", ["%H:%M", "%d/%m", "%m/%Y", "%d/%m/%Y %Q", "%d/%m/%Y %", "%d/%m/%Y %Z", "%%"])
def test_a_form_that_tells_no_day_or_a_zone_by_its_name_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="is no form of a time; allowed"):
        check_form(form)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../UTC", "/etc/localtime", "Europe"])
def test_a_zone_that_there_is_not_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone; allowed: an IANA name"):
        zone_of(name)


def test_clocks_ahead_of_utc() -> None:
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert offset_ms(int(noon.timestamp() * 1000), zone_of("Europe/Vienna")) == 7_200_000
    assert offset_ms(0, zone_of("UTC")) == 0


def test_a_clear_text_says_its_zone_only_where_it_names_one() -> None:
    assert parse_clear("05.01.2024").tzinfo is None
    assert parse_clear("Fri, 05 Jan 2024 10:00 -0000").utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("iso", "iso"),
        ("%d/%m/%Y", ("%d/%m/%Y",)),
        (["%d/%m/%Y", "auto"], ("%d/%m/%Y", "auto")),
        ("[auto, '%d/%m/%Y %H:%M']", ("auto", "%d/%m/%Y %H:%M")),
    ],
)
def test_a_source_takes_one_form_or_several(given: Any, kept: Any) -> None:
    source = SourceConfig(name="x", timestamps=given)
    assert source.timestamps == kept
    assert SourceConfig.model_validate_json(source.model_dump_json()) == source


@pytest.mark.parametrize(
    "settings",
    [
        *({"timestamps": wrong} for wrong in ("isoo", ["auto", "us"], [], "%H:%M")),
        *({"time_zone": "CEST"}, {"encoding": "utf-9"}, {"encoding": "rot13"}, {"encoding": "undefined"}),
    ],
)
def test_a_source_refuses_what_says_nothing(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="allowed"):
        SourceConfig(name="x", **settings)
