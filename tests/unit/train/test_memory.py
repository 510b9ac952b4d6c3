"""What remembering answers of texts that return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tickets.train.memory import Remembered, measure_memory
from tickets.train.sample import Sample


def _remember(texts: Any, codes: Any) -> Remembered | None:
    return measure_memory(Sample.of([f"label {code}" for code in codes], [f"text {text}" for text in texts], 5), 199)


def test_texts_that_return_with_their_label_are_remembered() -> None:
    rng = np.random.default_rng(0)
    texts = rng.integers(40, size=400)
    found = _remember([*texts, *range(100, 150)], [*rng.integers(5, size=40)[texts], *rng.integers(5, size=50)])
    assert found is not None
    assert found.score.num_rows == 400
    assert found.score.accuracy == 1.0
    assert found.score.interval[0] > 0.3
    assert found.p_value == 1 / 200


def test_a_row_does_not_answer_itself() -> None:
    """Two rows of each text that disagree: each gives the other a wrong label."""
    found = _remember(np.arange(60) // 2, np.arange(60) % 2)
    assert found is not None
    assert found.score.accuracy == 0.0
    assert found.p_value == 1.0


def test_noise_is_not_remembered_but_for_the_agreed_share() -> None:
    rng = np.random.default_rng(1)
    found = [_remember(rng.integers(20, size=100), rng.integers(3, size=100)) for _ in range(200)]
    assert sum(one is not None and one.p_value <= 0.05 for one in found) <= 20


@pytest.mark.parametrize("texts", [range(100), [*range(90), *[7] * 10]])
def test_where_few_texts_return_nothing_is_said(texts: Any) -> None:
    assert _remember(texts, np.arange(100) % 2) is None
