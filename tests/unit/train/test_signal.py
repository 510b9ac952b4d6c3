from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import Ridge

from tickets.train.signal import PENALTY, assign_folds, group_texts, measure_signal


def test_equal_texts_share_a_group_and_missing_ones_do_not() -> None:
    assert group_texts(["a", "", "b", "a", ""]).tolist() == [0, 1, 2, 0, 3]


def test_folds_are_even_and_keep_groups_together() -> None:
    groups = np.random.default_rng(0).integers(60, size=500)
    groups[:90] = 0
    folds = assign_folds(groups, 5)
    assert np.bincount(folds).tolist() == pytest.approx([100] * 5, abs=2)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in range(60))


def test_two_groups_fill_two_folds() -> None:
    assert len(np.unique(assign_folds(np.array([0, 0, 0, 1]), 5))) == 2


def test_predictions_are_those_of_ridge_regression_fitted_on_the_other_folds() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.normal(scale=0.2, size=(120, 30)).astype(np.float32)
    labels = np.clip(np.round(5 * matrix[:, 0] + rng.normal(size=120)), -1, 1).astype(np.int64) + 1
    folds = np.arange(120) % 4
    expected = np.empty(120, dtype=int)
    for fold in range(4):
        held_out = folds == fold
        model = Ridge(alpha=PENALTY).fit(matrix[~held_out], np.eye(3)[labels[~held_out]])
        expected[held_out] = model.predict(matrix[held_out]).argmax(axis=1)
    np.testing.assert_array_equal(measure_signal(labels, {"fields": matrix}, folds, 1).predicted, expected)


@pytest.mark.parametrize("num_twins", [1, 4])
def test_p_values_of_noise_are_uniform(num_twins: int) -> None:
    """Rows with near twins in other folds make cross-validation scores of noise spread more than a binomial."""
    rng = np.random.default_rng(3)
    folds = np.arange(40) % 4
    p_values = []
    for seed in range(300):
        matrix = np.repeat(rng.normal(size=(40 // num_twins, 12)), num_twins, axis=0).astype(np.float32)
        labels = rng.integers(4, size=40)
        p_values.append(measure_signal(labels, {"fields": matrix}, folds, 39, seed).p_value)
    for level in (0.05, 0.1, 0.5):
        low, high = binom.ppf([0.0005, 0.9995], 300, level)
        assert low <= sum(p <= level for p in p_values) <= high


def test_signal_that_moves_no_majority_is_found() -> None:
    rng = np.random.default_rng(4)
    labels = (rng.random(600) < 0.08).astype(np.int64)
    matrix = rng.normal(size=(600, 5)).astype(np.float32)
    matrix[:, 0] += labels
    signal = measure_signal(labels, {"fields": matrix}, np.arange(600) % 5, 199)
    assert signal.p_value == 1 / 200
    assert (signal.predicted == 0).mean() > 0.97


def test_the_strongest_view_is_reported() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(3, size=150)
    noise = rng.normal(size=(150, 30)).astype(np.float32)
    told = np.eye(3, dtype=np.float32)[labels]
    signal = measure_signal(labels, {"text": noise, "fields": told}, np.arange(150) % 5, 19)
    assert (signal.view, signal.p_value) == ("fields", 1 / 20)
    np.testing.assert_array_equal(signal.predicted, labels)


def test_labels_that_occur_once_are_never_predicted() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 3])
    matrix = np.eye(8, dtype=np.float32)
    assert set(measure_signal(labels, {"text": matrix}, np.arange(8) % 4, 9).predicted) <= {0, 1}


def test_the_seed_fixes_the_shuffles() -> None:
    rng = np.random.default_rng(6)
    labels, matrix = rng.integers(2, size=50), rng.normal(size=(50, 3)).astype(np.float32)
    first, again = (measure_signal(labels, {"fields": matrix}, np.arange(50) % 5, 99, seed=1) for _ in range(2))
    assert first.p_value == again.p_value


def test_the_choice_of_the_view_is_part_of_what_is_tested() -> None:
    """Among forty views of noise one looks strong; p-values that forgot the choice would nearly all be small."""
    rng = np.random.default_rng(15)
    views = {str(view): rng.normal(size=(40, 3)).astype(np.float32) for view in range(40)}
    p_values = [
        measure_signal(rng.integers(2, size=40), views, np.arange(40) % 4, 39, seed).p_value for seed in range(12)
    ]
    assert np.median(p_values) > 0.1
