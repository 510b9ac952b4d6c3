"""A value as a reader sees it: numbers with their units, shares, intervals, moments. It does not know HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from tickets.page.content import Cell, Interval, Number, Share, Status
from tickets.page.markup import cut

NO_VALUE: Final = "–"
MAX_CELL: Final = 240
"""Characters of a text that a cell shows."""

_LARGEST: Final = 1e100
_LONGEST: Final = 1e15  # from here on a number is written with its power of ten
_SPACE: Final = "\u00a0"  # keeps a number and its unit on one line


def cell_text(cell: Cell) -> str:
    """The words of a cell; null, NaN and infinity are an en dash."""
    match cell:
        case str():
            return cut(cell, MAX_CELL) or NO_VALUE
        case Status(text=text):
            return cut(text, MAX_CELL)
        case None:
            return NO_VALUE
        case bool():
            return "yes" if cell else "no"
        case Number(value=value, unit=unit, digits=digits):
            return quantity(value, unit, digits)
        case Share(value=value):
            return share(value)
        case Interval():
            bounds = bounds_text(cell)
            return f"{estimate_text(cell)}{_SPACE}({bounds})" if bounds else estimate_text(cell)
        case datetime():
            return moment(cell)
        case date():
            return cell.isoformat()
    return quantity(cell)


def estimate_text(cell: Interval) -> str:
    """The estimate alone."""
    return measure(cell.value, cell.unit, cell.is_share)


def bounds_text(cell: Interval) -> str:
    """The bounds alone, without their unit; empty where there are none."""
    if None in finite((cell.value, cell.low, cell.high)):
        return ""
    low, high = (measure(bound, "", cell.is_share).removesuffix(f"{_SPACE}%") for bound in (cell.low, cell.high))
    return f"{low}{_SPACE}to{_SPACE}{high}" if "−" in high else f"{low}–{high}"


def is_words(cell: Cell) -> bool:
    """Whether a cell is read as words, and so stands left."""
    return isinstance(cell, str | date | Status | bool)


def quantity(value: float | None, unit: str = "", digits: int | None = None) -> str:
    """A number with thousands parted, its unit behind it."""
    if value is None or not math.isfinite(value):
        return NO_VALUE
    decimals = _decimals(value) if digits is None else digits
    rounded = round(value, decimals) + 0.0  # which turns -0.0 into 0.0
    written = f"{rounded:.2e}" if abs(rounded) >= _LONGEST else f"{rounded:,.{decimals}f}"
    written = written.replace("-", "−")
    return f"{written}{_SPACE}{unit}" if unit else written


def share(value: float | None) -> str:
    """A share from 0 to 1 in percent, with one decimal."""
    return NO_VALUE if value is None or not math.isfinite(value) else f"{100 * value + 0.0:.1f}{_SPACE}%"


def measure(value: float | None, unit: str, is_share: bool) -> str:
    """A value of a plot."""
    return share(value) if is_share else quantity(value, unit)


def finite(values: Iterable[float | None]) -> tuple[float | None, ...]:
    """The values, with null in place of what cannot be drawn: NaN, infinity, and numbers that near it."""
    return tuple(value if value is not None and abs(value) < _LARGEST else None for value in values)


def moment(value: date) -> str:
    """A day, or a moment to the minute in UTC (one without a zone is taken as such)."""
    if not isinstance(value, datetime):
        return value.isoformat()
    in_utc = value.astimezone(UTC) if value.tzinfo else value
    return f"{in_utc:%Y-%m-%d %H:%M} UTC"


def _decimals(value: float) -> int:
    """Enough for three significant digits; none for whole numbers and for what is as good as zero."""
    if value == round(value) or abs(value) >= 100 or abs(value) < 1e-8:
        return 0
    return 2 - math.floor(math.log10(abs(value)))
