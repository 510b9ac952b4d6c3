"""Draws of rows with replacement, whole groups together. It does not know what is computed on them.

Rows of one text are one observation: drawn one by one they would stand for many, and an interval from such draws would
be too narrow (the cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.errors import ModelError

FEWEST_GROUPS: Final = 20
"""With fewer groups nothing is sure: where a handful agree by chance, every draw of them agrees too."""


def number_groups(groups: ArrayLike | None, num_rows: int) -> NDArray[np.int64]:
    """Groups as numbers from 0, int64[n].

    Args:
        groups: Numbers or strings, one per row. None: every row is a group.
        num_rows: n.

    Raises:
        ModelError: Not one group per row.
    """
    if groups is None:
        return np.arange(num_rows)
    given = np.asarray(groups)
    if given.shape != (num_rows,):
        raise ModelError(f"groups of shape {given.shape}; allowed: {num_rows} numbers or strings")
    numbers: NDArray[np.int64] = np.unique(given, return_inverse=True)[1]
    return numbers


def draw_counts(num_groups: int, num_draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each group stands in a draw of as many groups, int64[num_groups], draw by draw.

    The same numbers and seed give the same draws, so that what is computed on them is paired. One draw is in memory
    at a time.
    """
    rng = np.random.default_rng(seed)
    for _ in range(num_draws):
        yield np.bincount(rng.integers(num_groups, size=num_groups), minlength=num_groups)
