"""Lines over a number, and parallel coordinates. It does not know figures, captions or what the numbers mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from tickets.page.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    Axis,
    Drawing,
    draw_x,
    draw_x_label,
    draw_y,
    line,
    nice_axis,
    share_axis,
    text,
)
from tickets.page.cells import finite, measure, quantity
from tickets.page.content import Curve, Curves, Parallel
from tickets.page.curves import MAX_SERIES, draw_legend
from tickets.page.markup import Markup, cut, element

MAX_ROWS: Final = 200
"""Rows of parallel coordinates that are drawn."""

_MAX_DOTS: Final = 31
_LOG_RATIO: Final = 20  # values that span more than this, all above 0, are parted by their logarithm
_NAME_WIDTH: Final = 7.4  # of a letter
_LINE: Final = 16  # height of a line of names
_EDGE: Final = 44  # from the border of the plot to the first and the last axis


def draw_curves(curves: Curves) -> Drawing:
    """Faint lines below, up to `MAX_SERIES` others in colour on top, under their legend."""
    faint = [curve for curve in curves.curves if curve.is_faint]
    drawn = [curve for curve in curves.curves if not curve.is_faint][:MAX_SERIES]
    legend = draw_legend([curve.name for curve in drawn]) if len(drawn) > 1 else Drawing((), 0)
    all_x = [x for curve in (*faint, *drawn) for x in curve.x]
    across = share_axis(LEFT, RIGHT) if curves.x_is_share else nice_axis(all_x, LEFT, RIGHT, from_zero=False)
    heights = (y for curve in (*faint, *drawn) for y in curve.y)
    axis = nice_axis(heights, BOTTOM, TOP + legend.height, from_zero=False)
    if all(float(x).is_integer() for x in all_x):  # between two steps there is nothing to name
        across = replace(across, ticks=tuple(tick for tick in across.ticks if float(tick).is_integer()))
    shapes = [*draw_y(axis, curves.y_label, curves.y_is_share), *draw_x(across, curves.x_is_share)]
    for curve in faint:
        shapes += _line(curve, across, axis, "faint")
    for number, curve in enumerate(drawn):
        shapes += _line(curve, across, axis, f"line s{number}")
        shapes += _dots(curve, number, across, axis, curves)
    return Drawing((*shapes, *legend.shapes, draw_x_label(curves.x_label)))


def draw_parallel(parallel: Parallel) -> Drawing:
    """An axis for each column with its least and greatest value, a line for each row, the marked ones in colour.

    Raises:
        ValueError: A row has not one value for each column.
    """
    rows = parallel.rows[:MAX_ROWS]
    room = (RIGHT - 2 * _EDGE) / max(len(parallel.columns) - 1, 1)
    places = [_EDGE + number * room for number in range(len(parallel.columns))]
    columns = list(zip(*rows, strict=True)) or [()] * len(places)
    shapes: list[Markup] = []
    for number, (name, x, values) in enumerate(zip(parallel.columns, places, columns, strict=True)):
        shapes.append(line(x, TOP, x, BOTTOM, "axis"))
        shapes += _ends(values, x)
        shown = cut(name, max(int(2 * room / _NAME_WIDTH), 4))  # neighbours stand in two lines
        shapes.append(text(x, HEIGHT - 5 + number % 2 * _LINE, shown, anchor="middle"))
    corners = list(zip(*map(_heights, columns), strict=True))
    for rank in reversed(range(len(rows))):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, corners[rank], strict=True))
        shown = ", ".join(f"{name} {quantity(of)}" for name, of in zip(parallel.columns, rows[rank], strict=True))
        class_ = "line s0" if rank < parallel.num_marked else "faint"
        shapes.append(element("polyline", element("title", shown), points=points, class_=class_))
    return Drawing(tuple(shapes), HEIGHT + _LINE)


def _line(curve: Curve, across: Axis, axis: Axis, class_: str) -> Iterator[Markup]:
    """The line, parted where values are missing."""
    pairs = zip(curve.x, finite(curve.y), strict=True)
    for is_known, run in groupby(pairs, key=lambda pair: pair[1] is not None):
        if is_known:
            corners = " ".join(f"{across.at(x):.1f},{axis.at(y):.1f}" for x, y in run if y is not None)
            yield element("polyline", element("title", curve.name), points=corners, class_=class_)


def _dots(curve: Curve, number: int, across: Axis, axis: Axis, curves: Curves) -> Iterator[Markup]:
    if len(curve.x) > _MAX_DOTS:
        return
    for x, y in zip(curve.x, finite(curve.y), strict=True):
        if y is not None:
            shown = f"{curve.name}, {measure(x, '', curves.x_is_share)}: {measure(y, '', curves.y_is_share)}"
            dot = element("title", shown)
            yield element("circle", dot, cx=across.at(x), cy=axis.at(y), r=3, class_=f"dot d{number}")


def _heights(values: Sequence[float]) -> list[float]:
    """Where a column's values stand on its axis: by their logarithm where they span orders of magnitude."""
    if not values:
        return []
    is_log = min(values) > 0 and max(values) / min(values) > _LOG_RATIO
    placed = [math.log(value) if is_log else value for value in values]
    low, high = min(placed), max(placed)
    axis = Axis(low, high if high > low else low + 1.0, BOTTOM, TOP)
    return [axis.at(value) for value in placed]


def _ends(values: Sequence[float], x: float) -> Iterator[Markup]:
    if values:
        yield text(x, TOP - 8, quantity(max(values)), anchor="middle")
        yield text(x, BOTTOM + 17, quantity(min(values)), anchor="middle")
