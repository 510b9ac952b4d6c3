"""Confidentiality notices at the end of a mail, and banners that a gateway puts on it. It does not know signatures.

A notice is a paragraph that begins like one and says at least two of the things that notices say. It goes only with
everything below it, and only if all of that is of its kind; a sentence about confidential data is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from tickets.cleaning.lines import MAX_LINES, any_of, any_phrase, found_in, own_pattern, pretest, without
from tickets.cleaning.phrases_notices import BANNER_SENTENCES, NOTICE_STARTS, NOTICES, SINGLE_NOTICES
from tickets.config.cleaning import DisclaimerStep
from tickets.plugins import CleaningStep

_FRAME: Final = r"[\s*_=#>|«\"'(\[-]{0,20}"
_LABEL: Final = r"(?:(?:p|caution|warning|attention|achtung|hinweis|note|avis)[ :!,.*-]{1,4})?"
_IS_START: Final = re.compile(rf"(?i){_FRAME}(?:{any_phrase(NOTICE_STARTS)})")
_IS_SINGLE: Final = re.compile(rf"(?i){_FRAME}{_LABEL}(?:{any_phrase(SINGLE_NOTICES)})")
_IS_BANNER: Final = re.compile(
    rf"(?i){_FRAME}{_LABEL}(?:{any_phrase(SINGLE_NOTICES)})[^.!?]{{0,160}}+[.!]?"
    rf"(?:{_FRAME}(?:{any_phrase(BANNER_SENTENCES)})[^.!?]{{0,200}}+[.!]?){{0,4}}[\s*_\])|]{{0,20}}"
)
_SAID: Final = tuple(tuple(re.compile(rf"(?i){phrase}") for phrase in phrases) for phrases in NOTICES.values())
_IS_HEADING: Final = re.compile(rf"(?i){_FRAME}(?:{any_phrase(NOTICE_STARTS)})[:：]?{_FRAME}|[-=_*~#─━ ]{{3,}}")
_IS_RULE: Final = re.compile(r"[-=_*~#─━ ]{3,}")
_MIN_SAID: Final = 2
_MAX_LENGTH: Final = 6_000  # characters of a paragraph that is looked at


def build_disclaimer(config: DisclaimerStep) -> CleaningStep:
    """The step that takes disclaimers away."""
    words = pretest(rf"{_LABEL}(?:{any_phrase(NOTICE_STARTS, SINGLE_NOTICES)})")
    patterns = tuple(map(own_pattern, config.patterns))
    pattern = any_of([rf"(?im)^[^\pL\n]*{words}", *patterns])
    return CleaningStep(clean=partial(without_disclaimer, patterns=patterns), pattern=pattern)


def without_disclaimer(text: str, patterns: Sequence[str] = ()) -> str:
    """The text without its disclaimers; empty if it is nothing else.

    Args:
        text: Mail as plain text.
        patterns: RE2; a paragraph in which one is found is a disclaimer, wherever it stands.
    """
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return text
    paragraphs = _paragraphs(lines)
    texts = ["\n".join(lines[part.start : part.stop]) for part in paragraphs]
    own = {at for found in found_in(texts, patterns) for at in paragraphs[found]}
    rest = [part for part in paragraphs if part.start not in own]
    starts = {at for part in rest for at in part if _IS_START.match(lines[at]) or _IS_SINGLE.match(lines[at])}
    found = (*_banner(lines, rest), *_tail(lines, rest, starts)) if starts else ()
    return without(lines, {*own, *found})


def _paragraphs(lines: Sequence[str]) -> list[range]:
    """The lines of each paragraph; empty lines part them."""
    ends = [at for at, line in enumerate(lines) if not line.strip()]
    starts = [0, *(at + 1 for at in ends)]
    return [range(start, end) for start, end in zip(starts, [*ends, len(lines)], strict=True) if start < end]


def _banner(lines: Sequence[str], paragraphs: Sequence[range]) -> Iterator[int]:
    """The lines of the banners at the top. What stands on a line with the end of one stays."""
    for part in paragraphs:
        joined = " ".join(lines[part.start : part.stop])[:_MAX_LENGTH]
        banner = _IS_BANNER.match(joined)
        length = 0
        for at in part:
            length += len(lines[at]) + 1
            if banner is None or length > banner.end() + 1:
                return
            yield at


def _tail(lines: Sequence[str], paragraphs: Sequence[range], starts: set[int]) -> range:
    """The lines from the first one of the notices at the end; `starts` are lines with which one may start."""
    cut = len(lines)
    for part in reversed(paragraphs):
        start = _notice_start(lines, part, starts)
        if start is None and cut < len(lines) and len(part) == 1 and _IS_HEADING.fullmatch(lines[part.start]):
            start = part.start
        if start is None and not _is_alike(lines, part):
            break
        if start is not None:
            cut = start
            if start > part.start:
                break
    return range(cut, len(lines))


def _notice_start(lines: Sequence[str], part: range, starts: set[int]) -> int | None:
    """The line of a paragraph with which a notice starts that fills the rest of it."""
    length = sum(len(lines[at]) for at in part)
    if length > _MAX_LENGTH:
        return None
    for at in sorted(starts.intersection(part)):
        rest = " ".join(lines[at : part.stop])
        if "?" not in rest and (_IS_SINGLE.match(rest) or _num_said(rest) >= _MIN_SAID):
            return at
    return None


def _is_alike(lines: Sequence[str], part: range) -> bool:
    """Whether a paragraph below a notice may be more of it."""
    text = " ".join(lines[part.start : part.stop])
    if len(text) > _MAX_LENGTH or "?" in text:
        return False
    return _IS_RULE.fullmatch(text.strip()) is not None or _num_said(text) >= _MIN_SAID


def _num_said(text: str) -> int:
    """How many of the things that notices say, in the language that says most of them."""
    return max(sum(bool(said.search(text)) for said in language) for language in _SAID)
