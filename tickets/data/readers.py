"""Rows out of one file, whatever its format, with every unreadable row kept as bytes and a reason.

It does not know what the columns mean (`mapping.py`). Rows come in batches, so that memory stays bounded; only a file
that is one broken JSON value is held whole.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from lzma import LZMAError
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tickets.data.sources import Format, SourceFile
from tickets.errors import SourceError
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


_CHUNK_BYTES: Final = 1 << 20
_DAMAGED: Final = (EOFError, zlib.error, OSError, LZMAError)
_DECODER: Final = json.JSONDecoder()
_SEPARATORS: Final = re.compile(r"[\s,\]]*")
_NEXT_OBJECT: Final = re.compile(r"\}\s*,\s*(?=\{)")


def read_rows(file: SourceFile, delimiter: str, batch_rows: int) -> Iterator[list[RawRow]]:
    """The file's rows in order, in batches.

    Args:
        file: What to read.
        delimiter: What parts the columns of a CSV file.
        batch_rows: Most rows of a batch.

    Raises:
        SourceError: The file is gone, or its Parquet footer cannot be read.
    """
    stream = _Stream(file)
    batch: list[RawRow] = []
    num_rows = 0
    for row in _READERS[file.format](stream, delimiter):
        num_rows += 1
        batch.append(row)
        if len(batch) == batch_rows:
            yield batch
            batch = []
    if stream.damage:
        batch.append(RawRow(num_rows, None, b"", f"the file is damaged from here on: {stream.damage}"))
    if batch:
        yield batch


def _read_jsonl(stream: _Stream, delimiter: str) -> Iterator[RawRow]:
    positions = count()
    for line in stream.lines():
        if line.strip():
            yield _parsed(next(positions), line)


def _read_json(stream: _Stream, delimiter: str) -> Iterator[RawRow]:
    """A JSON array, object by object; a damaged object is skipped up to where the next one starts."""
    positions, text, in_array = count(), "", False
    for piece, last in stream.pieces():
        text = text + piece if in_array else (text + piece).lstrip("\ufeff \t\r\n")
        if not in_array and text[:1] == "[":
            in_array, text = True, text[1:]
        if in_array:
            at = 0
            while (element := _next_element(text, at, last)) is not None:
                start, at, outcome = element
                yield _element_row(next(positions), text[start:at], outcome)
            text = text[at:]
        elif last and text:
            yield from _without_array(text, positions)


def _next_element(text: str, at: int, last: bool) -> tuple[int, int, Any] | None:
    """Start, end, and value (or error) of the next element of an array; None where more text is needed."""
    separators = _SEPARATORS.match(text, at)
    start = separators.end() if separators else at
    if start == len(text):
        return None
    try:
        value, end = _DECODER.raw_decode(text, start)
        return start, end, value
    except (json.JSONDecodeError, RecursionError) as error:
        if not last and not _is_damaged(error, text):
            return None
        cut = _NEXT_OBJECT.search(text, start)
        if cut is None and not last:
            return None
        return start, cut.end() if cut else len(text), error


def _is_damaged(error: Exception, text: str) -> bool:
    """Whether a parse error is real damage, and not just the end of what was read so far."""
    if not isinstance(error, json.JSONDecodeError):
        return True
    return not error.msg.startswith("Unterminated") and error.pos < len(text) - _CHUNK_BYTES // 2


def _element_row(position: int, text: str, outcome: Any) -> RawRow:
    if isinstance(outcome, Exception):
        return RawRow(position, None, text.encode("utf-8", "surrogateescape"), f"not JSON: {outcome}")
    return _checked(position, outcome, text)


def _without_array(text: str, positions: Iterator[int]) -> Iterator[RawRow]:
    """A file that holds no array: objects one per line, or one object."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [_parsed(position, line.encode("utf-8", "surrogateescape")) for position, line in enumerate(lines)]
    if any(row.values is not None for row in rows):
        yield from rows
    else:
        yield _parsed(next(positions), text.encode("utf-8", "surrogateescape"))


def _read_csv(stream: _Stream, delimiter: str) -> Iterator[RawRow]:
    separator = "\t" if ".tsv" in stream.file.name.lower() and delimiter == "," else delimiter
    csv.field_size_limit(1 << 28)
    lines = (line.decode("utf-8", "surrogateescape") for line in stream.lines())
    rows = csv.reader(lines, delimiter=separator)
    header = next(rows, None)
    if header is None:
        return
    header = [name.strip().lstrip("\ufeff") for name in header]
    positions = count()
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield RawRow(next(positions), None, b"", f"not CSV: {error}")
            continue
        if cells:
            yield _from_cells(next(positions), header, cells, separator)


def _from_cells(position: int, header: list[str], cells: list[str], delimiter: str) -> RawRow:
    reason = None
    if len(cells) != len(header):
        reason = f"{len(cells)} columns where the header has {len(header)}"
    elif any(not cell.isascii() and _has_surrogates(cell) for cell in cells):
        reason = "not UTF-8"
    if reason is None:
        return RawRow(position, dict(zip(header, cells, strict=True)))
    raw = io.StringIO()
    csv.writer(raw, delimiter=delimiter, lineterminator="").writerow(cells)
    return RawRow(position, None, raw.getvalue().encode("utf-8", "surrogateescape"), reason)


def _read_parquet(stream: _Stream, delimiter: str) -> Iterator[RawRow]:
    positions = count()
    try:
        with open_export(stream.file.uri) as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=2_000):
                for values in batch.to_pylist():
                    yield RawRow(next(positions), values)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{stream.file.uri}: not a readable Parquet file ({error})") from None


def _parsed(position: int, line: bytes) -> RawRow:
    try:
        value = orjson.loads(line.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        return RawRow(position, None, line, f"not JSON: {error}")
    return _checked(position, value, line)


def _checked(position: int, value: Any, raw: str | bytes) -> RawRow:
    if isinstance(value, dict):
        return RawRow(position, value)
    original = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    return RawRow(position, None, original, f"not a JSON object but {type(value).__name__}")


def _has_surrogates(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


class _Stream:
    """The unpacked bytes of a file. A damaged compressed file gives what comes before the damage, and says so."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.damage: str | None = None

    def chunks(self) -> Iterator[bytes]:
        """Bytes in pieces of about a mebibyte."""
        try:
            stream = open_export(self.file.uri)
        except FileNotFoundError:
            raise SourceError(f"{self.file.uri}: no such file") from None
        with stream:
            # read1 hands out what is unpacked already, so that nothing before the damage is lost.
            read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
            while True:
                try:
                    chunk = read(_CHUNK_BYTES)
                except _DAMAGED as error:
                    self.damage = str(error) or type(error).__name__
                    return
                if not chunk:
                    return
                yield chunk

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Decoded text in pieces, and whether it is the last one; broken UTF-8 survives as surrogates."""
        decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        for chunk in self.chunks():
            yield decode(chunk), False
        yield decode(b"", final=True), True

    def lines(self) -> Iterator[bytes]:
        """Lines with their end."""
        rest = b""
        for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest


_READERS: Final[dict[Format, Callable[[_Stream, str], Iterator[RawRow]]]] = {
    "json": _read_json,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
