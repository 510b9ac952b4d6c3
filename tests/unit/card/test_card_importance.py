from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickets.card.importance import ALL, TEXT, permutation_importance
from tickets.features.state import Features, FeatureState
from tickets.models.family import nll
from tickets.models.triage import TriageModel


def test_what_tells_of_the_label_matters_and_what_does_not_does_not(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray
) -> None:
    rows = np.arange(200, 300)
    test, truth = features.take(rows), codes[rows]
    found = permutation_importance(triage_model.target("category"), state, test, truth, 100, 0, 0.95)
    assert found["num_rows"] == 100
    assert list(found["families"]) == [ALL, "linear", "catboost", "xgboost", "dnn"]
    whole = found["families"][ALL]
    assert whole["nll"] == pytest.approx(nll(triage_model.target("category").predict(test), truth))
    assert next(iter(whole["inputs"])) == TEXT
    assert whole["inputs"][TEXT]["low"] > 0
    assert whole["inputs"]["product"]["increase"] > whole["inputs"]["channel"]["increase"]
    for of in found["families"].values():
        for grown in of["inputs"].values():
            assert grown["low"] <= grown["increase"] <= grown["high"]
        assert "customer_tier" not in of["inputs"]  # no ticket has one


def test_rows_without_a_label_of_the_list_are_left_out_and_the_sample_repeats(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray
) -> None:
    model, truth = triage_model.target("category"), np.where(np.arange(300) < 250, -1, codes)
    found = permutation_importance(model, state, features, truth, 100, 1, 0.95)
    assert found["num_rows"] == 50
    assert found == permutation_importance(model, state, features, truth, 100, 1, 0.95)
    nothing = permutation_importance(model, state, features, np.full(300, -1), 100, 0, 0.95)
    assert nothing == {"num_rows": 0, "families": {}}


def test_shuffling_leaves_the_features_as_they_were(
    triage_model: TriageModel, state: FeatureState, features: Features, codes: np.ndarray
) -> None:
    before = replace(features, categories=features.categories.copy(), numbers=features.numbers.copy())
    permutation_importance(triage_model.target("priority"), state, features, codes % 2, 50, 0, 0.95)
    np.testing.assert_array_equal(features.categories, before.categories)
    np.testing.assert_array_equal(features.numbers, before.numbers)
