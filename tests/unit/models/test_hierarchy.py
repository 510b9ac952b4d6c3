from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from tickets.models.family import nll
from tickets.models.hierarchy import MOST_POOL_ROWS, Hierarchy, Link, Pool, _pooled, trees
from tickets.models.labels import Labels

AREAS = Labels(("hardware", "network", "other"))
TOPICS = Labels(("dns", "lost", "printer", "screen", "vpn"))
STEPS = Labels(("a", "b", "c", "d"))
LABELS = {"area": AREAS, "topic": TOPICS, "step": STEPS}


def link(child: str, parent: str, pairs: list[tuple[int, int]], **open_: list[bool]) -> Link:
    """Legal pairs (parent, child), all shares of a child alike."""
    shares = np.zeros((len(LABELS[parent]), len(LABELS[child])))
    shares[tuple(np.array(pairs).T)] = 1.0
    is_open = np.array(open_.get("open", [False] * len(shares)))
    shares /= np.maximum(shares.sum(axis=0), 1)
    shares[is_open] = 0.2
    return Link(child, parent, shares, is_open, 0.0)


AREA_OF = link("topic", "area", [(0, 2), (0, 3), (1, 0), (1, 4), (2, 1), (2, 0)])
TOPIC_OF = link("step", "topic", [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (4, 3)])
CHAIN = Hierarchy("area", (AREA_OF, TOPIC_OF))


def random_rows(num_rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: softmax(3 * rng.normal(size=(num_rows, len(labels))), axis=1) for name, labels in LABELS.items()}


def fitted(of_topic: list[int], of_area: list[int], taxonomy: dict[str, tuple[str, ...]] | None = None) -> Link:
    return Link.fit("topic", "area", (np.array(of_topic), np.array(of_area)), (TOPICS, AREAS), taxonomy or {})


def test_a_slip_is_no_legal_pair_and_the_most_frequent_parent_always_is() -> None:
    printers = [0] * 300 + [1] * 2 + [2] * 5  # 2 of 307 are below a hundredth, 5 are above
    learned = fitted([2] * 307 + [0, 1, 1, 3, 4], [*printers, 1, 2, 0, 0, 1])
    assert learned.legal[:, 2].tolist() == [True, False, True]
    assert learned.legal[:, 0].tolist() == [False, True, False]  # one row, but all that there is
    assert learned.legal[:, 1].tolist() == [True, False, True]  # a tie
    assert learned.left_out == pytest.approx(2 / 312)
    np.testing.assert_allclose(learned.shares.sum(axis=0), 1)


def test_the_taxonomy_decides_on_the_labels_that_it_names() -> None:
    learned = fitted([2, 2, 2, 0, 0], [0, 0, 0, 1, 1], {"network": ("printer", "vpn"), "unheard of": ("dns",)})
    assert learned.legal[:, 2].tolist() == [False, True, False]
    assert learned.legal[:, 4].tolist() == [False, True, False]  # no row has it
    assert learned.legal[:, 0].tolist() == [False, True, False]  # its own parent is no label: the rows decide
    assert learned.left_out == pytest.approx(3 / 5)


def test_rows_without_a_label_teach_nothing_and_a_child_without_parent_fits_all() -> None:
    learned = fitted([2, 2, 3, -1, -2, 0, 0, 1, 1], [0, 0, -1, 1, 2, 1, 1, 2, 2])
    assert learned.legal[:, 3].all()
    assert learned.legal[:, 4].all()
    assert not learned.open.any()
    assert learned.left_out == 0


def test_a_parent_label_without_child_can_be_answered_and_says_nothing_of_the_child() -> None:
    learned = fitted([0, 1, 2, 3, 4, -2, -2], [1, 1, 0, 0, 1, 2, 2])
    assert learned.open.tolist() == [False, False, True]
    given = {
        "area": np.array([[0.05, 0.05, 0.9], [0.05, 0.95, 0.0]]),
        "topic": np.array([[0.0, 0.0, 0.0, 0.01, 0.99]] * 2),
    }
    for pool in (None, Pool({"area": 1.0, "topic": 1.0}, {"topic": -0.5})):
        published = Hierarchy("area", (learned,), pool).decode(given)
        assert published["area"].argmax(axis=1).tolist() == [2, 1]
        assert published["topic"][1].max() > 0.9
        assert published["topic"][0].max() < 0.75


