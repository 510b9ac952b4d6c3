from __future__ import annotations

import numpy as np
import pytest

from tickets.models.ensemble import LEAST_SUM, cross_pool, fit_weights, pool
from tickets.models.family import nll, softmax


def _member(labels: np.ndarray, skill: float, seed: int) -> np.ndarray:
    """Probabilities that are as good as their skill."""
    scores = np.random.default_rng(seed).normal(size=(len(labels), 4))
    scores[np.arange(len(labels)), labels] += skill
    return softmax(scores)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(4, size=400)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_members_that_know_nothing_get_nothing(labels: np.ndarray, place: int) -> None:
    skills = [0.0, 0.0, 0.0]
    skills[place] = 2.0
    weights = fit_weights([_member(labels, skill, seed) for seed, skill in enumerate(skills)], labels)
    assert weights.shape == (3,)
    assert (weights >= 0).all()
    assert weights[place] > 0.9 * weights.sum()


def test_members_that_complement_each_other_are_better_together(labels: np.ndarray) -> None:
    members = [_member(labels, 1.5, seed) for seed in range(2)]
    weights = fit_weights(members, labels)
    assert weights.min() > 0.3 * weights.sum()
    assert nll(pool(members, weights), labels) < min(nll(member, labels) for member in members) - 0.02


@pytest.mark.parametrize("seed", range(5))
def test_no_other_weights_are_likelier(labels: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    members = [_member(labels, skill, 10 * seed + at) for at, skill in enumerate(rng.uniform(0.5, 2, size=4))]
    found = nll(pool(members, fit_weights(members, labels)), labels)
    others = rng.exponential(0.5, size=(200, 4))
    assert all(found < nll(pool(members, weights), labels) + 1e-3 for weights in others)


def test_a_member_alone_gets_its_temperature(labels: np.ndarray) -> None:
    honest = _member(labels, 2.0, 0)
    honest = pool([honest], fit_weights([honest], labels))
    sharp = pool([honest], np.array([3.0]))
    assert fit_weights([sharp], labels) == pytest.approx([1 / 3], rel=0.05)


def test_rows_that_are_all_right_leave_the_weights_finite() -> None:
    labels = np.arange(8) % 4
    right = [np.eye(4)[labels] * 0.7 + 0.075, np.eye(4)[labels]]
    assert fit_weights(right, labels).sum() < 10


def test_a_pool_is_the_normalised_product_of_powers(labels: np.ndarray) -> None:
    members, weights = [_member(labels, skill, at) for at, skill in enumerate((0.5, 1.0))], np.array([0.3, 0.9])
    product = members[0] ** 0.3 * members[1] ** 0.9
    np.testing.assert_allclose(pool(members, weights), product / product.sum(axis=1, keepdims=True))


def test_a_class_that_one_member_excludes_is_improbable_and_finite() -> None:
    sure, unsure = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    pooled = pool([sure, unsure], np.array([0.5, 0.5]))
    assert 0 < pooled[0, 1] < 1e-5


def test_rows_are_judged_by_weights_that_they_did_not_choose(labels: np.ndarray) -> None:
    rng = np.random.default_rng(7)
    useless = [softmax(rng.normal(size=(len(labels), 4))) for _ in range(40)]
    folds = np.arange(len(labels)) % 5
    crossed = cross_pool(useless, labels, folds)
    by_heart = pool(useless, fit_weights(useless, labels))
    assert nll(by_heart, labels) < np.log(4) < nll(crossed, labels)
    one_fold = cross_pool(useless, labels, np.zeros(len(labels)))
    np.testing.assert_allclose(one_fold, by_heart)


@pytest.mark.parametrize("num_members", [1, 3])
def test_a_pool_that_knows_nothing_still_reads_its_members(num_members: int) -> None:
    """Without a bound the likeliest weights of most of these are 0, and every answer is the first label."""
    labels, flat = np.arange(100) % 4, 0
    for seed in range(20):
        members = [_member(labels, 0.0, 100 * seed + at) for at in range(num_members)]
        weights = fit_weights(members, labels)
        answers = pool(members, weights).argmax(axis=1)
        assert weights.min() >= 0
        assert weights.sum() > LEAST_SUM or weights.sum() == pytest.approx(LEAST_SUM)
        assert len(np.unique(answers)) == 4
        flat += weights.sum() < 1.01 * LEAST_SUM
    assert flat > 2, "the bound was never met"


def test_at_the_bound_no_other_weights_are_likelier() -> None:
    labels = np.arange(100) % 4
    members = [_member((labels + at) % 4, 1.0, at) for at in (1, 2)]
    found = nll(pool(members, fit_weights(members, labels)), labels)
    shares = np.linspace(0, 1, 21)
    assert all(found < nll(pool(members, LEAST_SUM * np.array([share, 1 - share])), labels) + 1e-9 for share in shares)
