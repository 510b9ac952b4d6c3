"""Whether groups differ by more than chance. It does not know what the groups are or what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

from tickets.analytics.result import Summary


def clearly_apart(summaries: Sequence[Summary], confidence: float) -> tuple[int, int] | None:
    """The groups with the lowest and the highest median, if these lie clearly apart.

    Of many groups the two extremes lie apart by chance, so the intervals are widened as if the median were normal, to
    hold all k true values at once (Bonferroni); then they must not overlap.

    Args:
        summaries: Of k groups; one whose median has no interval is passed over.
        confidence: With which each interval holds the true median; together they do with at least the same.

    Returns:
        Positions of the lowest and of the highest; null where they may be equal.
    """
    known = [at for at, summary in enumerate(summaries) if summary.p50_low is not None]
    if len(known) < 2:
        return None
    tail = (1 - confidence) / 2
    widening = NormalDist().inv_cdf(1 - tail / len(known)) / NormalDist().inv_cdf(1 - tail)
    lowest = min(known, key=lambda at: summaries[at].p50 or 0.0)
    highest = max(known, key=lambda at: summaries[at].p50 or 0.0)
    is_apart = _widened(summaries[lowest], "p50_high", widening) < _widened(summaries[highest], "p50_low", widening)
    return (lowest, highest) if is_apart else None


def _widened(summary: Summary, side: Literal["p50_low", "p50_high"], widening: float) -> float:
    """The bound, so many times as far from the median."""
    median, bound = summary.p50 or 0.0, getattr(summary, side) or 0.0
    return median + widening * (bound - median)
