"""Where the rows are in JSON that wraps them, such as `{"tickets": [...], "next_page": ...}`. It does not know rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+("?)|[{}\[\]:]', re.DOTALL)


class Seeker:
    """Finds the arrays under a path of keys, in text that comes in pieces; several documents may follow each other.

    Args:
        path: The keys from the outermost object down; none: the outermost array.

    Attributes:
        num_found: Arrays that were found so far.
    """

    def __init__(self, path: Sequence[str]) -> None:
        self._path = list(path)
        self._keys: list[str | None] = []
        self._text = ""
        self.num_found = 0

    def seek(self, text: str) -> tuple[str, bool]:
        """What is left of the text once the next array was opened, and whether one was.

        Where none was, what is left is the start of a text in quotes: it has to come again, with more behind it.
        """
        for token in _TOKEN.finditer(text):
            sign = token[0]
            if sign[0] == '"':
                if not token[1]:
                    return text[token.start() :], False
                self._text = sign
            elif sign == "[" and self._keys == self._path:
                self.num_found += 1
                self._keys.append(None)
                return text[token.end() :], True
            else:
                self._follow(sign)
        return "", False

    def _follow(self, sign: str) -> None:
        if sign in "{[":
            self._keys.append(None)
        elif sign != ":":
            del self._keys[-1:]
        elif self._keys:
            self._keys[-1] = _text_of(self._text)


def only_records(values: dict[str, Any]) -> str | None:
    """The path of the one list of objects that an object holds; None where it holds none, or several."""
    found = list(_records(values, ""))
    return found[0] if len(found) == 1 else None


def _records(values: dict[str, Any], above: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _records(value, f"{above}{key}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            yield f"{above}{key}"


def _text_of(quoted: str) -> str | None:
    try:
        return str(orjson.loads(quoted))
    except orjson.JSONDecodeError:
        return None
