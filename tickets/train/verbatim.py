"""Whether the label stands word for word in a text. It does not know fields, stages or leaks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickets.text import normalise
from tickets.train.sample import Ints, Sample

_WORDS: Final = re.compile(r"[^\W_]+")

_Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Labels found in n texts."""

    own: NDArray[np.bool_]
    """bool[n], the row's own label stands in its text."""
    expected: float
    """Share of the rows in which it would stand if labels had no tie to the texts."""
    predicted: Ints
    """int[n], the label that stands in the text, the longest of several; the most frequent label where none does."""


def find_labels(texts: Sequence[str], sample: Sample) -> Standing:
    """Look for every label in every text, as whole words without case and punctuation: `card_arrival` is found in
    "Card arrival?".

    Args:
        texts: n texts, empty where there is none.
        sample: The same n rows.
    """
    wanted: dict[str, list[tuple[_Words, int]]] = {}
    for code, name in enumerate(sample.names):
        if words := _words(name):
            wanted.setdefault(words[0], []).append((words, code))
    own = np.zeros(len(sample.codes), dtype=bool)
    holding = np.zeros(len(sample.names), dtype=np.int64)
    counts = np.bincount(sample.codes, minlength=len(sample.names))
    predicted = np.full(len(sample.codes), counts.argmax(), dtype=np.int64)
    for row, text in enumerate(texts):
        found = set(_find(_words(text), wanted))
        if found:
            codes = [code for _, code in found]
            holding[codes] += 1
            own[row] = sample.codes[row] in codes
            predicted[row] = max(found)[1]
    expected = float((counts / len(own) * holding / len(own)).sum())
    return Standing(own, expected, predicted)


def _words(text: str) -> _Words:
    return tuple(_WORDS.findall(normalise(text)))


def _find(words: _Words, wanted: dict[str, list[tuple[_Words, int]]]) -> Iterator[tuple[int, int]]:
    """Number of words and code of each label that stands in the words."""
    for at, word in enumerate(words):
        for label, code in wanted.get(word, ()):
            if words[at : at + len(label)] == label:
                yield len(label), code
