"""How much of the text that judges a model stands, word for word or nearly so, among the rows that train it.

It does not know labels or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickets.text import normalise
from tickets.train.split import SPLITS, TRAIN

NEAR: Final = 0.8
"""Share of their character shingles that two near-duplicates have in common, at least (Jaccard)."""

SHINGLE: Final = 5
"""Bytes of a shingle."""

MAX_BYTES: Final = 4_000
"""Of a text, in UTF-8, that are compared."""

_NUM_BANDS: Final = 16
_BAND_ROWS: Final = 4  # texts at `NEAR` share one of 16 bands of 4 with a probability of 0.9998
_MAX_COMPARED: Final = 8  # training texts that a text is compared with in one band: there, one is as good as another
_CHUNK: Final = 2_000
_DIGITS: Final = re.compile(r"\d+")
_WEIGHTS: Final = np.array([1_000_003**power % 2**61 for power in range(SHINGLE)], dtype=np.uint64)

_Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What one split shares with the training rows."""

    split: str
    num_rows: int
    num_texts: int
    """Rows with a text; shares are of these."""
    same: float | None
    """Share whose text is a training row's too, apart from case, white space and digits; None without texts."""
    near: float | None
    """Share whose text is the same, or has `NEAR` of its shingles in common with a training row's."""


def measure_overlap(texts: Sequence[str], splits: NDArray[np.object_]) -> tuple[Overlap, ...]:
    """Hold every other split against the training rows.

    Candidates come from MinHash signatures in bands (Broder 1997; Indyk and Motwani 1998), so that not every pair is
    looked at; each candidate is then compared shingle by shingle.

    Args:
        texts: n texts, empty where a ticket has none.
        splits: str[n].

    Returns:
        One for each split but the training one, where it has rows.
    """
    numbers: dict[str, int] = {}
    forms = (_DIGITS.sub("0", normalise(text)) for text in texts)
    codes = np.array([numbers.setdefault(form, len(numbers)) if form else -1 for form in forms], dtype=np.int64)
    distinct = list(numbers)
    known = np.zeros(len(distinct) + 1, dtype=bool)  # the last place is that of rows without text, code -1
    known[codes[(splits == TRAIN) & (codes >= 0)]] = True
    asked = np.unique(codes[(splits != TRAIN) & (codes >= 0)])
    near = known.copy()
    near[_find_near(distinct, asked[~known[asked]], np.flatnonzero(known))] = True
    return tuple(_of_split(name, codes[splits == name], known, near) for name in SPLITS[1:] if (splits == name).any())


def _of_split(name: str, codes: NDArray[np.int64], known: NDArray[np.bool_], near: NDArray[np.bool_]) -> Overlap:
    held = codes[codes >= 0]
    same, close = (float(of[held].mean()) if len(held) else None for of in (known, near))
    return Overlap(name, len(codes), len(held), same, close)


def _find_near(texts: Sequence[str], asked: NDArray[np.int64], training: NDArray[np.int64]) -> list[int]:
    """Those of the asked texts that have a near-duplicate among the training ones."""
    if not len(asked) or not len(training):
        return []
    asked_bands = _bands([texts[at] for at in asked])
    training_bands = _bands([texts[at] for at in training])
    candidates: list[set[int]] = [set() for _ in asked]
    for band in range(_NUM_BANDS):
        order = np.argsort(training_bands[:, band], kind="stable")
        keys = training_bands[order, band]
        starts = np.searchsorted(keys, asked_bands[:, band], side="left")
        ends = np.searchsorted(keys, asked_bands[:, band], side="right")
        for at in np.flatnonzero(ends > starts):
            candidates[at].update(order[starts[at] : min(ends[at], starts[at] + _MAX_COMPARED)].tolist())
    return [
        int(code)
        for code, others in zip(asked, candidates, strict=True)
        if others and _any_near(texts[code], [texts[training[other]] for other in sorted(others)])
    ]


def _any_near(text: str, others: Sequence[str]) -> bool:
    shingles = np.unique(_shingles(text))
    for other in others:
        compared = np.unique(_shingles(other))
        common = len(np.intersect1d(shingles, compared, assume_unique=True))
        if common >= NEAR * (len(shingles) + len(compared) - common):
            return True
    return False


def _bands(texts: Sequence[str]) -> _Hashes:
    """uint64[texts, bands]: equal numbers in a band make two texts candidates."""
    return np.concatenate([_bands_of(texts[at : at + _CHUNK]) for at in range(0, len(texts), _CHUNK)])


def _bands_of(texts: Sequence[str]) -> _Hashes:
    shingles = [_shingles(text) for text in texts]
    starts = np.cumsum([0, *map(len, shingles[:-1])])
    hashes = np.concatenate(shingles)
    rng = np.random.default_rng(0)
    bands = np.zeros((len(texts), _NUM_BANDS), dtype=np.uint64)
    for at in range(_NUM_BANDS * _BAND_ROWS):
        factor, shift = rng.integers(2**63, size=2, dtype=np.uint64)
        least = np.minimum.reduceat(hashes * (factor | np.uint64(1)) + shift, starts)
        band = at // _BAND_ROWS
        bands[:, band] = bands[:, band] * np.uint64(0x9E3779B97F4A7C15) + least
    return bands


def _shingles(text: str) -> _Hashes:
    """uint64 hashes of every run of `SHINGLE` bytes; of a shorter text, of the whole."""
    codes = np.frombuffer(text.encode("utf-8", "surrogatepass")[:MAX_BYTES].ljust(SHINGLE), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(codes, SHINGLE).astype(np.uint64)
    mixed: _Hashes = windows @ _WEIGHTS
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
