"""Which calibration a target gets, judged on rows that its fit did not see. It does not know models or texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.distributions import FLOOR, labelled_rows
from tickets.decide.draws import number_groups
from tickets.decide.isotonic import Isotonic
from tickets.decide.metrics import paired_bootstrap
from tickets.decide.temperature import Temperature
from tickets.decide.vector import VectorScaling
from tickets.errors import ModelError

LEAST_GROUPS: Final = 200
"""Groups of labelled rows from which anything but temperature is considered."""

_ROUNDING: Final = 1e-6
"""Gains of less, in nats, are none: isotonic calibration without a curve is temperature, but for rounding."""

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


class Calibrator(Protocol):
    """Turns a model's probabilities into ones that mean what they say."""

    kind: ClassVar[str]

    @classmethod
    def fit(cls, probabilities: ArrayLike, labels: ArrayLike) -> Self:
        """Fit on rows that the model never saw: float[n, k], and int[n] with -1 for a label outside the list."""
        ...

    def transform(self, probabilities: ArrayLike) -> _Floats:
        """float[n, k] → float64[n, k], every row summing to 1."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The kind and the state, as values that JSON holds."""
        ...

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        ...


_CALIBRATORS: Final[Mapping[str, type[Calibrator]]] = {
    calibrator.kind: calibrator for calibrator in (Temperature, VectorScaling, Isotonic)
}
KINDS: Final = tuple(_CALIBRATORS)
"""Names of the kinds, the plainest first."""


def load_calibrator(state: Mapping[str, Any]) -> Calibrator:
    """The calibrator of any kind whose `to_json` gave the state.

    Raises:
        ModelError: The kind is unknown.
    """
    return _of_kind(state.get("kind")).from_json(state)


@dataclass(frozen=True, slots=True)
class ChosenCalibration:
    """A calibrator, and what spoke for it."""

    calibrator: Calibrator
    """Fitted on all rows."""
    probabilities: _Floats
    """float64[n, k], the given rows calibrated, for choosing thresholds. A temperature is one number and is applied as
    it was fitted. The other kinds can learn rows by heart, so each row is calibrated by a fit on the other folds; these
    differ a little from `calibrator`, so what holds for them holds for it nearly, not exactly."""
    record: dict[str, Any]
    """How the choice was made, as values that JSON holds."""
    copies: _Floats
    """float64[n, k], the given copies of the rows, calibrated by what their rows were calibrated by."""


