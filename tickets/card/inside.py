"""What stands inside of a model: the strongest terms of a linear one, the gains of trees. It does not know test scores.

Terms come out of tickets: one is shown only where several test tickets hold it and masking leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickets.config.card import CardConfig
from tickets.features.state import Features, FeatureState
from tickets.features.tabular import MISSING, UNSEEN
from tickets.masking import mask
from tickets.models.catboost import CatBoost
from tickets.models.labels import Labels
from tickets.models.linear import NUMBER_SCALE, Linear
from tickets.models.triage import TargetModel
from tickets.models.xgboost import XGBoost

HEAD: Final = "text head"
"""Name of the columns that trees have of what the text says of their target."""
OTHER_HEADS: Final = "text heads of other targets"
"""Name of those of what it says of other targets."""
_LEAST_EFFECT: Final = 0.005
_MOST_DIGITS: Final = 5  # a longer number may be an account or a telephone
_SPECIAL: Final = {MISSING: "(none)", UNSEEN: "(unseen)"}


def look_inside(
    model: TargetModel, state: FeatureState, features: Features, codes: NDArray[np.int64], config: CardConfig
) -> dict[str, Any]:
    """What is known of each member that can be read.

    Args:
        model: The target's model.
        state: Names of terms, fields and values.
        features: m labelled tickets.
        codes: int64 [m], their labels, below 0 where they are outside the list.
        config: Terms per label, tickets that must hold one.

    Returns:
        Family → for a linear model `labels`: label → `terms` and `fields`, each a list of `name` and `effect`, the
        part of the label's log-odds, compared with the mean of all labels, that it makes on average on tickets of
        that label; for trees `gains`: input → its part of all gain. Other families have no entry.
    """
    found: dict[str, Any] = {}
    for member in model.members:
        if isinstance(member.classifier, Linear):
            found[member.family] = {
                "labels": _strongest(member.classifier, model.labels, state, features, codes, config)
            }
        elif isinstance(member.classifier, CatBoost | XGBoost):
            found[member.family] = {"gains": _by_input(member.classifier.gains(), len(model.labels), state)}
    return found


def _by_input(gains: NDArray[np.float64], num_labels: int, state: FeatureState) -> dict[str, float]:
    """The text heads' columns come first, the target's own before the others', then numbers, then categories."""
    fields = [*state.numbers.centres, *state.categories.values]
    num_heads = len(gains) - len(fields)
    inputs = {HEAD: float(gains[:num_labels].sum()), **dict(zip(fields, gains[num_heads:].tolist(), strict=True))}
    if num_heads > num_labels:
        inputs[OTHER_HEADS] = float(gains[num_labels:num_heads].sum())
    return dict(sorted(inputs.items(), key=lambda item: -item[1]))


def _strongest(
    model: Linear, labels: Labels, state: FeatureState, features: Features, codes: NDArray[np.int64], config: CardConfig
) -> dict[str, Any]:
    of_words, _, _, of_codes, of_numbers = (model.scale * _centred(block) for block in model.blocks(features))
    words, _, found_codes = state.words.terms
    terms = [*words, *found_codes]
    is_shown = np.asarray((features.words > 0).sum(axis=0)).ravel() >= config.term_rows
    values = list(_field_values(model, state, features)) if len(of_codes) + len(of_numbers) else []
    of_values = np.vstack([of_codes, of_numbers])
    found = {}
    for code, name in enumerate(labels.names):
        rows = codes == code
        if not rows.any():
            continue
        word_effects = np.asarray(features.words[rows].mean(axis=0)).ravel() * of_words[:, code] * is_shown
        field_effects = [(field, float(column[rows].mean() * of_values[at, code])) for field, at, column in values]
        word_pairs = [(terms[at], float(word_effects[at])) for at in np.argsort(-word_effects)[: 3 * config.num_terms]]
        found[name] = {"terms": _top(word_pairs, config.num_terms), "fields": _top(field_effects, config.num_terms)}
    return found


def _centred(weights: np.ndarray) -> NDArray[np.float64]:
    """A softmax does not see what all labels share."""
    centred: NDArray[np.float64] = weights.astype(np.float64) - weights.mean(axis=1, keepdims=True)
    return centred


def _field_values(
    model: Linear, state: FeatureState, features: Features
) -> Iterator[tuple[str, int, NDArray[np.float64]]]:
    """Each value of a field as a reader calls it, the row of its weights, and what it is in each ticket."""
    start = 0
    for column, ((field, known), size) in enumerate(zip(state.categories.values.items(), model.num_codes, strict=True)):
        for code in range(size):
            value = _SPECIAL.get(code) or known[code - UNSEEN - 1]
            yield f"{field} = {value}", start + code, (features.categories[:, column] == code).astype(np.float64)
        start += size
    count = features.numbers.shape[1]
    for column, field in enumerate(state.numbers.centres):
        numbers = features.numbers[:, column].astype(np.float64)
        missing = np.isnan(numbers)
        for side, values in (("high", np.maximum(numbers, 0)), ("low", np.minimum(numbers, 0))):
            yield f"{field} {side}", start + column, np.where(missing, 0.0, values / NUMBER_SCALE)
        yield f"{field} = {_SPECIAL[MISSING]}", start + count + column, missing.astype(np.float64)


def _top(pairs: list[tuple[str, float]], count: int) -> list[dict[str, Any]]:
    """The greatest that speak for a label, without what may tell of a person."""
    ordered = sorted(
        (pair for pair in pairs if pair[1] >= _LEAST_EFFECT and _may_be_shown(pair[0])), key=lambda pair: -pair[1]
    )
    return [{"name": name, "effect": effect} for name, effect in ordered[:count]]


def _may_be_shown(name: str) -> bool:
    return mask(name) == name and sum(character.isdigit() for character in name) <= _MOST_DIGITS
