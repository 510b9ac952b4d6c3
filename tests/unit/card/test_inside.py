from __future__ import annotations

import numpy as np
import pytest

from tickets.card.inside import HEAD, OTHER_HEADS, look_inside
from tickets.config.card import CardConfig
from tickets.features.state import Features, FeatureState
from tickets.models.linear import Linear
from tickets.models.triage import TriageModel
from tickets.models.xgboost import XGBoost

CONFIG = CardConfig(num_terms=5, term_rows=3)


def test_the_words_and_values_of_a_label_are_found(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray
) -> None:
    found = look_inside(triage_model.target("category"), state, features, codes, CONFIG)
    labels = found["linear"]["labels"]
    topics = {"billing": {"invoice", "charge", "refund", "paid"}, "outage": {"down", "slow", "error"}}
    for label, topic in topics.items():
        names = [of["name"] for of in labels[label]["terms"]]
        assert len(topic & set(names)) >= 2
        assert len(names) <= 5
        assert [of["effect"] for of in labels[label]["terms"]] == sorted(
            (of["effect"] for of in labels[label]["terms"]), reverse=True
        )
    assert labels["billing"]["fields"][0]["name"] == "product = API"
    assert "dnn" not in found


def test_effects_add_up_to_the_margins_of_a_label(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray
) -> None:
    (linear,) = (m.classifier for m in triage_model.target("category").members if m.family == "linear")
    assert isinstance(linear, Linear)
    blocks = linear.blocks(features)
    assert [len(block) for block in blocks[:3]] == [features.words.shape[1], features.chars.shape[1], 8]
    assert len(blocks[4]) == 2 * features.numbers.shape[1]
    everything = CardConfig(num_terms=10_000, term_rows=1)
    found = look_inside(triage_model.target("category"), state, features, codes, everything)["linear"]["labels"]
    words = blocks[0] - blocks[0].mean(axis=1, keepdims=True)
    effects = np.asarray(features.words[codes == 0].mean(axis=0)).ravel() * words[:, 0] * linear.scale
    assert sum(of["effect"] for of in found["billing"]["terms"]) == pytest.approx(
        effects[effects >= 0.005].sum(), rel=1e-4
    )


def test_gains_are_parts_of_a_whole(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray
) -> None:
    found = look_inside(triage_model.target("category"), state, features, codes, CONFIG)
    fields = {*state.numbers.centres, *state.categories.values}
    for family in ("catboost", "xgboost"):
        gains = found[family]["gains"]
        assert set(gains) == {HEAD, *fields}
        assert sum(gains.values()) == pytest.approx(1)
        assert list(gains.values()) == sorted(gains.values(), reverse=True)
        assert gains[HEAD] > 0.1


def test_what_is_read_of_other_targets_is_told_apart(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    model = triage_model.target("category")
    fields = [*state.numbers.centres, *state.categories.values]
    gains = np.array([0.1, 0.1, 0.1, 0.2, 0.1, *np.full(len(fields), 0.4 / len(fields))])
    monkeypatch.setattr(XGBoost, "gains", lambda booster: gains)
    found = look_inside(model, state, features, codes, CONFIG)["xgboost"]["gains"]
    assert (found[HEAD], found[OTHER_HEADS]) == (pytest.approx(0.3), pytest.approx(0.3))
    assert sum(found.values()) == pytest.approx(1)


def test_rare_terms_and_long_numbers_are_not_shown(
    triage_model: TriageModel,
    state: FeatureState,
    features: Features,
    codes: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = triage_model.target("category")
    rare = look_inside(model, state, features, codes, CardConfig(term_rows=1000))["linear"]["labels"]
    assert all(not of["terms"] for of in rare.values())
    words, chars, found_codes = state.words.terms
    renamed = [f"{term} 1234567" if term == "invoice" else term for term in words]
    monkeypatch.setattr(type(state.words), "terms", (renamed, chars, found_codes))
    shown = look_inside(model, state, features, codes, CONFIG)["linear"]["labels"]["billing"]["terms"]
    assert not any("1234567" in of["name"] for of in shown)
