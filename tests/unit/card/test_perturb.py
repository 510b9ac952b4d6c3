from __future__ import annotations

import numpy as np
import pytest

from tickets.card.perturb import CHANGES, OF_BODY, add_typos, greet, sign, truncate, widen
from tickets.config.card import BehaviourBars

TEXT = "The invoice of last month was charged twice, please refund the second payment to our account today"


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_change_has_a_bar_and_every_bar_a_change() -> None:
    assert set(CHANGES) == set(BehaviourBars.model_fields)
    assert set(CHANGES) >= OF_BODY


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("text", ["", " ", "a", "ab", "abcd", "\n", "问题", "12 34 5678", "Hello"])
def test_no_text_breaks_a_change(name: str, text: str) -> None:
    assert isinstance(CHANGES[name](text, _rng()), str)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_repeats_with_its_seed(name: str) -> None:
    assert CHANGES[name](TEXT, _rng(3)) == CHANGES[name](TEXT, _rng(3)) != TEXT


def test_typos_touch_one_word_in_ten_and_no_number_or_short_word() -> None:
    for seed in range(200):
        before, after = TEXT.split(), add_typos(TEXT, _rng(seed)).split()
        changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
        assert len(changed) <= 1  # two equal letters that are swapped look as before
        for one, other in changed:
            assert len(one.strip(",")) >= 4
            assert one[0] == other[0]
            assert abs(len(one) - len(other)) <= 1
    assert add_typos("no 12345678 by me", _rng()) == "no 12345678 by me"
    long = " ".join(["password"] * 50)
    assert sum(word != "password" for word in add_typos(long, _rng()).split()) == 5


def test_a_greeting_is_changed_or_added() -> None:
    for text in ("Hi team,\nit is down", "Dear Sir or Madam, it is down", "Guten Tag,\nit is down", "it is down"):
        greeted = greet(text, _rng())
        assert greeted.endswith(",\nit is down")
        assert text.split(",")[0] not in greeted or text == "it is down"
    assert greet("History is lost", _rng()).endswith("\nHistory is lost")


def test_a_signature_stands_below() -> None:
    assert sign(TEXT, _rng()).startswith(f"{TEXT}\n\n")
    assert len(sign(TEXT, _rng()).splitlines()) == 6


def test_half_of_the_words_are_left_as_they_stand() -> None:
    assert truncate("one  two\nthree four five six seven", _rng()) == "one  two\nthree four"
    assert truncate("one two three", _rng()) == "one two three"


def test_blanks_are_all_that_widening_adds() -> None:
    assert widen(TEXT, _rng()).split() == TEXT.split()
