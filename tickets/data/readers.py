"""Rows out of one file, whatever its format, with every unreadable row kept as bytes and a reason.

It does not know what the columns mean (`mapping.py`). Rows come in batches, so that memory stays bounded; only a file
that is one broken JSON value is held whole.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tickets import logs
from tickets.data.envelopes import Seeker
from tickets.data.sources import Format, SourceFile
from tickets.data.stream import DAMAGED, ByteStream
from tickets.errors import DamagedFileError, SourceError
from tickets.quality.outcome import DAMAGED_FILE
from tickets.storage import open_export


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it.

    Attributes:
        position: Place in the file, from 0.
        values: Column → value; None where the row cannot be read.
        raw: The original bytes, where the row cannot be read.
        reason: Why it cannot be read.
    """

    position: int
    values: dict[str, Any] | None
    raw: bytes | None = None
    reason: str | None = None


class _Layout(NamedTuple):
    """How the rows of a text file are told apart."""

    delimiter: str
    records: str | None


_DECODER: Final = json.JSONDecoder()
_SEPARATORS: Final = re.compile(r"[\s,\]]*")  # with its end: whatever stands behind is an element too
_SEPARATORS_WITHIN: Final = re.compile(r"[\s,]*")
_END_OF_OBJECT: Final = re.compile(r"\}(?=\s*,\s*\{)")
_END_OF_OTHER: Final = re.compile(r"[^\s,](?=\s*,\s*\{)")
_BETWEEN: Final = " \t\r\n,"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LOOKAHEAD: Final = 1 << 16  # an error this close to the end of what was read may be no more than that end
_PLAIN: Final = frozenset([str, int, bool, type(None)])
_MAX_NUMBER: Final = 2.0**63
_MOST_BYTES: Final = 32 << 20
"""Bytes of the file that one batch may hold; where rows are long, a batch has fewer of them."""
_MAX_DEPTH: Final = 200
_NOT_TEXT: Final = "not of the encoding"
_ASK: Final = "source.encoding says how the file is written"


def read_rows(
    file: SourceFile, delimiter: str, batch_rows: int, encoding: str = "utf-8", records: str | None = None
) -> Iterator[list[RawRow]]:
    """The file's rows in order, in batches.

    Args:
        file: What to read.
        delimiter: What parts the columns of a CSV file.
        batch_rows: Most rows of a batch.
        encoding: How text is written; not of Parquet.
        records: Key, or keys joined by dots, of the array of rows in JSON that wraps it; None: rows are not wrapped.

    Raises:
        SourceError: The file is gone, is no Parquet file though it should be, has a CSV header that says nothing, is
            UTF-16 though it should not be, or has no array under `records`.
    """
    stream = ByteStream(file.uri, encoding)
    separator = "\t" if ".tsv" in file.name.lower() and delimiter == "," else delimiter
    batch: list[RawRow] = []
    num_rows = num_bytes = 0
    for row in _READERS[file.format](stream, _Layout(separator, records)):
        num_rows += 1
        batch.append(replace(row, reason=f"not {stream.encoding}: {_ASK}") if row.reason is _NOT_TEXT else row)
        if len(batch) == batch_rows or stream.num_bytes - num_bytes > _MOST_BYTES:
            yield batch
            batch, num_bytes = [], stream.num_bytes
    if stream.damage:
        logs.get("data").warning("{}: damaged, all rows after {} are lost ({})", file.uri, num_rows, stream.damage)
        batch.append(RawRow(num_rows, None, stream.rest, f"{DAMAGED_FILE}: {stream.damage}"))
    if batch:
        yield batch


def _read_jsonl(stream: ByteStream, layout: _Layout) -> Iterator[RawRow]:
    if layout.records is not None:
        return _read_wrapped(stream, layout.records)
    return map(_parsed, count(), _filled_lines(stream))


def _filled_lines(stream: ByteStream) -> Iterator[bytes]:
    return (line for line in stream.lines() if line.strip())


