"""One value of a raw row → the type of its kind, the same in ingestion and in a request.

It does not know columns, sources or what a value means.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

import orjson

from tickets.schema import Kind
from tickets.times import in_utc, parse_clear, zone_of

_JSON_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_EXACT: Final = 2.0**53
_NESTED: Final = frozenset([dict, list, tuple])
_WHOLE: Final = re.compile(r"[+-]?\d+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS_FROM: Final = 1e11  # an epoch above this is in milliseconds: as seconds it would lie after the year 5138
_COMPACT_DATE: Final = re.compile(r"(19|20)\d{6}")  # 20250131; as epoch seconds it would lie in 1970


def converter(kind: Kind, timestamps: str | Sequence[str] = "auto", time_zone: str = "UTC") -> Callable[[Any], Any]:
    """What turns a value of a raw row into a value of a kind, or None where it holds nothing.

    Args:
        kind: The kind of the field.
        timestamps: How times are written: `auto`, `iso`, `epoch_s`, `epoch_ms` or a `strptime` form; of several the
            first one that fits.
        time_zone: IANA name of the zone of times that name none.

    Returns:
        A function that raises ValueError, TypeError, OverflowError or RecursionError for a value that does not fit.
    """
    if kind is not Kind.TIME:
        return _CONVERTERS[kind]
    forms, zone = (timestamps,) if isinstance(timestamps, str) else tuple(timestamps), zone_of(time_zone)
    return lambda value: _first_time(value, forms, zone)


def to_json(value: Any, sort: bool = True) -> bytes:
    """JSON, with sorted keys unless asked otherwise; an infinite number is its text, a not-a-number null.

    Integers beyond 64 bits and lone surrogates, which orjson refuses, go the slow way.
    """
    try:
        text = orjson.dumps(value, default=str, option=_JSON_OPTIONS | (orjson.OPT_SORT_KEYS if sort else 0))
    except TypeError:
        return json.dumps(_finite(value), default=str, sort_keys=sort, separators=(",", ":")).encode()
    return to_json(_finite(value), sort) if b"null" in text and not _is_finite(value) else text


def _is_finite(value: Any) -> bool:
    """Whether orjson, which makes null of what is not finite, writes a value as it is."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)
    kinds = set(map(type, items))
    if float in kinds and not all(math.isfinite(item) for item in items if item.__class__ is float):
        return False
    return kinds.isdisjoint(_NESTED) or all(_is_finite(item) for item in items if item.__class__ in _NESTED)


def _finite(value: Any) -> Any:
    """The value with what is not finite as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def to_text(value: Any) -> str:
    """The value as text, though it may not be one that can be stored."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, float) else to_json(value).decode().strip('"')


def storable_text(value: Any) -> str:
    """The value as text.

    Raises:
        UnicodeEncodeError: It holds a lone surrogate, which nothing can store.
    """
    text = to_text(value)
    text.encode("utf-8")  # better a misfit here than a failed write later
    return text


def rounded(value: Any) -> Any:
    """A long integer as the number next to it, which still orders rows; any other value as it is."""
    with suppress(ValueError, OverflowError):
        if value.__class__ in (int, str) and _WHOLE.fullmatch(str(value).strip()):
            return float(value)
    return value


def _name(value: Any) -> str | None:
    return storable_text(_whole(value)).strip() or None


def _whole(value: Any) -> Any:
    """An integer where a column with gaps turned 45 into 45.0 on its way through other tools."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _number(value: Any) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("not a number, though Python takes it for one")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    if abs(number) >= _EXACT and _WHOLE.fullmatch(text := str(value).strip()) and int(text) != number:
        raise ValueError("an integer with more digits than a number holds")
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "y", "1", "1.0"):
        return True
    if word in ("false", "no", "n", "0", "0.0"):
        return False
    raise ValueError("not a flag")


def _list(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [storable_text(item) for item in value if item is not None]
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(orjson.JSONDecodeError):
            return _list(orjson.loads(value))
    return [part.strip() for part in storable_text(value).split(",") if part.strip()]


def _first_time(value: Any, forms: Sequence[str], zone: tzinfo) -> datetime:
    for form in forms[:-1]:
        with suppress(ValueError, TypeError, OverflowError):
            return _time(value, form, zone)
    return _time(value, forms[-1], zone)


def _time(value: Any, form: str, zone: tzinfo) -> datetime:
    """A moment from a date, a text, or an epoch; of the given zone where it names none.

    Raises:
        ValueError: It is none of these.
        OverflowError: It lies outside the years 1 to 9999.
    """
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    elif "%" in form:
        moment = datetime.strptime(to_text(_whole(value)).strip(), form)
    elif form == "iso":
        moment = datetime.fromisoformat(str(value).strip())
    elif form == "auto" and _is_text(value):
        moment = parse_clear(str(value).strip())
    else:
        epoch = _number(value)
        in_ms = form == "epoch_ms" or (form == "auto" and abs(epoch) >= _MS_FROM)
        moment = _EPOCH + timedelta(milliseconds=epoch if in_ms else epoch * 1000)
    return in_utc(moment, zone)


def _is_text(value: Any) -> bool:
    """Whether a time is not written as a number of seconds or milliseconds."""
    if _COMPACT_DATE.fullmatch(str(value).strip()):
        return True
    try:
        float(value)
    except ValueError:
        return True
    return False


_CONVERTERS: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.ID: _name,
    Kind.TEXT: storable_text,
    Kind.CATEGORICAL: _name,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.LIST: _list,
}
