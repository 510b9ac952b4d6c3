"""Signatures: where one starts, and where it ends. It does not know quotes, or what a line looks like.

A signature is taken away only if every line of it looks like one, and what follows it stays: a line that merely looks
like a start, such as `Thanks` above a log, costs nothing of what was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from enum import Enum, auto
from functools import partial
from typing import Final

from tickets.cleaning.lines import MAX_LINES, any_of, any_phrase, found_in, own_pattern, pretest, without
from tickets.cleaning.phrases import MOBILE, REGARDS, THANKS
from tickets.cleaning.signature_lines import MAX_LENGTH, NAME, is_bare, is_contact, is_name, is_rule
from tickets.config.cleaning import SignatureStep
from tickets.plugins import CleaningStep

_MAX_LINES: Final = 20
_MAX_BARE: Final = 3  # lines that name no number, address, company or position
_MAX_REACH: Final = 60  # lines from the start of a signature to what follows it
_MAX_STARTS: Final = 500  # a text with more closing words is no mail
_WORDS_OF_NAME: Final = (2, 3)  # of a full name; a single word may be anything

_END: Final = rf"[ ]?[,.!;。、！~—–-]*(?:[ ]*(?-i:{NAME}))?[,.!。]?"
_WISHES: Final = any_phrase(REGARDS)
_IS_REGARDS: Final = re.compile(
    rf"(?i)(?:{any_phrase(THANKS)})?[ ,.!、。&+-]*(?:{_WISHES})(?:[ ]?[/|,&][ ]?(?:{_WISHES}))?{_END}"
)
_IS_THANKS: Final = re.compile(rf"(?i)(?:{any_phrase(THANKS)}){_END}")
_IS_MOBILE: Final = re.compile(rf"(?i)[<\[(*_ ]*(?:{any_phrase(MOBILE)})[>\])*_.!。 ]*(?:<https?://[^<>\s]*+>)?")


def build_signature(config: SignatureStep) -> CleaningStep:
    """The step that takes signatures away."""
    delimiter = r"(?m)^[^\pL\pN\n]{0,4}[-=_*~─━＝—]{2,}[ \t\r]*$"
    words = rf"(?im)^[^\pL\n]*(?:{pretest(any_phrase(REGARDS, THANKS, MOBILE))})"
    own_starts = tuple(map(own_pattern, config.starts))
    pattern = any_of([delimiter, words, *own_starts])
    return CleaningStep(clean=partial(without_signature, own_starts=own_starts), pattern=pattern)


def without_signature(text: str, own_starts: Sequence[str] = ()) -> str:
    """The text without its signatures; empty if it is nothing else.

    Args:
        text: Mail as plain text.
        own_starts: RE2; a line in which one is found starts a signature that reaches the end of the text.
    """
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return text
    bare = [line.strip() for line in lines]
    dropped = {at for at, line in enumerate(bare) if len(line) <= MAX_LENGTH and _IS_MOBILE.fullmatch(line)}
    if own := found_in(lines, own_starts):
        dropped.update(range(own[0], len(lines)))
    starts = list(_starts(lines, bare))
    stop = len(lines)
    for at, kind in reversed(starts if len(starts) <= _MAX_STARTS else []):  # from below: one may stand on another
        while stop and (stop - 1 in dropped or not bare[stop - 1]):
            stop -= 1
        dropped.update(range(at, _end(bare, at, stop, kind, dropped)))
    return without(lines, dropped)


class _Kind(Enum):
    """What a signature starts with, which says how far it is to be trusted."""

    STANDARD = auto()  # `-- ` (RFC 3676)
    DASHES = auto()
    RULE = auto()
    REGARDS = auto()
    THANKS = auto()


def _starts(lines: Sequence[str], bare: Sequence[str]) -> Iterator[tuple[int, _Kind]]:
    """Lines that may start a signature. Of delimiters there is one, or they part something else."""
    standard = [at for at, line in enumerate(lines) if line.rstrip("\r") in ("-- ", "--\u00a0")]
    if standard:
        yield standard[-1], _Kind.STANDARD
    else:
        dashes = [at for at, line in enumerate(bare) if line in ("--", "—")]
        rules = [at for at, line in enumerate(bare) if is_rule(line)]
        if len(dashes) == 1:
            yield dashes[0], _Kind.DASHES
        if len(rules) == 1 or (len(rules) == 2 and not any(bare[rules[1] + 1 :])):
            yield rules[0], _Kind.RULE
    for at, line in enumerate(bare):
        if 0 < len(line) <= MAX_LENGTH:
            if _IS_REGARDS.fullmatch(line):
                yield at, _Kind.REGARDS
            elif _IS_THANKS.fullmatch(line):
                yield at, _Kind.THANKS


def _end(bare: Sequence[str], start: int, stop: int, kind: _Kind, dropped: Set[int]) -> int:
    """The first line after the signature that starts at `start`; `start` itself if there is none.

    Args:
        bare: Lines without the white space around them.
        start: A line that may start a signature.
        stop: The line after the last one that says something.
        kind: What the first line is.
        dropped: Lines that are gone already.
    """
    end, num_lines, num_contacts, is_apart = start + 1, 0, 0, False
    for at in range(start + 1, min(stop, start + _MAX_REACH)):
        line = bare[at]
        if not line or at in dropped:
            is_apart = True
            continue
        has_contact = is_contact(line)
        if not (has_contact or (_goes_on(line, kind, is_apart) if num_lines else _opens(line, kind, is_apart))):
            break
        end, num_lines, num_contacts, is_apart = at + 1, num_lines + 1, num_contacts + has_contact, False
    # What is no part of it stays where it stands, so it has to stand apart.
    is_whole = end >= stop or (is_apart and num_lines > 0)
    return end if is_whole and _is_sure(bare[start + 1 : end], kind, num_contacts) else start


def _opens(line: str, kind: _Kind, is_apart: bool) -> bool:
    """Whether the first line under a start goes with it: a name, or anything short where a delimiter says so."""
    if kind in (_Kind.STANDARD, _Kind.RULE):
        return not is_apart and is_bare(line)
    return is_name(line, may_be_small=kind is _Kind.REGARDS)


def _goes_on(line: str, kind: _Kind, is_apart: bool) -> bool:
    """Whether a further line that names no contact goes with those above it."""
    return not is_apart and kind is not _Kind.THANKS and is_bare(line)


def _is_sure(lines: Sequence[str], kind: _Kind, num_contacts: int) -> bool:
    """Whether lines that may belong to a signature are one."""
    written = [line for line in lines if line]
    if len(written) > _MAX_LINES or len(written) - num_contacts > _MAX_BARE:
        return False
    if kind is _Kind.RULE:
        return num_contacts > 1
    is_apart = bool(lines) and not lines[0]
    if kind is _Kind.DASHES or (kind is _Kind.THANKS and is_apart):
        return num_contacts > 0 or bool(written and len(written[0].split()) in _WORDS_OF_NAME)
    return True
