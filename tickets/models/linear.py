"""Linear support vector machine, one class against the rest, over terms, sentence vector and fields.

Its margins become probabilities by a softmax with one fitted scale. It also is the text head, whose out-of-fold
probabilities the trees read. Fan et al., LIBLINEAR (2008); its steps are growing shares of the training rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import optimize, sparse

from tickets.features.state import Features
from tickets.models.family import Examples, Fitted, Limits, Params, Patience, Report, nll, softmax

NEEDS_HEAD: Final = False
USES_GPU: Final = False
HEAD_PARAMS: Final[Params] = {"c": 0.3, "vector_weight": 1.0}
"""Settings of the text head."""
NUMBER_SCALE: Final = 3
"""Divisor that brings scaled numbers near the unit rows of text."""
_SHARES: Final = (0.25, 0.5, 1.0)
_FAR: Final = 2.0  # a margin that leaves no doubt; the negative one of a class that the training rows do not hold


class Linear:
    """Weights over one fixed layout of columns.

    Args:
        weights: float32 [columns, k].
        intercept: float32 [k].
        scale: Factor of the margins before the softmax.
        vector_weight: Factor of the sentence vector.
        with_fields: Whether categories and numbers are columns.
        num_codes: Codes of each category column.
    """

    def __init__(
        self,
        weights: np.ndarray,
        intercept: np.ndarray,
        scale: float,
        vector_weight: float,
        with_fields: bool,
        num_codes: tuple[int, ...],
    ) -> None:
        self._weights = np.ascontiguousarray(weights, dtype=np.float32)
        self._intercept = intercept.astype(np.float32)
        self.scale = scale
        self._vector_weight = vector_weight
        self._with_fields = with_fields
        self._num_codes = num_codes

    def margins(self, features: Features) -> np.ndarray:
        """Distances from each class's hyperplane, float32 [n, k].

        The same as the product of `_columns` with the weights, block by block: for a single ticket, building that
        matrix costs many times the product.
        """
        words, chars, vectors = features.words, features.chars, features.vectors * np.float32(self._vector_weight)
        of_words, of_chars, of_vectors, of_codes, of_numbers = self.blocks(features)
        margins: np.ndarray = words @ of_words + chars @ of_chars + vectors @ of_vectors + self._intercept
        if self._with_fields:
            margins += _gathered(features.categories, self._num_codes, of_codes)
            margins += _filled(features.numbers) @ of_numbers
        return margins

    def blocks(self, features: Features) -> list[np.ndarray]:
        """The weights of words, characters, vector, codes (column by column) and numbers (and of flags that they are
        missing), each float32 [columns, k]; codes and numbers have no rows where fields are no columns."""
        sizes = [part.shape[1] for part in (features.words, features.chars, features.vectors)]
        return np.split(self._weights, np.cumsum([*sizes, sum(self._num_codes) if self._with_fields else 0]))

    @property
    def num_codes(self) -> tuple[int, ...]:
        """Codes of each category column that training held."""
        return self._num_codes

    def adjust(self, log_prior: np.ndarray | None) -> None:
        """Take the classes' log-shares, float64 [k], off the logits: as if all classes were of one size."""
        if log_prior is not None:
            self._intercept -= (log_prior / self.scale).astype(np.float32)

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        return softmax(self.margins(features) * self.scale)

    def save(self, folder: Path) -> None:
        """Write `linear.json` and `linear.npz`."""
        spec = {
            "scale": self.scale,
            "vector_weight": self._vector_weight,
            "with_fields": self._with_fields,
            "num_codes": list(self._num_codes),
        }
        (folder / "linear.json").write_text(json.dumps(spec))
        np.savez(folder / "linear.npz", weights=self._weights, intercept=self._intercept)


