"""Which text is an automatic reply or a delivery failure. It changes nothing, and does not know who sent the text."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from tickets.cleaning.lines import any_of, any_phrase, found_in, pretest
from tickets.cleaning.phrases import GREETINGS
from tickets.cleaning.phrases_automatic import ABSENCE_DETAILS, ABSENT, AUTO_BODIES, AUTO_SUBJECTS, BOUNCES
from tickets.config.cleaning import AutomaticStep
from tickets.plugins import CleaningStep

AUTO_REPLY: Final = "auto-reply"
BOUNCE: Final = "bounce"

_HEAD: Final = 1_500  # characters; an automatic text says at once what it is
_MAX_BEFORE: Final = 1  # lines that may stand above, besides a greeting
_SUBJECT: Final = rf"^[ \t]*(?:(?:re|aw|fwd?|wg|tr|rv) ?: ?)?\[?(?:{any_phrase(AUTO_SUBJECTS)})\]?[ ]?[:：]"
_IS_SUBJECT: Final = re.compile(rf"(?i){_SUBJECT}")
_IS_BOUNCE: Final = re.compile(rf"(?i)[\s*]*(?:(?:re|aw|fwd?|wg) ?: ?)?(?:{any_phrase(BOUNCES)})")
_IS_AUTO_BODY: Final = re.compile(rf"(?i)(?:{any_phrase(AUTO_BODIES)})")
_IS_ABSENT: Final = re.compile(rf"(?i)(?:{any_phrase(ABSENT)})")
_SAYS_WHEN: Final = re.compile(rf"(?i)(?:{any_phrase(ABSENCE_DETAILS)})")
_IS_GREETING: Final = re.compile(rf"(?i)(?:{any_phrase(GREETINGS)})\b.{{0,60}}")


def build_automatic(config: AutomaticStep) -> CleaningStep:
    """The step that marks automatic texts."""
    words = pretest(any_phrase(AUTO_SUBJECTS, ABSENT, AUTO_BODIES, BOUNCES))
    pattern = any_of([rf"(?i)(?:{words})", *config.auto_reply, *config.bounce])
    return CleaningStep(find_marks=partial(find_marks, config=config), pattern=pattern)


def find_marks(text: str, config: AutomaticStep) -> tuple[str, ...]:
    """`auto-reply`, `bounce`, or neither.

    A text is judged by how it begins: what a person writes about such a mail, or cites of one, comes later. That
    somebody is away a person may say too, so something else that such replies say has to stand beside it.
    """
    is_bounce = _begins_as_bounce(text[:_HEAD]) or bool(found_in([text], config.bounce))
    if is_bounce:
        return (BOUNCE,)
    is_reply = _begins_as_reply(text[:_HEAD]) or bool(found_in([text], config.auto_reply))
    return (AUTO_REPLY,) if is_reply else ()


def _begins_as_bounce(head: str) -> bool:
    return any(_IS_BOUNCE.match(line) for line in _first_lines(head))


def _begins_as_reply(head: str) -> bool:
    if _IS_SUBJECT.match(head) or any(_IS_AUTO_BODY.search(line) for line in _first_lines(head)):
        return True
    return any(_IS_ABSENT.search(line) for line in _first_lines(head)) and bool(_SAYS_WHEN.search(head))


def _first_lines(head: str) -> list[str]:
    """The first lines that say something; what a colon introduces is cited."""
    found: list[str] = []
    for line in filter(None, map(str.strip, head.split("\n"))):
        if not _IS_GREETING.fullmatch(line):
            found.append(line)
            if len(found) > _MAX_BEFORE or line.endswith((":", "：")):
                break
    return found
