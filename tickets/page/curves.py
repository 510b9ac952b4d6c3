"""Lines over time, and points with intervals. It does not know figures, captions or what the numbers mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Final

from tickets.page.axes import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Axis,
    Drawing,
    draw_names,
    draw_x,
    draw_x_label,
    draw_y,
    line,
    nice_axis,
    share_axis,
    text,
)
from tickets.page.cells import finite, measure, moment
from tickets.page.content import Lines, Points, Series
from tickets.page.markup import Markup, cut, element

MAX_SERIES: Final = 6
"""Lines of one plot that are drawn: more cannot be told apart."""

_NUM_TICKS: Final = 5
_MAX_DOTS: Final = 31  # values up to which each is dotted
_ENTRY_HEIGHT: Final = 18  # of a legend
_SHORT_ENTRY: Final = 20  # characters of an entry beside which another one has room
_LONG_ENTRY: Final = 45


def draw_lines(lines: Lines) -> Drawing:
    """Up to `MAX_SERIES` lines on a true scale of time, under their legend."""
    drawn = [Series(series.name, finite(series.values)) for series in lines.series[:MAX_SERIES]]
    legend = draw_legend([series.name for series in drawn]) if len(drawn) > 1 else Drawing((), 0)
    axis = nice_axis((value for series in drawn for value in series.values), BOTTOM, TOP + legend.height)
    places = _places(lines.times)
    shapes = [*draw_y(axis, lines.y_label, lines.is_share)]
    for number, series in enumerate(drawn):
        shapes += _line(series, number, places, axis)
        shapes += _dots(series, number, places, axis, lines)
    shapes += legend.shapes
    every = max(-(-len(places) // _NUM_TICKS), 1)
    room = (RIGHT - LEFT) / min(_NUM_TICKS, max(len(places), 1))
    names = _names(lines.times)
    return Drawing((*shapes, *draw_names(names[::every], places[::every], room)))


def draw_points(points: Points) -> Drawing:
    """Points with whiskers, on an equal scale from 0 to 1 where they are shares.

    Raises:
        ValueError: The coordinates or bounds differ in number.
    """
    none = (None,) * len(points.y)
    bounds = finite(points.low) or none, finite(points.high) or none
    rows = list(zip(points.x, finite(points.y), *bounds, strict=True))
    if points.is_share:
        across, axis = share_axis(LEFT, RIGHT), share_axis(BOTTOM, TOP)
    else:
        across = nice_axis(points.x, LEFT, RIGHT, from_zero=False)
        axis = nice_axis((*points.y, *points.low, *points.high), BOTTOM, TOP, from_zero=False)
    shapes = [*draw_y(axis, points.y_label, points.is_share), *draw_x(across, points.is_share)]
    if points.diagonal:
        low, high = max(across.low, axis.low), min(across.high, axis.high)
        shapes.append(line(across.at(low), axis.at(low), across.at(high), axis.at(high), "diagonal"))
    for x, y, low_y, high_y in rows:
        if low_y is not None and high_y is not None:
            shapes.append(line(across.at(x), axis.at(low_y), across.at(x), axis.at(high_y), "whisker"))
        if y is not None:
            shown = f"{measure(x, '', points.is_share)}: {measure(y, '', points.is_share)}"
            shapes.append(_dot(across.at(x), axis.at(y), 0, shown))
    return Drawing((*shapes, draw_x_label(points.x_label)))


def _line(series: Series, number: int, places: Sequence[float], axis: Axis) -> Iterator[Markup]:
    """The line, parted where values are missing."""
    pairs = zip(places, series.values, strict=True)
    for is_known, run in groupby(pairs, key=lambda pair: pair[1] is not None):
        if is_known:
            corners = " ".join(f"{x:.1f},{axis.at(value):.1f}" for x, value in run if value is not None)
            yield element("polyline", points=corners, class_=f"line s{number}")


def _dots(series: Series, number: int, places: Sequence[float], axis: Axis, lines: Lines) -> Iterator[Markup]:
    """The values themselves, with what they say; in a long line only those that no line joins."""
    values = [None, *series.values, None]
    for at, (time, x) in enumerate(zip(lines.times, places, strict=True)):
        before, value, after = values[at : at + 3]
        if value is not None and (len(places) <= _MAX_DOTS or before is after is None):
            shown = f"{series.name}, {moment(time)}: {measure(value, lines.unit, lines.is_share)}"
            yield _dot(x, axis.at(value), number, shown)


def draw_legend(names: Sequence[str]) -> Drawing:
    """The lines' names, two in a row where they are short."""
    num_columns = 2 if all(len(name) <= _SHORT_ENTRY for name in names) else 1
    shapes: list[Markup] = []
    for number, name in enumerate(names):
        x = LEFT + number % num_columns * (RIGHT - LEFT) / 2
        y = 9 + number // num_columns * _ENTRY_HEIGHT
        shapes.append(line(x, y, x + 22, y, f"line s{number}"))
        shapes.append(text(x + 28, y + 4.5, cut(name, _LONG_ENTRY)))
    return Drawing(tuple(shapes), -(-len(names) // num_columns) * _ENTRY_HEIGHT)


def _places(times: Sequence[date]) -> list[float]:
    seconds = [_seconds(time) for time in times]
    if not seconds:
        return []
    axis = Axis(seconds[0], max(seconds[-1], seconds[0] + 1), LEFT + 14, RIGHT - 14)
    return [axis.at(second) for second in seconds]


def _seconds(time: date) -> float:
    moment_ = time if isinstance(time, datetime) else datetime(time.year, time.month, time.day)
    return (moment_ if moment_.tzinfo else moment_.replace(tzinfo=UTC)).timestamp()


def _names(times: Sequence[date]) -> list[str]:
    """Months where all are firsts of a month, times of day within two days, else days."""
    if all(time.day == 1 for time in times) and not any(isinstance(time, datetime) for time in times):
        return [f"{time:%Y-%m}" for time in times]
    if times and isinstance(times[0], datetime) and times[-1] - times[0] < timedelta(days=2):
        return [f"{time:%H:%M}" for time in times]
    return [f"{time:%Y-%m-%d}" for time in times]


def _dot(x: float, y: float, number: int, shown: str) -> Markup:
    return element("circle", element("title", shown), cx=x, cy=y, r=3, class_=f"dot d{number}")
