"""Tickets by the month in which they were created. It does not know where parts are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tickets.snapshots import UNDATED


def by_month(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each month, such as `2026-01`, in order; `undated` for rows without a time."""
    months = pc.fill_null(pc.strftime(table["created_at"], "%Y-%m"), UNDATED)
    for month in sorted(pc.unique(months).to_pylist()):
        yield month, table.filter(pc.equal(months, month))
