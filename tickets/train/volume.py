"""Labels with too few rows to learn them, or to show that they may be automated. It does not know models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tickets.decide.thresholds import fewest_rows
from tickets.train.split import CALIBRATION, TRAIN


@dataclass(frozen=True, slots=True)
class Volume:
    """How many rows the labels of one target have where they are needed."""

    min_label_rows: int
    """Training rows below which a label is thin."""
    num_training: int
    """Labelled rows that train."""
    thin: Mapping[str, int]
    """Thin labels → training rows; 0 where the label stands in other splits alone and can never be answered."""
    thin_share: float
    """Share of all labelled rows that carry a thin label."""
    num_calibration: int
    """Labelled rows of the calibration split."""
    rows_to_show: int
    """Calibration rows, all answered right, that it takes to show the precision that automation asks for."""
    unshown: Mapping[str, int]
    """Labels with fewer calibration rows → how many they have."""


def measure_volume(
    labels: Sequence[str], splits: Sequence[str], min_label_rows: int, precision: float, confidence: float
) -> Volume:
    """Count the rows of each label by split.

    Args:
        labels: n labels.
        splits: n splits.
        min_label_rows: Training rows below which a label is thin.
        precision: That automation asks for.
        confidence: With which it must be shown.
    """
    total = Counter(labels)
    rows = Counter(zip(labels, splits, strict=True))
    needed = fewest_rows(precision, confidence)
    thin = {label: rows[label, TRAIN] for label in sorted(total) if rows[label, TRAIN] < min_label_rows}
    return Volume(
        min_label_rows=min_label_rows,
        num_training=sum(split == TRAIN for split in splits),
        thin=thin,
        thin_share=sum(total[label] for label in thin) / max(len(labels), 1),
        num_calibration=sum(split == CALIBRATION for split in splits),
        rows_to_show=needed,
        unshown={label: rows[label, CALIBRATION] for label in sorted(total) if rows[label, CALIBRATION] < needed},
    )
