from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from tickets.models import dnn, imbalance, linear
from tickets.models.family import Examples, Limits, Params, family

COUNTS = np.array([900, 90, 10])


@pytest.fixture
def uneven(train: Examples) -> Examples:
    """The training rows with a tenth of class 2."""
    keep = np.flatnonzero(train.labels != 2), np.flatnonzero(train.labels == 2)[::10]
    return train.take(np.sort(np.concatenate(keep)))


def test_evenness_is_one_for_classes_of_one_size_and_falls_to_one_over_their_number() -> None:
    assert imbalance.evenness(np.array([5, 5, 5, 5])) == pytest.approx(1)
    assert imbalance.evenness(np.array([1_000_000, 1])) == pytest.approx(0.5, abs=1e-4)
    assert imbalance.evenness(np.array([50, 50, 0])) == pytest.approx(2 / 3)
    assert imbalance.evenness(COUNTS) < imbalance.evenness(np.array([500, 400, 100])) < imbalance.EVEN


@pytest.mark.parametrize("remedy", ["balanced", "effective"])
def test_the_mean_row_counts_one_and_rare_rows_more(remedy: str) -> None:
    weights = imbalance.class_weights(COUNTS, remedy)
    assert weights @ COUNTS / COUNTS.sum() == pytest.approx(1)
    assert weights[0] < weights[1] < weights[2]
    assert imbalance.class_weights(np.array([3, 0]), remedy) == pytest.approx([1, 0])


def test_balanced_classes_weigh_the_same_and_effective_ones_do_while_small() -> None:
    balanced, effective = (imbalance.class_weights(COUNTS, remedy) for remedy in ("balanced", "effective"))
    np.testing.assert_allclose(balanced * COUNTS, COUNTS.sum() / 3)
    assert effective[2] / effective[0] < balanced[2] / balanced[0]
    few = np.array([9, 3])
    np.testing.assert_allclose(
        imbalance.class_weights(few, "effective"), imbalance.class_weights(few, "balanced"), rtol=0.01
    )


def test_no_remedy_leaves_the_rows_alone(train: Examples) -> None:
    assert imbalance.remedied(train, "none", 3) is train


def test_weights_follow_their_rows(train: Examples) -> None:
    rows = np.array([5, 3, 11])
    whole = imbalance.remedied(train, "adjusted", 3)
    assert whole.weights is not None
    part = whole.take(rows)
    assert part.weights is not None
    np.testing.assert_array_equal(part.weights, whole.weights[rows])
    assert part.log_prior is whole.log_prior is not None
    np.testing.assert_allclose(np.exp(whole.log_prior), np.bincount(train.labels) / len(train))
    assert imbalance.remedied(train, "balanced", 3).log_prior is None


@pytest.mark.parametrize("name", ["linear", "catboost", "xgboost", "dnn"])
@pytest.mark.parametrize("remedy", ["balanced", "adjusted"])
def test_every_family_says_a_rare_class_more_often(
    name: str, remedy: str, uneven: Examples, valid: Examples, limits: Limits, first_params: Callable[[str], Params]
) -> None:
    length = {"linear": 3.0, "dnn": 6.0}.get(name, 40.0)
    plain, helped = (
        family(name).refit(first_params(name), rows, limits, length).predict(valid.features, valid.head)[:, 2].mean()
        for rows in (uneven, imbalance.remedied(uneven, remedy, 3))
    )
    assert helped > 1.05 * plain


