"""Where a model is wrong more often than elsewhere. It does not know models, or where the values come from.

Each slice is compared with all other rows by Fisher's exact test, one-sided, and the p-values of all slices of a target
are corrected together (Holm, 1979), so that looking at many slices finds nothing by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets.card.judged import Judged, share_of

NONE: Final = "(none)"
"""Value of the rows that have none."""
_NUM_LENGTHS: Final = 4

Values = Sequence[str]


def slice_columns(
    table: pa.Table, names: Sequence[str], texts: Sequence[str], patterns: Sequence[str]
) -> dict[str, Values]:
    """What tickets are broken down by: dimension → n values.

    Args:
        table: n tickets; of `names` only columns that it has are used, and its `created_at`.
        names: Fields.
        texts: n texts.
        patterns: n presence patterns.
    """
    columns = {name: _as_text(table[name]) for name in names if name in table.column_names}
    times = table["created_at"].to_pylist()
    return {
        **columns,
        "length of text": _lengths(texts),
        "month": [f"{time:%Y-%m}" if time is not None else NONE for time in times],
        "inputs present": list(patterns),
    }


def error_slices(
    judged: Judged,
    columns: Mapping[str, Values],
    asked: float,
    least_rows: int,
    significance: float,
    confidence: float,
) -> dict[str, Any]:
    """How often the answers are right, value by value.

    Args:
        judged: m answers.
        columns: Dimension → value of each of the n test tickets, as `slice_columns` gives.
        asked: Precision that automated answers must keep.
        least_rows: Rows of a value below which it is left out.
        significance: Chance that any slice is flagged though none is worse.
        confidence: Of every interval.

    Returns:
        `num_small` (values left out) and `slices`, per slice: `dimension`, `value`; `right`, how many of its rows
        come right, as `share_of`, `rest`, the share of all other rows that does, `p_value` (corrected) and
        `worse`; and `automated`, how many of the answers that may be acted on are right, as `share_of`, with
        `below`, whether that surely is less than asked. A dimension with a single value is left out.
    """
    num_small = 0
    found: list[dict[str, Any]] = []
    for dimension, all_values in columns.items():
        values = np.array([all_values[row] for row in judged.rows], dtype=object)
        names, counts = np.unique(values.astype(str), return_counts=True)
        if len(names) < 2:
            continue
        num_small += int((counts < least_rows).sum())
        large = names[counts >= least_rows]
        found += [_slice(judged, dimension, str(name), values == name, confidence) for name in large]
    _flag(found, significance, asked)
    return {"num_small": num_small, "slices": found}


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number: below a level, all of them together are wrong with that chance at most."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.zeros(len(order))
    largest = 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min((len(order) - rank) * p_values[at], 1.0))
        corrected[at] = largest
    return corrected.tolist()


def _slice(judged: Judged, dimension: str, value: str, inside: NDArray[np.bool_], confidence: float) -> dict[str, Any]:
    return {
        "dimension": dimension,
        "value": value,
        "right": share_of(judged.right[inside], confidence),
        "rest": share_of(judged.right[~inside], confidence)["share"],
        "p_value": _as_wrong_by_chance(judged.right, inside),
        "automated": share_of(judged.right[inside & judged.automated], confidence),
    }


def _as_wrong_by_chance(right: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    """Chance that a draw of as many rows holds as many wrong ones: Fisher's exact test against the other rows."""
    from scipy.stats import hypergeom

    num_wrong = int((~right[inside]).sum())
    return float(hypergeom.sf(num_wrong - 1, len(right), int((~right).sum()), int(inside.sum())))


def _flag(slices: list[dict[str, Any]], significance: float, asked: float) -> None:
    """Correct the p-values, and say which slices are surely worse."""
    from scipy.stats import binom

    for entry, corrected in zip(slices, holm([entry["p_value"] for entry in slices]), strict=True):
        entry |= {"p_value": corrected, "worse": corrected < significance}
    acted = [entry["automated"] for entry in slices]
    p_values = [float(binom.cdf(of["num_hits"], of["num_rows"], asked)) for of in acted]
    for automated, corrected in zip(acted, holm(p_values), strict=True):
        automated["below"] = corrected < significance


def _lengths(texts: Sequence[str]) -> list[str]:
    """Quarters by number of words, as far as lengths differ."""
    counts = np.array([len(text.split()) for text in texts], dtype=np.int64)
    if not len(counts):
        return []
    edges = np.unique(np.quantile(counts, np.arange(1, _NUM_LENGTHS) / _NUM_LENGTHS, method="inverted_cdf"))
    edges = edges[edges < counts.max()]
    lows, highs = [int(counts.min()), *(edges + 1).tolist()], [*edges.tolist(), int(counts.max())]
    width = len(str(highs[-1]))
    spans = zip(lows, highs, strict=True)
    names = [f"{low:>{width}}{f' to {high}' if high > low else ''} words" for low, high in spans]
    return [names[place] for place in np.searchsorted(edges, counts, side="left")]


def _as_text(column: pa.ChunkedArray) -> list[str]:
    return [NONE if value is None or value == "" else str(value) for value in column.to_pylist()]
