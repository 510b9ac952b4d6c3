"""Which labels are taken for which. It does not know texts: tickets are named by their id."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import numpy as np

from tickets.card.judged import Judged, share_of

MAX_PAIRS: Final = 25
"""Pairs that a card holds."""
_NUM_EXAMPLES: Final = 3


def worst_pairs(judged: Judged) -> list[dict[str, Any]]:
    """The true label and the one given instead, the most frequent pairs first, of these the most automated.

    Returns:
        Up to `MAX_PAIRS`, each with `true`, `given`, `num_rows`, `share` (of the rows with that true label),
        `num_automated` (of these mistakes), and in `tickets` up to three ids, the most confident mistakes first.
    """
    pairs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in np.flatnonzero(~judged.right):
        pairs[int(judged.truth[row]), int(judged.predicted[row])].append(int(row))
    num_true = {code: int(count) for code, count in zip(*np.unique(judged.truth, return_counts=True), strict=True)}
    num_acted = {pair: int(judged.automated[rows].sum()) for pair, rows in pairs.items()}
    ordered = sorted(pairs.items(), key=lambda item: (-len(item[1]), -num_acted[item[0]], item[0]))
    return [
        {
            "true": judged.name(true),
            "given": judged.name(given),
            "num_rows": len(rows),
            "share": len(rows) / num_true[true],
            "num_automated": num_acted[true, given],
            "tickets": [judged.ids[row] for row in sorted(rows, key=lambda row: -judged.top[row])[:_NUM_EXAMPLES]],
        }
        for (true, given), rows in ordered[:MAX_PAIRS]
    ]


def automated_labels(judged: Judged, confidence: float) -> dict[str, dict[str, Any]]:
    """Label → how many of the answers that give it and may be acted on are right, as `share_of`."""
    return {
        name: share_of(judged.right[judged.automated & (judged.predicted == code)], confidence)
        for code, name in enumerate(judged.model.labels.names)
    }
