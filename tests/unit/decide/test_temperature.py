from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tickets.decide.temperature import BOUNDS, Temperature
from tickets.errors import ModelError

Floats = NDArray[np.float64]


def _softmax(logits: Floats) -> Floats:
    powers: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sample(num_rows: int, temperature: float) -> tuple[Floats, NDArray[np.int64]]:
    """Probabilities that are too sharp by `temperature`, with labels drawn from the true ones."""
    rng = np.random.default_rng(5)
    logits = 2 * rng.normal(size=(num_rows, 4))
    true = _softmax(logits)
    labels = (true.cumsum(axis=1) < rng.random((num_rows, 1))).sum(axis=1)
    return _softmax(logits * temperature), labels


def _nll(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fit_finds_the_temperature_that_spoilt_the_probabilities(temperature: float) -> None:
    spoilt, labels = _sample(20_000, temperature)
    assert Temperature.fit(spoilt, labels).temperature == pytest.approx(temperature, rel=0.05)


def test_transform_lowers_the_loss_keeps_every_rank_and_sums_to_one() -> None:
    spoilt, labels = _sample(3_000, 3.0)
    calibrated = Temperature.fit(spoilt, labels).transform(spoilt)
    assert calibrated.dtype == np.float64
    assert _nll(calibrated, labels) < _nll(spoilt, labels) - 0.1
    np.testing.assert_array_equal(calibrated.argsort(axis=1), spoilt.argsort(axis=1))
    np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, atol=1e-12)


def test_labels_outside_the_list_do_not_count() -> None:
    spoilt, labels = _sample(500, 2.0)
    outside = np.vstack([spoilt, np.tile([1.0, 0.0, 0.0, 0.0], (400, 1))])
    with_outside = Temperature.fit(outside, np.concatenate([labels, np.full(400, -1)]))
    assert with_outside.temperature == pytest.approx(Temperature.fit(spoilt, labels).temperature, rel=1e-4)


@pytest.mark.parametrize("labels", [[], [-1, -1]])
def test_without_a_labelled_row_nothing_changes(labels: list[int]) -> None:
    assert Temperature.fit(np.full((len(labels), 3), 1 / 3), np.array(labels, dtype=int)) == Temperature(1.0)


def test_a_sample_without_errors_does_not_make_every_answer_certain() -> None:
    probabilities = np.tile([0.9, 0.06, 0.04], (60, 1))
    fitted = Temperature.fit(probabilities, np.zeros(60, dtype=int))
    assert 0.9 < fitted.transform(probabilities)[0, 0] < 0.999


def test_zero_probabilities_are_read_and_the_true_label_may_have_one() -> None:
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    fitted = Temperature.fit(probabilities, np.array([0, 1, 1]))
    assert BOUNDS[0] < fitted.temperature <= BOUNDS[1]
    assert np.isfinite(fitted.transform(probabilities)).all()


def test_single_precision_input_is_calibrated_in_double() -> None:
    spoilt, labels = _sample(300, 2.0)
    fitted = Temperature.fit(spoilt.astype(np.float32), labels)
    assert fitted.transform(spoilt.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_is_a_positive_number(temperature: float) -> None:
    with pytest.raises(ModelError, match="temperature"):
        Temperature(temperature)
