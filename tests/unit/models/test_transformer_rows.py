from __future__ import annotations

import numpy as np
import pytest

from tickets.features.state import Features
from tickets.models.transformer_rows import Rows


def rows_of(lengths: list[int]) -> Rows:
    """Rows whose texts have these lengths; the tokens of row r are all r + 1."""
    none = np.zeros((len(lengths), 0))
    tokens = np.repeat(np.arange(1, len(lengths) + 1), lengths).astype(np.int32)
    labels = np.arange(len(lengths))[:, None]
    return Rows(tokens, np.cumsum(lengths), none.astype(np.int64), none.astype(np.float32), labels)


def test_texts_are_padded_to_the_longest_of_their_batch() -> None:
    batch = rows_of([2, 5, 1, 3]).collate([3, 0, 2])
    np.testing.assert_array_equal(batch.input_ids, [[4, 4, 4], [1, 1, 0], [3, 0, 0]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(batch.labels, [[3], [0], [2]])


def test_every_row_is_met_once_among_texts_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, 1000).tolist()
    rows = rows_of(lengths)
    batches = rows.batches(32, (0, 0))
    assert sorted(row for batch in batches for row in batch) == list(range(1000))
    padding = sum(max(lengths[row] for row in batch) * len(batch) for batch in batches) / sum(lengths)
    assert padding < 1.1  # at random: about 1.9
    assert batches == rows.batches(32, (0, 0))
    assert batches != rows.batches(32, (0, 1))
    firsts = [lengths[batch[0]] for batch in batches]
    assert firsts != sorted(firsts)


@pytest.mark.parametrize("num_rows", [1, 2, 64, 65, 67, 100])
def test_workers_share_every_batch(num_rows: int) -> None:
    rows = rows_of([3] * num_rows)
    whole = rows.batches(32, (0, 0))
    shares = [rows.batches(32, (0, 0), rank, 3) for rank in range(3)]
    assert {len(share) for share in shares} == {len(whole)}
    for batch, *parts in zip(whole, *shares, strict=True):
        assert all(parts)  # a worker without a row could not take part in the step
        assert {row for part in parts for row in part} == set(batch)
        assert sum(map(len, parts)) == max(len(batch), 3)


def test_rows_are_judged_from_short_to_long() -> None:
    slices = list(rows_of([5, 1, 4, 2, 3]).slices(2))
    assert [part.tolist() for part in slices] == [[1, 3], [4, 2], [0]]


def test_an_empty_text_has_tokens_of_its_own(tuning_rows: tuple[Rows, Rows], features: Features) -> None:
    first, _ = tuning_rows
    assert len(first) == 200
    assert first.lengths.min() >= 2
    assert first.lengths.max() <= 24
    assert first.numbers.shape == (200, 2 * features.numbers.shape[1])
