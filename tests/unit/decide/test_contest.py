from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tickets.decide.contest import HIGHER_IS_BETTER, Drawn, draw
from tickets.decide.metrics import paired_bootstrap, score
from tickets.errors import ModelError

NUM_ROWS, NUM_LABELS = 400, 4


def _predictor(labels: np.ndarray, accuracy: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(labels), NUM_LABELS))
    right = rng.random(len(labels)) < accuracy
    logits[np.arange(len(labels)), np.where(right, np.maximum(labels, 0), (labels + 1) % NUM_LABELS)] += 4
    rows = np.exp(logits)
    made: np.ndarray = rows / rows.sum(axis=1, keepdims=True)
    return made


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(7).integers(NUM_LABELS, size=NUM_ROWS)


def _draw(
    predictors: list[np.ndarray], labels: np.ndarray, num_draws: int = 600, groups: np.ndarray | None = None
) -> Drawn:
    numbers = np.arange(len(labels)) if groups is None else groups
    return draw(predictors, labels, labels >= 0, numbers, num_draws)


def test_figures_are_those_of_a_report(labels: np.ndarray) -> None:
    outside = np.where(np.arange(NUM_ROWS) % 50 == 0, -1, labels)
    predictors = [_predictor(outside, 0.8, 1), _predictor(outside, 0.6, 2)]
    drawn = _draw(predictors, outside, 1)
    names = [f"label {at}" for at in range(NUM_LABELS)]
    for at, probabilities in enumerate(predictors):
        scores = score(probabilities, outside, names)
        assert drawn.figures["accuracy"][at] == pytest.approx(scores["accuracy"]["value"])
        for name in ("weighted_f1", "macro_f1", "nll", "brier"):
            assert drawn.figures[name][at] == pytest.approx(scores[name])


def test_a_pair_alone_has_the_interval_of_the_paired_bootstrap(labels: np.ndarray) -> None:
    predictors = [_predictor(labels, 0.8, 1), _predictor(labels, 0.7, 2)]
    found = _draw(predictors, labels, 4_000).differences("accuracy", [(0, 1)], 1, 0.95)[0]
    hits = [(rows.argmax(axis=1) == labels).astype(float) for rows in predictors]
    assert (found.value, found.low, found.high) == pytest.approx(
        paired_bootstrap(*hits, num_resamples=4_000), abs=0.008
    )
    assert (found.joint_low, found.joint_high) == pytest.approx((found.low, found.high), abs=0.008)


def test_predictors_that_are_one_do_not_differ_and_a_bad_one_does(labels: np.ndarray) -> None:
    good = _predictor(labels, 0.9, 1)
    drawn = _draw([good, good.copy(), _predictor(labels, 0.5, 2)], labels)
    for name, higher in HIGHER_IS_BETTER.items():
        found = drawn.differences(name, list(combinations(range(3), 2)), 0, 0.95)
        assert (found[1].value, found[1].joint_low, found[1].joint_high) == (0, 0, 0)
        assert (found[2].joint_high < 0) is higher
        assert (found[2].joint_low > 0) is not higher


def test_the_chosen_best_of_equals_is_seldom_found_better() -> None:
    """Twelve equal predictors, the best one picked by the rows: without the joint intervals half of the draws err."""
    alone = joint = 0
    for trial in range(40):
        truth = np.random.default_rng(trial).integers(NUM_LABELS, size=250)
        drawn = _draw([_predictor(truth, 0.8, 100 * trial + at) for at in range(12)], truth, 300)
        best = int(drawn.figures["accuracy"].argmax())
        found = drawn.differences("accuracy", list(combinations(range(12), 2)), best, 0.95)
        alone += any(of.high < 0 for of in found.values())
        joint += any(of.joint_high < 0 for of in found.values())
    assert alone >= 15
    assert joint <= 5


def test_rows_of_one_text_are_one_observation(labels: np.ndarray) -> None:
    predictors = [_predictor(labels, 0.8, 1), _predictor(labels, 0.7, 2)]
    once = _draw(predictors, labels, 2_000).differences("brier", [(0, 1)], 1, 0.95)[0]
    repeated = [np.repeat(rows, 5, axis=0) for rows in predictors]
    groups = np.repeat(np.arange(NUM_ROWS), 5)
    together = _draw(repeated, np.repeat(labels, 5), 2_000, groups).differences("brier", [(0, 1)], 1, 0.95)[0]
    apart = _draw(repeated, np.repeat(labels, 5), 2_000).differences("brier", [(0, 1)], 1, 0.95)[0]
    assert together.high - together.low == pytest.approx(once.high - once.low, rel=0.1)
    assert apart.high - apart.low < 0.6 * (once.high - once.low)


def test_a_loss_without_a_row_is_compared_nowhere(labels: np.ndarray) -> None:
    predictors = [_predictor(labels, 0.8, 1), _predictor(labels, 0.7, 2)]
    drawn = draw(predictors, labels, np.zeros(NUM_ROWS, dtype=bool), np.arange(NUM_ROWS), 200)
    assert np.isnan(drawn.figures["nll"]).all()
    assert drawn.differences("nll", [(0, 1)], 0, 0.95) == {}
    assert set(drawn.differences("accuracy", [(0, 1)], 0, 0.95)) == {1}


def test_what_does_not_fit_is_refused(labels: np.ndarray) -> None:
    whole = _predictor(labels, 0.8, 1)
    with pytest.raises(ModelError, match="400 labels"):
        _draw([whole, whole[:, :3]], labels)
    with pytest.raises(ModelError, match="0 labels"):
        _draw([whole[:0]], labels[:0])
