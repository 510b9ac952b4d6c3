"""Rows of quarantine with what must not be shown masked in them. It does not know why a row was refused."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

import orjson
import pyarrow as pa

from tickets.masking import SECRET, mask

_PROBE: Final = "x1y2"
_UNICODE_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_SIGNS: Final = {r"\n": "\ue000", r"\r": "\ue001", r"\t": "\ue002"}  # of private use, and no letters


def mask_quarantine(table: pa.Table) -> pa.Table:
    """The rows with personal data and secrets masked in their original bytes and their reasons.

    A JSON object or array stays one, with the same keys in the same order: each text in it is masked for itself, a
    number that is a card's becomes a text, and what stands under a key such as `password` is hidden whole. Anything
    else, such as a line of CSV or half an object, is masked as text. A row with nothing to hide keeps its bytes.

    Args:
        table: With the columns `original` (binary) and `reason` (string); others stay as they are.
    """
    originals = [None if raw is None else mask_original(raw) for raw in table["original"].to_pylist()]
    reasons = [None if reason is None else mask(reason) for reason in table["reason"].to_pylist()]
    for name, column in (("original", originals), ("reason", reasons)):
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(column, field.type))
    return table


def mask_original(raw: bytes) -> bytes:
    """One row's bytes, masked; see `mask_quarantine`."""
    try:
        value = json.loads(raw, object_pairs_hook=_object)
        masked = _mask_value(value, "")
    except (ValueError, RecursionError):
        return _mask_text(raw)
    if not isinstance(value, dict | list):
        return _mask_text(raw)
    return raw if masked == value else _written(masked)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError for a key that stands twice, of which a dict would keep the last alone."""
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _mask_text(raw: bytes) -> bytes:
    """Escapes of JSON and the zeros of UTF-16 are taken out first, because masking would not see through them."""
    text = raw.decode("utf-8", "surrogateescape")
    plain = _UNICODE_ESCAPE.sub(_unescaped, text.replace("\0", ""))
    for escape, sign in _SIGNS.items():
        plain = plain.replace(escape, sign)
    masked = mask(plain)
    if masked == plain:
        return raw
    for escape, sign in _SIGNS.items():
        masked = masked.replace(sign, escape)
    return masked.encode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[str]) -> str:
    """The character, unless it would end a text or could not be stored."""
    character = chr(int(match[1], 16))
    return character if character.isprintable() and character not in '"\\' else match[0]


def _mask_value(value: Any, key: str) -> Any:
    """A JSON value under a key of an object; items of a list stand under the list's."""
    if isinstance(value, dict):
        return _object([(mask(name), _mask_value(item, key if _hides(key) else name)) for name, item in value.items()])
    if isinstance(value, list):
        return [_mask_value(item, key) for item in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    masked = SECRET if _hides(key) else _masked_under(key, text)
    return value if masked == text else masked


@lru_cache(maxsize=10_000)
def _hides(key: str) -> bool:
    """Whether masking takes what is assigned to this name for a secret, whatever it is."""
    return mask(f"{key}={_PROBE}") == f"{key}={SECRET}"


def _masked_under(key: str, text: str) -> str:
    """The text masked with its key before it, which tells a phone number from another; alone if that hides the key."""
    before = f"{key}: "
    masked = mask(before + text)
    return masked.removeprefix(before) if masked.startswith(before) else mask(text)


def _written(value: Any) -> bytes:
    """Lone surrogates, NaN, and integers beyond 64 bits go the slow way."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()
