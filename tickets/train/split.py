"""Which rows train, choose, calibrate and judge. It does not know features or models.

Validation compares members, calibration fits probabilities and thresholds, test is scored once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from tickets.config import FileSplit, RandomSplit, TimeSplit
from tickets.errors import SourceError
from tickets.text import fingerprint

TRAIN: Final = "train"
VALIDATION: Final = "validation"
CALIBRATION: Final = "calibration"
TEST: Final = "test"
SPLITS: Final = (TRAIN, VALIDATION, CALIBRATION, TEST)

Split = TimeSplit | RandomSplit | FileSplit


def choose_split(configured: Split | None, table: pa.Table) -> Split:
    """The configured split; else by time where every ticket has `created_at`, else at random."""
    if configured is not None:
        return configured
    return TimeSplit() if table["created_at"].null_count == 0 else RandomSplit()


def split_rows(split: Split, table: pa.Table, texts: Sequence[str], labels: Sequence[str | None]) -> np.ndarray:
    """The split of every row.

    Args:
        split: How to cut.
        table: n tickets with `created_at` and `given_split`.
        texts: The text of each; rows with the same text stay together, unless time decides.
        labels: The first target's labels, by which random cuts are stratified.

    Returns:
        str [n], each one of `SPLITS`.

    Raises:
        SourceError: There is no time to cut by, or no row is left to train on.
    """
    if isinstance(split, TimeSplit):
        names = _by_time(split, table)
    elif isinstance(split, RandomSplit):
        shares = {TEST: split.test, CALIBRATION: split.calibration, VALIDATION: split.validation}
        names = _at_random(shares, texts, labels, split.seed)
    else:
        names = _by_files(split, table, texts, labels)
    for name in (TRAIN, TEST):
        if not (names == name).any():
            raise SourceError(f"the {split.kind} split leaves no row for {name} out of {len(names)}")
    return names


def seen_texts(texts: Sequence[str], names: np.ndarray) -> np.ndarray:
    """Whether each row's text, white space and case aside, also stands in a row that is not for test; bool [n]."""
    prints = [fingerprint(text) for text in texts]
    known = {prints[row] for row in np.flatnonzero(names != TEST)}
    return np.array([print_ in known for print_ in prints], dtype=bool)


def _by_time(split: TimeSplit, table: pa.Table) -> np.ndarray:
    times = table["created_at"]
    if times.null_count:
        raise SourceError(f"source.split.kind=time: {times.null_count} of {len(times)} tickets have no created_at")
    order = np.argsort(times.cast(pa.int64()).to_numpy(), kind="stable")
    names = np.full(len(order), TRAIN, dtype=object)
    end = len(order)
    for name, share in ((TEST, split.test), (CALIBRATION, split.calibration), (VALIDATION, split.validation)):
        start = max(end - round(share * len(order)), 0)
        names[order[start:end]] = name
        end = start
    return names


def _by_files(split: FileSplit, table: pa.Table, texts: Sequence[str], labels: Sequence[str | None]) -> np.ndarray:
    names = np.array(table["given_split"].to_pylist(), dtype=object)
    shares = {CALIBRATION: split.calibration_share}
    if split.validation is None:
        shares[VALIDATION] = split.validation_share
    if split.test is None:
        shares[TEST] = split.test_share
    rows = np.flatnonzero(names == TRAIN).tolist()
    chosen = [labels[row] for row in rows]
    names[rows] = _at_random(shares, [texts[row] for row in rows], chosen, split.seed)
    return names


def _at_random(
    shares: Mapping[str, float], texts: Sequence[str], labels: Sequence[str | None], seed: int
) -> np.ndarray:
    """Cut groups of identical texts, class by class; the largest group of every class trains.

    Each other group goes to the cut that is furthest behind its share (the largest remainder, carried on from class
    to class), so that shares hold in large classes, and over many small ones together.
    """
    cuts = [TRAIN, *shares]
    share = np.array([max(1.0 - sum(shares.values()), 0.0), *shares.values()])
    names = np.full(len(texts), TRAIN, dtype=object)
    behind = np.zeros(len(cuts))
    rng = np.random.default_rng(seed)
    for groups in _groups_by_class(texts, labels).values():
        shuffled = [groups[at] for at in rng.permutation(len(groups))]
        # Large groups first: the small ones then even out what those leave.
        for place, rows in enumerate(sorted(shuffled, key=len, reverse=True)):
            behind += share * len(rows)
            cut = 0 if place == 0 else int(behind.argmax())
            behind[cut] -= len(rows)
            names[rows] = cuts[cut]
    return names


def _groups_by_class(texts: Sequence[str], labels: Sequence[str | None]) -> dict[str, list[list[int]]]:
    """Class of a group's first row → groups; a group is the rows of one text, an empty text is one row's own."""
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(fingerprint(text) if text.strip() else f"row {row}", []).append(row)
    by_class: dict[str, list[list[int]]] = {}
    for rows in groups.values():
        by_class.setdefault(labels[rows[0]] or "", []).append(rows)
    return dict(sorted(by_class.items()))