def choose_calibration(
    probabilities: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    num_folds: int = 5,
    copies: ArrayLike | None = None,
) -> ChosenCalibration:
    """Temperature, or the kind that is surely better on rows that it was not fitted on.

    Every kind is fitted on all folds but one and judged on that one. Another kind than temperature is taken only
    where its gain in negative log-likelihood, paired by row, has a 95 % bootstrap interval above 0; of several
    such kinds the one with the greatest gain. With two challengers and no gain to be had, one is taken wrongly in at
    most about one of twenty choices. Rows of one group count as one observation.

    Args:
        probabilities: float[n, k], one distribution per row, from a model that never saw these rows.
        labels: int[n], column of the true label; -1 for a label outside the list: such a row is calibrated, but
            nothing is fitted or judged on it.
        groups: Numbers or strings, n of them: rows that share one, as those of one text, stay in one fold. None:
            every row is a group.
        seed: Seed of folds and bootstrap.
        kinds: Those that may be chosen besides temperature.
        num_folds: 2 or more.
        copies: float[n, k], what the model says of the same rows from less of them. None: the rows themselves.

    Returns:
        The choice. Its record holds `kind`, `num_rows` (labelled), `num_folds`, the `temperature` that fits all
        rows, `uncalibrated` with `nll` and `brier` of the rows as given, and in `kinds` the same two for each kind
        that was tried, held out, with the `gain` in NLL over temperature and its interval `low`, `high`. Losses
        are None without a labelled row; with fewer groups than `LEAST_GROUPS` temperature alone is tried.

    Raises:
        ModelError: The arrays do not fit each other, hold a value that is no probability or no label, or a kind is
            unknown.
    """
    _, _, inside = labelled_rows(probabilities, labels)
    given, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    others = given if copies is None else np.asarray(copies, dtype=np.float64)
    if others.shape != given.shape:
        raise ModelError(f"copies of shape {others.shape}; allowed: {given.shape}, one for each row")
    group = number_groups(groups, len(truth))
    folds = _assign_folds(group, truth, num_folds, seed)
    candidates: dict[str, type[Calibrator]] = {kind: _of_kind(kind) for kind in (Temperature.kind, *kinds)}
    if len(np.unique(group[inside])) < LEAST_GROUPS:
        candidates = {Temperature.kind: Temperature}
    held_out = {kind: _cross_fit(calibrator, given, truth, folds, given) for kind, calibrator in candidates.items()}
    losses = {kind: _row_losses(rows[inside], truth[inside]) for kind, rows in held_out.items()}
    reference = losses.pop(Temperature.kind)
    gains = {kind: _gain(reference, of_kind, group[inside], seed) for kind, of_kind in losses.items()}
    surely_better = [kind for kind, gain in gains.items() if gain["low"] > _ROUNDING]
    best = max(surely_better, key=lambda kind: gains[kind]["gain"], default=Temperature.kind)
    temperature = Temperature.fit(given, truth)
    record = {
        "kind": best,
        "num_rows": int(inside.sum()),
        "num_folds": num_folds,
        "temperature": temperature.temperature,
        "uncalibrated": _judge(given[inside], truth[inside]),
        "kinds": {
            kind: {**_judge(rows[inside], truth[inside]), **gains.get(kind, {})} for kind, rows in held_out.items()
        },
    }
    if best == Temperature.kind:
        return ChosenCalibration(temperature, temperature.transform(given), record, temperature.transform(others))
    calibrated = _cross_fit(candidates[best], given, truth, folds, others)
    return ChosenCalibration(candidates[best].fit(given, truth), held_out[best], record, calibrated)


def _of_kind(kind: object) -> type[Calibrator]:
    if not isinstance(kind, str) or kind not in _CALIBRATORS:
        raise ModelError(f"calibration kind {kind!r}; allowed: {', '.join(KINDS)}")
    return _CALIBRATORS[kind]


def _assign_folds(group: _Ints, truth: _Ints, num_folds: int, seed: int) -> _Ints:
    """Whole groups, shuffled, dealt out in turn, one label (that of a group's first row) after the other; int[n]."""
    if num_folds < 2:
        raise ModelError(f"{num_folds} folds; allowed: 2 or more")
    _, first = np.unique(group, return_index=True)
    shuffled = np.random.default_rng(seed).permutation(len(first))
    order = shuffled[np.argsort(truth[first[shuffled]], kind="stable")]
    fold_of_group = np.empty(len(first), dtype=np.int64)
    fold_of_group[order] = np.arange(len(first)) % num_folds
    return fold_of_group[group]


def _cross_fit(calibrator: type[Calibrator], given: _Floats, truth: _Ints, folds: _Ints, judged: _Floats) -> _Floats:
    """Each row of `judged` calibrated by a fit on the given rows of the other folds, float64[n, k]."""
    calibrated = np.empty_like(given)
    for fold in np.unique(folds):
        held_out = folds == fold
        calibrated[held_out] = calibrator.fit(given[~held_out], truth[~held_out]).transform(judged[held_out])
    return calibrated


def _row_losses(probabilities: _Floats, truth: _Ints) -> _Floats:
    """Negative log-likelihood of each row, float64[n]."""
    losses: _Floats = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], FLOOR))
    return losses


def _judge(probabilities: _Floats, truth: _Ints) -> dict[str, float | None]:
    """Mean losses of labelled rows."""
    if not len(truth):
        return {"nll": None, "brier": None}
    squares = ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)
    return {"nll": float(_row_losses(probabilities, truth).mean()), "brier": float(squares.mean())}


def _gain(reference: _Floats, losses: _Floats, group: _Ints, seed: int) -> dict[str, float]:
    """What the mean loss falls by, with its interval; rows of a group are drawn together."""
    gain, low, high = paired_bootstrap(reference, losses, seed=seed, groups=group)
    return {"gain": gain, "low": low, "high": high}
