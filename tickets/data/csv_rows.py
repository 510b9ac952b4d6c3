"""Rows out of CSV, with every row that breaks its rules kept. It does not know other formats (`readers.py`)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import chain, count

from tickets.data.rows import ASK_ENCODING, NOT_TEXT, SURROGATE, RawRow
from tickets.data.stream import ByteStream
from tickets.errors import DamagedFileError, SourceError


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


def read_csv(stream: ByteStream, delimiter: str) -> Iterator[RawRow]:
    """Rows below a header. A row that breaks the rules of quoting costs its first line; reading goes on behind it.

    Args:
        stream: The file.
        delimiter: What parts the columns.

    Raises:
        SourceError: The file is gone, or the delimiter is no single character.
        DamagedFileError: The header cannot be read.
    """
    csv.field_size_limit(1 << 28)
    lines, positions = _CsvLines(stream.lines()), count()
    rows = _csv_reader(lines, delimiter)
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
    if any(SURROGATE.search(name) for name in names):
        raise DamagedFileError(f"{stream.uri}: the header is not {stream.encoding}; {ASK_ENCODING}")
    seen: Counter[str] = Counter()
    header = []
    for name in names:
        seen[name] += 1
        header.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return header


def _from_cells(position: int, header: list[str], cells: list[str], raw: bytes) -> RawRow:
    if len(cells) != len(header):
        return RawRow(position, None, raw, f"{len(cells)} columns where the header has {len(header)}")
    if any(not cell.isascii() and SURROGATE.search(cell) for cell in cells):
        return RawRow(position, None, raw, NOT_TEXT)
    return RawRow(position, dict(zip(header, cells, strict=True)))
