from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models import catboost, xgboost
from tickets.models.family import Examples, Family, Limits, family, nll
from tickets.models.trees import ROUNDS_PER_STEP, HeadAlone, Pace, head_columns, head_logs


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
    first_params: Callable[[str], dict[str, float]], train: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    model = catboost.refit(first_params("catboost"), train.take(train.labels != 1), limits, 10)
    model.save(tmp_path)
    for of in (model, catboost.load(tmp_path)):
        probabilities = of.predict(valid.features, valid.head)
        assert (probabilities[:, 1] == 0).all()
        assert set(probabilities.argmax(axis=1).tolist()) == {0, 2}


def test_where_nothing_helps_the_head_stays_alone(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    told, asked = (
        replace(rows, labels=rng.permutation(rows.labels), head=np.full_like(rows.head, 1) * [0.5, 0.3, 0.2])
        for rows in (train, valid)
    )
    reported: list[float] = []
    fitted = tree.fit(params, told, asked, limits, reported.append)
    assert fitted.length == 0
    assert 1 <= len(reported) <= limits.patience_steps
    assert set(reported) == {fitted.nll}
    tree.refit(params, told, limits, 0).save(tmp_path)
    for model in (fitted.classifier, tree.load(tmp_path)):
        assert isinstance(model, HeadAlone)
        np.testing.assert_allclose(model.predict(asked.features, asked.head), asked.head, atol=1e-6)


def test_what_is_said_of_another_target_is_read_and_does_not_start_the_trees(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    """The target's own head knows nothing, the other one everything."""
    told, asked = (
        replace(rows, head=np.hstack([np.full((len(rows), 3), 1 / 3), 0.02 + 0.94 * np.eye(3)[rows.labels]]))
        for rows in (train, valid)
    )
    told, asked = (replace(rows, features=_silent(rows.features)) for rows in (told, asked))
    fitted = tree.fit(params, told, asked, limits, lambda loss: None)
    assert fitted.nll < 0.5 * np.log(3)
    fitted.classifier.save(tmp_path)
    for model in (fitted.classifier, tree.load(tmp_path)):
        found = model.predict(asked.features, asked.head)
        assert found.shape == (len(asked), 3)
        assert (found.argmax(axis=1) == asked.labels).mean() > 0.95
    fields = asked.features.numbers.shape[1] + asked.features.categories.shape[1]
    gains = fitted.classifier.gains()  # type: ignore[attr-defined]  # of trees
    assert len(gains) == 6 + fields
    assert gains[3:6].sum() > 0.9 * gains[1:].sum()


def _silent(features: Features) -> Features:
    """The rows without text, vector and fields."""
    return replace(
        features,
        texts=np.full(len(features), "", dtype=object),
        vectors=np.zeros_like(features.vectors),
        categories=np.zeros_like(features.categories),
        numbers=np.full_like(features.numbers, np.nan),
    )


def test_the_head_alone_says_what_it_says_of_its_target(tmp_path: Path) -> None:
    head = np.array([[0.7, 0.3, 0.1, 0.9], [0.2, 0.8, 0.6, 0.4]])
    nothing: Any = None
    np.testing.assert_allclose(HeadAlone(2).predict(nothing, head), head[:, :2], atol=1e-6)
    HeadAlone(2).save(tmp_path)
    for module in (catboost, xgboost):
        np.testing.assert_allclose(module.load(tmp_path).predict(nothing, head), head[:, :2], atol=1e-6)


def test_columns_of_one_value_are_no_error(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits
) -> None:
    flat_train, flat_valid = (
        Examples(
            replace(
                rows.features,
                categories=np.zeros_like(rows.features.categories),
                numbers=np.full_like(rows.features.numbers, np.nan),
            ),
            rows.labels,
            np.full((len(rows), 3), 1 / 3, dtype=np.float32),
        )
        for rows in (train, valid)
    )
    fitted = tree.fit({**params, "text": 0, "vector": 0}, flat_train, flat_valid, limits, lambda loss: None)
    model = tree.refit(params, flat_train, limits, fitted.length)
    assert np.isfinite(model.predict(flat_valid.features, flat_valid.head)).all()


def _wide(rows: Examples, num_classes: int) -> Examples:
    """The same rows with a head of many more classes, none of which any row has."""
    rest = np.full((len(rows), num_classes - 3), 1e-4, dtype=np.float32)
    return replace(rows, head=np.hstack([rows.head * (1 - rest.sum(axis=1, keepdims=True)), rest]))


def test_with_many_classes_a_fit_takes_fewer_rounds(
    tree: Family, params: dict[str, float], train: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    many = replace(limits, num_classes=32, boosting_rounds=40, patience_steps=100)
    reported: list[float] = []
    fitted = tree.fit(params, _wide(train, 32), _wide(valid, 32), many, reported.append)
    assert len(reported) == 4
    assert fitted.length in (5, 10, 15, 20)
    fitted.classifier.save(tmp_path)
    rows = _wide(valid, 32)
    expected = fitted.classifier.predict(rows.features, rows.head)
    assert nll(expected, valid.labels) == pytest.approx(fitted.nll, abs=1e-5)
    np.testing.assert_allclose(tree.load(tmp_path).predict(rows.features, rows.head), expected, atol=1e-6)


@pytest.mark.parametrize(("text", "vector"), [(1, 0), (0, 1), (1, 1)])
def test_catboost_reads_text_and_vector_by_itself(
    first_params: Callable[[str], dict[str, float]],
    train: Examples,
    valid: Examples,
    limits: Limits,
    tmp_path: Path,
    text: int,
    vector: int,
) -> None:
    settings = {**first_params("catboost"), "text": text, "vector": vector}
    told, asked = (
        Examples(
            replace(rows.features, categories=rows.features.categories[:, :0], numbers=rows.features.numbers[:, :0]),
            rows.labels,
            np.full_like(rows.head, 1 / 3),
        )
        for rows in (train, valid)
    )
    model = catboost.refit(settings, told, limits, 30)
    model.save(tmp_path)
    loaded = catboost.load(tmp_path)
    together = model.predict(asked.features, asked.head)
    np.testing.assert_array_equal(loaded.predict(asked.features, asked.head), together)
    for row in range(0, len(asked), 7):
        one = asked.take(np.array([row]))
        np.testing.assert_allclose(loaded.predict(one.features, one.head), together[row : row + 1], atol=1e-6)
    majority = (asked.labels == 0).mean()
    assert (together.argmax(axis=1) == asked.labels).mean() > majority + 0.05


@pytest.mark.parametrize("reads_text", [True, False])
def test_catboost_that_reads_text_learns_a_row_that_stands_there_twice_once(
    first_params: Callable[[str], dict[str, float]], train: Examples, valid: Examples, limits: Limits, reads_text: bool
) -> None:
    settings = {**first_params("catboost"), "text": int(reads_text), "vector": 0}
    twice = train.take(np.r_[np.arange(len(train)), np.arange(len(train))])
    told = replace(twice, has_copy=np.arange(len(twice)) < len(train))
    found, expected = (
        catboost.refit(settings, rows, limits, 10).predict(valid.features, valid.head)
        for rows in (told, train if reads_text else twice)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("use_gpu", [False, True])
def test_categories_of_many_classes_are_compared_by_value(
    train: Examples, limits: Limits, first_params: Callable[[str], dict[str, float]], use_gpu: bool
) -> None:
    few = catboost._thrift(replace(limits, use_gpu=use_gpu), train)
    many = catboost._thrift(replace(limits, num_classes=60, use_gpu=use_gpu), _wide(train, 60))
    assert "one_hot_max_size" not in few
    assert many["one_hot_max_size"] == 255
    assert many["simple_ctr"] == (["FeatureFreq"] if use_gpu else ["Counter"])
    assert ("rsm" in many, "rsm" in few) == (not use_gpu, False)


def test_catboost_on_a_gpu_reports_the_same_curve_at_its_end(
    train: Examples,
    valid: Examples,
    limits: Limits,
    first_params: Callable[[str], dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU takes no callback; the library is told to use the CPU here all the same."""
    import catboost as library

    made = library.CatBoost

    def on_cpu(settings: dict[str, Any] | None = None) -> Any:
        if settings is None:
            return made()  # read, not fitted
        asked.append((settings.get("task_type"), settings.get("gpu_ram_part")))
        return made({name: value for name, value in settings.items() if name not in ("task_type", "gpu_ram_part")})

    asked: list[tuple[str | None, float | None]] = []
    curves: list[list[float]] = [[], []]
    params = {**first_params("catboost"), "text": 0, "vector": 0}
    fits = [catboost.fit(params, train, valid, limits, curves[0].append)]
    monkeypatch.setattr(library, "CatBoost", on_cpu)
    shared = replace(limits, use_gpu=True, gpu_share=0.5)
    fits.append(catboost.fit(params, train, valid, shared, curves[1].append))
    assert asked == [("GPU", 0.45)]
    assert curves[1] == curves[0][: len(curves[1])]
    assert fits[1].nll == fits[0].nll
    assert fits[1].length == fits[0].length


def test_catboost_on_a_gpu_reads_neither_text_nor_vector(
    train: Examples,
    valid: Examples,
    limits: Limits,
    first_params: Callable[[str], dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import catboost as library

    made, on_gpu = library.CatBoost, replace(limits, use_gpu=True)
    monkeypatch.setattr(
        library, "CatBoost", lambda given=None: made(given and {**given, "task_type": "CPU", "gpu_ram_part": None})
    )
    params = first_params("catboost")
    assert params["text"] and params["vector"]
    found = catboost.refit(params, train, on_gpu, 10)
    plain = catboost.refit({**params, "text": 0, "vector": 0}, train, on_gpu, 10)
    expected = plain.predict(valid.features, valid.head)
    np.testing.assert_array_equal(found.predict(valid.features, valid.head), expected)
    found.save(tmp_path)
    monkeypatch.undo()
    np.testing.assert_array_equal(catboost.load(tmp_path).predict(valid.features, valid.head), expected)


@pytest.mark.parametrize("num_categories", [0, 1])
def test_catboost_that_reads_neither_has_typed_columns(
    train: Examples, monkeypatch: pytest.MonkeyPatch, num_categories: int
) -> None:
    import catboost as library

    given: list[Any] = []
    made = library.Pool
    monkeypatch.setattr(library, "Pool", lambda cells, **known: given.append(cells) or made(cells, **known))
    features = replace(train.features, categories=train.features.categories[:, :num_categories])
    pool = catboost._pool(features, train.head, catboost.Native(False, False), label=train.labels)
    assert isinstance(given[0], library.FeaturesData)
    num_numbers = 3 + features.numbers.shape[1]
    assert pool.shape == (len(train), num_numbers + num_categories)
    assert pool.get_cat_feature_indices() == list(range(num_numbers, num_numbers + num_categories))


def test_typed_columns_say_what_cells_of_objects_say(
    first_params: Callable[[str], dict[str, float]], train: Examples, valid: Examples, limits: Limits
) -> None:
    """A release is read by whatever shape its rows come in: category codes are hashed as the same text."""
    from catboost import Pool

    model = catboost.refit({**first_params("catboost"), "text": 0, "vector": 0}, train, limits, 20)
    features, head = valid.features, valid.head
    numbers = np.hstack([head_columns(head), features.numbers])
    cells = np.hstack([numbers.astype(object), features.categories.astype(object)])
    places = list(range(numbers.shape[1], cells.shape[1]))
    assert places
    booster = model._model  # type: ignore[attr-defined]
    of_objects = booster.predict(Pool(cells, cat_features=places), prediction_type="RawFormulaVal")
    typed = booster.predict(
        catboost._pool(features, head, catboost.Native(False, False)), prediction_type="RawFormulaVal"
    )
    np.testing.assert_array_equal(typed, of_objects)


def test_head_logs_have_a_floor() -> None:
    logs = head_logs(np.array([[1.0, 0.0, np.exp(-3)]]))
    assert logs.dtype == np.float32
    np.testing.assert_allclose(logs, [[0, -12, -3]], rtol=1e-6)


def test_head_columns_tell_likely_classes_apart_and_impossible_ones_not() -> None:
    columns = head_columns(np.array([[0.5, 0.75, 0.9, 1.0, 0.01, 1e-9, 0.0]]))
    assert columns.dtype == np.float32
    np.testing.assert_allclose(columns, [[0, np.log(3), np.log(9), 5, -4, -4, -4]], atol=1e-6)


def test_steps_are_every_few_rounds_and_the_last() -> None:
    pace = Pace.of(Limits(num_classes=3, boosting_rounds=25, epochs=1, patience_steps=1))
    assert [rounds for rounds in range(1, 26) if pace.is_step(rounds)] == [10, 20, 25]
    assert [pace.rounds_at(step) for step in range(4)] == [0, 10, 20, 25]
    assert pace.num_steps == 3


@pytest.mark.parametrize(
    ("num_classes", "limit", "every"), [(2, 300, 10), (16, 300, 10), (32, 150, 5), (77, 62, 2), (1_000, 5, 1)]
)
def test_the_pace_follows_the_number_of_classes(num_classes: int, limit: int, every: int) -> None:
    pace = Pace.of(Limits(num_classes=num_classes, boosting_rounds=300, epochs=1, patience_steps=1))
    assert (pace.limit, pace.every) == (limit, every)
