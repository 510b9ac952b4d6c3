"""Rows out of one file, whatever its format, in batches, with every unreadable row kept as bytes and a reason.

It does not know what the columns mean (`mapping.py`), or how a format is read (`json_rows.py`, `csv_rows.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from tickets import logs
from tickets.data.csv_rows import read_csv
from tickets.data.json_rows import read_json, read_jsonl
from tickets.data.rows import ASK_ENCODING, NOT_TEXT, RawRow
from tickets.data.sources import Format, SourceFile
from tickets.data.stream import DAMAGED, ByteStream
from tickets.errors import DamagedFileError, SourceError
from tickets.quality.outcome import DAMAGED_FILE
from tickets.storage import open_export

_MOST_BYTES: Final = 32 << 20
"""Bytes of the file that one batch may hold; where rows are long, a batch has fewer of them."""


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
    for row in _rows_of(file.format, stream, separator, records):
        num_rows += 1
        batch.append(replace(row, reason=f"not {stream.encoding}: {ASK_ENCODING}") if row.reason is NOT_TEXT else row)
        if len(batch) == batch_rows or stream.num_bytes - num_bytes > _MOST_BYTES:
            yield batch
            batch, num_bytes = [], stream.num_bytes
    if stream.damage:
        logs.get("data").warning("{}: damaged, all rows after {} are lost ({})", file.uri, num_rows, stream.damage)
        batch.append(RawRow(num_rows, None, stream.rest, f"{DAMAGED_FILE}: {stream.damage}"))
    if batch:
        yield batch


def _rows_of(format_: Format, stream: ByteStream, delimiter: str, records: str | None) -> Iterator[RawRow]:
    if format_ == "csv":
        return read_csv(stream, delimiter)
    if format_ == "parquet":
        return _read_parquet(stream)
    return read_json(stream, records) if format_ == "json" else read_jsonl(stream, records)


def _read_parquet(stream: ByteStream) -> Iterator[RawRow]:
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
