"""What was done about past tickets, and whether it helped. It does not know how either is stored or shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from tickets.masking import mask
from tickets.text import fingerprint

_LIKED_FROM: Final = 4  # of 5 points
_DISLIKED_TO: Final = 2


def find_fixes(
    table: pa.Table, labels: Mapping[str, Sequence[str | None]], no_fix_codes: Sequence[str] = ()
) -> list[str | None]:
    """What counts as one and the same fix: the code together with the most specific label of the problem.

    That label is the subcategory, else the category, else that of the first target. Without a code, equal resolutions
    are the same fix.

    Args:
        table: n tickets.
        labels: Target → n labels, the most important target first.
        no_fix_codes: Codes that close a ticket without a fix.

    Returns:
        n ids of fixes; None where a ticket has none.
    """
    problems = zip(
        values_of(table, "subcategory"),
        values_of(table, "category"),
        next(iter(labels.values()), [None] * table.num_rows),
        strict=True,
    )
    codes, resolutions = values_of(table, "resolution_code"), values_of(table, "resolution")
    return [
        None if code in no_fix_codes else _fix(code, next(filter(None, problem), None), resolution)
        for code, problem, resolution in zip(codes, problems, resolutions, strict=True)
    ]


def _fix(code: str | None, problem: str | None, resolution: str | None) -> str | None:
    if code:
        return f"{code} / {problem}" if problem else code
    return f"text {fingerprint(mask(resolution))[:16]}" if resolution and resolution.strip() else None


def find_outcomes(table: pa.Table) -> list[bool | None]:
    """Whether what was done helped: what the customer said, else 4 or 5 points of satisfaction yes, 1 or 2 no.

    Returns:
        One per ticket; None where nobody said, or the points are between.
    """
    said, points = values_of(table, "resolution_helpful"), values_of(table, "satisfaction_score")
    return [helpful if helpful is not None else _liked(score) for helpful, score in zip(said, points, strict=True)]


def _liked(score: float | None) -> bool | None:
    if score is None or _DISLIKED_TO < score < _LIKED_FROM:
        return None
    return score >= _LIKED_FROM


def values_of(table: pa.Table, name: str) -> list[Any]:
    """The values of a column, all None where the table lacks it."""
    return table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
