"""A parsed HTML tree, written out as text that a person reads. It does not know what is HTML and what is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode


def tag_set(names: str) -> frozenset[str]:
    """Names of tags, written with spaces between them."""
    return frozenset(names.split())


_HIDDEN: Final = re.compile(
    r"(?i)(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?:font-size|opacity|max-height)\s*:\s*0(?:px|pt|em|%)?\s*(?:[;!]|$))"
)
_KEPT_SPACE: Final = re.compile(r"(?i)white-space\s*:\s*(?:pre|break-spaces)")
_NO_MARGIN: Final = re.compile(r"(?i)margin(?:-bottom)?\s*:\s*0")
_DROPPED: Final = tag_set("head script style title template svg object iframe xml")
_APART: Final = tag_set("p h1 h2 h3 h4 h5 h6 ul ol table pre blockquote hr dl")
_LINES: Final = tag_set("div tr li dt dd center form caption address section article header footer main figure body")
_LISTS: Final = tag_set("ul ol")
_VERBATIM: Final = tag_set("pre textarea")
_CELLS: Final = tag_set("td th")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u034f\u2060\ufeff\u00ad"))
_JOINERS: Final = "\u200c\u200d"  # newsletters fill their hidden preview with them


def write_tree(root: LexborNode | None) -> str:
    """The text under a node, paragraph by paragraph.

    Lists get `- ` or numbers, the cells of a row stand between bars, quoted blocks get `> `; text of links stays,
    their addresses do not; images leave nothing. Scripts, styles and what a browser would hide are left out. The tree
    is walked without recursion: a mail may nest deeper than Python can call.
    """
    writer = _Writer()
    opened: list[tuple[LexborNode, _Element]] = []
    node = root
    while node is not None:
        tag = node.tag or ""
        element = None
        if tag == "-text":
            writer.text(node.text_content or "")
        else:
            element = _read_element(node, tag)
        if element is not None:
            writer.open(element)
            if (child := node.child) is not None:
                opened.append((node, element))
                node = child
                continue
            writer.close(element)
        while (following := node.next) is None and opened:
            node, element = opened.pop()
            writer.close(element)
        node = following
    return "".join(writer.parts).strip()


class _Element(NamedTuple):
    """What counts of an element: its tag, the line ends around it, whether its white space is to be kept."""

    tag: str
    room: int
    is_verbatim: bool


def _read_element(node: LexborNode, tag: str) -> _Element | None:
    """The element, or None where nothing of it is to be written."""
    if tag in _DROPPED or tag.startswith("-"):
        return None
    room = 2 if tag in _APART else int(tag in _LINES)
    is_verbatim = tag in _VERBATIM
    if attributes := node.attributes:
        style = attributes.get("style") or ""
        if "hidden" in attributes or (style and _HIDDEN.search(style)):
            return None
        is_verbatim = is_verbatim or bool(style and _KEPT_SPACE.search(style))
        # Office writes every line as a paragraph without margins.
        if tag == "p" and ((attributes.get("class") or "").startswith("Mso") or _NO_MARGIN.search(style)):
            room = 1
    return _Element(tag, room, is_verbatim)


class _Writer:
    """Text as it grows: line ends are owed until there is something to write after them."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._owed = 0  # line ends
        self._has_space = False
        self._quotes = self._last_quotes = 0
        self._verbatim = 0
        self._bullet = ""
        self._lists: list[int] = []  # the last number of each open list; -1 has none
        self._rows: list[bool] = []  # whether each open row has text
        self._is_next_cell = False

    def open(self, element: _Element) -> None:
        """Begin an element."""
        tag, room, is_verbatim = element
        self._verbatim += is_verbatim
        if room:
            self._gap(1 if self._lists and tag in _LISTS else room)
        if tag == "br":
            self._owed += 1
        elif tag == "blockquote":
            self._quotes += 1
        elif tag in _LISTS:
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._bullet = self._next_bullet()
        elif tag == "tr":
            self._rows.append(False)
        elif tag in _CELLS:
            self._is_next_cell = bool(self._rows and self._rows[-1])

    def close(self, element: _Element) -> None:
        """End an element that was begun."""
        tag, room, is_verbatim = element
        self._verbatim -= is_verbatim
        if tag == "blockquote":
            self._quotes -= 1
        elif tag in _LISTS:
            self._lists.pop()
            room = 1 if self._lists else room
        elif tag == "tr":
            had_text = self._rows.pop()
            if self._rows:
                self._rows[-1] |= had_text
        elif tag in _CELLS or tag == "li":
            self._owed = min(self._owed, 1)
            self._bullet = ""
        if room:
            self._gap(room)

    def _gap(self, num_lines: int) -> None:
        is_at_start = bool(self._bullet) or bool(self._rows and not self._rows[-1])
        self._owed = max(self._owed, min(num_lines, 1) if is_at_start else num_lines)

    def _next_bullet(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1] < 0:
            return f"{indent}- "
        self._lists[-1] += 1
        return f"{indent}{self._lists[-1]}. "

    def text(self, text: str) -> None:
        """Write a text node."""
        if not text.isascii():
            text = text.translate(_INVISIBLE)
        if self._verbatim:
            for at, line in enumerate(text.split("\n")):
                self._owed += at > 0
                if line.strip():
                    self._put(line.rstrip())
            return
        words = " ".join(word for word in text.split() if word.strip(_JOINERS))
        self._has_space |= text[:1].isspace()
        if words:
            self._put(words)
            self._has_space = text[-1].isspace()
        elif "\u00a0" in text and self._owed:
            self._owed += 1  # a paragraph of one no-break space is an empty line
        else:
            self._has_space |= bool(text)

    def _put(self, words: str) -> None:
        if self._is_next_cell:
            self.parts.append(" | ")
        elif self.parts and self._owed:
            if self.parts[-1] == "--" and self._has_space:
                self.parts.append(" ")  # the space that makes it the delimiter of a signature (RFC 3676)
            quoted = ">" * min(self._quotes, self._last_quotes)
            self.parts.append("\n" + f"{quoted}\n" * (self._owed > 1))
        elif self.parts and self._has_space:
            self.parts.append(" ")
        if self._owed or not self.parts:
            self.parts.append("> " * self._quotes * (not self._is_next_cell) + self._bullet)
            self._bullet = ""
        self.parts.append(words)
        self._owed, self._has_space, self._is_next_cell = 0, False, False
        self._last_quotes = self._quotes
        if self._rows:
            self._rows[-1] = True
