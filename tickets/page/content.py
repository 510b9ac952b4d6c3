"""What a page is made of: plain values, without a word of HTML. It does not know how any of it is written or drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity; null or not finite is shown as an en dash."""

    value: float | None
    unit: str = ""
    digits: int | None = None
    """Decimals; None: three significant digits, integers whole."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share from 0 to 1, shown in percent."""

    value: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds of its interval; without bounds the estimate stands alone."""

    value: float | None
    low: float | None
    high: float | None
    unit: str = ""
    is_share: bool = False
    """Values from 0 to 1, shown in percent."""


@dataclass(frozen=True, slots=True)
class Status:
    """A short verdict in a colour; its words alone must say it too."""

    text: str
    tone: Literal["good", "warn", "bad", "plain"] = "plain"


Cell = str | float | date | None | Number | Share | Interval | Status
"""A value of a table or a key figure. A bare number is a `Number` without a unit; a `datetime` is shown in UTC."""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One figure that a reader should take along."""

    label: str
    value: Cell
    note: str = ""
    """What it is computed on, or how many rows stand behind it."""


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Figures side by side."""

    figures: tuple[KeyFigure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under named columns; every row has as many cells as there are columns."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar per label, standing for an order (months, ages), lying for names."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    """Lower bounds of intervals, one per bar; empty: none are drawn."""
    high: tuple[float | None, ...] = ()
    unit: str = ""
    is_share: bool = False
    """Values from 0 to 1, shown in percent."""
    horizontal: bool = False
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line; a null value parts it."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over time; every series has one value per time."""

    title: str
    times: tuple[date, ...]
    """In ascending order; dates or datetimes, not both."""
    series: tuple[Series, ...]
    unit: str = ""
    is_share: bool = False
    """Values from 0 to 1, shown in percent."""
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges."""

    title: str
    edges: tuple[float, ...]
    """In ascending order, one more than counts."""
    counts: tuple[float, ...]
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """Points with intervals, such as a reliability diagram."""

    title: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    """Lower bounds of y, one per point; empty: none are drawn."""
    high: tuple[float | None, ...] = ()
    diagonal: bool = False
    """Draw the line on which y equals x."""
    is_share: bool = False
    """Both axes from 0 to 1, shown in percent."""
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of `Curves`."""

    name: str
    x: tuple[float, ...]
    """In ascending order."""
    y: tuple[float | None, ...]
    """One value per x; a null one parts the line."""
    is_faint: bool = False
    """Drawn thin and grey, and without an entry in the legend: one of many, or a bound."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over a number, such as a learning curve; each has places of its own."""

    title: str
    curves: tuple[Curve, ...]
    x_label: str = ""
    y_label: str = ""
    x_is_share: bool = False
    """Values from 0 to 1, shown in percent."""
    y_is_share: bool = False


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parallel coordinates: one upright axis per column, one line per row (Inselberg, 1985)."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    """Every row has a value for each column; those that come first are drawn in colour, on top."""
    num_marked: int = 1
    """Rows that are drawn in colour."""


Plot = Bars | Lines | Histogram | Points | Curves | Parallel
Block = str | KeyFigures | Table | Bars | Lines | Histogram | Points | Curves | Parallel
"""A part of a section; a bare text is a paragraph."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, in order."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    title: str
    summary: tuple[str, ...] = ()
    """Lines under the title: what the report is about, and what it found."""
    sections: tuple[Section, ...] = ()
