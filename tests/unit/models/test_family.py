"""What every family promises, on the same tiny data."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models.family import Classifier, Examples, Family, Fitted, Limits, Params, Patience, family, nll, softmax

FAMILIES = ("linear", "catboost", "xgboost", "dnn")
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Case:
    """One family with its settings, and a fit of it that was watched."""

    module: Family
    params: Params
    fitted: Fitted
    reported: list[float]


@pytest.fixture(scope="module", params=FAMILIES)
def case(
    request: pytest.FixtureRequest,
    train: Examples,
    valid: Examples,
    limits: Limits,
    first_params: Callable[[str], dict[str, float]],
) -> Case:
    module, params = family(request.param), first_params(request.param)
    reported: list[float] = []
    return Case(module, params, module.fit(params, train, valid, limits, reported.append), reported)


def _valid_probabilities(probabilities: np.ndarray, num_rows: int, num_classes: int = 3) -> None:
    assert (probabilities.shape, probabilities.dtype) == ((num_rows, num_classes), np.float64)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=TOLERANCE)


def _fit(case: Case, train: Examples, valid: Examples, limits: Limits) -> Fitted:
    return case.module.fit(case.params, train, valid, limits, lambda loss: None)


def test_it_learns(case: Case, valid: Examples) -> None:
    probabilities = case.fitted.classifier.predict(valid.features, valid.head)
    _valid_probabilities(probabilities, len(valid))
    majority = (valid.labels == 0).mean()
    assert (probabilities.argmax(axis=1) == valid.labels).mean() > majority + 0.15
    assert case.fitted.nll == pytest.approx(nll(probabilities, valid.labels), abs=1e-5)


def test_it_reports_the_best_so_far(case: Case) -> None:
    assert len(case.reported) >= 3
    assert case.reported == sorted(case.reported, reverse=True)
    assert np.isfinite(case.reported).all()


@pytest.mark.parametrize("error", [RuntimeError("stop"), SystemExit(0), KeyboardInterrupt()], ids=repr)
def test_what_a_report_raises_ends_the_fit(
    case: Case, train: Examples, valid: Examples, limits: Limits, error: BaseException
) -> None:
    calls = []

    def report(loss: float) -> None:
        calls.append(loss)
        if len(calls) == 2:
            raise error

    with pytest.raises(type(error)) as caught:
        case.module.fit(case.params, train, valid, limits, report)
    assert caught.value is error
    assert len(calls) == 2


def test_a_refit_goes_exactly_as_far(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    refits = [case.module.refit(case.params, train, limits, case.fitted.length) for _ in range(2)]
    first, second = (model.predict(valid.features, valid.head) for model in refits)
    np.testing.assert_array_equal(first, second)
    found = case.fitted.classifier.predict(valid.features, valid.head)
    np.testing.assert_allclose(first, found, rtol=0, atol=TOLERANCE)


def _fit_twice(
    settings: dict[str, Params], train: Examples, valid: Examples, limits: Limits
) -> dict[str, tuple[float, float, np.ndarray, np.ndarray]]:
    """Family → validation NLL and length of a fit, and what the fit and a refit say of the validation rows."""
    found = {}
    for name, params in settings.items():
        fitted = family(name).fit(params, train, valid, limits, lambda loss: None)
        again = family(name).refit(params, train, limits, fitted.length)
        said = (model.predict(valid.features, valid.head) for model in (fitted.classifier, again))
        found[name] = (fitted.nll, fitted.length, *said)
    return found


def test_fits_repeat_to_the_bit_in_another_process(
    train: Examples, valid: Examples, limits: Limits, first_params: Callable[[str], dict[str, float]]
) -> None:
    settings: dict[str, Params] = {name: first_params(name) for name in FAMILIES}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as elsewhere:
        there = elsewhere.submit(_fit_twice, settings, train, valid, limits)
        here = _fit_twice(settings, train, valid, limits)
        for name, found in there.result().items():
            assert found[:2] == here[name][:2], name
            for expected, said in zip(here[name][2:], found[2:], strict=True):
                np.testing.assert_array_equal(said, expected, err_msg=name)


def test_a_ticket_alone_is_judged_as_among_others(case: Case, valid: Examples) -> None:
    together = case.fitted.classifier.predict(valid.features, valid.head)
    for at in range(0, len(valid), 9):
        row = valid.take(np.array([at]))
        alone = case.fitted.classifier.predict(row.features, row.head)
        np.testing.assert_allclose(alone, together[at : at + 1], rtol=0, atol=TOLERANCE)


def test_saved_and_loaded_it_says_the_same(case: Case, valid: Examples, tmp_path: Path) -> None:
    """Also where it came from another process, as fits do, and where what was saved is saved again."""
    expected = case.fitted.classifier.predict(valid.features, valid.head)
    fetched: Classifier = pickle.loads(pickle.dumps(case.fitted.classifier))  # noqa: S301
    np.testing.assert_allclose(fetched.predict(valid.features, valid.head), expected, rtol=0, atol=TOLERANCE)
    for step in range(2):
        folder = tmp_path / str(step)
        folder.mkdir()
        fetched.save(folder)
        fetched = case.module.load(folder)
        np.testing.assert_allclose(fetched.predict(valid.features, valid.head), expected, rtol=0, atol=TOLERANCE)


def _locked(examples: Examples) -> Examples:
    """A copy in which no array can be written, as Ray hands them out."""
    copy = examples.take(np.arange(len(examples)))
    matrices = (copy.features.words, copy.features.chars)
    arrays = [array for matrix in matrices for array in (matrix.data, matrix.indices, matrix.indptr)]
    arrays += [copy.features.vectors, copy.features.categories, copy.features.numbers, copy.labels]
    for array in [*arrays, *([] if copy.head is None else [copy.head])]:
        array.flags.writeable = False
    return copy


@pytest.mark.filterwarnings("error:.*[Ww]ritable")
def test_arrays_that_cannot_be_written_are_enough(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    locked_train, locked_valid = _locked(train), _locked(valid)
    fitted = _fit(case, locked_train, locked_valid, limits)
    assert fitted.nll == case.fitted.nll
    model = case.module.refit(case.params, locked_train, limits, fitted.length)
    _valid_probabilities(model.predict(locked_valid.features, locked_valid.head), len(valid))


def test_categories_that_training_did_not_hold(case: Case, valid: Examples) -> None:
    for code in (1, 50, 10_000):
        odd = replace(valid.features, categories=np.full_like(valid.features.categories, code))
        _valid_probabilities(case.fitted.classifier.predict(odd, valid.head), len(valid))


def test_a_category_that_only_validation_holds(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    odd = valid.features.categories.copy()
    odd[:, 0] += 7
    fitted = _fit(case, train, replace(valid, features=replace(valid.features, categories=odd)), limits)
    assert np.isfinite(fitted.nll)


def test_tickets_without_any_field(case: Case, valid: Examples) -> None:
    empty = Features(
        words=valid.features.words[:5] * 0,
        chars=valid.features.chars[:5] * 0,
        vectors=valid.features.vectors[:5],
        categories=np.zeros_like(valid.features.categories[:5]),
        numbers=np.full_like(valid.features.numbers[:5], np.nan),
        texts=valid.features.texts[:5],
    )
    head = None if valid.head is None else np.full_like(valid.head[:5], 1 / 3)
    _valid_probabilities(case.fitted.classifier.predict(empty, head), 5)


def _without_fields(examples: Examples) -> Examples:
    features = examples.features
    bare = replace(features, categories=features.categories[:, :0], numbers=features.numbers[:, :0])
    return replace(examples, features=bare)


def test_a_model_without_category_and_number_columns(
    case: Case, train: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    bare = _without_fields(valid)
    model = _fit(case, _without_fields(train), bare, limits).classifier
    probabilities = model.predict(bare.features, bare.head)
    _valid_probabilities(probabilities, len(valid))
    model.save(tmp_path)
    loaded = case.module.load(tmp_path).predict(bare.features, bare.head)
    np.testing.assert_allclose(loaded, probabilities, rtol=0, atol=TOLERANCE)


def test_a_model_without_terms(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    bare_train, bare_valid = (
        replace(rows, features=replace(rows.features, words=rows.features.words[:, :0])) for rows in (train, valid)
    )
    fitted = _fit(case, bare_train, bare_valid, limits)
    _valid_probabilities(fitted.classifier.predict(bare_valid.features, bare_valid.head), len(valid))


def test_a_class_that_validation_lacks(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    fitted = _fit(case, train, valid.take(valid.labels != 1), limits)
    probabilities = fitted.classifier.predict(valid.features, valid.head)
    _valid_probabilities(probabilities, len(valid))
    assert (probabilities.argmax(axis=1) == 1).any()


def test_a_class_that_training_lacks(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    known = train.take(train.labels != 1)
    for model in (
        _fit(case, known, valid, limits).classifier,
        case.module.refit(case.params, known, limits, case.fitted.length),
    ):
        probabilities = model.predict(valid.features, valid.head)
        _valid_probabilities(probabilities, len(valid))
        # XGBoost starts from the text head, which may know a class that the trees never saw.
        assert case.module.__name__.endswith("xgboost") or (probabilities.argmax(axis=1) != 1).all()


def test_two_classes(case: Case, train: Examples, valid: Examples, limits: Limits, tmp_path: Path) -> None:
    def halved(examples: Examples) -> Examples:
        rows = examples.take(examples.labels < 2)
        return replace(rows, head=None if rows.head is None else rows.head[:, :2])

    fitted = _fit(case, halved(train), halved(valid), replace(limits, num_classes=2))
    rows = halved(valid)
    probabilities = fitted.classifier.predict(rows.features, rows.head)
    _valid_probabilities(probabilities, len(rows), num_classes=2)
    assert (probabilities.argmax(axis=1) == rows.labels).mean() > (rows.labels == 0).mean() + 0.1
    fitted.classifier.save(tmp_path)
    loaded = case.module.load(tmp_path).predict(rows.features, rows.head)
    np.testing.assert_allclose(loaded, probabilities, rtol=0, atol=TOLERANCE)


def test_the_shortest_fit_reports_once_at_least(case: Case, train: Examples, valid: Examples, limits: Limits) -> None:
    reported: list[float] = []
    shortest = replace(limits, boosting_rounds=3, epochs=1)
    fitted = case.module.fit(case.params, train, valid, shortest, reported.append)
    assert fitted.nll == pytest.approx(reported[-1], abs=0.05)
    refitted = case.module.refit(case.params, train, shortest, fitted.length)
    np.testing.assert_allclose(
        refitted.predict(valid.features, valid.head),
        fitted.classifier.predict(valid.features, valid.head),
        rtol=0,
        atol=TOLERANCE,
    )


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ModelError, match="'forest'; allowed: linear, catboost, xgboost, dnn"):
        family("forest")


def test_nll_is_the_mean_surprise() -> None:
    assert nll(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])) == pytest.approx(1.5 * np.log(2))
    assert nll(np.array([[0.0, 1.0]]), np.array([0])) == pytest.approx(-np.log(1e-12))
    assert np.isnan(nll(np.zeros((0, 2)), np.zeros(0, dtype=np.int64)))


def test_softmax_is_float64_and_does_not_overflow() -> None:
    rows = softmax(np.array([[1e4, 0.0], [0.0, 0.0]], dtype=np.float32))
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows, [[1, 0], [0.5, 0.5]])


def test_patience_counts_steps_without_improvement() -> None:
    patience = Patience(2)
    assert [patience.update(loss) for loss in (3.0, 2.0, 2.0)] == [True, True, False]
    assert not patience.exhausted
    assert not patience.update(5.0)
    assert patience.exhausted
    assert (patience.best, patience.best_step) == (2.0, 2)


def test_a_loss_that_is_no_number_is_no_improvement() -> None:
    patience = Patience(2)
    assert [patience.update(loss) for loss in (float("nan"), 2.0, float("nan"))] == [False, True, False]
    assert patience.best == 2.0
