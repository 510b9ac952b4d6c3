"""Which rows train, choose, calibrate and judge. It does not know features or models.

Validation compares members, calibration fits probabilities and thresholds, test is scored once. A cut by time needs a
time that tells early tickets from late ones: an import gives all of them the same.
"""

from __future__ import annotations

import hashlib
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
CHOOSING: Final = (TRAIN, VALIDATION)
"""Splits whose rows may decide what is trained."""

MOST_UNTIMED: Final = 0.01
"""Share of tickets without a time up to which they are cut by time unasked; what has none trains."""

MOST_UNTIMED_ASKED: Final = 0.1
"""The same where `source.split.kind=time` asks for it: more would train on too many that may be newer than the test."""

LEAST_SPAN: Final = np.timedelta64(3600, "s")
"""Between the middle of the training tickets and that of the test ones, in a cut by time."""

Split = TimeSplit | RandomSplit | FileSplit


def choose_split(configured: Split | None, table: pa.Table) -> tuple[Split, str]:
    """The configured split; else by time where `created_at` is there and tells early from late, else at random.

    Returns:
        The split, and what a person should know of it in a sentence, empty where that is nothing.
    """
    if isinstance(configured, RandomSplit | FileSplit):
        return configured, ""
    num_rows, num_missing = len(table), table["created_at"].null_count
    if num_missing == num_rows:
        return configured or RandomSplit(), ""
    missing = f"{num_missing} of {num_rows} tickets have no created_at"
    if configured is None:
        if num_missing > MOST_UNTIMED * num_rows:
            return RandomSplit(), f"{missing}: tickets are cut at random"
        if untold := _untold(_oldest_train(TimeSplit(), table), table):
            return RandomSplit(), f"{untold}: tickets are cut at random"
    return configured or TimeSplit(), f"{missing}; they train" if num_missing else ""


def split_rows(split: Split, table: pa.Table, texts: Sequence[str], labels: Sequence[str | None]) -> np.ndarray:
    """The split of every row.

    Args:
        split: How to cut.
        table: n tickets with `ticket_id`, `created_at` and `given_split`.
        texts: The text of each; rows with the same text stay together, unless time decides.
        labels: The first target's labels, by which random cuts are stratified.

    Returns:
        str [n], each one of `SPLITS`.

    Raises:
        SourceError: There is no time that tells what to cut, or no row is left to train on or to test.
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


def order_by_time(table: pa.Table) -> np.ndarray:
    """int[n], the rows from the oldest to the newest, those without a time first.

    Rows of one second come in the order of a hash of their ids, since a table is often stored by label.
    """
    ids = (str(id_).encode("utf-8", "surrogatepass") for id_ in table["ticket_id"].to_pylist())
    ties = np.array([int.from_bytes(hashlib.sha256(id_).digest()[:8]) for id_ in ids], dtype=np.uint64)
    order: np.ndarray = np.lexsort((ties, _seconds(table).view(np.int64)))
    return order


def _seconds(table: pa.Table) -> np.ndarray:
    """datetime64[s] [n]; NaT where there is no time, which is the least of the numbers."""
    seconds: np.ndarray = table["created_at"].cast(pa.timestamp("ms")).to_numpy().astype("datetime64[s]")
    return seconds


def _by_time(split: TimeSplit, table: pa.Table) -> np.ndarray:
    num_missing = table["created_at"].null_count
    if num_missing > MOST_UNTIMED_ASKED * len(table):
        raise SourceError(
            f"source.split.kind=time: {num_missing} of {len(table)} tickets have no created_at; allowed: up to "
            f"{MOST_UNTIMED_ASKED:.0%}, which train, or source.split.kind=random"
        )
    names = _oldest_train(split, table)
    if untold := _untold(names, table):
        raise SourceError(f"source.split.kind=time: {untold}; allowed: source.split.kind=random")
    return names


def _oldest_train(split: TimeSplit, table: pa.Table) -> np.ndarray:
    names = np.full(len(table), TRAIN, dtype=object)
    timed = order_by_time(table)[table["created_at"].null_count :]
    end = len(timed)
    for name, share in ((TEST, split.test), (CALIBRATION, split.calibration), (VALIDATION, split.validation)):
        start = max(end - round(share * len(table)), 0)
        names[timed[start:end]] = name
        end = start
    return names


def _untold(names: np.ndarray, table: pa.Table) -> str | None:
    """Why the times do not tell what trains from what tests; None where they do, or nothing is to be told."""
    seconds = _seconds(table)
    trained, tested = (np.sort(seconds[(names == name) & ~np.isnat(seconds)]) for name in (TRAIN, TEST))
    if not len(trained) or not len(tested):
        return None
    if trained[-1] == tested[0]:
        share = float((seconds == tested[0]).mean())
        return f"{share:.0%} of the tickets have the same created_at ({tested[0]}), some would train and some test"
    if tested[len(tested) // 2] - trained[len(trained) // 2] < LEAST_SPAN:
        return f"most tickets were created within an hour of {tested[0]}, as an import does it"
    return None


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
