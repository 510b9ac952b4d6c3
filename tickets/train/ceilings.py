"""The best accuracy that identical inputs with different labels leave. It does not know what the inputs mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tickets.train.sample import Ints, number_labels
from tickets.train.signal import group_texts


def text_ceiling(labels: Sequence[str], texts: Sequence[str]) -> float | None:
    """Best accuracy that the text alone allows on these rows; None where no row has any.

    A text that occurs once could always be answered right, and so could a row without text, so with few or unique
    texts this is optimistic; and fields may tell identical texts apart, so a model that reads them can pass it.

    Args:
        labels: n labels.
        texts: n normalised texts, empty where a ticket has none.
    """
    return _share_of_best(group_texts(texts), labels) if any(texts) else None


def input_ceiling(labels: Sequence[str], texts: Sequence[str], fields: pa.Table) -> float | None:
    """Best accuracy that text and fields together allow on these rows; None without rows.

    No model can pass it on these rows, but a number that is different on every row makes it say nothing.

    Args:
        labels: n labels.
        texts: n normalised texts.
        fields: n rows of the columns that a model reads; may have no columns.
    """
    return _share_of_best(group_inputs(texts, fields), labels) if labels else None


def group_inputs(texts: Sequence[str], fields: pa.Table) -> Ints:
    """int[n]: rows that agree in text and in every field share a number."""
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)
    for column in fields.columns:
        codes = column.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
        _, groups = np.unique(groups * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    return groups


def _share_of_best(groups: Ints, labels: Sequence[str]) -> float:
    """Share of rows that come right when each group gets its most frequent label."""
    names, codes = number_labels(labels)
    cells, counts = np.unique(groups * len(names) + codes, return_counts=True)
    best = np.zeros(groups.max() + 1, dtype=np.int64)
    np.maximum.at(best, cells // len(names), counts)
    return float(best.sum() / len(labels))