def test_an_adjusted_linear_model_divides_by_the_shares(
    uneven: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    adjusted = imbalance.remedied(uneven, "adjusted", 3)
    plain, model = (
        linear.refit(linear.HEAD_PARAMS, rows, limits, 2.5) for rows in (replace(adjusted, log_prior=None), adjusted)
    )
    assert adjusted.log_prior is not None
    expected = softmax(plain.margins(valid.features) * 2.5 - adjusted.log_prior, axis=1)
    np.testing.assert_allclose(model.predict(valid.features), expected, rtol=1e-4)
    model.save(tmp_path)
    np.testing.assert_array_equal(linear.load(tmp_path).predict(valid.features), model.predict(valid.features))


def test_weights_of_one_change_nothing(train: Examples, valid: Examples, limits: Limits) -> None:
    params = {"hidden": 8, "dropout": 0.1, "learning_rate": 0.003, "weight_decay": 0.01}
    ones = replace(train, weights=np.ones(len(train), dtype=np.float32))
    plain, weighted = (dnn.refit(params, rows, limits, 2).predict(valid.features) for rows in (train, ones))
    np.testing.assert_array_equal(plain, weighted)


def reached(strength: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What two fits say of 600 rows, and the labels: `balanced` knows more of the rare class, by `strength`."""
    rng = np.random.default_rng(2)
    truth = rng.choice(3, size=600, p=[0.7, 0.2, 0.1])
    known = np.eye(3)[truth] * [1.5, 1.5, 0.0]
    noise = rng.normal(size=(600, 3))
    better = known + strength * np.eye(3)[truth] * [0, 0, 1]
    prior = np.log([0.7, 0.2, 0.1])
    return {"none": softmax(known + noise + prior, axis=1), "balanced": softmax(better + noise, axis=1)}, truth


@pytest.mark.parametrize("measure", imbalance.MEASURES)
def test_the_remedy_that_is_surely_better_is_chosen(measure: str) -> None:
    texts = [f"{row}" for row in range(600)]
    said, truth = reached(3.0)
    record = imbalance.compare(said, truth, COUNTS, texts, measure, 0)
    assert record["chosen"] == "balanced"
    assert record["num_rare"] == (truth > 0).sum()  # 90 and 10 of 1,000 rows are less than half the mean
    assert record["remedies"]["balanced"][measure]["low"] > 0
    assert set(record["remedies"]["none"][measure]) == {"value"}
    assert json.loads(json.dumps(record)) == record


def test_what_only_shifts_all_probabilities_helps_nothing() -> None:
    texts = [f"{row}" for row in range(600)]
    said, truth = reached(0.0)
    record = imbalance.compare(said, truth, COUNTS, texts, "nll", 0)
    assert record["chosen"] == "none"
    gain = record["remedies"]["balanced"]["nll"]
    assert gain["low"] <= 0


def test_without_a_rare_row_there_is_no_recall() -> None:
    said, truth = reached(1.0)
    record = imbalance.compare(said, truth, np.array([10, 10, 10]), [f"{row}" for row in range(600)], "rare_recall", 0)
    assert record["chosen"] == "none"
    assert record["remedies"]["balanced"]["rare_recall"] == {"value": None}


@pytest.mark.parametrize("measure", imbalance.MEASURES)
def test_copies_of_one_text_are_one_observation(measure: str) -> None:
    said, truth = reached(3.0)
    rows = np.tile(np.arange(600), 4)
    once, apart, together = (
        imbalance.compare({name: of[at] for name, of in said.items()}, truth[at], COUNTS, texts, measure, 0)
        for at, texts in (
            (np.arange(600), [f"{row}" for row in range(600)]),
            (rows, [f"{row}" for row in range(2_400)]),
            (rows, [f"{row}" for row in rows]),
        )
    )
    widths = [of["remedies"]["balanced"][measure] for of in (once, apart, together)]
    wide, narrow, grouped = (of["high"] - of["low"] for of in widths)
    assert narrow < 0.65 * wide
    assert grouped == pytest.approx(wide, rel=0.2)


def test_draws_take_no_more_memory_than_a_few_times_the_rows() -> None:
    said, truth = reached(1.0)
    rows = np.tile(np.arange(600), 20)
    many = {name: of[rows] for name, of in said.items()}
    tracemalloc.start()
    imbalance.compare(many, truth[rows], COUNTS, [f"{row}" for row in rows], "nll", 0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 * 8 * len(rows), "a matrix of all draws would hold 1,000 numbers for each row"
