"""Text heads: fitted out of fold, each target's own with those of the other targets beside it.

It does not know the tree models that read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tickets.models import linear
from tickets.models.family import Examples, Limits, softmax
from tickets.models.text_head import TextHead
from tickets.train.choice import gain_of
from tickets.train.problem import Problem, text_folds
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.tasks import result_of

MOST_OTHERS: Final = 64
"""Labels of other targets that a head may tell of; each is a column of the trees, and costs time in every round."""
_NAME: Final = "the text head"


@dataclass(frozen=True)
class Head:
    """The text head of a problem.

    Attributes:
        model: Fitted on training and validation rows; for every other row.
        out_of_fold: float32 [n, k + j], as `model` predicts; for each training and validation row with a label from a
            head that did not see its text. NaN for rows of which it tells nothing.
        tells: Whether it surely knows more of the validation rows than how frequent each label is.
    """

    model: TextHead
    out_of_fold: np.ndarray
    tells: bool


def fit_head(problem: Problem, num_folds: int) -> Head:
    """Fit the text head once per fold and once on everything; rows with the same text share a fold.

    Raises:
        ModelError: A fit failed.
    """
    import ray

    rows = problem.rows(TRAIN, VALIDATION)
    folds = text_folds(problem.fingerprints(rows), num_folds)
    examples = ray.put(problem.examples(TRAIN, VALIDATION))
    fit: Any = ray.remote(_margins)
    parts = result_of(_NAME, [fit.remote(examples, folds, fold, problem.limits) for fold in range(num_folds)])
    margins = np.zeros((len(rows), len(problem.labels)), dtype=np.float32)
    for fold, part in enumerate(parts):
        margins[folds == fold] = part
    scale = linear.fit_scale(margins, problem.codes[rows])
    out_of_fold = np.full((len(problem.codes), len(problem.labels)), np.nan, dtype=np.float32)
    out_of_fold[rows] = softmax(margins * scale)
    whole: Any = ray.remote(linear.fit_head)
    model = result_of(_NAME, whole.remote(examples, problem.limits, scale))
    return Head(TextHead(model), out_of_fold, _tells(problem, out_of_fold))


def joined(head: Head, others: Sequence[tuple[Problem, Head]]) -> Head:
    """A head with those of other targets beside it, the first ones first, as far as they tell anything and there is
    room for their labels.

    Args:
        head: Of the target.
        others: Problems on the same rows, and the head of each by itself.
    """
    room, models, columns = MOST_OTHERS, [], [head.out_of_fold]
    for problem, other in others:
        num_labels = len(problem.labels)
        if other.tells and num_labels <= room:
            room -= num_labels
            models.append(other.model.own)
            columns.append(_filled(problem, other))
    return Head(TextHead(head.model.own, tuple(models)), np.hstack(columns), head.tells)


def _filled(problem: Problem, head: Head) -> np.ndarray:
    """What is said out of fold, and of training and validation rows that lack the target's label, which no fold has."""
    without = np.flatnonzero(np.isin(problem.splits, (TRAIN, VALIDATION)) & (problem.codes < 0))
    filled = head.out_of_fold.copy()
    if len(without):
        filled[without] = head.model.predict(problem.features.take(without))
    return filled


def _tells(problem: Problem, out_of_fold: np.ndarray) -> bool:
    rows = problem.rows(VALIDATION)
    codes = problem.codes[rows]
    counts = np.bincount(problem.codes[problem.rows(TRAIN)], minlength=len(problem.labels))
    shares = np.maximum(counts / counts.sum(), 1e-12)
    said = np.maximum(out_of_fold[rows, codes].astype(np.float64), 1e-12)
    return bool(gain_of(-np.log(shares[codes]), -np.log(said), problem.fingerprints(rows))["sure"])


def _margins(examples: Examples, folds: np.ndarray, fold: int, limits: Limits) -> np.ndarray:
    held_out = folds == fold
    return linear.fit_head(examples.take(~held_out), limits).margins(examples.features.take(held_out))