@pytest.mark.parametrize("pool", [None, Pool({"area": 0.7, "topic": 1.1, "step": 0.9}, {"topic": -0.4, "step": 0.2})])
def test_the_most_probable_labels_are_always_a_legal_path(pool: Pool | None) -> None:
    given = random_rows(2_000)
    for tree in (CHAIN, Hierarchy("topic", (TOPIC_OF,)), Hierarchy("area", (AREA_OF,))):
        tree = replace(tree, pool=pool)
        published = tree.decode(given)
        assert tuple(published) == tree.targets
        for of in published.values():
            np.testing.assert_allclose(of.sum(axis=1), 1, atol=1e-12)
            assert of.min() >= 0
        codes = {name: of.astype(np.float32).argmax(axis=1) for name, of in published.items()}
        assert tree.is_legal(codes).all()
    assert not CHAIN.is_legal({name: of.argmax(axis=1) for name, of in given.items()}).all()


def test_two_children_of_one_parent_agree_with_it() -> None:
    fan = Hierarchy("area", (AREA_OF, link("step", "area", [(0, 0), (1, 1), (1, 2), (2, 3)])))
    codes = {name: of.argmax(axis=1) for name, of in fan.decode(random_rows(500)).items()}
    assert fan.is_legal(codes).all()


def test_what_does_not_contradict_is_published_as_it_was() -> None:
    given = random_rows(500)
    legal = CHAIN.is_legal({name: of.argmax(axis=1) for name, of in given.items()})
    for name, of in CHAIN.decode(given).items():
        np.testing.assert_array_equal(of[legal], given[name][legal])
    assert 0 < legal.sum() < 500


def test_the_answer_is_the_legal_path_of_the_greatest_product() -> None:
    given = random_rows(60, seed=1)
    answered = CHAIN._answer(given)
    paths = [
        path
        for path in itertools.product(*(range(len(LABELS[name])) for name in CHAIN.targets))
        if AREA_OF.legal[path[0], path[1]] and TOPIC_OF.legal[path[1], path[2]]
    ]
    for row in range(60):
        products = [np.prod([given[n][row, at] for n, at in zip(CHAIN.targets, path, strict=True)]) for path in paths]
        assert tuple(answered[name][row] for name in CHAIN.targets) == paths[int(np.argmax(products))]


def test_a_contradiction_is_settled_by_the_least_that_is_needed() -> None:
    given = {"area": np.array([[0.6, 0.4, 0.0]]), "topic": np.array([[0.1, 0.0, 0.0, 0.1, 0.8]])}
    published = Hierarchy("area", (AREA_OF,)).decode(given)
    np.testing.assert_allclose(published["area"], [[0.5, 0.5, 0.0]], atol=1e-5)
    assert published["area"].argmax() == 1
    assert published["topic"][0, 4] > given["topic"][0, 4]


