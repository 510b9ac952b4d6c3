from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tickets.decide.draws import draw_counts, number_groups
from tickets.errors import ModelError


def test_groups_are_numbered_and_without_them_every_row_is_one() -> None:
    assert number_groups(["b", "a", "b"], 3).tolist() == [1, 0, 1]
    assert number_groups(None, 3).tolist() == [0, 1, 2]
    with pytest.raises(ModelError, match="allowed: 4"):
        number_groups(["a", "b"], 4)


def test_draws_hold_as_many_groups_as_there_are_and_repeat_with_their_seed() -> None:
    draws = np.array(list(draw_counts(50, 400, 3)))
    assert (draws.sum(axis=1) == 50).all()
    assert (draws.mean(axis=0) == pytest.approx(1, abs=0.25)) and draws.max() > 2
    assert any((one != other).any() for one, other in pairwise(draws))
    np.testing.assert_array_equal(draws, list(draw_counts(50, 400, 3)))
    assert (draws != list(draw_counts(50, 400, 4))).any()
