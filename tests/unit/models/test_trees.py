from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tickets.errors import ModelError
from tickets.models import catboost, xgboost
from tickets.models.family import Examples, Family, Limits, family, nll
from tickets.models.trees import ROUNDS_PER_STEP, best_rounds, head_columns, is_step


@pytest.fixture(params=["catboost", "xgboost"])
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def tree(name: str) -> Family:
    return family(name)


@pytest.fixture
def params(name: str, first_params: Callable[[str], dict[str, float]]) -> dict[str, float]:
    return first_params(name)


def test_without_the_text_head_there_is_no_model(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits
) -> None:
    headless = replace(train, head=None)
    with pytest.raises(ModelError, match="need the text head's probabilities, got None"):
        tree.fit(params, headless, valid, limits, lambda loss: None)
    with pytest.raises(ModelError, match="text head"):
        tree.refit(params, headless, limits, 10)
    with pytest.raises(ModelError, match="text head"):
        tree.refit(params, train, limits, 10).predict(valid.features, None)


def test_it_reports_every_few_trees_and_at_the_end(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits
) -> None:
    reported: list[float] = []
    fitted = tree.fit(params, train, valid, replace(limits, boosting_rounds=25), reported.append)
    assert len(reported) == 3
    assert fitted.length in (10, 20, 25)


def test_it_stops_by_itself_and_keeps_its_best(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits
) -> None:
    reported: list[float] = []
    hasty = replace(limits, boosting_rounds=2000, patience_steps=2)
    fitted = tree.fit({**params, "learning_rate": 0.06}, train, valid, hasty, reported.append)
    assert fitted.length == (len(reported) - 2) * ROUNDS_PER_STEP < 1900
    assert fitted.nll == reported[-1] == reported[-3] < reported[0]
    probabilities = fitted.classifier.predict(valid.features, valid.head)
    assert nll(probabilities, valid.labels) == pytest.approx(fitted.nll, abs=1e-5)


def test_a_number_of_zero_is_not_a_missing_one(
    tree: Family, params: dict[str, float], train: Examples, limits: Limits
) -> None:
    labels = np.arange(len(train)) % 2
    numbers = np.where(labels[:, None] == 1, np.nan, np.zeros_like(train.features.numbers)).astype(np.float32)
    told = Examples(replace(train.features, numbers=numbers), labels, np.full((len(train), 2), 0.5, np.float32))
    model = tree.refit(params, told, replace(limits, num_classes=2), 30)
    assert (model.predict(told.features, told.head).argmax(axis=1) == labels).all()


def test_it_reads_categories(tree: Family, params: dict[str, float], train: Examples, limits: Limits) -> None:
    labels = np.arange(len(train)) % 3
    codes = np.stack([2 + labels, np.zeros_like(labels)], axis=1).astype(np.int32)
    told = Examples(replace(train.features, categories=codes), labels, np.full((len(train), 3), 1 / 3, np.float32))
    model = tree.refit(params, told, limits, 40)
    assert (model.predict(told.features, told.head).argmax(axis=1) == labels).mean() > 0.95


def test_a_category_unknown_to_xgboost_is_a_missing_one(
    first_params: Callable[[str], dict[str, float]], train: Examples, valid: Examples, limits: Limits
) -> None:
    model = xgboost.refit(first_params("xgboost"), train, limits, 20)
    unseen, missing, beyond = (
        replace(valid.features, categories=np.full_like(valid.features.categories, code)) for code in (1, 0, 99)
    )
    expected = model.predict(missing, valid.head)
    np.testing.assert_array_equal(model.predict(unseen, valid.head), expected)
    np.testing.assert_array_equal(model.predict(beyond, valid.head), expected)


def test_catboost_gives_nothing_to_a_class_that_training_lacked(
    first_params: Callable[[str], dict[str, float]], train: Examples, valid: Examples, limits: Limits, tmp_path: Any
) -> None:
    model = catboost.refit(first_params("catboost"), train.take(train.labels != 1), limits, 10)
    model.save(tmp_path)
    for of in (model, catboost.load(tmp_path)):
        probabilities = of.predict(valid.features, valid.head)
        assert (probabilities[:, 1] == 0).all()
        assert set(probabilities.argmax(axis=1).tolist()) == {0, 2}


def test_head_columns_are_logarithms_with_a_floor() -> None:
    columns = head_columns(np.array([[1.0, 0.0, np.exp(-3)]]))
    assert columns.dtype == np.float32
    np.testing.assert_allclose(columns, [[0, -12, -3]], rtol=1e-6)


def test_steps_are_every_few_trees_and_the_last() -> None:
    assert [rounds for rounds in range(1, 26) if is_step(rounds, 25)] == [10, 20, 25]
    assert [rounds for rounds in range(1, 4) if is_step(rounds, 3)] == [3]
    assert [best_rounds(step, 25) for step in (1, 2, 3)] == [10, 20, 25]
    assert best_rounds(1, 3) == 3
