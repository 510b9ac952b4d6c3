"""Axes of plots: which values they span, where their ticks stand, how they are drawn. They do not know what is plotted.

All coordinates are SVG units, from the top left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tickets.page.cells import finite, quantity
from tickets.page.markup import Markup, cut, element

WIDTH: Final = 440
"""Of every plot, so that its 13-unit letters can still be read where a phone shrinks it."""
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 58, WIDTH - 20, 30, HEIGHT - 44
"""Where the axes stand in a plot of that height."""

_CHARACTER: Final = 7.2  # usual width of a letter
_SMALLEST: Final = 1e-9
_TICK_HEIGHT: Final = 17
_NICE_STEPS: Final = (1, 2, 2.5, 5, 10)
_LONGEST_TICK: Final = 10  # characters of a label for which labels in between are left out


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a plot draws, from back to front."""

    shapes: tuple[Markup, ...]
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to coordinates, linearly."""

    low: float
    high: float
    start: float
    """Coordinate of `low`."""
    end: float
    """Coordinate of `high`."""
    ticks: tuple[float, ...] = ()

    def at(self, value: float) -> float:
        """The coordinate of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def nice_axis(
    values: Iterable[float | None], start: float, end: float, from_zero: bool = True, num_ticks: int = 4
) -> Axis:
    """An axis over all values that are finite, from tick to tick, with steps of 1, 2, 2.5 or 5 times a power of ten."""
    known = [float(value) for value in finite(values) if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= _SMALLEST * max(abs(low), abs(high), _SMALLEST):  # one value, or as good as one
        high = low + (abs(low) or 1.0)
    step = _nice_step((high - low) / num_ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(tick * step for tick in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], start, end, ticks)


def share_axis(start: float, end: float) -> Axis:
    """From 0 to 1, a tick at each quarter."""
    return Axis(0.0, 1.0, start, end, (0.0, 0.25, 0.5, 0.75, 1.0))


def draw_y(axis: Axis, label: str, is_share: bool) -> Iterator[Markup]:
    """Grid lines with their values to the left, and the axis's label above."""
    for tick in axis.ticks:
        y = axis.at(tick)
        yield line(LEFT, y, RIGHT, y, "axis" if tick == 0 else "grid")
        yield text(LEFT - 6, y + 4.5, _tick(tick, is_share), anchor="end")
    yield text(2, axis.end - 15, label)


def draw_x(axis: Axis, is_share: bool) -> Iterator[Markup]:
    """Values below the bottom line."""
    for tick in axis.ticks:
        if min(axis.start, axis.end) <= axis.at(tick) <= max(axis.start, axis.end):
            yield text(axis.at(tick), BOTTOM + _TICK_HEIGHT, _tick(tick, is_share), anchor="middle")


def draw_x_label(label: str) -> Markup:
    """The label below the values of the lower axis."""
    return text((LEFT + RIGHT) / 2, HEIGHT - 7, label, anchor="middle")


def draw_names(names: Sequence[str], places: Sequence[float], room: float) -> Iterator[Markup]:
    """Names below the bottom line, as many as can be read: `room` is the width from one place to the next."""
    longest = min(max(map(len, names), default=1), _LONGEST_TICK)
    every = max(math.ceil((longest + 1) * _CHARACTER / room), 1)
    for name, place in list(zip(names, places, strict=True))[::every]:
        shown = cut(name, max(int(every * room / _CHARACTER), 1))
        yield text(place, BOTTOM + _TICK_HEIGHT, shown, anchor="middle")


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(x: float, y: float, words: str, anchor: str = "start", class_: str = "tick") -> Markup:
    """One line of text on its base line."""
    return element("text", words, x=x, y=y, text_anchor=anchor, class_=class_)


def _nice_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next((step * power for step in _NICE_STEPS if step * power >= rough * (1 - 1e-9)), 10 * power)


def _tick(value: float, is_share: bool) -> str:
    return f"{quantity(round(100 * value, 9))}%" if is_share else quantity(value)
