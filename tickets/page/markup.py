"""Elements of HTML and SVG. The only place where text becomes markup; it does not know what a page holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final

MAX_TEXT: Final = 2_000
"""Characters of one text that are shown; what is cut ends in an ellipsis."""

UNSHOWN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
"""Controls, the marks that turn the direction of what follows, lone surrogates and what Unicode keeps for no
character: each is shown as a replacement character."""
_VOID: Final = frozenset({"meta"})


class Markup:
    """A piece of finished HTML. Only `element`, `joined` and `verbatim` make one."""

    __slots__ = ("html",)

    def __init__(self, html: str) -> None:
        self.html = html


Content = Markup | str


def element(tag: str, *children: Content, **attributes: str | float) -> Markup:
    """An element; every child that is a text and every attribute's value is escaped here.

    Args:
        tag: Name of the element, from code alone, never from data.
        children: What stands inside, in order.
        attributes: By name, from code alone; a trailing `_` is dropped and any other `_` read as `-`.
    """
    written = "".join(f' {_attribute_name(name)}="{_shown(value)}"' for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(children).html}</{tag}>")


def joined(children: Iterable[Content]) -> Markup:
    """Pieces one after the other; texts among them are escaped."""
    return Markup("".join(child.html if isinstance(child, Markup) else _shown(child) for child in children))


def verbatim(constant: str) -> Markup:
    """A constant of this package that must not be escaped: the doctype and the style sheet."""
    return Markup(constant)


def cut(text: str, length: int) -> str:
    """The text in at most so many characters, with an ellipsis where something is left out."""
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


def _shown(value: str | float) -> str:
    text = value if isinstance(value, str) else f"{value:.6g}"
    return escape(UNSHOWN.sub("\ufffd", cut(text, MAX_TEXT)), quote=True)


def _attribute_name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
