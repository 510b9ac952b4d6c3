"""One row as a file has it, readable or not. It does not know formats (`json_rows.py`, `csv_rows.py`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

NOT_TEXT: Final = "not of the encoding"
"""Reason of a row whose bytes are no text; `readers.py` says in which encoding."""
ASK_ENCODING: Final = "source.encoding says how the file is written"
"""What to do about it."""
SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""What stands in decoded text for bytes that are none."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it.

    Attributes:
        position: Place in the file, from 0.
        values: Column → value; None where the row cannot be read.
        raw: The original bytes, where the row cannot be read.
        reason: Why it cannot be read.
    """

    position: int
    values: dict[str, Any] | None
    raw: bytes | None = None
    reason: str | None = None
