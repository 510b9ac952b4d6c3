"""Plots as inline SVG figures, described in words for those who cannot see them. It does not know what numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tickets.page import bars, curves, traces
from tickets.page.axes import WIDTH
from tickets.page.cells import finite, measure, moment, quantity
from tickets.page.content import Bars, Curves, Histogram, Lines, Parallel, Plot, Points
from tickets.page.markup import Markup, element


def draw(plot: Plot, name: str) -> Markup:
    """The plot as a figure with a caption; `name` tells its ids from those of other plots on the page.

    Raises:
        ValueError: Parts that belong together differ in length.
    """
    match plot:
        case Bars():
            drawing = bars.draw_lying(plot) if plot.horizontal else bars.draw_standing(plot)
        case Histogram():
            drawing = bars.draw_histogram(plot)
        case Lines():
            drawing = curves.draw_lines(plot)
        case Points():
            drawing = curves.draw_points(plot)
        case Curves():
            drawing = traces.draw_curves(plot)
        case Parallel():
            drawing = traces.draw_parallel(plot)
    title = element("title", plot.title, id=f"{name}-title")
    description = element("desc", in_words(plot), id=f"{name}-desc")
    svg = element(
        "svg",
        title,
        description,
        *drawing.shapes,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {WIDTH} {drawing.height}",
    )
    return element("figure", element("figcaption", _caption(plot)), svg)


def in_words(plot: Plot) -> str:
    """What a plot shows: how many values, the lowest and the highest, each with its place."""
    match plot:
        case Bars(labels=labels, values=values, unit=unit, is_share=is_share):
            return f"{len(values)} bars. {_extremes(labels, values, unit, is_share)}"
        case Histogram(edges=edges, counts=counts):
            names = [f"{quantity(low)} to {quantity(high)}" for low, high in pairwise(edges)]
            return f"A histogram. {_extremes(names, counts, '', False)}"
        case Lines(times=times, unit=unit, is_share=is_share):
            days = [moment(time) for time in times]
            lines = (f"{line.name}: {_extremes(days, line.values, unit, is_share)}" for line in plot.series)
            return f"Lines over time. {' '.join(lines)}"
        case Points(x=x, y=y, is_share=is_share):
            return f"{len(x)} points. {_extremes([measure(value, '', is_share) for value in x], y, '', is_share)}"
        case Curves():
            shown = [curve for curve in plot.curves if not curve.is_faint]
            places = [[measure(value, "", plot.x_is_share) for value in curve.x] for curve in shown]
            lines = (
                f"{curve.name}: {_extremes(at, curve.y, '', plot.y_is_share)}"
                for curve, at in zip(shown, places, strict=True)
            )
            return f"{len(plot.curves)} lines. {' '.join(lines)}"
        case Parallel(columns=columns, rows=rows):
            spans = (
                f"{name} from {quantity(min(values))} to {quantity(max(values))}"
                for name, values in zip(columns, zip(*rows, strict=True), strict=False)
            )
            return f"{len(rows)} rows over {len(columns)} axes: {', '.join(spans)}."


def _caption(plot: Plot) -> str:
    """The title, and how much of a plot is not drawn."""
    drawn, given = 0, 0
    if isinstance(plot, Bars):
        drawn, given = bars.MAX_BARS, len(plot.values)
    elif isinstance(plot, Lines):
        drawn, given = curves.MAX_SERIES, len(plot.series)
    elif isinstance(plot, Parallel):
        drawn, given = traces.MAX_ROWS, len(plot.rows)
    return f"{plot.title} (the first {drawn} of {given:,})" if given > drawn else plot.title


def _extremes(names: Sequence[str], values: Sequence[float | None], unit: str, is_share: bool) -> str:
    known = [(value, name) for value, name in zip(finite(values), names, strict=True) if value is not None]
    if not known:
        return "No values."
    (low, low_at), (high, high_at) = min(known), max(known)
    return f"From {measure(low, unit, is_share)} at {low_at} to {measure(high, unit, is_share)} at {high_at}."
