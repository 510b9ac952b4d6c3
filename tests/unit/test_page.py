"""A page: nothing that it shows becomes markup, nothing is loaded or run, and values read as they should."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from tickets.page import (
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
    render,
)
from tickets.page.axes import nice_axis
from tickets.page.bars import MAX_BARS
from tickets.page.cells import MAX_CELL, cell_text, quantity
from tickets.page.curves import MAX_SERIES
from tickets.page.markup import MAX_TEXT, element
from tickets.page.render import MAX_ROWS

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "]]><svg onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title></text></svg><iframe src=//evil>",
    "--><base href=//evil>",
    "&lt;script&gt;&#60;b&#62;",
)
SPACE = "\u00a0"


class Parsed(HTMLParser):
    """Tags with their attributes in order, and the texts between them."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self._open: list[str] = []
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if self._open and self._open[-1] == "style" else self.texts).append(data)

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        assert not self._open
        return [(tag, list(attributes)) for tag, attributes in self.tags]


def full_page(text: str) -> Page:
    """Every component there is, with `text` in every slot that takes one."""
    cells: tuple[Cell, ...] = (text, Status(text), Number(1.0, text), Interval(0.5, 0.4, 0.6, text), Share(0.5), None)
    labels = (text, text)
    blocks: tuple[Block, ...] = (
        text,
        KeyFigures(tuple(KeyFigure(text, cell, text) for cell in cells)),
        Table(text, (text,) * len(cells), (cells,), text),
        Bars(text, labels, (1.0, 2.0), (0.5, 1.5), (1.5, 2.5), text, x_label=text, y_label=text),
        Bars(text, labels, (1.0, None), unit=text, horizontal=True, x_label=text, y_label=text),
        Lines(text, (date(2025, 1, 1),), (Series(text, (1.0,)), Series(text, (None,))), text, y_label=text),
        Histogram(text, (0.0, 1.0, 2.0), (3, 4), text, text),
        Points(text, (0.1, 0.2), (0.3, None), x_label=text, y_label=text),
        Curves(text, (Curve(text, (1.0, 2.0), (1.0, 2.0)), Curve(text, (1.0,), (3.0,))), text, text),
        Curves(text, (Curve(text, (1.0, 2.0), (1.0, 2.0), is_faint=True),), text, text),
        Parallel(text, labels, ((1.0, 2.0), (2.0, 3.0))),
    )
    return Page(text, (text, text), (Section(text, blocks),))


def slots(part: Any) -> Iterator[tuple[str, str]]:
    """Every text in a part, with the place where it stands."""
    if is_dataclass(part):
        for field in fields(part):
            place = f"{type(part).__name__}.{field.name}"
            value = getattr(part, field.name)
            yield from ((place, text) if not at else (at, text) for at, text in slots(value))
    elif isinstance(part, tuple):
        for item in part:
            yield from slots(item)
    elif isinstance(part, str):
        yield "", part


def parts(part: Any) -> Iterator[type]:
    if is_dataclass(part):
        yield type(part)
        for field in fields(part):
            yield from parts(getattr(part, field.name))
    elif isinstance(part, tuple):
        for item in part:
            yield from parts(item)


def one(block: Block) -> Parsed:
    return Parsed(render(Page("t", (), (Section("s", (block,)),))))


def words(block: Block) -> str:
    return " ".join(one(block).texts)


