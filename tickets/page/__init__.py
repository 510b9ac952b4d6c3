"""The one place that makes HTML: a `Page` of typed parts → one self-contained file that a browser opens safely.

What a page shows comes from tickets, so all of it is escaped, in one function (`markup.element`); the file has no
script, no link and no address, and its content policy forbids to load anything. It does not know what a report is
about, nor where a page is kept. `content.py` holds the parts, `cells.py` writes a value as a reader sees it, `plots.py`
draws, `markup.py` escapes, `style.py` is the look.
"""

from tickets.page.content import (
    Bars,
    Block,
    Cell,
    Curve,
    Curves,
    Histogram,
    Interval,
    KeyFigure,
    KeyFigures,
    Lines,
    Number,
    Page,
    Parallel,
    Points,
    Section,
    Series,
    Share,
    Status,
    Table,
)
from tickets.page.render import render

__all__ = [
    "Bars",
    "Block",
    "Cell",
    "Curve",
    "Curves",
    "Histogram",
    "Interval",
    "KeyFigure",
    "KeyFigures",
    "Lines",
    "Number",
    "Page",
    "Parallel",
    "Points",
    "Section",
    "Series",
    "Share",
    "Status",
    "Table",
    "render",
]
