"""The rows of one target: what is learned from, and what is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tickets.config import ModelConfig, SweepConfig
from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models import imbalance
from tickets.models.family import Examples, Limits
from tickets.models.labels import Labels
from tickets.text import fingerprint
from tickets.train.split import CALIBRATION, TRAIN, VALIDATION


@dataclass(frozen=True)
class Problem:
    """One target's rows.

    Attributes:
        target: Its name.
        labels: Its closed list, from the training rows.
        codes: int64 [n], index of each row's label, below 0 where it is outside the list or missing.
        features: n rows.
        texts: n texts.
        splits: str [n].
        limits: Steps, patience and seed of every fit.
        alone: The n rows with their text alone; None: there are no fields that could be missing.
        field_dropout: Share of the rows that are learned from once more with their text alone.
        remedy: What is done about classes of unlike size, one of `tickets.models.imbalance.REMEDIES`.
    """

    target: str
    labels: Labels
    codes: np.ndarray
    features: Features
    texts: Sequence[str]
    splits: np.ndarray
    limits: Limits
    alone: Features | None = None
    field_dropout: float = 0.0
    remedy: str = imbalance.NONE

    def rows(self, *splits: str, least: int = 0) -> np.ndarray:
        """Indices of the rows of some splits with a label in the list; with `least=OUTSIDE`, with any label."""
        return np.flatnonzero(np.isin(self.splits, splits) & (self.codes >= least))

    def fingerprints(self, rows: np.ndarray) -> list[str]:
        """One for each row, hexadecimal, shared by rows of the same text; a row without text has its own."""
        return [fingerprint(self.texts[row] or f"row {row}") for row in rows]

    def examples(self, *splits: str, head: np.ndarray | None = None) -> Examples:
        """The rows of some splits with a label in the list; `head` is float32 [n, k]."""
        rows = self.rows(*splits)
        return Examples(self.features.take(rows), self.codes[rows], None if head is None else head[rows])

    def lessons(self, *splits: str, head: np.ndarray | None = None) -> Examples:
        """`examples` to learn from and never to judge on: behind them stand copies of some without their fields.

        Which rows have a copy depends on the seed and on the number of rows alone. The text head says the same of both.
        The remedy for uneven classes lies on these rows, and on no others.
        """
        lessons = self._lessons(self.examples(*splits, head=head), self.rows(*splits))
        return imbalance.remedied(lessons, self.remedy, len(self.labels))

    def _lessons(self, examples: Examples, rows: np.ndarray) -> Examples:
        if self.alone is None:
            return examples
        has_copy = np.random.default_rng(self.limits.seed).random(len(self.codes)) < self.field_dropout
        copies = self.alone.take(rows[has_copy[rows]])
        joined = examples.take(np.r_[np.arange(len(rows)), np.flatnonzero(has_copy[rows])])
        categories = np.vstack([examples.features.categories, copies.categories])
        numbers = np.vstack([examples.features.numbers, copies.numbers])
        told = np.r_[has_copy[rows], np.zeros(len(copies), dtype=bool)]
        features = replace(joined.features, categories=categories, numbers=numbers)
        return replace(joined, features=features, has_copy=told)


def build_problem(
    target: str,
    values: Sequence[str | None],
    features: Features,
    texts: Sequence[str],
    splits: np.ndarray,
    model: ModelConfig,
    sweep: SweepConfig,
    alone: Features | None = None,
    field_dropout: float = 0.0,
) -> Problem:
    """The rows of one target.

    Args:
        target: Its name.
        values: Its n values as text.
        features: n rows.
        texts: n texts.
        splits: str [n].
        model: Least rows of a label, seed.
        sweep: Steps of a fit.
        alone: n rows, as in `Problem`.
        field_dropout: As in `Problem`.

    Raises:
        ModelError: Fewer than two labels, or a split without a labelled row.
    """
    in_train = [value for value, split in zip(values, splits, strict=True) if split == TRAIN]
    labels = Labels.fit(in_train, model.min_class_rows)
    if len(labels) < 2:
        raise ModelError(f"{len(labels)} label with at least {model.min_class_rows} training rows; needed: 2")
    limits = Limits(len(labels), sweep.boosting_rounds, sweep.epochs, sweep.patience_steps, seed=model.seed)
    problem = Problem(target, labels, labels.encode(values), features, texts, splits, limits, alone, field_dropout)
    for split in (TRAIN, VALIDATION, CALIBRATION):
        if not len(problem.rows(split)):
            raise ModelError(f"no row of the {split} split has one of its labels")
    return problem


def text_folds(fingerprints: Sequence[str], num_folds: int) -> np.ndarray:
    """The fold of each row, int64 [n], by its text alone."""
    return np.array([int(digits[:8], 16) % num_folds for digits in fingerprints], dtype=np.int64)