def test_the_planted_page_has_every_component_and_fills_every_slot() -> None:
    page = full_page("planted")
    made = set(parts(page))
    components = {kind for kind in (*get_args(Block), *get_args(Cell)) if is_dataclass(kind)}
    assert components <= made
    assert {place for place, text in slots(page) if text != "planted"} == {"Status.tone"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_becomes_an_element_or_an_attribute(attack: str) -> None:
    planted, harmless = Parsed(render(full_page(attack))), Parsed(render(full_page("x" * len(attack))))
    assert planted.shape == harmless.shape
    assert {"script", "img", "iframe", "base", "a", "link", "object"}.isdisjoint(tag for tag, _ in planted.tags)
    for (_, got), (_, expected) in zip(planted.tags, harmless.tags, strict=True):
        assert {name: value for name, value in got.items() if name != "aria-label"} == {
            name: value for name, value in expected.items() if name != "aria-label"
        }
    assert "".join(planted.texts).count(attack) > 20
    assert planted.styles == harmless.styles


def test_the_page_may_load_and_run_nothing_but_its_own_style() -> None:
    html = render(full_page("x"))
    parsed = Parsed(html)
    [policy] = [at["content"] for tag, at in parsed.tags if at.get("http-equiv") == "Content-Security-Policy"]
    [style] = parsed.styles
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style and "@import" not in style and "expression" not in style
    assert b"http:" not in html and b"https:" not in html
    names = {name for _, attributes in parsed.tags for name in attributes}
    assert names.isdisjoint({"href", "src", "style", "action"})
    assert not [name for name in names if name.startswith("on")]


def test_the_policy_stands_before_everything_that_it_rules() -> None:
    head = [tag for tag, _ in Parsed(render(full_page("x"))).tags]
    assert head[:4] == ["html", "head", "meta", "meta"]
    assert head.index("style") > 3


def test_what_cannot_be_shown_is_replaced_and_never_stops_the_page() -> None:
    odd = "a\x00b\x1bc\x7f\ud800d\u202ee\ufffff\tg"
    shown = Parsed(render(full_page(odd))).texts
    assert "a�b�c��d�e�f\tg" in shown


def test_long_texts_are_cut() -> None:
    [paragraph] = [text for text in one("y" * (MAX_TEXT + 1)).texts if "y" in text]
    assert len(paragraph) == MAX_TEXT and paragraph.endswith("…")
    [whole] = [text for text in one("y" * MAX_TEXT).texts if "y" in text]
    assert whole == "y" * MAX_TEXT
    assert len(cell_text("y" * 1000)) == MAX_CELL


def test_no_other_file_writes_html() -> None:
    tag = re.compile(r"<!doctype|<html|</td>|</table>|</svg>", re.IGNORECASE)
    root = Path(__file__).parents[2]
    files = {path for folder in ("tickets", "jobs", "serve_app") for path in (root / folder).rglob("*.py")}
    own = {path for path in files if path.is_relative_to(root / "tickets/page")}
    assert len(own) > 5
    assert [str(path.relative_to(root)) for path in files - own if tag.search(path.read_text())] == []


def test_the_same_page_gives_the_same_bytes() -> None:
    assert render(full_page("x")) == render(full_page("x"))


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, "–"),
        ("", "–"),
        (float("nan"), "–"),
        (Number(None, "h"), "–"),
        (Number(float("inf")), "–"),
        (0, "0"),
        (-0.0, "0"),
        (1234567, "1,234,567"),
        (1234.56, "1,235"),
        (-2.345, "−2.35"),
        (0.001234, "0.00123"),
        (99.96, "100.0"),
        (1e20, "1.00e+20"),
        (True, "yes"),
        (Number(5.5, "h"), f"5.50{SPACE}h"),
        (Number(5.5, digits=0), "6"),
        (Share(0.1234), f"12.3{SPACE}%"),
        (Share(None), "–"),
        (Interval(0.5, 0.4, 0.625, is_share=True), f"50.0{SPACE}%{SPACE}(40.0–62.5)"),
        (Interval(2.5, 2.0, 3.0, "h"), f"2.50{SPACE}h{SPACE}(2–3)"),
        (Interval(-2.5, -3.0, -2.0), f"−2.50{SPACE}(−3{SPACE}to{SPACE}−2)"),
        (Interval(2.5, None, None), "2.50"),
        (Interval(None, 1.0, 2.0), "–"),
        (date(2025, 3, 1), "2025-03-01"),
        (datetime(2025, 3, 1, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2025-03-01 02:05 UTC"),
        (datetime(2025, 3, 1, 4, 5), "2025-03-01 04:05 UTC"),
    ],
)
def test_a_cell_reads_as_it_should(cell: Cell, shown: str) -> None:
    assert cell_text(cell) == shown


