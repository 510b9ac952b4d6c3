from __future__ import annotations

import re

import pytest

from tickets.page import Curve, Curves, Page, Parallel, Section, render
from tickets.page.plots import in_words
from tickets.page.traces import MAX_ROWS


def _svg(plot: Curves | Parallel) -> str:
    return render(Page("Title", (), (Section("Heading", (plot,)),))).decode().split("<svg")[1].split("</svg>")[0]


def _lines(svg: str, class_: str) -> list[list[tuple[float, float]]]:
    found = re.findall(rf'<polyline points="([^"]*)" class="{class_}">', svg)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())] for line in found]


def test_curves_have_places_of_their_own_and_faint_ones_no_name() -> None:
    plot = Curves(
        "NLL", (Curve("best", (1, 2, 4), (3, 2, 1)), Curve("other", (1, 2), (4, 4), is_faint=True)), "steps", "NLL"
    )
    svg = _svg(plot)
    ((first, second, third),) = _lines(svg, "line s0")
    assert second[0] - first[0] == pytest.approx((third[0] - second[0]) / 2, abs=0.2)
    assert first[1] < second[1] < third[1]  # downwards on the screen: the loss falls
    assert len(_lines(svg, "faint")) == 1
    assert svg.count("<circle") == 3
    assert in_words(plot) == "2 lines. best: From 1 at 4 to 3 at 1."


def test_a_missing_value_parts_a_curve() -> None:
    svg = _svg(Curves("NLL", (Curve("a", (1, 2, 3, 4), (1, None, 2, float("nan"))),)))
    assert [len(line) for line in _lines(svg, "line s0")] == [1, 1]


def test_two_curves_are_named_in_a_legend() -> None:
    svg = _svg(Curves("NLL", (Curve("linear", (1, 2), (1, 2)), Curve("dnn", (1, 2), (2, 1)))))
    assert ">linear</text>" in svg
    assert ">dnn</text>" in svg


def test_shares_span_the_whole_axis() -> None:
    svg = _svg(Curves("Right", (Curve("right", (0.25, 0.5), (1.0, 0.9)),), x_is_share=True, y_is_share=True))
    assert ">100%</text>" in svg
    ((_, second),) = _lines(svg, "line s0")
    assert second[0] < 300  # half of the axis, not its end


def test_each_column_has_an_axis_of_its_own() -> None:
    rows = ((0.001, 5, 0.2), (1.0, 3, 0.5), (0.03, 4, 0.9))
    svg = _svg(Parallel("Settings", ("rate", "depth", "NLL"), rows))
    ((best,), faint) = _lines(svg, "line s0"), _lines(svg, "faint")
    assert len(faint) == 2
    bottom, top = best[0][1], best[1][1]  # the least rate, the greatest depth
    assert best[2][1] == bottom
    assert faint[0][0][1] == pytest.approx(
        (bottom + top) / 2, abs=3
    )  # 0.03 is halfway between 0.001 and 1 by logarithm
    assert ">0.00100</text>" in svg
    assert "rate 0.00100, depth 5, NLL 0.200" in svg
    assert in_words(Parallel("Settings", ("rate",), ((1.0,), (2.0,)))) == "2 rows over 1 axes: rate from 1 to 2."


def test_parallel_coordinates_stand_equal_values_single_rows_and_many() -> None:
    assert _lines(_svg(Parallel("One", ("a", "b"), ((1.0, 2.0),))), "line s0")
    assert _lines(_svg(Parallel("Equal", ("a", "b"), ((1.0, 2.0), (1.0, 2.0)))), "faint")
    assert "<polyline" not in _svg(Parallel("None", ("a", "b"), ()))
    many = Parallel("Many", ("a", "b"), tuple((float(row), 1.0) for row in range(MAX_ROWS + 3)))
    page = render(Page("Title", (), (Section("Heading", (many,)),))).decode()
    assert f"(the first {MAX_ROWS} of {MAX_ROWS + 3})" in page
    assert page.count("<polyline") == MAX_ROWS


def test_a_row_has_a_value_for_each_column() -> None:
    with pytest.raises(ValueError, match="argument"):
        _svg(Parallel("Odd", ("a", "b"), ((1.0,),)))
