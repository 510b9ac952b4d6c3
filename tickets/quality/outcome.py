"""What becomes of the tickets in which something was found. It does not know what was looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import Severity
from tickets.quality.check import Finding, Mask

REASON: Final = "failed a check"
"""How the reason of a row begins that a check sends to quarantine; the checks follow behind a colon."""
DAMAGED_FILE: Final = "the file is damaged from here on"
"""How the reason of the last row begins that a damaged file gives; the rows behind it are lost."""
LOST_FILE: Final = "the file cannot be read"
"""How the reason of the only row begins that a file gives of which nothing can be read."""


def mark(table: pa.Table, findings: Sequence[Finding]) -> pa.Table:
    """The tickets with what was found written into their `marks`, after what stood there, each once.

    Args:
        table: Tickets.
        findings: Of that table; only those that mark are written.
    """
    chosen = [finding for finding in findings if finding.severity is Severity.MARK]
    if not chosen:
        return table
    old = table["marks"].combine_chunks()
    rows = [pc.list_parent_indices(old).to_numpy(zero_copy_only=False)]
    rows += [np.flatnonzero(finding.rows) for finding in chosen]
    texts = [pc.list_flatten(old), *(pa.repeat(finding.mark, int(finding.rows.sum())) for finding in chosen)]
    marks = _grouped(np.concatenate(rows), pa.concat_arrays(texts), table.num_rows, old.type)
    return table.set_column(table.schema.get_field_index("marks"), table.schema.field("marks"), marks)


def refused(findings: Sequence[Finding], num_rows: int) -> tuple[Mask, pa.Array]:
    """The tickets that belong in quarantine.

    Args:
        findings: Of one table.
        num_rows: Its rows.

    Returns:
        bool [n], and for each of those rows the reason, in order: the checks, by name.
    """
    chosen = [finding for finding in findings if finding.severity is Severity.QUARANTINE]
    rows = np.zeros(num_rows, dtype=bool)
    for finding in chosen:
        rows |= finding.rows
    names = [[finding.name for finding in chosen if finding.rows[at]] for at in np.flatnonzero(rows)]
    return rows, pa.array([f"{REASON}: {', '.join(found)}" for found in names], pa.string())


def _grouped(rows: np.ndarray, texts: pa.Array, num_rows: int, list_type: pa.DataType) -> pa.Array:
    """Texts of scattered rows as one list per row, in the order given, each text once."""
    encoded = texts.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    pairs = rows.astype(np.int64) * (len(encoded.dictionary) + 1) + codes
    first = np.sort(np.unique(pairs, return_index=True)[1])
    order = first[np.argsort(rows[first], kind="stable")]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows[order], minlength=num_rows))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts.take(pa.array(order)), type=list_type)