def _read_json(stream: ByteStream, layout: _Layout) -> Iterator[RawRow]:
    """An array of objects; else objects one per line, or one object over several lines."""
    if layout.records is not None:
        yield from _read_wrapped(stream, layout.records)
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
    if not text.isascii() and _SURROGATE.search(text):
        return RawRow(position, None, _original(text), _NOT_TEXT)
    return _checked(position, outcome, _original(text))


def _parsed(position: int, line: bytes) -> RawRow:
    try:
        return _checked(position, _load(line), line)
    except UnicodeDecodeError:
        return RawRow(position, None, line, _NOT_TEXT)
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


class _CsvLines:
    """Decoded lines for the CSV reader. Remembers the bytes of the row in progress, and can take lines back."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._row: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._row.append(next(self._lines))
        return self._row[-1].decode("utf-8", "surrogateescape")

    def take_row(self) -> bytes:
        """The bytes of the row that was read last."""
        row, self._row = b"".join(self._row), []
        return row

    def take_line(self) -> bytes:
        """The bytes of that row's first line; its other lines will be read again."""
        (line, *others), self._row = self._row, []
        self._lines = chain(others, self._lines)
        return line


def _read_csv(stream: ByteStream, layout: _Layout) -> Iterator[RawRow]:
    """Rows below a header. A row that breaks the rules of quoting costs its first line; reading goes on behind it."""
    csv.field_size_limit(1 << 28)
    lines, positions = _CsvLines(stream.lines()), count()
    rows = _csv_reader(lines, layout.delimiter)
    header = _csv_header(stream, rows)
    lines.take_row()
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            if stream.damage and str(error) == "unexpected end of data":
                stream.rest = lines.take_row() + stream.rest
                return
            yield RawRow(next(positions), None, lines.take_line(), f"not CSV: {error}")
            continue
        if cells is None:
            return
        raw = lines.take_row()
        if cells:
            yield _from_cells(next(positions), header, cells, raw)


def _csv_reader(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    try:
        return csv.reader(lines, delimiter=delimiter, strict=True)
    except TypeError:
        raise SourceError(f"source.delimiter={delimiter!r}; allowed: one character") from None


def _csv_header(stream: ByteStream, rows: Iterator[list[str]]) -> list[str]:
    """Column names, each one once: a name that comes again gets its number."""
    try:
        names = [name.strip() for name in next((cells for cells in rows if cells), [])]
    except csv.Error as error:
        raise DamagedFileError(f"{stream.uri}: the header is not CSV ({error})") from None
    if any(_SURROGATE.search(name) for name in names):
        raise DamagedFileError(f"{stream.uri}: the header is not {stream.encoding}; {_ASK}")
    seen: Counter[str] = Counter()
    header = []
    for name in names:
        seen[name] += 1
        header.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return header


def _from_cells(position: int, header: list[str], cells: list[str], raw: bytes) -> RawRow:
    if len(cells) != len(header):
        return RawRow(position, None, raw, f"{len(cells)} columns where the header has {len(header)}")
    if any(not cell.isascii() and _SURROGATE.search(cell) for cell in cells):
        return RawRow(position, None, raw, _NOT_TEXT)
    return RawRow(position, dict(zip(header, cells, strict=True)))


def _read_parquet(stream: ByteStream, layout: _Layout) -> Iterator[RawRow]:
    positions = count()
    try:
        with open_export(stream.uri) as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(batch_size=_rows_of_parquet(parquet.metadata)):
                for values in batch.to_pylist():
                    yield RawRow(next(positions), values)
                stream.num_bytes += batch.nbytes
    except (pa.ArrowException, ValueError, OverflowError, *DAMAGED) as error:
        if isinstance(error, TimeoutError | ConnectionError) or (isinstance(error, OSError) and error.errno):
            raise SourceError(f"{stream.uri}: cannot be read ({error})") from None
        raise DamagedFileError(f"{stream.uri}: not a readable Parquet file ({error})") from None


def _rows_of_parquet(metadata: pq.FileMetaData) -> int:
    """Rows that are unpacked together, by the unpacked size of the widest row group."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    row_bytes = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return int(min(max(_MOST_BYTES / max(row_bytes, 1.0), 1), 2_000))


_READERS: Final[dict[Format, Callable[[ByteStream, _Layout], Iterator[RawRow]]]] = {
    "json": _read_json,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
