"""Whether texts that return carry the label they had: what remembering answers, where nothing else may be learned.

It does not know fits, views or verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tickets.train.sample import Ints, Sample, Score

LEAST_ROWS: Final = 20
"""Rows whose text returns, below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """How well the rows of a text answer each other, of the rows whose text another row has too."""

    score: Score
    """Of answering each with the most frequent label of the others."""
    p_value: float
    """Share of shuffles in which the rows of a text agreed as often as they do."""


def measure_memory(sample: Sample, num_shuffles: int) -> Remembered | None:
    """Answer every row whose text returns by the other rows of its text.

    The agreement within texts is tested by shuffling labels among these rows, which is exact when they are
    exchangeable (Good 2005).

    Args:
        sample: n rows.
        num_shuffles: Shuffles to compare with.

    Returns:
        None where fewer than `LEAST_ROWS` rows have a text that returns.
    """
    returning = np.bincount(sample.groups)[sample.groups] > 1
    if returning.sum() < LEAST_ROWS:
        return None
    _, groups = np.unique(sample.groups[returning], return_inverse=True)
    codes = sample.codes[returning]
    counts = _counts(groups, codes, len(sample.names))
    others = counts[groups].astype(np.float64)
    others[np.arange(len(codes)), codes] -= 1
    predicted = sample.codes.copy()  # rows of other texts are not scored
    predicted[returning] = (others + counts.sum(axis=0) / (len(codes) + 1)).argmax(axis=1)  # the frequent one of equals
    rng, agreement = np.random.default_rng(0), _agreement(counts)
    shuffled = (_agreement(_counts(groups, rng.permutation(codes), len(sample.names))) for _ in range(num_shuffles))
    exceeding = sum(other >= agreement - 1e-9 for other in shuffled)
    return Remembered(sample.score(predicted, returning), (1 + exceeding) / (1 + num_shuffles))


def _counts(groups: Ints, codes: Ints, num_labels: int) -> Ints:
    """int[groups, labels]."""
    cells = np.bincount(groups * num_labels + codes, minlength=(groups.max() + 1) * num_labels)
    return cells.reshape(-1, num_labels)


def _agreement(counts: Ints) -> float:
    """Other rows of its text with the same label, as a share of them, summed over rows."""
    return float(((counts * (counts - 1)).sum(axis=1) / (counts.sum(axis=1) - 1)).sum())