def test_pooled_marginals_are_those_of_all_paths_together() -> None:
    pool = Pool({"area": 0.7, "topic": 1.2, "step": 0.5}, {"topic": -0.6, "step": 0.3})
    given = random_rows(20, seed=2)
    marginals = _pooled(CHAIN.links, given, pool)
    joint = np.einsum(
        "na,nt,ns,at,ts,na,nt->nats",
        given["area"] ** 0.7, given["topic"] ** 1.2, given["step"] ** 0.5, AREA_OF.shares, TOPIC_OF.shares,
        (given["topic"] @ AREA_OF.shares.T) ** -0.6, (given["step"] @ TOPIC_OF.shares.T) ** 0.3,
    )  # fmt: skip
    joint /= joint.sum(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(marginals["area"], joint.sum(axis=(2, 3)), atol=1e-9)
    np.testing.assert_allclose(marginals["topic"], joint.sum(axis=(1, 3)), atol=1e-9)
    np.testing.assert_allclose(marginals["step"], joint.sum(axis=(1, 2)), atol=1e-9)


def test_full_trust_in_both_is_parent_times_child_within_parent() -> None:
    given = random_rows(50)
    marginals = _pooled(
        (AREA_OF,), {"area": given["area"], "topic": given["topic"]}, Pool({"area": 1.0, "topic": 1.0}, {"topic": -1.0})
    )
    np.testing.assert_allclose(marginals["area"], given["area"], atol=1e-9)
    within = given["topic"][:, None, :] * AREA_OF.shares
    within /= within.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(marginals["topic"], (given["area"][:, :, None] * within).sum(axis=1), atol=1e-9)


def two_views(num_rows: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What two targets say of a topic, each from evidence of its own, and the labels."""
    rng = np.random.default_rng(5)
    topics = rng.integers(5, size=num_rows)
    areas = np.array([1, 2, 0, 0, 1])[topics]
    said = {"topic": 2 * np.eye(5)[topics], "area": 2 * np.eye(3)[areas]}
    given = {name: softmax(of + rng.normal(size=of.shape), axis=1) for name, of in said.items()}
    return given, {"topic": topics, "area": areas}


def test_a_fitted_pool_is_likelier_than_each_target_by_itself() -> None:
    tree = Hierarchy("area", (link("topic", "area", [(1, 0), (2, 1), (0, 2), (0, 3), (1, 4)]),))
    given, codes = two_views(2 * MOST_POOL_ROWS)
    codes["topic"][::7] = -2
    codes["area"][::5] = -1
    pooled = replace(tree, pool=tree.fit_pool(given, codes)).decode(given)
    for name, of in codes.items():
        known = of >= 0
        assert nll(pooled[name][known], of[known]) < nll(given[name][known], of[known]) - 0.02


def test_a_pool_changes_how_sure_an_answer_is_and_never_the_answer() -> None:
    given = random_rows(500)
    pooled = replace(CHAIN, pool=Pool({"area": 0.2, "topic": 0.4, "step": 1.5}, {"topic": 0.5, "step": -0.5}))
    for one, other in zip(CHAIN.decode(given).values(), pooled.decode(given).values(), strict=True):
        np.testing.assert_array_equal(one.argmax(axis=1), other.argmax(axis=1))
        assert not np.allclose(one, other, atol=0.1)


def test_no_rows_have_no_labels() -> None:
    for pool in (None, Pool({"area": 1.0, "topic": 1.0, "step": 1.0}, {"topic": 0.0, "step": 0.0})):
        assert {name: of.shape for name, of in replace(CHAIN, pool=pool).decode(random_rows(0)).items()} == {
            "area": (0, 3),
            "topic": (0, 5),
            "step": (0, 4),
        }


@pytest.mark.parametrize("pool", [None, Pool({"area": 0.7, "topic": 1.1, "step": 0.9}, {"topic": -0.4, "step": 0.2})])
def test_json_keeps_every_number(pool: Pool | None) -> None:
    tree = Hierarchy("area", (replace(AREA_OF, open=np.array([False, False, True]), left_out=0.1), TOPIC_OF), pool)
    loaded = Hierarchy.from_json(json.loads(json.dumps(tree.to_json(LABELS))), LABELS)
    assert loaded.pool == pool
    assert loaded.targets == tree.targets
    for one, other in zip(tree.links, loaded.links, strict=True):
        assert (one.child, one.parent, one.left_out) == (other.child, other.parent, other.left_out)
        np.testing.assert_array_equal(one.shares, other.shares)
        np.testing.assert_array_equal(one.open, other.open)


def test_trees_begin_at_what_stands_within_nothing() -> None:
    assert trees({}) == {}
    assert trees({"c": "b", "b": "a", "d": "a", "y": "x"}) == {"a": ["b", "d", "c"], "x": ["y"]}
