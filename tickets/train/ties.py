"""How far one column alone tells a label: its values, or their order. It does not know fields, stages or leaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickets.text import normalise
from tickets.train.sample import Ints, Sample

SMOOTHING: Final = 3.0
"""Rows that the labels' overall shares count for beside the rows of one value."""

SURE_SHARE: Final = 0.95
"""Share of the possible reduction of errors from which on one column counts as a function of another."""

_LEAST_REPEATS: Final = 20  # rows beyond the first of each value: noise agrees in so many once in a million cases
_MOST_RETURN: Final = 0.5  # share of the rows whose value occurs twice or more, below which a function says little
_MANY_VALUES: Final = 0.5  # values per row from which on a column reads like an id
_FEW_NUMBERS: Final = 0.2  # values per row below which a number is read as a code too
_MAX_LEAVES: Final = 256
_LEAST_LEAF: Final = 2
_DIGITS: Final = re.compile(r"(\d+)")
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+")
_MOST_PARTS: Final = 4  # from either end
_ID_LENGTH: Final = 64

Relation = Literal["copy", "finer", "coarser"]


@dataclass(frozen=True, slots=True)
class Column:
    """n values of one field."""

    filled: NDArray[np.bool_]
    """bool[n]."""
    values: Ints | None
    """int[n], equal values share a number, and so do all missing ones; None where hardly any value returns."""
    ranks: NDArray[np.float32] | None
    """float32[n], the place of the value in the order of all, below 0 where it is missing; None without an order."""
    parts: tuple[Ints, ...] = ()
    """Each int[n], as `values`: words and numbers at one place of a text that hardly ever returns, such as an id."""

    def take(self, rows: Ints) -> Column:
        """The given rows."""
        return Column(
            self.filled[rows],
            None if self.values is None else self.values[rows],
            None if self.ranks is None else self.ranks[rows],
            tuple(part[rows] for part in self.parts),
        )


def read_column(column: pa.ChunkedArray) -> Column | None:
    """Read a column of any type that has equal values or an order; None for others, and where nothing is filled.

    Numbers and times have an order. So have texts that hardly ever return, such as ids: that of their words and
    numbers, so that `INC-9` stands before `INC-10` and both apart from `REQ-1`, and each of their first and last parts
    counts as a value too, so that `4711-BILLING` tells what it says. A list counts as the set it holds.
    """
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lists = column.to_pylist()
        return _read_texts([None if not of else "\n".join(sorted(map(str, of))) for of in lists])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        return _read_texts(pc.cast(column, pa.string()).to_pylist())
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return _read_numbers(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy())
    if pa.types.is_timestamp(kind):
        return _read_numbers(pc.fill_null(column.cast(pa.int64()).cast(pa.float64()), float("nan")).to_numpy())
    return None


def predict_alone(column: Column, sample: Sample) -> Ints:
    """The labels that a column gives by itself, each by a fit that did not see the row; the best of some ways.

    By value, or a part of it: the label most frequent with it, smoothed towards the labels' overall shares. By order:
    a decision tree on the rank (Breiman et al. 1984).

    Args:
        column: n values.
        sample: The same n rows.

    Returns:
        int[n], numbers of labels.
    """
    ways = []
    if column.values is not None:
        ways.append(_predict_by_value(column.values, sample))
    if column.ranks is not None:
        ways.append(_predict_by_order(column.ranks, sample))
    ways += [_predict_by_value(part, sample) for part in column.parts]
    return max(ways, key=lambda predicted: int((predicted == sample.codes).sum()))


def relate(column: Column, sample: Sample) -> Relation | None:
    """Whether the label is a function of the value (`finer`), the value one of the label (`coarser`), or both (`copy`).

    A function is what leaves at most 5 % of the errors of a constant answer: Goodman and Kruskal's lambda (1954)
    is at least `SURE_SHARE`, counted on filled rows whose value occurs twice or more; most of them must be such.
    """
    if column.values is None:
        return None
    values, labels = column.values[column.filled], sample.codes[column.filled]
    down, up = _determines(values, labels), _determines(labels, values)
    return "copy" if down and up else "finer" if down else "coarser" if up else None


