"""Do inputs tell anything about a label? A quick linear baseline with an exact test.

It does not know where the inputs come from (`views.py`), what the label means, or what is made of the answer
(`verdict.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_LABELS: Final = 100
"""Most frequent labels that the baseline learns."""

PENALTY: Final = 1.0
"""L2 penalty of the ridge regression; rows have a mean squared length of 1."""

ENOUGH_EXCEEDANCES: Final = 10
"""Shuffles that do as well as the real labels after which the test need not go on."""

_WIDTH: Final = 128  # columns of label sets that are taken together

_Floats = NDArray[np.float32]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Signal:
    """What the baseline found."""

    view: str
    """The name of the inputs that told most."""
    by_view: Mapping[str, _Ints]
    """View → int[n], the label of every row by a fit of that view that did not see it."""
    p_value: float
    """Share of shuffled labels that looked as strongly tied to the inputs as the real ones."""

    @property
    def predicted(self) -> _Ints:
        """int[n], the labels by the strongest view."""
        return self.by_view[self.view]


def group_texts(texts: Sequence[str]) -> _Ints:
    """int[n]: rows with the same normalised text share a number; every row without text has its own."""
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(text or row, len(numbers)) for row, text in enumerate(texts)], dtype=np.int64)


def assign_folds(groups: _Ints, num_folds: int) -> _Ints:
    """Folds of nearly equal size that keep every group on one side: the largest group next, to the smallest fold.

    Labels play no part, which the test needs: folds must be the same whichever way the labels are shuffled.

    Args:
        groups: int[n], numbers from 0.
        num_folds: At least 2. Some folds stay empty where there are fewer groups.

    Returns:
        int[n], numbers below `num_folds`.
    """
    sizes = np.bincount(groups)
    fold_of_group, load = np.zeros(len(sizes), dtype=np.int64), np.zeros(num_folds, dtype=np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of_group[group] = load.argmin()
        load[fold_of_group[group]] += sizes[group]
    return fold_of_group[groups]


def measure_signal(labels: _Ints, views: dict[str, _Floats], folds: _Ints, num_shuffles: int, seed: int = 0) -> Signal:
    """Fit the baseline out of fold, and again on shuffled labels to see what chance alone achieves.

    The baseline is ridge regression onto the labels' indicators. Its out-of-fold scores are a fixed matrix times
    the indicators, so a refit on shuffled labels costs three products, and the test can repeat the whole
    procedure, choice of the best view included, instead of trusting a formula: plain cross-validation scores of
    noise spread more widely than a binomial. The p-value is valid in finite samples when rows are exchangeable
    (Ojala and Garriga 2010; stopped early as in Besag and Clifford 1991). Tickets sent twice with one label are
    not: where most texts repeat, read it with the ceiling of identical texts.

    The statistic adds up, over labels, how far a label's score stands higher on its own rows than elsewhere, in
    standard errors. It sees signal that moves no majority, where accuracy cannot.

    Args:
        labels: int[n], numbers from 0, at least two of which occur twice or more.
        views: As `build_views` gives them, at least one.
        folds: int[n], as `assign_folds` gives them, at least two of them filled.
        num_shuffles: Shuffles to compare with, at most.
        seed: Seed of the shuffles.

    Returns:
        The strongest view, its predictions and the p-value. A label that occurs once, or beyond the most frequent
        `MAX_LABELS`, is never predicted.
    """
    learned = _learned_labels(labels)
    indicators = (labels[:, np.newaxis] == learned).astype(np.float32)
    fits = {name: _fit_folds(matrix, folds) for name, matrix in views.items()}
    strengths = {name: float(_strengths(fit, [indicators])[0]) for name, fit in fits.items()}
    view = max(strengths, key=lambda name: strengths[name])
    predicted = {name: learned[_predict(fit, indicators).argmax(axis=1)] for name, fit in fits.items()}
    p_value = _p_value(list(fits.values()), indicators, strengths[view], num_shuffles, seed)
    return Signal(view, predicted, p_value)


def predict_held_out(labels: _Ints, matrix: _Floats, held_out: NDArray[np.bool_]) -> _Ints:
    """The labels that the baseline gives some rows when it is fitted on the others alone.

    Args:
        labels: int[n], numbers from 0.
        matrix: float32[n, d], a view.
        held_out: bool[n]; among the other rows at least one label occurs twice.

    Returns:
        int[held out rows].
    """
    learned = _learned_labels(labels[~held_out])
    indicators = (labels[:, np.newaxis] == learned).astype(np.float32)
    fold = _fit_fold(matrix, np.flatnonzero(held_out), np.flatnonzero(~held_out))
    predicted: _Ints = learned[_predict([fold], indicators)[fold.held_out].argmax(axis=1)]
    return predicted


@dataclass(frozen=True, slots=True)
class _Fold:
    """What one fold needs to turn training indicators into held-out scores."""

    held_out: _Ints
    training: _Ints
    inputs: _Floats
    """float32[held out, d], centred as the training rows are."""
    training_inputs: _Floats
    """float32[training, d]."""
    inverse: _Floats
    """float32[d, d], of the penalised Gram matrix, whose eigenvalues are `PENALTY` or more: nothing is lost by it."""


def _fit_folds(matrix: _Floats, folds: _Ints) -> list[_Fold]:
    return [
        _fit_fold(matrix, np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)) for fold in np.unique(folds)
    ]


def _fit_fold(matrix: _Floats, held_out: _Ints, training: _Ints) -> _Fold:
    mean = matrix[training].mean(axis=0)
    inputs = matrix[training] - mean
    gram = inputs.T @ inputs + PENALTY * np.eye(inputs.shape[1], dtype=np.float32)
    return _Fold(held_out, training, matrix[held_out] - mean, inputs, np.linalg.inv(gram))


def _predict(fit: list[_Fold], indicators: _Floats) -> _Floats:
    """float32[n, k]: each label's score, its share among the fold's training rows included."""
    scores = _scores(fit, indicators)
    for fold in fit:
        scores[fold.held_out] += indicators[fold.training].mean(axis=0)
    return scores


def _scores(fit: list[_Fold], indicators: _Floats) -> _Floats:
    """float32[n, k]: how far each label is favoured over its share, from the folds that did not see the row."""
    scores = np.zeros_like(indicators)
    for fold in fit:
        coefficients = fold.inverse @ (fold.training_inputs.T @ indicators[fold.training])
        scores[fold.held_out] = fold.inputs @ coefficients
    return scores


def _strengths(fit: list[_Fold], label_sets: Sequence[_Floats]) -> NDArray[np.float64]:
    """Per set the sum over labels of the lift of a label's score on its own rows, in standard errors (Stouffer's
    method); float64[sets]. Sets are taken together, as wide products cost less."""
    indicators = np.concatenate(label_sets, axis=1)
    scores = _scores(fit, indicators)
    rows = indicators.sum(axis=0)
    mean = scores.mean(axis=0)
    lift = np.einsum("nk,nk->k", scores, indicators) / rows - mean
    spread = np.sqrt(np.maximum(np.einsum("nk,nk->k", scores, scores) / len(scores) - mean**2, 0))
    terms = np.sqrt(rows) * lift / np.maximum(spread, np.finfo(np.float32).tiny)
    strengths: NDArray[np.float64] = terms.reshape(len(label_sets), -1).sum(axis=1, dtype=np.float64)
    return strengths


def _p_value(fits: list[list[_Fold]], indicators: _Floats, observed: float, num_shuffles: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    together = max(_WIDTH // indicators.shape[1], 1)
    exceedances = 0
    for start in range(0, num_shuffles, together):
        num_sets = min(together, num_shuffles - start)
        shuffled = [indicators[rng.permutation(len(indicators))] for _ in range(num_sets)]
        strongest = np.max([_strengths(fit, shuffled) for fit in fits], axis=0)
        for done, strength in enumerate(strongest, start=start + 1):
            exceedances += int(strength >= observed)
            if exceedances == ENOUGH_EXCEEDANCES:
                return exceedances / done
    return (1 + exceedances) / (1 + num_shuffles)


def _learned_labels(labels: _Ints) -> _Ints:
    counts = np.bincount(labels)
    frequent = np.argsort(-counts, kind="stable")[:MAX_LABELS]
    return frequent[counts[frequent] > 1]
