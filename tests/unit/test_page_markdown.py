from __future__ import annotations

import pytest

from tickets.page import Bars, Interval, KeyFigure, KeyFigures, Number, Page, Section, Share, Status, Table
from tickets.page.markdown import render_markdown


def _page(*blocks: object) -> str:
    return render_markdown(Page("Title", ("Summary.",), (Section("Heading", blocks),)))  # type: ignore[arg-type]


def test_headings_paragraphs_and_tables() -> None:
    rows = (("a", Number(1234), Share(0.5)), ("b", Interval(0.5, 0.4, 0.6, is_share=True), Status("bad", "bad")))
    assert _page("A paragraph.", Table("Caption", ("Name", "Count", "Share"), rows, "A note.")) == (
        "# Title\n\nSummary.\n\n## Heading\n\nA paragraph.\n\n**Caption**\n\n"
        "| Name | Count | Share |\n| --- | --- | --- |\n| a | 1,234 | 50.0 % |\n| b | 50.0 % (40.0–60.0) | bad |\n\n"
        "A note.\n"
    )


def test_figures_are_a_table_and_plots_are_told() -> None:
    figures = KeyFigures((KeyFigure("Right", Share(0.9), "100 tickets"),))
    plot = Bars("Sizes", ("a", "b"), (1.0, 3.0))
    told = _page(figures, plot)
    assert "| Right | 90.0 % | 100 tickets |" in told
    assert "*Sizes*: 2 bars. From 1 at a to 3 at b." in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>&amp;", r"\<b\>\&amp;"),
        ("a|b", r"a\|b"),
        ("line\nbreak\r\n\tand  more", "line break and more"),
        ("[x](http://evil)", r"\[x\](http\://evil)"),
        ("![x](y)", r"!\[x\](y)"),
        (".5 of it", r"\.5 of it"),
        ("12", "12"),
        ("*a* _b_ `c` ~d~", r"\*a\* \_b\_ \`c\` \~d\~"),
        ("# not a heading", r"\# not a heading"),
        ("- not a list", r"\- not a list"),
        ("1. not a list", r"1\. not a list"),
        ("--- no rule", r"\--- no rule"),
        ("= no heading", r"\= no heading"),
        ("a@b.example", r"a\@b.example"),
        ("www.evil.example", r"www\.evil.example"),
        ("\\", r"\\"),
        ("\u202egnp", "\ufffdgnp"),
        ("0.95 of 12", "0.95 of 12"),
    ],
)
def test_no_text_becomes_a_mark(text: str, expected: str) -> None:
    assert _page(text).endswith(f"## Heading\n\n{expected}\n")


def test_cells_are_escaped_too() -> None:
    told = _page(Table("", ("a|b",), (("c|d",), ("- no list",), ("",))))
    assert "| a\\|b |\n| --- |\n| c\\|d |\n| - no list |\n| – |" in told


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2 columns"):
        _page(Table("", ("a", "b"), (("x",),)))


def test_a_long_table_is_cut_and_says_so() -> None:
    told = _page(Table("", ("a",), tuple((number,) for number in range(1005))))
    assert "| 999 |" in told
    assert "| 1,000 |" not in told
    assert "5 more rows are not shown." in told