def load(folder: Path) -> Linear:
    """Read what `Linear.save` wrote."""
    spec = json.loads((folder / "linear.json").read_text())
    with np.load(folder / "linear.npz", allow_pickle=False) as arrays:
        return Linear(
            arrays["weights"],
            arrays["intercept"],
            spec["scale"],
            spec["vector_weight"],
            spec["with_fields"],
            tuple(spec["num_codes"]),
        )


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Fit on a quarter, half and all of the rows, with validation after each."""
    order = np.random.default_rng(limits.seed).permutation(len(train))
    patience = Patience(len(_SHARES))
    for share in _SHARES if limits.watched else (1.0,):
        rows = _spread(order, train.labels, share, limits.num_classes)
        model = _fit_scaled(params, train.take(rows), limits, 1.0, with_fields=True)
        model.scale = fit_scale(model.margins(valid.features), valid.labels)
        model.adjust(train.log_prior)
        loss = nll(model.predict(valid.features), valid.labels)
        patience.update(loss)
        report(patience.best)
    return Fitted(model, loss, model.scale)


def refit(params: Params, train: Examples, limits: Limits, length: float) -> Linear:
    """Fit on all rows with a known scale."""
    model = _fit_scaled(params, train, limits, length, with_fields=True)
    model.adjust(train.log_prior)
    return model


def fit_head(train: Examples, limits: Limits, scale: float = 1.0) -> Linear:
    """Fit the text head: terms and vector alone, with fixed settings."""
    return _fit_scaled(HEAD_PARAMS, train, limits, scale, with_fields=False)


def fit_scale(margins: np.ndarray, labels: np.ndarray) -> float:
    """The factor that makes the softmax of margins likeliest on labelled rows; between 0.1 and 100."""
    if not len(labels):
        return 1.0

    def loss(log_scale: float) -> float:
        return nll(softmax(margins * np.exp(log_scale)), labels)

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(np.log(0.1), np.log(100)), method="bounded").x))


def _fit_scaled(params: Params, train: Examples, limits: Limits, scale: float, with_fields: bool) -> Linear:
    from sklearn.svm import LinearSVC

    weight = float(params["vector_weight"])
    codes = tuple(int(code) for code in train.features.categories.max(axis=0, initial=0) + 1)
    columns = _columns(train.features, weight, with_fields, codes)
    weights = np.zeros((columns.shape[1], limits.num_classes), dtype=np.float32)
    intercept = np.full(limits.num_classes, -_FAR, dtype=np.float32)
    classes = np.unique(train.labels)
    if len(classes) < 2:
        intercept[classes] = _FAR
    else:
        machine = LinearSVC(C=float(params["c"]), random_state=limits.seed, dual=True, max_iter=2000, tol=1e-2)
        machine.fit(columns, train.labels, sample_weight=train.weights)
        weights[:, classes], intercept[classes] = _hyperplanes(machine)
    return Linear(weights, intercept, scale, weight, with_fields, codes)


def _hyperplanes(machine: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weights [columns, classes] and intercepts [classes] of a fitted machine; of two classes it holds one alone."""
    weights, intercepts = machine.coef_.T, machine.intercept_
    if len(machine.classes_) == 2:
        return np.hstack([-weights, weights]), np.r_[-intercepts, intercepts]
    return weights, intercepts


def _columns(
    features: Features, vector_weight: float, with_fields: bool, num_codes: tuple[int, ...]
) -> sparse.csr_matrix:
    parts = [features.words, features.chars, sparse.csr_matrix(features.vectors * np.float32(vector_weight))]
    if with_fields:
        parts += [_one_hot(features.categories, num_codes), sparse.csr_matrix(_filled(features.numbers))]
    return sparse.hstack(parts, format="csr", dtype=np.float32)


def _one_hot(codes: np.ndarray, num_codes: tuple[int, ...]) -> sparse.csr_matrix:
    """One column per code; a code that training did not hold has none."""
    columns = []
    for column, size in enumerate(num_codes):
        known = np.flatnonzero(codes[:, column] < size)
        ones = np.ones(len(known), dtype=np.float32)
        columns.append(sparse.csr_matrix((ones, (known, codes[known, column])), shape=(len(codes), size)))
    return sparse.hstack(columns, format="csr") if columns else sparse.csr_matrix((len(codes), 0), dtype=np.float32)


def _gathered(codes: np.ndarray, num_codes: tuple[int, ...], weights: np.ndarray) -> np.ndarray:
    """The product of `_one_hot` with weights, float32 [n, k]: a sum of rows of weights."""
    total = np.zeros((len(codes), weights.shape[1]), dtype=np.float32)
    known = codes < np.array(num_codes, dtype=np.int32)
    rows = np.where(known, codes + np.cumsum([0, *num_codes[:-1]]), 0) if num_codes else codes
    for column in range(codes.shape[1]):
        total += weights[rows[:, column]] * known[:, column, None]
    return total


def _filled(numbers: np.ndarray) -> np.ndarray:
    """Numbers with 0 (the median) where missing, beside flags that say where."""
    missing = np.isnan(numbers)
    filled = np.where(missing, np.float32(0), numbers / np.float32(NUMBER_SCALE))
    return np.hstack([filled, missing.astype(np.float32)])


def _spread(order: np.ndarray, labels: np.ndarray, share: float, num_classes: int) -> np.ndarray:
    """A share of the rows, in their own order, that holds at least one row of every class."""
    if share >= 1:
        return np.sort(order)
    first = {int(labels[row]): row for row in reversed(order.tolist())}
    chosen = order[: max(int(len(order) * share), num_classes)]
    return np.unique(np.r_[chosen, np.array(sorted(first.values()), dtype=order.dtype)])
