from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from tickets.decide.temperature import Temperature
from tickets.decide.vector import VectorScaling
from tickets.errors import ModelError

Floats = NDArray[np.float64]
BIASES = np.array([1.2, 0.0, -0.4, -0.8])


def _sample(num_rows: int, seed: int = 3, biases: Floats = BIASES) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Probabilities too sharp and shifted by `biases`, labels drawn from the true ones, and the true ones."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(num_rows, 4))
    true = softmax(logits, axis=1)
    labels = (true.cumsum(axis=1) < rng.random((num_rows, 1))).sum(axis=1)
    return softmax(1.5 * logits + biases, axis=1), labels, true


def _mean_per_label(probabilities: Floats) -> Floats:
    mean: Floats = probabilities.mean(axis=0)
    return mean


def test_labels_that_are_given_too_often_are_lowered_which_a_temperature_cannot_do() -> None:
    spoilt, labels, _ = _sample(4_000)
    unseen, _, true = _sample(20_000, seed=4)
    by_vector = VectorScaling.fit(spoilt, labels).transform(unseen)
    by_temperature = Temperature.fit(spoilt, labels).transform(unseen)
    assert np.abs(_mean_per_label(by_temperature) - _mean_per_label(true)).max() > 0.05
    assert np.abs(_mean_per_label(by_vector) - _mean_per_label(true)).max() < 0.02
    assert np.abs(by_vector - true).mean() < 0.02 < np.abs(by_temperature - true).mean()


def test_the_fit_is_the_least_penalised_loss() -> None:
    """No small step away from the fitted numbers lowers the loss, written here a second time."""
    spoilt, labels, _ = _sample(300)
    temperature = Temperature.fit(spoilt, labels).temperature
    fitted = VectorScaling.fit(spoilt, labels)

    def loss(numbers: Floats) -> float:
        scales, biases = numbers.reshape(2, 4)
        logs = np.log(softmax(np.log(spoilt) * scales + biases, axis=1))
        own = scales * temperature - (scales * temperature).mean()
        penalty = ((own / 0.05) ** 2 + (biases / 0.5) ** 2).sum() / 2
        return float(penalty - logs[np.arange(300), labels].sum() - logs.mean())

    found = np.array([*fitted.scales, *fitted.biases])
    for step in np.vstack([np.eye(8), -np.eye(8)]) * 0.01:
        assert loss(found + step) > loss(found)


def test_probabilities_that_a_temperature_repairs_are_repaired() -> None:
    spoilt, labels, _ = _sample(4_000, biases=np.zeros(4))
    fitted = VectorScaling.fit(spoilt, labels)
    np.testing.assert_allclose(fitted.scales, 1 / 1.5, rtol=0.1)
    np.testing.assert_allclose(fitted.biases, 0, atol=0.1)


def test_the_fewer_the_rows_the_nearer_to_the_temperature() -> None:
    distances = []
    for num_rows in (8, 80, 800):
        spoilt, labels, _ = _sample(num_rows)
        by_vector = VectorScaling.fit(spoilt, labels).transform(spoilt)
        distances.append(np.abs(by_vector - Temperature.fit(spoilt, labels).transform(spoilt)).mean())
    assert distances[0] < distances[1] < distances[2]


def test_a_label_without_rows_keeps_a_finite_bias() -> None:
    spoilt, labels, _ = _sample(400)
    fitted = VectorScaling.fit(spoilt[labels != 2], labels[labels != 2])
    assert -5 < fitted.biases[2] < 0
    assert (fitted.transform(spoilt)[:, 2] > 0).all()


def test_without_a_labelled_row_nothing_changes() -> None:
    spoilt, _, _ = _sample(5)
    np.testing.assert_allclose(VectorScaling.fit(spoilt, [-1] * 5).transform(spoilt), spoilt, atol=1e-12)


@pytest.mark.parametrize(
    ("scales", "biases"), [((), ()), ((1.0,), ()), ((1.0, -1.0), (0.0, 0.0)), ((1.0,), (float("nan"),))]
)
def test_scales_and_biases_are_finite_pairs(scales: tuple[float, ...], biases: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="allowed"):
        VectorScaling(scales, biases)
