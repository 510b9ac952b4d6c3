from __future__ import annotations

import numpy as np
import pytest

from tickets.models.ensemble import fit_weights, mix
from tickets.models.family import nll, softmax


def _member(labels: np.ndarray, skill: float, seed: int) -> np.ndarray:
    """Probabilities that are as good as their skill."""
    scores = np.random.default_rng(seed).normal(size=(len(labels), 4))
    scores[np.arange(len(labels)), labels] += skill
    return softmax(scores)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(4, size=400)


def test_weights_are_shares(labels: np.ndarray) -> None:
    for skills in ((1.0,), (1.0, 1.0), (0.2, 1.0, 2.0, 3.0)):
        weights = fit_weights([_member(labels, skill, seed) for seed, skill in enumerate(skills)], labels)
        assert weights.shape == (len(skills),)
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_clearly_better_member_gets_it_all(labels: np.ndarray, place: int) -> None:
    skills = [0.0, 0.0, 0.0]
    skills[place] = 4.0
    weights = fit_weights([_member(labels, skill, seed) for seed, skill in enumerate(skills)], labels)
    assert weights.argmax() == place
    assert weights[place] > 0.95


def test_members_that_complement_each_other_share(labels: np.ndarray) -> None:
    members = [_member(labels, 1.5, seed) for seed in range(2)]
    weights = fit_weights(members, labels)
    assert weights.min() > 0.3
    assert nll(mix(members, weights), labels) < min(nll(member, labels) for member in members) - 0.02


@pytest.mark.parametrize("seed", range(5))
def test_no_other_weights_are_likelier(labels: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    members = [_member(labels, skill, 10 * seed + at) for at, skill in enumerate(rng.uniform(0.5, 2, size=4))]
    found = nll(mix(members, fit_weights(members, labels)), labels)
    assert all(found < nll(mix(members, weights), labels) + 1e-3 for weights in rng.dirichlet(np.ones(4), size=200))


def test_a_mix_lies_between_its_members(labels: np.ndarray) -> None:
    members = [_member(labels, skill, at) for at, skill in enumerate((0.5, 1.0, 2.0))]
    mixed = mix(members, np.array([0.2, 0.3, 0.5]))
    assert mixed.shape == (400, 4)
    np.testing.assert_allclose(mixed.sum(axis=1), 1)
    assert (mixed <= np.max(members, axis=0) + 1e-12).all()
    assert (mixed >= np.min(members, axis=0) - 1e-12).all()
    np.testing.assert_allclose(mix(members, np.array([0.0, 1.0, 0.0])), members[1])
