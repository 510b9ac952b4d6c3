"""A page as one HTML file. It does not know what a report is about."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

from tickets.page.cells import bounds_text, cell_text, estimate_text, is_words
from tickets.page.content import Block, Cell, Interval, KeyFigure, KeyFigures, Page, Section, Status, Table
from tickets.page.markup import Content, Markup, element, joined, verbatim
from tickets.page.plots import draw
from tickets.page.style import STYLE

MAX_ROWS: Final = 1_000
"""Rows of one table that are written; the others are counted below it."""


def content_policy() -> str:
    """Nothing may be loaded or run: only the page's own style sheet, known by its digest, applies."""
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def render(page: Page) -> bytes:
    """The page as UTF-8, the same bytes for the same page.

    Raises:
        ValueError: A row has another number of cells than its table has columns, or a plot's parts differ in length.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=content_policy()),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", page.title),
        element("style", verbatim(STYLE)),
    )
    header = element("header", element("h1", page.title), *(element("p", line) for line in page.summary))
    sections = [_section(section, number) for number, section in enumerate(page.sections)]
    body = element("body", element("main", header, *sections))
    return joined([verbatim("<!doctype html>\n"), element("html", head, body, lang="en")]).html.encode()


def _section(section: Section, number: int) -> Markup:
    blocks = [_block(block, f"plot-{number}-{at}") for at, block in enumerate(section.blocks)]
    return element("section", element("h2", section.heading), *blocks)


def _block(block: Block, name: str) -> Markup:
    if isinstance(block, str):
        return element("p", block)
    if isinstance(block, KeyFigures):
        return element("dl", *(_key_figure(figure) for figure in block.figures), class_="figures")
    return _table(block) if isinstance(block, Table) else draw(block, name)


def _key_figure(figure: KeyFigure) -> Markup:
    cell, notes = figure.value, [figure.note]
    written = cell_text(cell)
    if isinstance(cell, Interval):
        written, notes = estimate_text(cell), [bounds_text(cell), figure.note]
    value = element("dd", written, class_=f"value {_tone(cell)}")
    return element(
        "div", element("dt", figure.label), value, *(element("dd", note, class_="note") for note in notes if note)
    )


def _table(table: Table) -> Markup:
    shown = table.rows[:MAX_ROWS]
    kinds = [_column_class(column) for column in zip(*shown, strict=True)] or ["text"] * len(table.columns)
    head = [element("th", name, scope="col", class_=kind) for name, kind in zip(table.columns, kinds, strict=True)]
    written: list[Content] = [element("caption", table.caption)] if table.caption else []
    written += [element("thead", element("tr", *head)), element("tbody", *(_row(row, kinds) for row in shown))]
    hidden = len(table.rows) - len(shown)
    notes = [table.note, f"{hidden:,} more rows are not shown." if hidden else ""]
    # What scrolls must be reached by the keyboard, and then say what it is.
    scroll = element(
        "div", element("table", *written), class_="scroll", tabindex="0", role="region", aria_label=table.caption
    )
    return element("div", scroll, *(element("p", note, class_="note") for note in notes if note), class_="table")


def _column_class(cells: tuple[Cell, ...]) -> str:
    """Columns of numbers and of nothing stand right, all others left."""
    return "text" if any(map(is_words, cells)) else "number"


def _row(cells: tuple[Cell, ...], kinds: list[str]) -> Markup:
    """Raises ValueError where there is not one cell for each column."""
    return element("tr", *(_cell(cell, kind) for cell, kind in zip(cells, kinds, strict=True)))


def _cell(cell: Cell, kind: str) -> Markup:
    return element("td", cell_text(cell), class_=f"{kind} {_tone(cell)}")


def _tone(cell: Cell) -> str:
    return cell.tone if isinstance(cell, Status) else "plain"
