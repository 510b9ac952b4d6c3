"""Rows out of JSON: arrays, objects one per line, arrays that something wraps; with every unreadable element kept.

Stretches of an array go through a fast parser as a whole, and element by element where it refuses them. Only a file
that is one broken value is held whole. It does not know other formats, or batches (`readers.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from itertools import chain, count, islice
from typing import Any, Final

import orjson

from tickets.data.envelopes import Seeker
from tickets.data.rows import NOT_TEXT, SURROGATE, RawRow
from tickets.data.stream import ByteStream
from tickets.errors import DamagedFileError

_DECODER: Final = json.JSONDecoder()
_SEPARATORS: Final = re.compile(r"[\s,\]]*")  # with its end: whatever stands behind is an element too
_SEPARATORS_WITHIN: Final = re.compile(r"[\s,]*")
_END_OF_OBJECT: Final = re.compile(r"\}(?=\s*,\s*\{)")
_END_OF_OTHER: Final = re.compile(r"[^\s,](?=\s*,\s*\{)")
_BETWEEN: Final = " \t\r\n,"
_LOOKAHEAD: Final = 1 << 16  # an error this close to the end of what was read may be no more than that end
_PLAIN: Final = frozenset([str, int, bool, type(None)])
_MAX_NUMBER: Final = 2.0**63
_MAX_DEPTH: Final = 200


def read_jsonl(stream: ByteStream, records: str | None = None) -> Iterator[RawRow]:
    """One object per line.

    Args:
        stream: The file.
        records: Key, or keys joined by dots, of the array of rows in JSON that wraps it; None: rows are not wrapped.

    Raises:
        SourceError: The file is gone.
        DamagedFileError: It has no array under `records`.
    """
    if records is not None:
        return _read_wrapped(stream, records)
    return map(_parsed, count(), _filled_lines(stream))


def _filled_lines(stream: ByteStream) -> Iterator[bytes]:
    return (line for line in stream.lines() if line.strip())


def read_json(stream: ByteStream, records: str | None = None) -> Iterator[RawRow]:
    """An array of objects; else objects one per line, or one object over several lines.

    Args:
        stream: The file.
        records: As for `read_jsonl`.

    Raises:
        SourceError: The file is gone.
        DamagedFileError: It has no array under `records`.
    """
    if records is not None:
        yield from _read_wrapped(stream, records)
        return
    if stream.first_letter() == "[":
        yield from _read_arrays(stream, Seeker(()), _SEPARATORS)
        return
    lines, head = _filled_lines(stream), []
    for line in lines:
        head.append(line)
        if _parsed(0, line).values:
            yield from map(_parsed, count(), chain(head, lines))
            return
    if head:
        yield _parsed(0, b"".join(head))


def _read_arrays(stream: ByteStream, seeker: Seeker, separators: re.Pattern[str]) -> Iterator[RawRow]:
    """Element by element; a damaged one is skipped up to where the next object starts."""
    positions, text, waiting, is_open = count(), "", "", False
    for piece, last in stream.pieces():
        waiting += piece
        # What one long element left over is parsed again only once it has doubled, which keeps the whole linear.
        if len(waiting) < len(text) and not last:
            continue
        text, waiting = text + waiting, ""
        while True:
            if not is_open:
                text, is_open = seeker.seek(text)
            if not is_open:
                break
            text = yield from _read_elements(stream, text, last, positions, separators)
            if not text.startswith("]"):
                break
            is_open = False


def _read_wrapped(stream: ByteStream, records: str) -> Iterator[RawRow]:
    """The elements of the arrays under a path of keys; a file may hold several such pages, one behind the other."""
    seeker = Seeker(records.split("."))
    yield from _read_arrays(stream, seeker, _SEPARATORS_WITHIN)
    if not seeker.num_found and not stream.damage:
        raise DamagedFileError(f"{stream.uri}: holds no array under source.records={records}")


def _read_elements(
    stream: ByteStream, text: str, last: bool, positions: Iterator[int], separators: re.Pattern[str]
) -> Generator[RawRow, None, str]:
    """The elements that a text holds whole; returns what is left of it, without what parts elements."""
    if (end := _end_of_whole(text)) and (rows := _whole_elements(text[:end])) is not None:
        yield from map(RawRow, islice(positions, len(rows)), rows)
        text = text[end:]
    at = 0
    while (element := _next_element(text, at, last, separators)) is not None:
        start, at, outcome = element
        if stream.damage and isinstance(outcome, Exception) and at == len(text):
            stream.rest = _original(text[start:])
        else:
            yield _element_row(next(positions), text[start:at], outcome)
    return text[_start_of_next(text, at, separators) :]


def _end_of_whole(text: str) -> int:
    """Where the last object ends that another one follows, as far as brackets alone can tell; 0 where none does."""
    start = text.rfind("{")
    while start > 0:
        before = text[max(start - 64, 0) : start].rstrip()
        if before.endswith(",") and (end := before[:-1].rstrip()).endswith("}"):
            return max(start - 64, 0) + len(end)
        start = text.rfind("{", 0, start)
    return 0


def _whole_elements(text: str) -> list[dict[str, Any]] | None:
    """All objects of a stretch of an array at once, or None where it has to be read element by element.

    What the fast parser takes as a whole is a row of whole elements: one that was cut inside a text or a bracket would
    not be balanced.
    """
    try:
        rows = orjson.loads(f"[{text.lstrip(_BETWEEN)}]")
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
    return list(rows) if all(isinstance(row, dict) and _is_plain(row) for row in rows) else None


def _is_plain(row: dict[str, Any]) -> bool:
    """Whether no value needs a second look: for its depth, or as an integer that the fast parser made a float of."""
    if (kinds := set(map(type, row.values()))) <= _PLAIN:
        return True
    if dict in kinds:
        return False
    others: list[Any] = [value for value in row.values() if value.__class__ is list or value.__class__ is float]
    return all(
        abs(value) < _MAX_NUMBER if value.__class__ is float else _PLAIN.issuperset(map(type, value))
        for value in others
    )


def _start_of_next(text: str, at: int, separators: re.Pattern[str]) -> int:
    found = separators.match(text, at)
    return found.end() if found else at


def _next_element(text: str, at: int, last: bool, separators: re.Pattern[str]) -> tuple[int, int, Any] | None:
    """Start, end, and value (or error) of the next element of an array; None where it ends or more text is needed."""
    start = _start_of_next(text, at, separators)
    if start == len(text) or text[start] == "]":
        return None
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        if not last and not _is_damaged(error, text):
            return None
        cut = (_END_OF_OBJECT if text[start] == "{" else _END_OF_OTHER).search(text, start)
        if cut is None and not last:
            return None
        return start, cut.end() if cut else len(text), error
    # A number may go on: `1` as `12`, and `1` before `.` or `e-` too.
    return (start, end, value) if last or len(text) - end > 3 else None


def _is_damaged(error: Exception, text: str) -> bool:
    """Whether a parse error is real damage, and not just the end of what was read so far."""
    if not isinstance(error, json.JSONDecodeError):
        return True
    return not error.msg.startswith("Unterminated") and error.pos < len(text) - _LOOKAHEAD


def _element_row(position: int, text: str, outcome: Any) -> RawRow:
    if not text.isascii() and SURROGATE.search(text):
        return RawRow(position, None, _original(text), NOT_TEXT)
    return _checked(position, outcome, _original(text))


def _parsed(position: int, line: bytes) -> RawRow:
    try:
        return _checked(position, _load(line), line)
    except UnicodeDecodeError:
        return RawRow(position, None, line, NOT_TEXT)
    except (ValueError, RecursionError) as error:
        return _checked(position, error, line)


def _load(line: bytes) -> Any:
    """A JSON value. The slow reader, which arrays need, adds NaN, lone surrogates and integers beyond 64 bits."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode())
    if isinstance(value, dict) and any(isinstance(cell, float) and abs(cell) >= _MAX_NUMBER for cell in value.values()):
        return json.loads(line)
    return value


def _checked(position: int, outcome: Any, raw: bytes) -> RawRow:
    """The row if the outcome of parsing it is an object that can be written again."""
    if isinstance(outcome, Exception):
        return RawRow(position, None, raw, f"not JSON: {getattr(outcome, 'msg', outcome)}")
    if not isinstance(outcome, dict):
        return RawRow(position, None, raw, f"not a JSON object but {type(outcome).__name__}")
    if raw.count(b"{") + raw.count(b"[") > _MAX_DEPTH and _is_deep(outcome):
        return RawRow(position, None, raw, f"nested deeper than {_MAX_DEPTH}")
    return RawRow(position, outcome)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for item in chain.from_iterable(inner) if isinstance(item, dict | list)]
    return bool(level)


def _original(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
