"""Several predictors of one target on the same rows: how far apart their figures are, surely. It does not know models.

Rows are drawn with replacement, the same ones for all predictors, and every figure is computed anew on each draw, so
that what makes a row hard for all of them widens no interval, and figures that are no mean over rows (F1) have an
interval too. Intervals hold together for all the pairs that were asked about: each is as wide as the largest
standardised error of any pair (Romano and Wolf, 2005; Westfall and Young, 1993). They therefore also hold for a
predictor that was picked because it looked best on these very rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tickets.decide.distributions import FLOOR
from tickets.decide.draws import draw_counts
from tickets.errors import ModelError

HIGHER_IS_BETTER: Final[Mapping[str, bool]] = {
    "accuracy": True,
    "weighted_f1": True,
    "macro_f1": True,
    "nll": False,
    "brier": False,
}
"""The figures that are compared, and which way is better."""

_ROWS_AT_ONCE: Final = 2_000_000  # weights in memory: draws times rows

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """What one predictor's figure has more than another's.

    Attributes:
        value: The difference on the rows themselves.
        low: Lower end of the interval of this pair alone.
        high: Its upper end.
        joint_low: Lower end of the interval that holds together with those of all other pairs.
        joint_high: Its upper end.
    """

    value: float
    low: float
    high: float
    joint_low: float
    joint_high: float


@dataclass(frozen=True)
class Drawn:
    """Figures of r predictors on the rows, and on b draws of them.

    Attributes:
        figures: Figure → float64 [r], on the rows themselves; NaN where no row has it.
        draws: Figure → float64 [b, r], or fewer where draws lack it.
    """

    figures: Mapping[str, _Floats]
    draws: Mapping[str, _Floats]

    def differences(
        self, figure: str, pairs: Sequence[tuple[int, int]], baseline: int, confidence: float
    ) -> dict[int, Difference]:
        """What each predictor has more than the one at index `baseline`.

        Args:
            figure: One of `HIGHER_IS_BETTER`.
            pairs: All pairs for which the joint intervals are to hold; among them every one with `baseline`.
            baseline: Index of the predictor that the others are compared with.
            confidence: Of every interval, and of all joint ones together.

        Returns:
            Index of each other predictor → its difference; empty where no row has the figure.
        """
        found = self.figures[figure]
        if not np.isfinite(found).all():
            return {}
        width = self._joint_width(figure, pairs, confidence)
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        differences = {}
        for one in range(len(found)):
            if one != baseline:
                value, drawn = found[one] - found[baseline], self._gaps(figure, one, baseline)
                low, high = np.quantile(drawn, tails)
                reach = width * drawn.std()
                ends = (value, low, high, value - reach, value + reach)
                differences[one] = Difference(*map(float, ends))
        return differences

    def _joint_width(self, figure: str, pairs: Sequence[tuple[int, int]], confidence: float) -> float:
        """How many standard errors the largest error of any pair reaches."""
        found = self.figures[figure]
        largest = np.zeros(len(self.draws[figure]))
        for one, other in pairs:
            drawn = self._gaps(figure, one, other)
            error = drawn.std()
            if error > 0:
                largest = np.maximum(largest, np.abs(drawn - (found[one] - found[other])) / error)
        return float(np.quantile(largest, confidence))

    def _gaps(self, figure: str, one: int, other: int) -> _Floats:
        draws = self.draws[figure]
        gaps: _Floats = draws[:, one] - draws[:, other]
        return gaps


def draw(
    predictors: Sequence[_Floats], labels: _Ints, known: NDArray[np.bool_], groups: _Ints, num_draws: int, seed: int = 0
) -> Drawn:
    """Compute all figures on the rows and on draws of them.

    Args:
        predictors: r of float64 [n, k], probabilities; a label that one of them does not have is a column of zeros.
        labels: int64 [n], column of the true label, -1 for a label that none of them has.
        known: bool [n], rows whose label every predictor has: the NLL, which else would be infinite, is taken on
            these.
        groups: int64 [n], number of each row's group, from 0: rows of one group, as those of one text, are drawn
            together.
        num_draws: b.
        seed: Seed of the draws.

    Raises:
        ModelError: There is no row, or the arrays do not fit each other.
    """
    shape = (len(labels), predictors[0].shape[1] if predictors else 0)
    if not len(labels) or any(rows.shape != shape for rows in predictors) or known.shape != groups.shape != shape[:1]:
        raise ModelError(
            f"{len(labels)} labels, probabilities {[rows.shape for rows in predictors]}; allowed: one row per label, "
            "one column per name, the same for all"
        )
    rows = [_Scored.of(given, labels, known) for given in predictors]
    whole = _figures(rows, np.ones((1, len(labels))))
    draws_of_groups = draw_counts(int(groups.max()) + 1, num_draws, seed)
    at_once = max(_ROWS_AT_ONCE // len(labels), 1)
    parts = []
    for start in range(0, num_draws, at_once):
        counts = np.stack(list(islice(draws_of_groups, min(at_once, num_draws - start))))
        parts.append(_figures(rows, counts[:, groups].astype(np.float64)))
    draws = {name: np.concatenate([part[name] for part in parts]) for name in HIGHER_IS_BETTER}
    # A draw of very few rows may hold none whose label all predictors have.
    finite = {name: values[np.isfinite(values).all(axis=1)] for name, values in draws.items()}
    return Drawn({name: values[0] for name, values in whole.items()}, finite)


@dataclass(frozen=True)
class _Scored:
    """One predictor's rows, as sums over them need them."""

    hits: _Floats
    losses: _Floats
    squares: _Floats
    known: _Floats
    true: sparse.csr_matrix  # [n, k + 1], the last column for labels that nobody has
    predicted: sparse.csr_matrix
    right: sparse.csr_matrix

    @classmethod
    def of(cls, given: _Floats, labels: _Ints, known: NDArray[np.bool_]) -> _Scored:
        num_rows, num_names = given.shape
        predicted = given.argmax(axis=1)
        of_truth = np.where(labels >= 0, given[np.arange(num_rows), labels], 0.0)
        truth = np.where(labels >= 0, labels, num_names)
        hits = (predicted == labels).astype(np.float64)
        return cls(
            hits,
            np.where(known, -np.log(np.maximum(of_truth, FLOOR)), 0.0),
            (given**2).sum(axis=1) - 2 * of_truth + 1,
            known.astype(np.float64),
            _marked(truth, num_names + 1),
            _marked(predicted, num_names + 1),
            _marked(truth, num_names + 1, hits),
        )


