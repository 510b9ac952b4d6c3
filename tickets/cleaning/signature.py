"""Signatures: where one starts, and which lines belong to it. It does not know quotes.

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
from tickets.config.cleaning import SignatureStep
from tickets.plugins import CleaningStep

_MAX_LINES: Final = 14
_MAX_REACH: Final = 60  # lines from the start of a signature to what follows it
_MAX_STARTS: Final = 500  # a text with more closing words is no mail
_MAX_LENGTH: Final = 100  # characters of a line
_MAX_WORDS: Final = 12
_MIN_SENTENCE: Final = 6  # words
_MAX_CJK: Final = 24  # characters
_MAX_BARE: Final = 3  # lines of a signature that names no number, address, company or position

_NAME: Final = (
    r"(?:[^\W\d_a-z][\w.'’-]*|von|van|vom|de[lrn]?|da|di|la|le|el|bin|zu|und|and|y|e|i\.A\.|i\.V\.|&)"
    r"(?:[ ,]+(?:[^\W\d_a-z][\w.'’()-]*|von|van|vom|de[lrn]?|da|di|la|le|el|bin|zu|und|and|y|e|i\.A\.|i\.V\.|&)){0,4}"
)
_IS_NAME: Final = re.compile(rf"{_NAME}[.,]?")
_END: Final = rf"[ ]?[,.!;。、！~—–-]*(?:[ ]*(?-i:{_NAME}))?[,.!。]?"
_IS_REGARDS: Final = re.compile(rf"(?i)(?:{any_phrase(THANKS)})?[ ,.!、。&+-]*(?:{any_phrase(REGARDS)}){_END}")
_IS_THANKS: Final = re.compile(rf"(?i)(?:{any_phrase(THANKS)}){_END}")
_IS_MOBILE: Final = re.compile(rf"(?i)[<\[(*_ ]*(?:{any_phrase(MOBILE)})[>\])*_.!。 ]*(?:<https?://[^<>\s]*+>)?")
_IS_RULE: Final = re.compile(r"[-=_*~─━＝]{4,}")

_IS_CONTACT: Final = re.compile(
    r"(?i)(?:^|[\s|,;·•(])(?:tel(?:ephone|efon|efono|éfono|éphone)?|phone|fon|mobile?|cell|handy|fax|direct|office|www"
    r"|e-?mail|web|skype|linkedin|[tmfphew])\b ?[.:|]|\+?\(?\d[\d ()./-]{6,}\d|[\w.+-]{1,64}@[\w-]{1,63}\.\w|\bwww\.\w"
    r"|^(?:https?://)?[\w-]+(?:\.[\w-]+){1,3}/?$|电话|手机|邮箱|電話|携帯|メール|住所|〒\d"
    r"|\b(?:gmbh|ag|kg|ohg|e\.?v|inc|llc|ltd|limited|plc|corp|corporation|company|group|s\.?a\.?s?|s\.?r\.?l|s\.?p\.?a"
    r"|b\.?v|n\.?v|oy|ab|pty|co)\b\.?(?:$|[\s,|])|公司|株式会社|有限会社|集团"
    r"|\b(?:manager|engineer|director|officer|head of|lead|administrator|admin|analyst|consultant|assistant|specialist"
    r"|developer|president|ceo|cto|cio|coo|cfo|support|sales|service ?desk|department|dept|team|leiter(?:in)?|abteilung"
    r"|gesch(?:ä|ae)ftsf(?:ü|ue)hrer(?:in)?|sachbearbeiter(?:in)?|vertrieb|ingenieur|directeur|directrice|responsable"
    r"|ingeniero|gerente|director[a]?|jefe|responsabile|direttore|medewerker|hoofd|经理|工程师|部|課|係長)\b"
    r"|\b\d{4,5}\b \w|\w(?:stra(?:ß|ss)e|str\.|weg|allee|platz) \d"
    r"|\b\d{1,5} \w+ (?:street|st|road|rd|avenue|ave|lane)\b"
)
_SAYS_MORE: Final = re.compile(
    r"(?i)[?？]|[:：]$|[{};=$\\]|[-=]>|::|[a-z_]\(|\d\d:\d\d:\d\d|^[-*•·>] |^\d+[.)] "
    r"|^p\.? ?p?\.? ?s\b|^(?:nb|nachtrag|edit)\b"
    r"|\b(?:error|exception|traceback|warn(?:ing)?|fatal|failed|failure|fehler|erreur|undefined|null)\b|https?://\S+/\S"
)
_IS_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


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
    dropped = {at for at, line in enumerate(bare) if len(line) <= _MAX_LENGTH and _IS_MOBILE.fullmatch(line)}
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
        rules = [at for at, line in enumerate(bare) if len(line) <= _MAX_LENGTH and _IS_RULE.fullmatch(line)]
        if len(dashes) == 1:
            yield dashes[0], _Kind.DASHES
        if len(rules) == 1 or (len(rules) == 2 and not any(bare[rules[1] + 1 :])):
            yield rules[0], _Kind.RULE
    for at, line in enumerate(bare):
        if 0 < len(line) <= _MAX_LENGTH:
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
        is_contact = bool(len(line) <= _MAX_LENGTH and _IS_CONTACT.search(line))
        goes_on = not is_apart and kind is not _Kind.THANKS
        if not (is_contact or (goes_on if num_lines else _opens(line, kind, is_apart))) or not _may_belong(
            line, is_contact
        ):
            break
        end, num_lines, num_contacts, is_apart = at + 1, num_lines + 1, num_contacts + is_contact, False
    # What is no part of it stays where it stands, so it has to stand apart.
    is_whole = end == stop or start + 1 >= stop or (is_apart and num_lines > 0)
    return end if is_whole and _is_sure(bare[start + 1 : end], kind, num_contacts) else start


def _opens(line: str, kind: _Kind, is_apart: bool) -> bool:
    """Whether the first line under a start goes with it: a name, or anything where `-- ` says so."""
    if kind is _Kind.STANDARD or kind is _Kind.RULE:
        return not is_apart
    return _is_name(line) and not (is_apart and kind is _Kind.THANKS)


def _is_sure(lines: Sequence[str], kind: _Kind, num_contacts: int) -> bool:
    """Whether lines that may belong to a signature are one."""
    written = [line for line in lines if line]
    if len(written) > _MAX_LINES or len(written) - num_contacts > _MAX_BARE:
        return False
    if kind is _Kind.DASHES:
        return num_contacts > 0 or bool(written and len(written[0].split()) > 1)
    return num_contacts > 1 if kind is _Kind.RULE else True


def _may_belong(line: str, is_contact: bool) -> bool:
    """Whether a line could stand in a signature, and does not plainly say something."""
    if _IS_RULE.fullmatch(line[: _MAX_LENGTH + 1]):
        return True
    num_words = len(line.split())
    if len(line) > _MAX_LENGTH or num_words > _MAX_WORDS or _SAYS_MORE.search(line):
        return False
    if is_contact:
        return True
    if _IS_CJK.search(line):
        return len(line) <= _MAX_CJK and not line.endswith(("。", "！"))
    is_sentence = line.endswith((".", "!")) and num_words >= _MIN_SENTENCE
    return not is_sentence and not (line[0].islower() and num_words > 2)


def _is_name(line: str) -> bool:
    return len(line) <= _MAX_LENGTH and bool(_IS_NAME.fullmatch(line) or _IS_CJK.search(line))
