"""The allowed value that was probably meant. It does not know fields or rows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

_CUTOFF: Final = 0.6  # `critcal` is 0.93 of `critical`, `crit` 0.67; `blocker` is 0.4
_SEPARATORS: Final = re.compile(r"[\W_]+")


def nearest(value: str, allowed: Sequence[str]) -> str | None:
    """The allowed value that is most like a value, by letters without case and separators.

    Args:
        value: What a ticket holds.
        allowed: The closed set.

    Returns:
        One of `allowed`, or None where nothing is like it. Numbers get the nearest number.

    Source:
        Ratcliff and Metzener, Pattern matching: the gestalt approach (1988), as `difflib` has it.
    """
    if (number := _nearest_number(value, allowed)) is not None:
        return number
    folded = {_folded(name): name for name in reversed(allowed)}
    key = _folded(value)
    parts = [key, *key.split(" ", 1)[:1]]  # `en-US` is `en`
    if (exact := next((folded[part] for part in parts if part in folded), None)) is not None:
        return exact
    close = difflib.get_close_matches(key, list(folded), n=1, cutoff=_CUTOFF)
    return folded[close[0]] if close else None


def _folded(text: str) -> str:
    return _SEPARATORS.sub(" ", text.casefold()).strip()


def _nearest_number(value: str, allowed: Sequence[str]) -> str | None:
    try:
        number = float(value)
        return min(allowed, key=lambda name: abs(float(name) - number))
    except ValueError:
        return None