def _marked(columns: _Ints, num_columns: int, values: _Floats | None = None) -> sparse.csr_matrix:
    """One value per row, 1 where none are given, in the given column."""
    rows = np.arange(len(columns))
    return sparse.csr_matrix(
        (np.ones(len(columns)) if values is None else values, (rows, columns)), shape=(len(columns), num_columns)
    )


def _figures(rows: Sequence[_Scored], weights: _Floats) -> dict[str, _Floats]:
    """Figure → float64 [b, r], with rows weighted by float64 [b, n]."""
    by_figure: dict[str, list[_Floats]] = {name: [] for name in HIGHER_IS_BETTER}
    total = weights.sum(axis=1)
    for of in rows:
        true, predicted = weights @ of.true, weights @ of.predicted
        both = true + predicted
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.where(both > 0, 2 * (weights @ of.right) / both, 0.0)
            by_figure["nll"].append((weights @ of.losses) / (weights @ of.known))
        by_figure["accuracy"].append((weights @ of.hits) / total)
        by_figure["weighted_f1"].append((f1 * true).sum(axis=1) / total)
        by_figure["macro_f1"].append(f1.sum(axis=1) / (both > 0).sum(axis=1))
        by_figure["brier"].append((weights @ of.squares) / total)
    return {name: np.stack(columns, axis=1) for name, columns in by_figure.items()}
