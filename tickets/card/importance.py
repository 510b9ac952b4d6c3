"""What a model's answers hang on: each input is shuffled among tickets, and the loss grows (Breiman, 2001).

It treats every family alike. It does not know what is inside of a model (`inside.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickets.decide.distributions import FLOOR
from tickets.features.state import Features, FeatureState
from tickets.models import transformer
from tickets.models.ensemble import pool
from tickets.models.triage import TargetModel

TEXT: Final = "text"
"""Name of the input that words, characters and sentence vector make together."""
ALL: Final = "release"
"""Name under which the calibrated pool of all members stands beside its families; as it is before targets that stand
within each other are made to agree."""
_COSTLY: Final = 6

Losses = dict[str, NDArray[np.float64]]


def permutation_importance(
    model: TargetModel,
    state: FeatureState,
    features: Features,
    codes: NDArray[np.int64],
    num_rows: int,
    seed: int,
    confidence: float,
) -> dict[str, Any]:
    """How much the negative log-likelihood grows when one input is shuffled among tickets.

    Inputs that tell the same cover for each other: each then seems to matter little.

    Args:
        model: The target's model.
        state: Names of the fields.
        features: m labelled tickets.
        codes: int64 [m], their labels; rows below 0 are left out.
        num_rows: Rows to look at, drawn at random; a sixth of them where a transformer reads every text anew.
        seed: Seed of sample and shuffles.
        confidence: Of the intervals, which hold for the sample's rows and one shuffle.

    Returns:
        `num_rows`, and in `families`, for the release as a whole and for each member: `nll` on these rows, and
        `inputs`: name → `increase` of it, `low`, `high`, the greatest first. An input with one value in all of
        the rows has no entry.
    """
    rng = np.random.default_rng(seed)
    if any(member.family == transformer.NAME for member in model.members):
        num_rows //= _COSTLY
    inside = np.flatnonzero(codes >= 0)
    rows = np.sort(rng.choice(inside, size=min(num_rows, len(inside)), replace=False))
    if not len(rows):
        return {"num_rows": 0, "families": {}}
    sample, truth = features.take(rows), codes[rows]
    usual = _losses(model, sample, truth)
    grown: dict[str, dict[str, dict[str, float]]] = {name: {} for name in usual}
    for name, shuffle in _inputs(state, sample):
        losses = _losses(model, shuffle(rng.permutation(len(rows))), truth)
        for family, before in usual.items():
            grown[family][name] = _mean_with_interval(losses[family] - before, confidence)
    return {
        "num_rows": len(rows),
        "families": {
            family: {
                "nll": float(usual[family].mean()),
                "inputs": dict(sorted(inputs.items(), key=lambda item: -item[1]["increase"])),
            }
            for family, inputs in grown.items()
        },
    }


def _losses(model: TargetModel, features: Features, truth: NDArray[np.int64]) -> Losses:
    """Loss per row of every member, and of the calibrated pool."""
    head = model.head.predict(features) if model.head is not None else None
    members = {member.family: member.classifier.predict(features, head) for member in model.members}
    whole = model.calibration.transform(pool(list(members.values()), model.weights))
    return {
        name: -np.log(np.maximum(rows[np.arange(len(truth)), truth], FLOOR))
        for name, rows in {ALL: whole, **members}.items()
    }


def _inputs(state: FeatureState, features: Features) -> Iterator[tuple[str, Callable[[NDArray[np.int64]], Features]]]:
    """Each input that varies, and how it is shuffled while the others stay."""
    if state.selection.text:
        yield TEXT, partial(_shuffled_text, features)
    for kind, names in (("categories", state.categories.values), ("numbers", state.numbers.centres)):
        columns = getattr(features, kind)
        for at, name in enumerate(names):
            if len(np.unique(columns[:, at])) > 1:
                yield name, partial(_shuffled_column, features, kind, at)


def _shuffled_text(features: Features, order: NDArray[np.int64]) -> Features:
    parts = {name: getattr(features, name)[order] for name in ("words", "chars", "vectors", "texts")}
    return replace(features, **parts)


def _shuffled_column(features: Features, kind: str, at: int, order: NDArray[np.int64]) -> Features:
    columns = getattr(features, kind).copy()
    columns[:, at] = columns[order, at]
    return replace(features, **{kind: columns})


def _mean_with_interval(values: NDArray[np.float64], confidence: float) -> dict[str, float]:
    """Normal interval of the mean over rows."""
    mean = float(values.mean())
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(values.std()) / np.sqrt(len(values))
    return {"increase": mean, "low": mean - half, "high": mean + half}
