"""Rows that a person repaired, kept as files of the bucket that are read again whenever their source is.

    <bucket>/repaired/<digest>.jsonl    a JSON line per row: quarantine_id, source_file, source_row, split, row

It does not know what became of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import orjson

from tickets.data.rows import RawRow
from tickets.data.sources import SourceFile
from tickets.storage import Storage, open_export


def repaired_files(storage: Storage, bucket: str) -> list[SourceFile]:
    """The files of a bucket that hold repaired rows."""
    names = [name for name in storage.list_keys(f"{bucket}/repaired") if name.endswith(".jsonl")]
    return [
        SourceFile(storage.uri(f"{bucket}/repaired/{name}"), f"repaired/{name}", "repaired", None) for name in names
    ]


def repaired_ids(storage: Storage, bucket: str) -> set[str]:
    """Ids of the refused rows that were repaired."""
    return {str(row["quarantine_id"]) for file in repaired_files(storage, bucket) for row in _lines(file)}


def read_repaired(file: SourceFile) -> Iterator[tuple[str, str | None, list[RawRow]]]:
    """The rows of such a file: the file that they come from, the split it was given for, and the rows."""
    for (name, split), rows in groupby(_lines(file), key=lambda row: (row["source_file"], row["split"])):
        yield name, split, [RawRow(row["source_row"], row["row"]) for row in rows]


def _lines(file: SourceFile) -> list[dict[str, Any]]:
    with open_export(file.uri) as lines:
        return [orjson.loads(line) for line in lines]
