"""The newest tickets of the offline table, with times as ISO 8601 text: what the online store is filled from.

It does not know the online store.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.snapshots import UNDATED, Part, read_part, write_part
from tickets.storage import Storage


def write_newest(storage: Storage, bucket: str, offline: Sequence[Part], num_rows: int) -> list[Part]:
    """Write the tickets that were created last, by month.

    Args:
        storage: The root.
        bucket: Folder under it.
        offline: Parts of the latest versions.
        num_rows: How many tickets, at most.
    """
    written: list[Part] = []
    for month, chosen in groupby(_chosen(storage, offline, num_rows), key=lambda of: of[0].month):
        # Many small parts of a month become one: the slice is small, and readers open every part.
        tables = [read_part(storage, part).take(pa.array(rows)) for part, rows in chosen]
        newest = pa.concat_tables(tables).combine_chunks()
        written.append(write_part(storage, bucket, month, _with_iso_times(newest)))
    return written


def _chosen(storage: Storage, offline: Sequence[Part], num_rows: int) -> list[tuple[Part, np.ndarray]]:
    """Parts, the newest month first, and which of their rows: int64."""
    chosen: list[tuple[Part, np.ndarray]] = []
    left = num_rows
    for month in sorted(
        {part.month for part in offline}, key=lambda month: month if month != UNDATED else "", reverse=True
    ):
        if not left:
            break
        parts = [part for part in offline if part.month == month]
        times = [read_part(storage, part, ["created_at"])["created_at"].cast(pa.int64()) for part in parts]
        all_times = pc.fill_null(pa.chunked_array([chunk for of in times for chunk in of.chunks], pa.int64()), 0)
        newest = np.argsort(-all_times.to_numpy(), kind="stable")[:left]
        left -= len(newest)
        starts = np.cumsum([0, *(part.num_rows for part in parts)])
        for at, part in enumerate(parts):
            rows = np.sort(newest[(newest >= starts[at]) & (newest < starts[at + 1])]) - starts[at]
            if len(rows):
                chosen.append((part, rows))
    return chosen


def _with_iso_times(table: pa.Table) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = pc.binary_join_element_wise(pc.strftime(column, "%Y-%m-%dT%H:%M:%S"), "Z", "")
        columns[name] = column
    return pa.table(columns)
