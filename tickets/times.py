"""Times as texts → moments, and what a clock without a zone says in UTC.

A day and a month are never guessed: `05/01/2024` is read by a form that says which is which. It does not know columns,
sources, or epochs, which are numbers (`values.py`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

KEYWORDS: Final = ("auto", "iso", "epoch_s", "epoch_ms")
"""How times may be written, beside `strptime` forms."""

_LONGEST: Final = 64
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HOURS: Final = dict.fromkeys(("UTC", "UT", "GMT", "Z"), 0) | {
    **{"EST": -5, "CST": -6, "MST": -7, "PST": -8},
    **{"EDT": -4, "CDT": -5, "MDT": -6, "PDT": -7},
}
_CLOCK_AND_ZONE: Final = re.compile(
    rf"(.*?)(?: +({'|'.join(_HOURS)}|[+-]\d\d:?\d\d))?(?: +\([^()]*\))?", re.DOTALL | re.ASCII
)
_DAY_FIRST: Final = re.compile(
    r"(?:[a-z]{3}, *)?(\d{1,2})(?:\.(\d{1,2})\.|[ -]([a-z]{3})[ -])(\d{4})(?:,? +(\d{1,2}):(\d\d)(?::(\d\d))?)?",
    re.IGNORECASE | re.ASCII,
)
_LOCAL_EPOCH: Final = datetime(1970, 1, 1)
_SAMPLE: Final = datetime(2003, 11, 28, 13, 45, 59, tzinfo=UTC)


@cache
def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; allowed: an IANA name such as Europe/Vienna or UTC") from None


def in_utc(moment: datetime, zone: tzinfo) -> datetime:
    """A moment in UTC; what names no zone of its own is what clocks of `zone` show.

    An hour that those clocks show twice is the first of the two; an hour that they skip is counted on from before the
    change, so that 02:30 is 03:30 of summer time.

    Raises:
        OverflowError: It lies outside the years 1 to 9999.
    """
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def offset_ms(local_ms: int, zone: tzinfo) -> int:
    """By how many milliseconds clocks of a zone are ahead of UTC when they show a time.

    Args:
        local_ms: What they show, in milliseconds since 1970-01-01 00:00 of the same clocks.
        zone: The zone; doubtful hours are as `in_utc` takes them.
    """
    offset = (_LOCAL_EPOCH + timedelta(milliseconds=local_ms)).replace(tzinfo=zone).utcoffset()
    return (offset or timedelta()) // timedelta(milliseconds=1)


def parse_clear(text: str) -> datetime:
    """A time in a form that can be read in one way alone, without a zone where it names none.

    These are ISO 8601; `05.01.2024 10:11`, day first; `Fri, 5 Jan 2024 10:11:12 +0100` and its parts (RFC 2822); each
    also with ` UTC`, ` GMT`, a North American zone of RFC 2822 or an offset behind it.

    Raises:
        ValueError: It is none of these.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        parts = _CLOCK_AND_ZONE.fullmatch(text) if len(text) <= _LONGEST else None
        if parts is None:
            raise
    clock, zone = parts.groups()
    moment = datetime.fromisoformat(_as_iso(clock))
    if zone is None:
        return moment
    if moment.tzinfo is not None:
        raise ValueError("two time zones")
    return moment.replace(tzinfo=_zone_behind(zone))


def check_form(form: str) -> None:
    """Refuse a `strptime` form that cannot tell a day.

    Raises:
        ValueError: It has a directive that there is none of, leaves out year, month or day, or names zones by letters,
            of which Python knows those of the machine alone.
    """
    try:
        is_day = datetime.strptime(_SAMPLE.strftime(form), form).date() == _SAMPLE.date()
    except (ValueError, re.error):
        is_day = False
    if not is_day or "%Z" in form:
        raise ValueError(
            f"{form!r} is no form of a time; allowed: what Python's strptime reads, with year, month and day, such as "
            "%d/%m/%Y %H:%M; a zone is %z, or said by source.time_zone"
        )


def _as_iso(clock: str) -> str:
    found = _DAY_FIRST.fullmatch(clock)
    if found is None:
        return clock
    day, month, name, year, hour, minute, second = found.groups()
    number = int(month) if month else _MONTHS.index(name.lower()) + 1
    return f"{year}-{number:02}-{int(day):02}T{int(hour or 0):02}:{minute or '00'}:{second or '00'}"


def _zone_behind(name: str) -> tzinfo:
    if name in _HOURS:
        return timezone(timedelta(hours=_HOURS[name]))
    return datetime.strptime(name, "%z").tzinfo or UTC
