from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tickets.errors import ModelError
from tickets.models import dnn
from tickets.models.family import Examples, Limits, nll


@pytest.fixture(scope="module")
def params(first_params: Callable[[str], dict[str, float]]) -> dict[str, float]:
    return first_params("dnn")


@pytest.fixture(scope="module")
def model(params: dict[str, float], train: Examples, limits: Limits) -> dnn.Dnn:
    return dnn.refit(params, train, limits, 3)


def test_the_best_epoch_is_kept(params: dict[str, float], train: Examples, valid: Examples, limits: Limits) -> None:
    reported: list[float] = []
    wild = {**params, "learning_rate": 0.05, "dropout": 0.0}
    fitted = dnn.fit(wild, train, valid, replace(limits, epochs=12), reported.append)
    assert len(reported) == fitted.length + limits.patience_steps < 12
    assert reported == sorted(reported, reverse=True)
    probabilities = fitted.classifier.predict(valid.features)
    assert fitted.nll == min(reported) == nll(probabilities, valid.labels)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fit_that_diverges_is_an_error(
    params: dict[str, float], train: Examples, valid: Examples, limits: Limits
) -> None:
    endless = replace(train, features=replace(train.features, vectors=train.features.vectors * np.float32(np.inf)))
    with pytest.raises(ModelError, match="loss was nan after every epoch; allowed: a finite number"):
        dnn.fit(params, endless, valid, limits, lambda loss: None)


def test_a_code_that_training_did_not_hold_reads_as_missing(model: dnn.Dnn, valid: Examples) -> None:
    beyond, missing = (
        replace(valid.features, categories=np.full_like(valid.features.categories, code)) for code in (99, 0)
    )
    np.testing.assert_array_equal(model.predict(beyond), model.predict(missing))


def test_a_missing_number_is_not_the_median(model: dnn.Dnn, valid: Examples) -> None:
    median, missing = (
        replace(valid.features, numbers=np.full_like(valid.features.numbers, value)) for value in (0.0, np.nan)
    )
    assert not np.array_equal(model.predict(median), model.predict(missing))


def test_words_codes_and_vectors_all_count(model: dnn.Dnn, valid: Examples) -> None:
    features = valid.features
    expected = model.predict(features)
    for changed in (
        replace(features, words=features.words * 0),
        replace(features, categories=np.zeros_like(features.categories)),
        replace(features, vectors=-features.vectors),
    ):
        assert np.abs(model.predict(changed) - expected).max() > 1e-3


def test_many_rows_are_judged_in_slices(model: dnn.Dnn, valid: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.predict(valid.features)
    monkeypatch.setattr(dnn, "_PREDICT_ROWS", 7)
    np.testing.assert_allclose(model.predict(valid.features), whole, rtol=0, atol=1e-6)
    assert model.predict(valid.features.take(np.arange(0))).shape == (0, 3)


def test_a_judgement_leaves_no_trace(model: dnn.Dnn, valid: Examples) -> None:
    np.testing.assert_array_equal(model.predict(valid.features), model.predict(valid.features))


def test_the_seed_decides(params: dict[str, float], train: Examples, valid: Examples, limits: Limits) -> None:
    other = dnn.refit(params, train, replace(limits, seed=1), 3)
    again = dnn.refit(params, train, replace(limits, seed=1), 3)
    np.testing.assert_array_equal(other.predict(valid.features), again.predict(valid.features))
    first = dnn.refit(params, train, limits, 3)
    assert not np.array_equal(other.predict(valid.features), first.predict(valid.features))


def test_it_is_saved_as_json_and_safetensors(model: dnn.Dnn, valid: Examples, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dnn.json", "dnn.safetensors"]
    np.testing.assert_array_equal(dnn.load(tmp_path).predict(valid.features), model.predict(valid.features))


@pytest.mark.parametrize("num_rows", [1, 3, 65])
def test_few_rows_are_enough(params: dict[str, float], train: Examples, limits: Limits, num_rows: int) -> None:
    model = dnn.refit(params, train.take(np.arange(num_rows)), replace(limits, epochs=1), 1)
    assert np.isfinite(model.predict(train.features)).all()
