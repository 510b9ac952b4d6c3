"""Earlier mails below or between what somebody wrote. It does not know where tickets come from.

What is taken away is marked as a quote by a mail program: lines with `>`, and all below a header such as `On … wrote:`,
`-----Original Message-----` or a block of From, Sent, To and Subject. What a person quotes stays: lines that the
writer introduces with a colon, a forwarded mail, raw mail headers, a mail that the words above send the reader on to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Final

from tickets.cleaning.disclaimer import without_disclaimer
from tickets.cleaning.lines import MAX_LINES, any_of, any_phrase, found_in, own_pattern, pretest, without
from tickets.cleaning.phrases import FORWARDED, GREETINGS, HEADERS, ORIGINAL, POINTING_BELOW, WROTE
from tickets.cleaning.signature import without_signature
from tickets.config.cleaning import QuotesStep
from tickets.plugins import CleaningStep

_MAX_HEADER: Final = 400  # characters of `On … wrote:`
_MAX_HEADER_LINES: Final = 3
_MAX_BLOCK: Final = 12  # lines of From, Sent, To, Cc and Subject
_MAX_GAP: Final = 2  # lines between two of these: a long list of people is broken into several
_MAX_POINTER: Final = 600  # characters above a quote that may send the reader on to it

_FRAME: Final = r"[\s\-_*=~>|]*"
_IS_SEPARATOR: Final = re.compile(
    rf"(?i)(?:[\s*_=~>|]*[-_*=]{{2,}}[\s*_]*(?:{any_phrase(ORIGINAL)}){_FRAME}[:：]?"
    r"|[-#=* ]{2,}(?:please )?(?:type your )?(?:reply|write|respond)[\w ,]{0,40} above this line[-#=* ]*)"
)
_IS_FORWARD: Final = re.compile(rf"(?i){_FRAME}(?:{any_phrase(FORWARDED)})[ ]?[:：]?{_FRAME}")
_ENDS_AS_WROTE: Final = re.compile(rf"(?i)(?:^|[^\w])(?:{any_phrase(WROTE)})(?:[^\w].{{0,200}}|[ \u00a0]?)[:：]$")
_STARTS_AS_WROTE: Final = re.compile(
    r"(?i)(?:on|am|le|el|em|il|op|den|dnia|w dniu)\b|[在於于]|\d{4}|[^:]{1,100}<[^<>\s]+@[^<>\s]+>|[^:]{1,40}于 ?\d{4}"
)
_DATED_ADDRESS: Final = re.compile(r"\d{4}[-/年.].{0,60}\d{1,2}[:：]\d{2}.{0,120}<[^<>\s]+@[^<>\s]+>[ \u00a0]?[:：]")
_ADDRESS: Final = re.compile(r"<?(?:mailto:)?[\w.+-]{1,64}@[\w-]{1,63}\.\w")
_CLOCK: Final = re.compile(r"\d{1,2}[:：.h]\d{2}")
_YEAR: Final = re.compile(r"(?:^|\D)(?:19|20)\d{2}(?:\D|$)|\d{1,2}[/.]\d{1,2}[/.]\d{2}")

_HEADER: Final = {
    name: re.compile(rf"(?i)[\s*_|]*(?:{words})[*_ \u00a0\u3000]*[:：][*_]*\s*(.*)") for name, words in HEADERS.items()
}
_IS_RAW_HEADER: Final = re.compile(
    r"(?i)(?:received|message-id|mime-version|content-type|return-path|x-[\w-]+|dkim-signature|references|in-reply-to"
    r"|authentication-results|delivered-to)\s*:"
)
_IS_RULE: Final = re.compile(r"[_\-=*]{5,}")
_IS_GREETING: Final = re.compile(rf"(?i)(?:{any_phrase(GREETINGS)})(?:[^\w][^.!?]{{0,40}})?[,.!:，、：]?")
_POINTS_BELOW: Final = re.compile(rf"(?i)(?:^|[^\w])(?:{any_phrase(POINTING_BELOW)})(?:[^\w]|$)")
_IS_MACHINE: Final = re.compile(
    r"(?i)[{}();=<>|\\$#]|\b(?:error|exception|traceback|warn(?:ing)?|fatal|failed|failure|npm|sudo|select|fehler)\b"
)
_ENDS_SENTENCE: Final = (".", "?", "!", ",", "。", "？", "！")
_MIN_LINES: Final = 2  # a single line is what a person cites
_MIN_WORDS: Final = 4  # of a sentence


def build_quotes(config: QuotesStep) -> CleaningStep:
    """The step that takes quoted mails away."""
    keys = any_of(list(HEADERS.values()))
    words = pretest(any_phrase(ORIGINAL, WROTE))
    built_in = [
        r"(?m)^[ \t]*>",
        rf"(?i)(?:{words}|above this line)",
        rf"(?im)^[\s*_|]*(?:{keys})[*_ \x{{a0}}\x{{3000}}]*[:：]",
        r"(?m)\d{1,2}[:：]\d{2}.*>[ \x{a0}]?[:：]\s*$",
    ]
    separators = tuple(map(own_pattern, config.separators))
    pattern = any_of([*built_in, *separators])
    return CleaningStep(clean=partial(without_quotes, separators=separators), pattern=pattern)


def without_quotes(text: str, separators: Sequence[str] = ()) -> str:
    """The text without the mails it quotes; as it stands, where little but quotes would be missing.

    Args:
        text: Mail as plain text.
        separators: RE2; a line in which one is found starts what is quoted.
    """
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return text
    bare = [line.strip() for line in lines]
    dropped = _quoted(bare, frozenset(found_in(lines, separators)))
    rest = without(lines, dropped)
    return rest if dropped and _says_something(rest) else text


def _says_something(text: str) -> bool:
    """Whether a text stands for itself: more than greetings and a signature, and no pointer to what is below it."""
    own = without_signature(without_disclaimer(text))
    words = [line for line in own.split("\n") if line.strip() and not _IS_GREETING.fullmatch(line.strip())]
    return bool(words) and not (len(own) <= _MAX_POINTER and _POINTS_BELOW.search(own))


def _quoted(bare: Sequence[str], separators: Set[int]) -> set[int]:
    """The lines that belong to quotes."""
    dropped: set[int] = set()
    at, is_below_header = 0, False
    while at < len(bare):
        if _IS_FORWARD.fullmatch(bare[at][:_MAX_HEADER]):
            break
        if bare[at].startswith(">"):
            end = _end_of_run(bare, at)
            if is_below_header or not _is_introduced(bare, at):
                is_below_header |= _has_header(bare[at:end])
                is_quote = is_below_header or _is_prose(bare[at:end])
                dropped.update(range(at, end) if is_quote else ())
            at = end
            continue
        header = _read_header(bare, at, separators)
        if header is None:
            at += 1
            continue
        body = next((line for line in range(header.end, len(bare)) if bare[line]), len(bare))
        is_marked = body < len(bare) and bare[body].startswith(">")
        if _is_introduced(bare, at) or not (is_marked or header.is_sure):
            at = _end_of_run(bare, body) if is_marked else header.end
        elif is_marked:
            dropped.update(range(at, header.end))
            at, is_below_header = body, True
        else:
            dropped.update(range(at, len(bare)))
            break
    return dropped


@dataclass(frozen=True, slots=True)
class _Header:
    """What stands above a quoted mail: the line after it, and whether only a program writes so."""

    end: int
    is_sure: bool


def _read_header(bare: Sequence[str], at: int, separators: Set[int]) -> _Header | None:
    """The header that starts at a line."""
    line = bare[at]
    if at in separators:
        return _Header(at + 1, True)
    if not line or len(line) > _MAX_HEADER:
        return None
    is_separator = _IS_SEPARATOR.fullmatch(line) is not None
    if is_separator or _IS_RULE.fullmatch(line):
        below = next((after for after in range(at + 1, min(at + 3, len(bare))) if bare[after]), None)
        end = None if below is None else _end_of_block(bare, below)
        return _Header(end or at + 1, True) if is_separator or end else None
    if end := _end_of_block(bare, at):
        return _Header(end, True)
    return _read_wrote(bare, at)


def _read_wrote(bare: Sequence[str], at: int) -> _Header | None:
    """`On … wrote:`, which a program may break into several lines."""
    if not _STARTS_AS_WROTE.match(bare[at]):
        return None
    for end in range(at + 1, min(at + _MAX_HEADER_LINES, len(bare)) + 1):
        joined = " ".join(bare[at:end])
        if not bare[end - 1] or len(joined) > _MAX_HEADER:
            return None
        if joined.endswith((":", "：")):
            if _DATED_ADDRESS.fullmatch(joined):
                return _Header(end, True)
            is_sure = bool(_ADDRESS.search(joined) or (_CLOCK.search(joined) and _YEAR.search(joined)))
            says_so = _ENDS_AS_WROTE.search(joined) and (is_sure or re.search(r"\d", joined))
            return _Header(end, is_sure) if says_so else None
    return None


def _end_of_block(bare: Sequence[str], at: int) -> int | None:
    """The line after a block of From, Sent, To and Subject; None where none starts.

    A block names when it was sent, and a subject or an address: a form with From, To and Date has neither. Raw headers
    around it say that somebody shows how a mail travelled.
    """
    first = _HEADER["from"].match(bare[at][:_MAX_HEADER])
    if first is None or not first[1] or (at and _IS_RAW_HEADER.match(bare[at - 1])):
        return None
    names, end = set(), at + 1
    for below in range(at + 1, min(at + _MAX_BLOCK, len(bare))):
        line = bare[below][:_MAX_HEADER]
        if _IS_RAW_HEADER.match(line):
            return None
        found = ((name, _HEADER[name].match(line)) for name in ("sent", "to", "subject", "other"))
        name = next((name for name, match in found if match and (name != "sent" or re.search(r"\d", match[1]))), None)
        if name:
            names.add(name)
            end = below + 1
        elif below - end >= _MAX_GAP:
            break
    has_address = any("@" in line for line in bare[at:end])
    return end if {"sent"} < names and ("subject" in names or has_address) else None


def _end_of_run(bare: Sequence[str], start: int) -> int:
    """The line after lines with `>`; empty ones between them belong to them."""
    end = start
    for at in range(start, len(bare)):
        if bare[at].startswith(">"):
            end = at + 1
        elif bare[at]:
            break
    return end


def _is_introduced(bare: Sequence[str], at: int) -> bool:
    """Whether the writer says, with a colon, that something is to follow."""
    above = next((bare[line] for line in range(at - 1, max(at - 3, -1), -1) if bare[line]), "")
    return above.endswith((":", "：")) and not _IS_GREETING.fullmatch(above)


def _has_header(run: Sequence[str]) -> bool:
    """Whether lines with `>` begin with a header of their own."""
    first = [line.lstrip("> ") for line in run[:_MAX_BLOCK]]
    return any(_read_header(first, at, frozenset()) for at in range(min(len(first), _MAX_HEADER_LINES)))


def _is_prose(run: Sequence[str]) -> bool:
    """Whether lines with `>` and no header above them are somebody's sentences, not a prompt, code or a log."""
    written = [bare for line in run if (bare := line.lstrip("> "))]
    if len(written) < _MIN_LINES or any(_IS_MACHINE.search(line) for line in written):
        return False
    return any(line.endswith(_ENDS_SENTENCE) and len(line.split()) >= _MIN_WORDS for line in written)
