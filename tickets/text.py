"""When two texts count as the same one. It does not know fields, languages or models."""

from __future__ import annotations

import hashlib
import unicodedata


def normalise(text: str) -> str:
    """The form in which texts are compared: NFKC, case folded, runs of white space as one space, ends trimmed.

    Case folding can undo the composition of a character, so NFKC runs on both sides of it; the result is a fixed
    point of this function.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def fingerprint(text: str) -> str:
    """SHA-256 of the normalised text in UTF-8, as 64 hexadecimal digits. A lone surrogate is hashed as it stands."""
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()
