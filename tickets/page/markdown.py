"""A page as Markdown (GitHub's tables), for a terminal, a repository or a chat. It does not know what a page is about.

What a page shows comes from tickets, so every mark that Markdown or HTML would take for its own is escaped. A plot is
told in words; the tables beside it hold its figures.
"""

from __future__ import annotations

import re
from typing import Final

from tickets.page.cells import cell_text
from tickets.page.content import Block, Cell, KeyFigures, Page, Section, Table
from tickets.page.markup import MAX_TEXT, UNSHOWN, cut
from tickets.page.plots import in_words
from tickets.page.render import MAX_ROWS

_MARKS: Final = re.compile(r"[\\`*_{}\[\]<>#|~&@]|(?<=www)\.|:(?=//)")
_START: Final = re.compile(r"\A(\d+(?=[.)](?:\s|\Z)))?([-+=.)])")


def render_markdown(page: Page) -> str:
    """The page as Markdown, the same text for the same page.

    Raises:
        ValueError: A row has another number of cells than its table has columns.
    """
    parts = [f"# {_escaped(page.title)}", *(_paragraph(line) for line in page.summary)]
    for section in page.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    return [f"## {_escaped(section.heading)}", *(_block(block) for block in section.blocks)]


def _block(block: Block) -> str:
    if isinstance(block, str):
        return _paragraph(block)
    if isinstance(block, KeyFigures):
        rows = tuple((figure.label, figure.value, figure.note) for figure in block.figures)
        return _table(Table("", ("Figure", "Value", ""), rows))
    if isinstance(block, Table):
        return _table(block)
    return f"*{_escaped(block.title)}*: {_escaped(in_words(block))}"


def _table(table: Table) -> str:
    shown = table.rows[:MAX_ROWS]
    lines = [_line(tuple(map(_escaped, table.columns))), _line(("---",) * len(table.columns))]
    for row in shown:
        if len(row) != len(table.columns):
            raise ValueError(f"a row of {len(row)} cells in a table of {len(table.columns)} columns")
        lines.append(_line(tuple(_cell(cell) for cell in row)))
    hidden = len(table.rows) - len(shown)
    notes = [table.note, f"{hidden:,} more rows are not shown." if hidden else ""]
    caption = [f"**{_escaped(table.caption)}**"] if table.caption else []
    return "\n\n".join([*caption, "\n".join(lines), *(_paragraph(note) for note in notes if note)])


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return _escaped(cell_text(cell))


def _paragraph(text: str) -> str:
    """One line, whose start is no list, heading or rule."""
    return _START.sub(r"\g<1>\\\2", _escaped(text))


def _escaped(text: str) -> str:
    """One line in which nothing is a mark; white space, which Markdown drops, as single blanks."""
    shown = UNSHOWN.sub("\ufffd", " ".join(cut(text, MAX_TEXT).split()))
    return _MARKS.sub(lambda mark: f"\\{mark.group()}", shown)
