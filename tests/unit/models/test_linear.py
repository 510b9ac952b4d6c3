from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tickets.models import linear
from tickets.models.family import Examples, Limits, nll, softmax


def test_the_text_head_reads_text_alone(text_head: linear.Linear, valid: Examples) -> None:
    rng = np.random.default_rng(0)
    features = valid.features
    changed = replace(
        features,
        categories=rng.integers(9, size=features.categories.shape, dtype=np.int32),
        numbers=rng.normal(size=features.numbers.shape).astype(np.float32),
    )
    np.testing.assert_array_equal(text_head.predict(changed), text_head.predict(features))
    silent = replace(features, words=features.words * 0)
    assert not np.array_equal(text_head.predict(silent), text_head.predict(features))


def test_the_model_reads_fields(train: Examples, limits: Limits, valid: Examples) -> None:
    model = linear.refit(linear.HEAD_PARAMS, train, limits, 1.0)
    empty = replace(valid.features, categories=np.zeros_like(valid.features.categories))
    assert not np.array_equal(model.predict(empty), model.predict(valid.features))


def test_a_missing_number_is_not_the_median(train: Examples, limits: Limits, valid: Examples) -> None:
    model = linear.refit(linear.HEAD_PARAMS, train, limits, 1.0)
    median, missing = (
        replace(valid.features, numbers=np.full_like(valid.features.numbers, value)) for value in (0.0, np.nan)
    )
    assert not np.array_equal(model.predict(median), model.predict(missing))


def test_a_refit_uses_the_scale_that_was_found(train: Examples, valid: Examples, limits: Limits) -> None:
    fitted = linear.fit(linear.HEAD_PARAMS, train, valid, limits, lambda loss: None)
    model = linear.refit(linear.HEAD_PARAMS, train, limits, fitted.length)
    assert model.scale == fitted.length
    expected = softmax(model.margins(valid.features) * fitted.length)
    np.testing.assert_array_equal(model.predict(valid.features), expected)


def test_an_unwatched_fit_takes_one_step(train: Examples, valid: Examples, limits: Limits) -> None:
    losses: list[float] = []
    fitted = linear.fit(linear.HEAD_PARAMS, train, valid, replace(limits, watched=False), losses.append)
    assert losses == [fitted.nll]


def test_the_scale_is_the_likeliest(text_head: linear.Linear, valid: Examples) -> None:
    margins = text_head.margins(valid.features)
    scale = linear.fit_scale(margins, valid.labels)
    best = nll(softmax(margins * scale), valid.labels)
    assert all(best <= nll(softmax(margins * scale * factor), valid.labels) for factor in (0.5, 0.9, 1.1, 2.0))


def test_the_scale_stays_within_its_bounds() -> None:
    margins, labels = np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([0, 1])
    assert 10 < linear.fit_scale(margins, labels) <= 100
    assert linear.fit_scale(margins, 1 - labels) == pytest.approx(0.1, rel=0.01)
    assert linear.fit_scale(margins[:0], labels[:0]) == 1.0


@pytest.mark.parametrize("num_rows", [0, 5])
def test_rows_of_one_class_or_none_teach_the_share_alone(
    train: Examples, valid: Examples, limits: Limits, num_rows: int, tmp_path: Path
) -> None:
    head = linear.fit_head(train.take(np.flatnonzero(train.labels == 1)[:num_rows]), limits)
    probabilities = head.predict(valid.features)
    assert np.isfinite(probabilities).all()
    assert np.ptp(probabilities, axis=0).max() < 1e-6
    assert (probabilities[0, 1] > 0.9) == (num_rows > 0)
    head.save(tmp_path)
    np.testing.assert_array_equal(linear.load(tmp_path).predict(valid.features), probabilities)


def test_every_step_sees_every_class(train: Examples, valid: Examples, limits: Limits) -> None:
    # One row of class 2: a quarter of the rows would mostly miss it.
    rare = train.take(np.r_[np.flatnonzero(train.labels != 2), np.flatnonzero(train.labels == 2)[:1]])
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(rare))
        chosen = linear._spread(order, rare.labels, 0.25, 3)
        assert set(rare.labels[chosen].tolist()) == {0, 1, 2}
        assert len(chosen) <= len(rare) // 4 + 3
        assert len(set(chosen.tolist())) == len(chosen)


@pytest.mark.parametrize("with_fields", [True, False])
def test_margins_are_the_product_of_the_columns_that_were_fitted(
    train: Examples, limits: Limits, valid: Examples, text_head: linear.Linear, with_fields: bool
) -> None:
    model = linear.refit(linear.HEAD_PARAMS, train, limits, 1.0) if with_fields else text_head
    odd = valid.features.categories.copy()
    odd[::3, 0] = 10_000  # a code that training did not hold has no column
    features = replace(valid.features, categories=odd)
    columns = linear._columns(features, model._vector_weight, model._with_fields, model._num_codes)
    expected = columns @ model._weights + model._intercept
    np.testing.assert_allclose(model.margins(features), expected, rtol=0, atol=1e-5)
