from __future__ import annotations

import pytest

from tickets.retrieval.fusion import DEFAULT_WEIGHT, MIN_QUERIES, OFFSET, Judged, fuse, learn_weight


def test_first_in_both_orders_scores_one() -> None:
    fused = fuse([3, 1], [3, 2], 0.7, 10)
    assert fused[0] == (3, pytest.approx(1.0))
    assert fused[1] == (1, pytest.approx(0.7 * (OFFSET + 1) / (OFFSET + 2)))
    assert fused[2] == (2, pytest.approx(0.3 * (OFFSET + 1) / (OFFSET + 2)))


def test_equal_scores_come_in_the_order_of_rows() -> None:
    assert [row for row, _ in fuse([9, 4], [4, 9], 0.5, 10)] == [4, 9]


@pytest.mark.parametrize(("weight", "rows"), [(1.0, [1, 2]), (0.0, [3, 4])])
def test_an_order_without_weight_adds_nothing(weight: float, rows: list[int]) -> None:
    assert [row for row, _ in fuse([1, 2], [3, 4], weight, 10)] == rows


def test_at_most_k_rows_and_none_from_nothing() -> None:
    assert len(fuse(range(20), range(20, 40), 0.5, 7)) == 7
    assert fuse([], [], 0.5, 7) == []


def queries(good_dense: int, good_words: int) -> list[Judged]:
    """Queries whose one relevant row stands first in one order and is missing in the other."""
    by_meaning = Judged(range(10), range(10, 20), {0}, 1)
    by_words = Judged(range(10), range(10, 20), {10}, 1)
    return [by_meaning] * good_dense + [by_words] * good_words


def test_the_better_index_gets_the_weight() -> None:
    dense, words = learn_weight(queries(40, 0)), learn_weight(queries(0, 40))
    assert dense.dense_weight > 0.5 > words.dense_weight
    assert (dense.num_queries, len(dense.score_by_weight)) == (40, 21)
    assert dense.score_by_weight[1.0] == pytest.approx(1.0)
    assert dense.score_by_weight[0.0] == 0.0


def test_equally_good_weights_give_the_middle_one() -> None:
    both = [Judged([0, 1, 2], [0, 1, 2], {0}, 1)] * MIN_QUERIES
    assert learn_weight(both).dense_weight == 0.5


def test_few_judged_queries_give_the_default() -> None:
    unjudged = [Judged([1], [2], set(), 0)] * 100
    learned = learn_weight(queries(0, MIN_QUERIES - 1) + unjudged)
    assert (learned.dense_weight, dict(learned.score_by_weight)) == (DEFAULT_WEIGHT, {})
    assert learned.num_queries == MIN_QUERIES - 1
