"""Bars that stand, bars that lie, and histograms. It does not know figures, captions or what the numbers mean."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tickets.page.axes import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Drawing,
    draw_names,
    draw_x,
    draw_x_label,
    draw_y,
    line,
    nice_axis,
    text,
)
from tickets.page.cells import finite, measure, quantity
from tickets.page.content import Bars, Histogram
from tickets.page.markup import Markup, cut, element

MAX_BARS: Final = 60
"""Bars of one plot that are drawn: more cannot be told apart."""

_ROW: Final = 26  # height of a lying bar with the space around it
_NAMES: Final = 150  # width of the names beside lying bars
_NAME_LENGTH: Final = 18
_VALUES: Final = 92  # width of the values behind them
_FILLED: Final = 0.72  # of a standing bar's slot


def draw_standing(bars: Bars) -> Drawing:
    """One bar per label from left to right, in the order given."""
    rows = _rows(bars)
    axis = _value_axis(bars, BOTTOM, TOP)
    slot = (RIGHT - LEFT) / max(len(rows), 1)
    places = [LEFT + (at + 0.5) * slot for at in range(len(rows))]
    shapes = [*draw_y(axis, bars.y_label, bars.is_share)]
    for (label, value, low, high), x in zip(rows, places, strict=True):
        if value is not None:
            shown = f"{label}: {measure(value, bars.unit, bars.is_share)}"
            shapes.append(_upright(x - slot * _FILLED / 2, slot * _FILLED, axis, value, shown))
        if low is not None and high is not None:
            shapes.append(line(x, axis.at(low), x, axis.at(high), "whisker"))
    shapes += draw_names([label for label, *_ in rows], places, slot)
    return Drawing((*shapes, draw_x_label(bars.x_label)))


def draw_lying(bars: Bars) -> Drawing:
    """One bar per name from top to bottom, with its value behind it."""
    rows = _rows(bars)
    axis = _value_axis(bars, _NAMES, WIDTH - _VALUES)
    bottom = len(rows) * _ROW
    shapes: list[Markup] = []
    for number, (label, value, low, high) in enumerate(rows):
        middle = number * _ROW + _ROW / 2
        shown = measure(value, bars.unit, bars.is_share)
        shapes.append(text(_NAMES - 8, middle + 4.5, cut(label, _NAME_LENGTH), anchor="end"))
        if value is not None:
            left, right = sorted((axis.at(0.0), axis.at(value)))
            shapes.append(_bar(left, middle - 9, right - left, 18, f"{label}: {shown}"))
        if low is not None and high is not None:
            shapes.append(line(axis.at(low), middle, axis.at(high), middle, "whisker"))
        end = max(axis.at(known) for known in (0.0, value, high) if known is not None)
        shapes.append(text(end + 6, middle + 4.5, shown, class_="value"))
    shapes.append(line(axis.at(0.0), 0, axis.at(0.0), bottom, "axis"))
    return Drawing((*shapes, text(_NAMES, bottom + 17, bars.x_label)), bottom + 24)


def draw_histogram(histogram: Histogram) -> Drawing:
    """Counts as bars as wide as what they count.

    Raises:
        ValueError: There is not one edge more than there are counts.
    """
    edges, counts = histogram.edges, histogram.counts
    ticks = nice_axis(edges, LEFT, RIGHT, from_zero=False)
    low, high = min(edges, default=0.0), max(edges, default=1.0)
    across = Axis(low, high if high > low else low + 1.0, LEFT, RIGHT, ticks.ticks)
    axis = nice_axis(counts, BOTTOM, TOP)
    shapes = [*draw_y(axis, histogram.y_label, is_share=False)]
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        shown = f"{quantity(low)} to {quantity(high)}: {quantity(count)}"
        width = max(across.at(high) - across.at(low) - 1, 0.5)
        shapes.append(_upright(across.at(low), width, axis, count, shown))
    return Drawing((*shapes, *draw_x(across, is_share=False), draw_x_label(histogram.x_label)))


def _rows(bars: Bars) -> list[tuple[str, float | None, float | None, float | None]]:
    """Label, value, and the bounds of its interval, of the bars that are drawn."""
    none = (None,) * len(bars.values)
    bounds = finite(bars.low) or none, finite(bars.high) or none
    rows = zip(bars.labels, finite(bars.values), *bounds, strict=True)
    return list(rows)[:MAX_BARS]


def _value_axis(bars: Bars, start: float, end: float) -> Axis:
    return nice_axis((*bars.values, *bars.low, *bars.high), start, end)


def _upright(left: float, width: float, axis: Axis, value: float, shown: str) -> Markup:
    top, bottom = sorted((axis.at(value), axis.at(0.0)))
    return _bar(left, top, width, bottom - top, shown)


def _bar(x: float, y: float, width: float, height: float, shown: str) -> Markup:
    return element("rect", element("title", shown), x=x, y=y, width=width, height=height, class_="bar")
