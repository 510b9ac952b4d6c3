"""The labelled rows at which a target is looked closely, and how a prediction of them is scored.

It does not know what the rows hold, or what is made of a score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickets.train.signal import assign_folds, group_texts

CONFIDENCE: Final = 0.95
"""Confidence of the intervals of an audit."""

Ints = NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Score:
    """How well some rows were predicted."""

    num_rows: int
    accuracy: float
    floor: float
    """Accuracy of always answering the most frequent label of these rows."""
    interval: Interval
    """95 % interval of the gain, in which rows of one text count as one observation."""

    @property
    def gain(self) -> float:
        """Accuracy above the floor."""
        return self.accuracy - self.floor

    def share(self, ceiling: float = 1.0) -> float:
        """The gain as a share of what is open between floor and ceiling; 0 where nothing is."""
        open_ = max(ceiling, self.accuracy) - self.floor
        return self.gain / open_ if open_ > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """n labelled rows, the latest last."""

    codes: Ints
    """int[n], the number of each row's label."""
    names: tuple[str, ...]
    """The label of each number."""
    groups: Ints
    """int[n]; rows with the same text share a number."""
    folds: Ints
    """int[n]; rows of one group share a fold, and labels play no part."""

    @classmethod
    def of(cls, labels: Sequence[str], texts: Sequence[str], num_folds: int) -> Sample:
        """Number the labels and assign folds.

        Args:
            labels: n labels.
            texts: n normalised texts, empty where a ticket has none.
            num_folds: At least 2.
        """
        groups = group_texts(texts)
        if len(set(texts)) == 1:  # one text on every row says nothing and must not bar folds
            groups = np.arange(len(texts), dtype=np.int64)
        names, codes = number_labels(labels)
        return cls(codes, names, groups, assign_folds(groups, num_folds))

    def score(self, predicted: Ints, rows: NDArray[np.bool_] | None = None) -> Score:
        """Score predictions.

        Args:
            predicted: int[n], the number of the label that each row was given.
            rows: bool[n], the rows to score; None: all.
        """
        rows = np.ones(len(self.codes), dtype=bool) if rows is None else rows
        truth = self.codes[rows]
        right = predicted[rows] == truth
        by_majority = truth == np.bincount(truth).argmax()
        interval = mean_interval(right.astype(np.float64) - by_majority, self.groups[rows])
        return Score(len(truth), float(right.mean()), float(by_majority.mean()), interval)


def number_labels(labels: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """The different labels in order, and int[n], the place of each row's label among them."""
    names = tuple(sorted(set(labels)))
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[label] for label in labels], dtype=np.int64)


def mean_interval(values: NDArray[np.float64], groups: Ints, confidence: float = CONFIDENCE) -> Interval:
    """Normal interval of a mean whose observations are groups of rows (a cluster-robust standard error).

    Args:
        values: float[n].
        groups: int[n].
        confidence: That the mean lies in it.
    """
    mean = float(values.mean())
    error = float(np.sqrt((np.bincount(groups, values - mean) ** 2).sum())) / len(values)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return mean - half, mean + half
