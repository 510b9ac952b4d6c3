from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tickets.config.retrieval import RetrievalConfig
from tickets.errors import ModelError, StorageError
from tickets.retrieval.dense import DenseIndex

NUM_ROWS, SIZE = 400, 16
EXACT, GRAPH = RetrievalConfig(), RetrievalConfig(exact_below=1)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """float32 [400, 16], unit vectors."""
    made = np.random.default_rng(0).normal(size=(NUM_ROWS, SIZE)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=[EXACT, GRAPH], ids=["exact", "graph"])
def index(request: pytest.FixtureRequest, rows: np.ndarray) -> DenseIndex:
    return DenseIndex.build(rows, request.param)


def nearest(rows: np.ndarray, vector: np.ndarray, allowed: np.ndarray, k: int) -> list[int]:
    cosines = np.where(allowed, rows @ vector, -2)
    return np.argsort(-cosines)[: min(k, np.count_nonzero(allowed))].tolist()


@pytest.mark.parametrize("num_allowed", [0, 1, 3, 40, 300, 400])
def test_the_nearest_allowed_rows_are_found(index: DenseIndex, rows: np.ndarray, num_allowed: int) -> None:
    allowed = np.random.default_rng(1).permutation(NUM_ROWS) < num_allowed
    found, cosines = index.search(rows[7], 10, allowed)
    assert found.tolist() == nearest(rows, rows[7], allowed, 10)
    assert (found.dtype, cosines.dtype) == (np.int64, np.float32)
    np.testing.assert_allclose(cosines, rows[found] @ rows[7], atol=1e-5)


def test_more_than_there_are_gives_all(index: DenseIndex, rows: np.ndarray) -> None:
    found, _ = index.search(rows[0], NUM_ROWS + 5)
    assert sorted(found.tolist()) == list(range(NUM_ROWS))


def test_equal_vectors_come_in_the_order_of_rows() -> None:
    same = np.tile(np.eye(1, 4, dtype=np.float32), (6, 1))
    assert DenseIndex.build(same, EXACT).search(same[0], 6)[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_an_empty_index_finds_nothing() -> None:
    index = DenseIndex.build(np.zeros((0, 4), dtype=np.float32), GRAPH)
    found, cosines = index.search(np.eye(1, 4, dtype=np.float32)[0], 5)
    assert (len(index), found.tolist(), cosines.tolist()) == (0, [], [])


def test_a_vector_of_another_size_is_refused(index: DenseIndex) -> None:
    with pytest.raises(ModelError, match=r"\(3,\); allowed: \(16,\)"):
        index.search(np.zeros(3, dtype=np.float32), 1)


def test_cosines_of_chosen_rows(index: DenseIndex, rows: np.ndarray) -> None:
    np.testing.assert_allclose(index.cosines(rows[0], np.array([5, 0])), rows[[5, 0]] @ rows[0], atol=1e-5)
    assert index.cosines(rows[0], np.array([])).tolist() == []


def test_a_saved_index_answers_as_before(index: DenseIndex, rows: np.ndarray, tmp_path: Path) -> None:
    index.save(tmp_path / "dense.faiss")
    loaded = DenseIndex.load(tmp_path / "dense.faiss")
    allowed = np.arange(NUM_ROWS) % 3 > 0
    for mask in (None, allowed):
        for kept, again in zip(index.search(rows[3], 20, mask), loaded.search(rows[3], 20, mask), strict=True):
            np.testing.assert_array_equal(kept, again)
    np.testing.assert_array_equal(index.cosines(rows[3], np.arange(5)), loaded.cosines(rows[3], np.arange(5)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_named(index: DenseIndex) -> None:
    with pytest.raises(StorageError, match=r"/dev/full: the index could not be written: .*No space left on device"):
        index.save(Path("/dev/full"))
