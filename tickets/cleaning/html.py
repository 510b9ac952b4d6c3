"""Which text is HTML, and its text if it is. It does not know mail, or how a tree is written out (`html_tree.py`).

The parser is lexbor's (selectolax), which reads what browsers read. Plain text is left alone: `a < b`, XML and a
sentence about `<br>` are no HTML.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

from tickets.cleaning.html_tree import tag_set, write_tree
from tickets.config.cleaning import HtmlStep
from tickets.plugins import CleaningStep

_STRUCTURE: Final = tag_set(
    "p div br table tbody thead tr td th ul ol li blockquote pre hr h1 h2 h3 h4 h5 h6 span font center dl dt dd"
)
_OTHERS: Final = tag_set(
    "html head body meta style link title script a b i u s em strong small sub sup code tt img big del ins strike mark "
    "col colgroup tfoot caption section article header footer main figure address wbr label button input form"
)
_KNOWN: Final = _STRUCTURE | _OTHERS
_OFFICE: Final = re.compile(r"(?:o|v|w|m|x|st1|u\d):")  # Word's own namespaces
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+(?:[:-][a-zA-Z0-9:-]*+)?)(?=[\s/>])[^<>]*+>")
_DOCUMENT: Final = re.compile(r"(?i)\ufeff?\s*+(?:<\?xml[^<>]*+>\s*+)?<(?:!doctype html|html[\s>])")
_ATTACHED: Final = re.compile(rf"(?i)[\w.,!?;)]</?(?:{'|'.join(sorted(_STRUCTURE))})(?:\s[^<>]*+)?/?>")
_BARE_LINE_END: Final = re.compile(r"[^>\s][ \t\r]*+\n")
_MIN_SHARE: Final = 0.9  # of the tags of an HTML mail are HTML's
_SAMPLE: Final = 200_000  # characters that show what a text is
_MAX_TAGS: Final = 1_000_000  # three seconds
_MAX_DEPTH: Final = 10_000  # the parser's time grows with the square of the depth: half a second here
_NO_LEVEL: Final = tag_set("br p hr img meta link input col wbr")  # closed by themselves


def build_html(_: HtmlStep) -> CleaningStep:
    """The step that turns HTML into text."""
    return CleaningStep(clean=to_text, pattern=rf"(?i)<(?:!doctype|/?(?:{'|'.join(sorted(_KNOWN))}))[^a-z0-9]")


def to_text(text: str) -> str:
    """The text of an HTML mail, as `html_tree.write_tree` writes it; a text that is no HTML, as it stands,
    and so does one with more than a million tags or ten thousand levels of them.

    Where the text itself shows HTML, its `<` stay written as `&lt;`, so that it is not taken for HTML the next time.
    """
    if not is_html(text) or text.count("<") > _MAX_TAGS or _depth(text) > _MAX_DEPTH:
        return text
    from selectolax.lexbor import LexborHTMLParser

    written = write_tree(LexborHTMLParser(text).root)
    return written.replace("<", "&lt;") if is_html(written) else written


def is_html(text: str) -> bool:
    """Whether a text was written to be rendered: a document, or a fragment that markup holds together.

    A fragment is either wrapped in tags from its first to its last character, or its tags stand at its words and
    make its lines. Tags that HTML does not have, and tags that stand apart as words do, speak against it.
    """
    sample = text[:_SAMPLE].strip()
    if _DOCUMENT.match(sample):
        return True
    tags = [(match[1], match[2].lower()) for match in _TAG.finditer(sample)]
    names = [name for _, name in tags]
    if _STRUCTURE.isdisjoint(names):
        return False
    if sum(name in _KNOWN or _OFFICE.match(name) is not None for name in names) < _MIN_SHARE * len(names):
        return False
    is_wrapped = sample.startswith("<") and not sample.startswith("<?") and text.rstrip().endswith(">")
    if is_wrapped and ("br" in names or any(slash for slash, _ in tags)):
        return True
    return len(_ATTACHED.findall(sample)) > 1 and not _BARE_LINE_END.search(sample)


def _depth(text: str) -> int:
    """How deep tags stand in one another, at most; 0 where they are few."""
    if text.count("<") <= _MAX_DEPTH:
        return 0
    levels = (-1 if match[1] else 1 for match in _TAG.finditer(text) if match[2].lower() not in _NO_LEVEL)
    return max(accumulate(levels), default=0)
