from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from tickets.decide.isotonic import LEAST_ROWS, Curve, Isotonic
from tickets.decide.temperature import Temperature
from tickets.errors import ModelError

Floats = NDArray[np.float64]


def _sample(num_rows: int, seed: int = 3) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Probabilities bent by a power that no temperature undoes, labels drawn from the true ones, and the true ones."""
    rng = np.random.default_rng(seed)
    first = rng.random(num_rows)
    true = np.column_stack([first, 1 - first])
    labels = (rng.random(num_rows) >= first).astype(np.int64)
    bent = first**3
    return np.column_stack([bent, 1 - bent]), labels, true


def test_a_bent_probability_is_straightened_which_a_temperature_cannot_do() -> None:
    bent, labels, _ = _sample(5_000)
    unseen, _, true = _sample(5_000, seed=4)
    assert np.abs(Isotonic.fit(bent, labels).transform(unseen) - true).mean() < 0.03
    assert np.abs(Temperature.fit(bent, labels).transform(unseen) - true).mean() > 0.1


def test_every_curve_rises_and_reaches_neither_0_nor_1() -> None:
    rng = np.random.default_rng(0)
    probabilities = softmax(4 * rng.normal(size=(600, 3)), axis=1)
    for curve in Isotonic.fit(probabilities, probabilities.argmax(axis=1)).curves:
        assert curve is not None
        assert (np.diff(curve.claimed) > 0).all()
        assert (np.diff(curve.observed) > 0).all()
        assert 0 < curve.observed[0] < curve.observed[-1] < 1


def test_a_curve_is_the_isotonic_regression_joined_at_the_centres_of_its_steps() -> None:
    """Sixty rows for each claim; the two that fall are pooled to (40 + 30) / 120, and each end has one row more."""
    claims, hits = np.array([0.1, 0.4, 0.6, 0.9]), [6, 40, 30, 54]
    first = np.repeat(claims, 60)
    labels = np.concatenate([[0] * hit + [1] * (60 - hit) for hit in hits])
    fitted = Isotonic.fit(np.column_stack([first, 1 - first]), labels)
    curve = fitted.curves[0]
    assert curve is not None
    sharpened = Temperature.fit(np.column_stack([first, 1 - first]), labels).transform(
        np.column_stack([claims, 1 - claims])
    )[:, 0]
    pooled = sharpened[1:3].mean()
    np.testing.assert_allclose(curve.claimed, [sharpened[0], pooled, sharpened[3]], atol=1e-9)
    np.testing.assert_allclose(curve.observed, [6.5 / 61, 70 / 120, 54.5 / 61], atol=1e-12)


def test_a_label_with_too_few_rows_keeps_what_the_temperature_says() -> None:
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(400, 3)), axis=1)
    labels = rng.integers(2, size=400)
    labels[: LEAST_ROWS - 1] = 2
    fitted = Isotonic.fit(probabilities, labels)
    assert [curve is None for curve in fitted.curves] == [False, False, True]
    few = Isotonic.fit(probabilities[: LEAST_ROWS - 1], labels[: LEAST_ROWS - 1])
    np.testing.assert_allclose(few.transform(probabilities), few.temperature.transform(probabilities), atol=1e-12)


def test_without_a_labelled_row_nothing_changes() -> None:
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(Isotonic.fit(probabilities, [-1, -1]).transform(probabilities), probabilities)


@pytest.mark.parametrize(
    ("claimed", "observed"),
    [
        ((), ()),
        ((0.1, 0.2), (0.5,)),
        ((0.2, 0.1), (0.4, 0.5)),
        ((0.1, 0.2), (0.5, 0.5)),
        ((0.1, 0.2), (0.0, 0.5)),
        ((0.1, 0.2), (0.5, 1.0)),
        ((0.1, float("nan")), (0.4, 0.5)),
        ((0.1,), (float("nan"),)),
    ],
)
def test_a_curve_rises_between_0_and_1(claimed: tuple[float, ...], observed: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="allowed"):
        Curve(claimed, observed)
