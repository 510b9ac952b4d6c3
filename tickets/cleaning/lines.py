"""Lines of mail: taking some of them away, and telling what an own pattern matches. It does not know any step."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

MAX_LINES: Final = 100_000
"""A text of more lines is no mail; it is left alone."""

_BOUNDS: Final = re.compile(r"\{(\d+),\d*\}\+?")
_CLASS_OR_ESCAPE: Final = re.compile(r"\[(?:\\.|[^\]])*\]|\\.")


def without(lines: Sequence[str], dropped: Collection[int]) -> str:
    """The text of the lines that stay, without the empty ones around what is dropped.

    Args:
        lines: A text, cut at its line feeds.
        dropped: Indices of the lines that go; a set, for speed.

    Returns:
        The very text if nothing is dropped. It may be empty.
    """
    if not dropped:
        return "\n".join(lines)
    kept: list[str] = []
    was_dropped = True  # nothing stands before the first line
    for at, line in enumerate(lines):
        if at in dropped:
            was_dropped = True
            while kept and not kept[-1].strip():
                kept.pop()
        elif line.strip():
            if was_dropped and kept:
                kept.append("\r" if kept[-1].endswith("\r") else "")
            kept.append(line)
            was_dropped = False
        elif not was_dropped:
            kept.append(line)
    return "\n".join(kept).rstrip()


def found_in(lines: Sequence[str], patterns: Sequence[str]) -> list[int]:
    """The lines in which one of the patterns is found, ascending.

    Args:
        lines: Texts.
        patterns: RE2.
    """
    if not patterns:
        return []
    matches = pc.match_substring_regex(pa.array(lines, pa.large_string()), any_of(patterns))
    return [at for at, found in enumerate(matches.to_pylist()) if found]


def any_of(patterns: Sequence[str]) -> str:
    """One pattern that is found where one of these is found."""
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def own_pattern(pattern: str) -> str:
    """A pattern that a person wrote for lines, to be looked for in a line or in a whole text: `^` and `$` are the ends
    of lines, and white space at these, such as a carriage return, does not count."""
    is_to_the_end = pattern.endswith("$") and not pattern.endswith(r"\$")
    return f"(?m){pattern[:-1]}[ \\t\\r]*$" if is_to_the_end else f"(?m){pattern}"


def as_re2(pattern: str) -> str:
    """A pattern of Python's as RE2 reads it, whose `\\w` and `\\s` know ASCII alone."""
    return _CLASS_OR_ESCAPE.sub(_with_unicode, pattern)


def _with_unicode(match: re.Match[str]) -> str:
    part = match[0].replace(r"\w", r"\pL\pN_").replace(r"\s", r"\s\pZ")
    return part if part == match[0] or part.startswith("[") else f"[{part}]"


def pretest(pattern: str) -> str:
    """RE2 that is found wherever a pattern of Python's is, and maybe elsewhere: bounded repetitions lose their bounds,
    which cost RE2 a hundred times the time of unbounded ones."""
    return as_re2(_BOUNDS.sub(lambda match: "*" if match[1] == "0" else "+", pattern))


def any_phrase(*tables: Mapping[str, Sequence[str]]) -> str:
    """One piece of a pattern that fits every phrase of every language."""
    return any_of([phrase for table in tables for phrases in table.values() for phrase in phrases])
