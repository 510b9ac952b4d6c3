"""Texts as other people would have written them: what a model should not mind. It does not know models or tickets.

The changes are those of behavioural testing (Ribeiro et al., Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList, ACL 2020): a label should stay where the meaning does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

Change = Callable[[str, np.random.Generator], str]

_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_TYPO_EVERY: Final = 10  # words
_GREETINGS: Final = ("Hello", "Dear support team", "Hi there", "Good morning")
_GREETING: Final = re.compile(
    r"(?i)\A\s*(?:hello|hi|hey|dear|good (?:morning|afternoon|evening|day)|greetings|hallo|guten (?:tag|morgen|abend)"
    r"|sehr geehrte\w*|liebe\w*|bonjour|hola|buenos d[ií]as|ol[aá]|ciao)\b[^\n,.!:;]{0,40}[,.!:;]?\s*"
)
_SIGNATURES: Final = (
    "Best regards,\nAlex Morgan\nOffice Management\nPhone: extension 12",
    "Kind regards\nSam Taylor\nAccounting, second floor\nsent from my phone",
    "Thanks,\nChris Walker\nOperations\nOffice hours 9 to 5",
)
_FEWEST_KEPT: Final = 3


def add_typos(text: str, rng: np.random.Generator) -> str:
    """One of ten words of four letters or more, at least one, loses a letter, doubles one, or swaps two."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    count = max(len(words) // _TYPO_EVERY, 1)
    chosen = {int(at) for at in rng.choice(len(words), size=count, replace=False)}
    pieces, end = [], 0
    for at, word in enumerate(words):
        if at in chosen:
            pieces += [text[end : word.start()], _mistyped(word.group(), rng)]
            end = word.end()
    return "".join([*pieces, text[end:]])


def widen(text: str, rng: np.random.Generator) -> str:
    """Every blank doubled, an empty line in front and behind."""
    return f"\n{text.replace(' ', '  ')}\n\n"


def greet(text: str, rng: np.random.Generator) -> str:
    """Another greeting in place of the one at the start, or in front of a text that has none."""
    return f"{_GREETINGS[rng.integers(len(_GREETINGS))]},\n{_GREETING.sub('', text, count=1)}"


def sign(text: str, rng: np.random.Generator) -> str:
    """A signature of four lines below an empty one."""
    return f"{text}\n\n{_SIGNATURES[rng.integers(len(_SIGNATURES))]}"


def truncate(text: str, rng: np.random.Generator) -> str:
    """The first half of the words, but no fewer than three."""
    ends = [word.end() for word in re.finditer(r"\S+", text)]
    kept = max(-(-len(ends) // 2), _FEWEST_KEPT)
    return text if len(ends) <= kept else text[: ends[kept - 1]]


CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "typos": add_typos,
        "lower_case": lambda text, rng: text.lower(),
        "upper_case": lambda text, rng: text.upper(),
        "white_space": widen,
        "greeting": greet,
        "signature": sign,
        "truncated": truncate,
    }
)
"""Name of a behavioural test → how it changes a text."""
OF_BODY: Final = frozenset({"greeting", "signature", "truncated"})
"""Tests that change the body of a ticket alone, its last text, and no subject."""


def _mistyped(word: str, rng: np.random.Generator) -> str:
    """The first letter stays: people see a mistake there."""
    at = int(rng.integers(1, len(word) - 1))
    kind = rng.integers(3)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
