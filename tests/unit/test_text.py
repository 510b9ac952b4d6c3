from __future__ import annotations

import sys

import pytest

from tickets.text import fingerprint, normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Login\tfails \n again ", "login fails again"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ＡＰＩ　ｅｒｒｏｒ", "api error"),  # full-width letters and an ideographic space
        ("cafe\u0301", "caf\u00e9"),
        ("", ""),
        (" \u00a0\u2003\n", ""),
    ],
)
def test_normalise_joins_spellings_of_one_text(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_normalise_keeps_different_texts_apart() -> None:
    assert normalise("cannot log in") != normalise("cannot login")
    assert normalise("año") != normalise("ano")


def test_normalise_is_a_fixed_point_for_every_character() -> None:
    moved = [hex(code) for code in range(sys.maxunicode + 1) if normalise(once := normalise(chr(code))) != once]
    assert moved == []


def test_fingerprint_follows_the_normalised_text() -> None:
    assert fingerprint(" Login  FAILS") == fingerprint("login fails")
    assert fingerprint("login fails") != fingerprint("login failed")
    assert fingerprint("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_fingerprint_accepts_a_lone_surrogate() -> None:
    assert fingerprint("broken \ud83d text") != fingerprint("broken \ud83e text")
