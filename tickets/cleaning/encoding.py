"""Characters that a wrong decoding made, back to what they were. It does not know markup or mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import compress
from typing import Final

from tickets.cleaning.lines import as_re2, found_in
from tickets.config.cleaning import EncodingStep
from tickets.plugins import CleaningStep

_CONTROLS: Final = r"[\x00-\x08\x0b\x0e-\x1f\x7f" + "\u206a-\u206f\ufeff\ufff9-\ufffc]"
_LAYOUT: Final = re.compile(r"(\\.|\[(?:\\.|[^\]])*\])|#[^\n]*|\s+")  # escapes and classes are kept, the rest is not
_LARGE: Final = 50_000  # characters from which on RE2 is worth the 3 ms that it takes to read the pattern
_MAX_COST: Final = 1_000_000  # characters; ftfy takes some 1.5 s for them, and no mail is that long
_COST_OF_LINE: Final = 40  # characters


def build_encoding(_: EncodingStep) -> CleaningStep:
    """The step that repairs text with ftfy (Speer 2019): UTF-8 read as another encoding, also several times over,
    C1 controls that were meant as Windows-1252, control characters, terminal colours.

    Curly quotes, ligatures, full-width letters, entities, line ends and accents stay as they are. A line that cites
    damaged characters, as a bug report may, is repaired too, unless it shows the right ones beside them: nothing else
    tells the two apart.
    """
    return CleaningStep(clean=repaired, pattern=as_re2(_pattern()))


def repaired(text: str) -> str:
    """The text with its damaged lines repaired; the other lines, and more than a million characters, stay."""
    lines = text.split("\n")
    is_damaged = _is_damaged(lines, len(text))
    if not any(is_damaged) or _cost(compress(lines, is_damaged)) > _MAX_COST:
        return text
    return "\n".join(_fix(line) if damaged else line for line, damaged in zip(lines, is_damaged, strict=True))


def _is_damaged(lines: Sequence[str], length: int) -> list[bool]:
    if length < _LARGE:
        any_, ascii_ = re.compile(_pattern()), re.compile(_CONTROLS)
        return [(ascii_ if line.isascii() else any_).search(line) is not None for line in lines]
    found = set(found_in(lines, [as_re2(_pattern())]))
    return [at in found for at in range(len(lines))]


def _cost(lines: Iterable[str]) -> int:
    return sum(len(line) + _COST_OF_LINE for line in lines)


def _fix(line: str) -> str:
    import ftfy

    config = ftfy.TextFixerConfig(
        unescape_html=False,
        decode_inconsistent_utf8=False,  # a line that shows both the damaged and the right form is about damage
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        normalization=None,
        explain=True,  # without it, ftfy 6.3 repairs with its default settings
    )
    return ftfy.fix_text(line, config)


@cache
def _pattern() -> str:
    """ftfy's own test for damage without its comments and white space, and control characters."""
    from ftfy.badness import BADNESS_RE

    return _LAYOUT.sub(lambda match: match[1] or "", BADNESS_RE.pattern) + "|" + _CONTROLS
