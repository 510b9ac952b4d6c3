"""One value of a raw row → the type of its kind, the same in ingestion and in a request.

It does not know columns, sources or what a value means.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson

from tickets.schema import Kind

_JSON_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_EXACT: Final = 2.0**53
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS_FROM: Final = 1e11  # an epoch above this is in milliseconds: as seconds it would lie after the year 5138
_COMPACT_DATE: Final = re.compile(r"(19|20)\d{6}")  # 20250131; as epoch seconds it would lie in 1970


def converter(kind: Kind, timestamps: str = "auto") -> Callable[[Any], Any]:
    """What turns a value of a raw row into a value of a kind, or None where it holds nothing.

    Args:
        kind: The kind of the field.
        timestamps: How times are written: `auto`, `iso`, `epoch_s` or `epoch_ms`.

    Returns:
        A function that raises ValueError, TypeError, OverflowError or RecursionError for a value that does not fit.
    """
    return (lambda value: _time(value, timestamps)) if kind is Kind.TIME else _CONVERTERS[kind]


def to_json(value: Any, sort: bool = True) -> bytes:
    """JSON, with sorted keys unless asked otherwise. Integers beyond 64 bits and lone surrogates, which orjson refuses,
    go the slow way."""
    try:
        return orjson.dumps(value, default=str, option=_JSON_OPTIONS | (orjson.OPT_SORT_KEYS if sort else 0))
    except TypeError:
        return json.dumps(value, default=str, sort_keys=sort, separators=(",", ":")).encode()


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


def _name(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)  # a column with gaps turns 45 into 45.0 on its way through other tools
    return storable_text(value).strip() or None


def _number(value: Any) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("not a number, though Python takes it for one")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
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


def _time(value: Any, form: str) -> datetime:
    """A moment from a date, ISO 8601 text, or an epoch; UTC where it names no zone.

    Raises:
        ValueError: It is none of these.
        OverflowError: It lies outside the years 1 to 9999.
    """
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    elif form == "iso" or (form == "auto" and _is_iso(value)):
        moment = datetime.fromisoformat(str(value).strip())
    else:
        epoch = _number(value)
        in_ms = form == "epoch_ms" or (form == "auto" and abs(epoch) >= _MS_FROM)
        moment = _EPOCH + timedelta(milliseconds=epoch if in_ms else epoch * 1000)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _is_iso(value: Any) -> bool:
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