def test_numbers_stand_right_and_words_left_though_some_are_missing() -> None:
    table = Table("c", ("Name", "Count", "State"), (("a", 1, None), (None, None, Status("ok", "good"))))
    tags = one(table).tags
    assert [at["class"] for tag, at in tags if tag == "th"] == ["text", "number", "text"]
    assert [at["class"].split()[0] for tag, at in tags if tag == "td"] == ["text", "number", "text"] * 2
    assert [at["class"] for tag, at in tags if tag == "td"][-1] == "text good"


def test_a_long_table_says_how_many_rows_it_leaves_out() -> None:
    table = Table("c", ("n",), tuple((number,) for number in range(MAX_ROWS + 7)))
    parsed = one(table)
    assert sum(tag == "td" for tag, _ in parsed.tags) == MAX_ROWS
    assert "7 more rows are not shown." in parsed.texts


def test_an_empty_table_still_has_its_head() -> None:
    assert [at["class"] for tag, at in one(Table("c", ("a", "b"), ())).tags if tag == "th"] == ["text", "text"]


@pytest.mark.parametrize(
    "block",
    [
        Table("c", ("a", "b"), ((1,),)),
        Table("c", ("a",), ((1,), (1, 2))),
        Bars("b", ("x",), (1.0, 2.0)),
        Bars("b", ("x", "y"), (1.0, 2.0), (0.5,), (1.5, 2.5)),
        Lines("l", (date(2025, 1, 1),), (Series("s", (1.0, 2.0)),)),
        Histogram("h", (0.0, 1.0), (1, 2)),
        Points("p", (0.1,), (0.1, 0.2)),
        Curves("c", (Curve("a", (1.0,), (1.0, 2.0)),)),
        Parallel("p", ("a", "b"), ((1.0,),)),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(block: Block) -> None:
    with pytest.raises(ValueError, match="argument"):
        one(block)


@pytest.mark.parametrize(
    "block",
    [
        Bars("b", (), ()),
        Bars("b", (), (), horizontal=True),
        Bars("b", ("x",), (None,)),
        Bars("b", ("x", "y"), (float("nan"), 0.0), (float("nan"), 0.0), (1.0, float("inf"))),
        Bars("b", ("x", "y"), (-1.0, 2.0), horizontal=True),
        Bars("b", ("x", "y"), (1e308, -1e308), (-1e308, 0.0), (1e99, 0.0)),
        Bars("b", ("x",), (5e-324,), horizontal=True),
        Points("p", (1e16, 1e16 + 2), (-1e-12, 0.0)),
        Lines("l", (), ()),
        Lines("l", (date(2025, 1, 1),), (Series("s", (float("nan"),)),)),
        Lines("l", (datetime(2025, 1, 1, tzinfo=UTC),) * 2, (Series("s", (1.0, 1.0)),)),
        Histogram("h", (), ()),
        Histogram("h", (1.0, 1.0), (5,)),
        Points("p", (), ()),
        Points("p", (0.5,), (None,), diagonal=True),
        Points("p", (5.0,), (5.0,), diagonal=True),
        KeyFigures(()),
        Curves("c", ()),
        Curves("c", (Curve("a", (), ()), Curve("b", (1.0,), (float("nan"),)), Curve("c", (1.0,), (1.0,)))),
        Parallel("p", ("a",), ()),
        Parallel("p", ("a", "b"), ((0.0, -1.0), (1e308, 1.0))),
    ],
)
def test_little_or_odd_data_still_gives_a_plot_of_finite_numbers(block: Block) -> None:
    html = render(Page("t", (), (Section("s", (block,)),)))
    for _, attributes in Parsed(html).tags:
        assert not {"nan", "inf", "-inf"} & set(attributes.values())


def test_a_bar_is_as_long_as_its_value() -> None:
    bars = one(Bars("b", ("a", "b", "c"), (1.0, 2.0, None), unit="h"))
    heights = [float(at["height"] or 0) for tag, at in bars.tags if tag == "rect"]
    assert len(heights) == 2
    assert heights[1] == pytest.approx(2 * heights[0], rel=1e-4)
    lying = one(Bars("b", ("a", "b"), (1.0, 2.0), horizontal=True))
    widths = [float(at["width"] or 0) for tag, at in lying.tags if tag == "rect"]
    assert widths[1] == pytest.approx(2 * widths[0], rel=1e-4)


def test_a_line_is_parted_where_a_value_is_missing_and_keeps_the_scale_of_time() -> None:
    days = (date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 4), date(2025, 1, 5))
    parsed = one(Lines("l", days, (Series("s", (1.0, 2.0, 3.0, 4.0)),)))
    [corners] = [at["points"] for tag, at in parsed.tags if tag == "polyline"]
    across = [float(corner.split(",")[0]) for corner in (corners or "").split()]
    assert across[2] - across[1] == pytest.approx(2 * (across[1] - across[0]), abs=0.2)
    parted = one(Lines("l", days, (Series("s", (1.0, None, 3.0, 4.0)),)))
    assert sum(tag == "polyline" for tag, _ in parted.tags) == 2


def test_every_plot_says_in_words_what_it_shows() -> None:
    parsed = one(Bars("Open tickets", ("new", "old"), (3.0, 9.0), unit="h"))
    assert f"2 bars. From 3{SPACE}h at new to 9{SPACE}h at old." in parsed.texts
    [svg] = [at for tag, at in parsed.tags if tag == "svg"]
    ids = {at["id"] for tag, at in parsed.tags if tag in ("title", "desc") and "id" in at}
    assert svg["role"] == "img"
    assert set((svg["aria-labelledby"] or "").split()) == ids


def test_a_plot_says_how_much_it_leaves_out() -> None:
    names = tuple(f"n{at}" for at in range(MAX_BARS + 1))
    parsed = one(Bars("Many", names, (1.0,) * len(names)))
    assert f"Many (the first {MAX_BARS} of {len(names)})" in parsed.texts
    assert sum(tag == "rect" for tag, _ in parsed.tags) == MAX_BARS
    lines = tuple(Series(name, (1.0,)) for name in names[: MAX_SERIES + 1])
    assert f"Many (the first {MAX_SERIES} of {MAX_SERIES + 1})" in one(Lines("Many", (date(2025, 1, 1),), lines)).texts


def test_ids_on_a_page_are_unique() -> None:
    page = full_page("x")
    tags = Parsed(render(Page("t", (), page.sections * 2))).tags
    ids = [at["id"] for _, at in tags if "id" in at]
    assert len(ids) == len(set(ids)) == 32


def test_an_axis_ends_on_round_ticks() -> None:
    assert nice_axis([3.0, 97.0], 0, 1).ticks == (0, 25, 50, 75, 100)
    assert nice_axis([0.0, 7.0], 0, 1).ticks == (0, 2, 4, 6, 8)
    assert nice_axis([], 0, 1).ticks == (0, 0.25, 0.5, 0.75, 1)
    assert nice_axis([-3.0, 3.0], 0, 1).ticks == (-4, -2, 0, 2, 4)


def test_attributes_are_escaped_too() -> None:
    html = element("p", "<b>", title='"><i>').html
    assert html == '<p title="&quot;&gt;&lt;i&gt;">&lt;b&gt;</p>'


def test_a_number_keeps_three_significant_digits() -> None:
    assert [quantity(value) for value in (0.5, 12.345, 123.45, 1e-12)] == ["0.500", "12.3", "123", "0"]


def test_words_are_what_the_reader_sees() -> None:
    assert "12.3" in words(Table("c", ("n",), ((12.34,),)))
