from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tickets.train.overlap import NEAR, Overlap, measure_overlap

WORDS = np.array([f"{first}{second}{third}" for first in "bdgkm" for second in "aeiou" for third in ("lt", "rn", "st")])


def _text(rng: np.random.Generator, num_words: int = 30) -> str:
    return " ".join(rng.choice(WORDS, size=num_words))


def _measure(train: list[str], test: list[str]) -> Overlap:
    splits = np.array(["train"] * len(train) + ["test"] * len(test), dtype=object)
    (overlap,) = measure_overlap([*train, *test], splits)
    return overlap


def _jaccard(one: str, other: str) -> float:
    """The share of runs of five bytes in common, counted plainly."""
    sets = [{text.encode()[at : at + 5] for at in range(len(text.encode()) - 4)} for text in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_texts_that_differ_in_case_space_and_digits_are_the_same() -> None:
    overlap = _measure(["Order 17 is lost", "another"], ["order  9018 IS LOST", "ANOTHER", "third", ""])
    assert overlap == Overlap("test", 4, 3, pytest.approx(2 / 3), pytest.approx(2 / 3))


@pytest.mark.parametrize("seed", range(3))
def test_planted_near_duplicates_are_found_and_others_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train = [_text(rng) for _ in range(300)]
    near = [text.replace(text.split()[12], "other", 1) for text in train[:50]]
    far = [_text(rng) for _ in range(150)]
    assert min(map(_jaccard, train[:50], near)) > NEAR
    overlap = _measure(train, near + far)
    assert overlap.same == 0
    assert overlap.near == pytest.approx(50 / 200)


def test_nearness_is_that_of_counting_every_pair() -> None:
    """Pairs at all distances around the bar: what bands miss, or let through, would show."""
    rng = np.random.default_rng(4)
    train = [_text(rng) for _ in range(120)]
    test = []
    for at, text in enumerate(train):
        words = text.split()
        for place in rng.choice(len(words), size=at % 7, replace=False):
            words[place] = "zzzzz"
        test.append(" ".join(words))
    expected = np.mean([max(_jaccard(text, other) for other in train) >= NEAR for text in test])
    assert 0.2 < expected < 0.8
    assert _measure(train, test).near == pytest.approx(expected, abs=0.01)


def test_many_alike_in_training_hide_none() -> None:
    rng = np.random.default_rng(5)
    frame = _text(rng, 40)
    train = [f"{frame} host {word}" for word in WORDS]
    assert _measure(train, [f"{frame} host nowhere", _text(rng)]).near == 0.5


@pytest.mark.parametrize("texts", [["a", "b"], ["", ""], ["\ud83d x", "日本語"], ["abc", "abcd"]])
def test_short_and_odd_texts_are_compared(texts: list[str]) -> None:
    overlap = _measure(texts[:1], texts[1:])
    assert overlap.near in (0, None)
    assert (overlap.near is None) == (texts[1] == "")


def test_each_split_with_rows_is_told_in_order() -> None:
    splits: Any = np.array(["test", "train", "validation", "train"], dtype=object)
    found = measure_overlap(["a b c d e", "A B C D E", "new one", "x"], splits)
    assert [(of.split, of.same) for of in found] == [("validation", 0.0), ("test", 1.0)]


def test_without_other_splits_there_is_nothing_to_compare() -> None:
    assert measure_overlap(["a"], np.array(["train"], dtype=object)) == ()