def _read_texts(texts: list[str | None]) -> Column | None:
    forms = {text: normalise(text or "") for text in set(texts)}
    present = [forms[text] for text in texts]
    filled = np.array([bool(text) for text in present], dtype=bool)
    if not filled.any():
        return None
    numbers: dict[str, int] = {}
    values = np.array([numbers.setdefault(text, len(numbers)) for text in present], dtype=np.int64)
    num_values = len(np.unique(values[filled]))
    if num_values <= _MANY_VALUES * filled.sum():
        return Column(filled, values, None)
    order = {text: rank for rank, text in enumerate(sorted(numbers, key=_natural))}
    ranks = np.where(filled, [order[text] for text in present], -1).astype(np.float32)
    return Column(filled, values if num_values < filled.sum() else None, ranks, _read_parts(present))


def _read_parts(texts: Sequence[str]) -> tuple[Ints, ...]:
    """The first and the last words and numbers of ids, where they return; none of longer texts."""
    if sum(len(text) > _ID_LENGTH for text in texts) > _MANY_VALUES * len(texts):
        return ()
    split = [_PARTS.findall(text[:_ID_LENGTH]) for text in texts]
    found: dict[bytes, Ints] = {}  # an id of two parts has the same one first and last but one
    for place in (*range(_MOST_PARTS), *range(-_MOST_PARTS, 0)):
        at_place = (parts[place] if -len(parts) <= place < len(parts) else None for parts in split)
        numbers: dict[str | None, int] = {}
        codes = np.array([numbers.setdefault(part, len(numbers)) for part in at_place], dtype=np.int64)
        if 1 < len(numbers) <= _MANY_VALUES * len(texts):
            found.setdefault(codes.tobytes(), codes)
    return tuple(found.values())


def _read_numbers(numbers: NDArray[np.float64]) -> Column | None:
    filled = np.isfinite(numbers)
    if not filled.any():
        return None
    distinct, codes = np.unique(np.where(filled, numbers, np.inf), return_inverse=True)
    ranks = np.where(filled, codes, -1).astype(np.float32)
    few = len(distinct) <= max(_FEW_NUMBERS * filled.sum(), 2)
    return Column(filled, codes.astype(np.int64) if few else None, ranks)


def _natural(text: str) -> list[Any]:
    """Words and numbers in turn, so that numbers compare as numbers; a text starts with a word, if an empty one."""
    return [int(part[:18]) if at % 2 else part for at, part in enumerate(_DIGITS.split(text[:200]))]


def _predict_by_value(values: Ints, sample: Sample) -> Ints:
    num_labels, predicted = len(sample.names), np.empty_like(sample.codes)
    for fold in np.unique(sample.folds):
        held_out = sample.folds == fold
        labels = sample.codes[~held_out]
        prior = SMOOTHING * np.bincount(labels, minlength=num_labels) / max(len(labels), 1)
        best = np.full(values.max() + 1, prior.argmax(), dtype=np.int64)
        cells, counts = np.unique(values[~held_out] * num_labels + labels, return_counts=True)
        value, label = np.divmod(cells, num_labels)
        score = counts + prior[label]
        order = np.lexsort((score, value))
        last = order[np.flatnonzero(np.diff(value[order], append=-1))]  # each value's highest score
        last = last[score[last] >= prior.max()]
        best[value[last]] = label[last]
        predicted[held_out] = best[values[held_out]]
    return predicted


def _predict_by_order(ranks: NDArray[np.float32], sample: Sample) -> Ints:
    from sklearn.tree import DecisionTreeClassifier

    predicted = np.empty_like(sample.codes)
    for fold in np.unique(sample.folds):
        held_out = sample.folds == fold
        tree = DecisionTreeClassifier(max_leaf_nodes=_MAX_LEAVES, min_samples_leaf=_LEAST_LEAF, random_state=0)
        tree.fit(ranks[~held_out, np.newaxis], sample.codes[~held_out])
        predicted[held_out] = tree.predict(ranks[held_out, np.newaxis])
    return predicted


def _determines(causes: Ints, effects: Ints) -> bool:
    if not len(causes):
        return False
    returns = np.bincount(causes)[causes] > 1
    if returns.mean() < _MOST_RETURN:
        return False
    causes, effects = causes[returns], effects[returns]
    if len(causes) - len(np.unique(causes)) < _LEAST_REPEATS:
        return False
    most = np.bincount(effects).max()
    if len(causes) - most < _LEAST_REPEATS:  # a constant answer is as good as right
        return False
    cells, counts = np.unique(causes * (effects.max() + 1) + effects, return_counts=True)
    best = np.zeros(causes.max() + 1, dtype=np.int64)
    np.maximum.at(best, cells // (effects.max() + 1), counts)
    return bool((best.sum() - most) / (len(causes) - most) >= SURE_SHARE)
