"""A comparison of releases as lines for a terminal and as a page. It computes nothing, and does not know HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tickets.decide.contest import HIGHER_IS_BETTER
from tickets.page import Bars, Block, Cell, Interval, Number, Page, Section, Share, Status, Table
from tickets.page.cells import share
from tickets.train.comparison import BucketComparison, Row, Spread, TargetTable

_NAMES: Final[Mapping[str, str]] = {
    "accuracy": "Accuracy",
    "weighted_f1": "Weighted F1",
    "macro_f1": "Macro F1",
    "nll": "NLL",
    "brier": "Brier",
    "ece": "ECE",
}
_HEAD: Final = ("release", "accuracy", "wF1", "mF1", "NLL", "Brier", "ECE", "automated")
_TONES: Final[Mapping[str, Any]] = {"better": "good", "worse": "bad"}


def format_comparison(found: BucketComparison) -> str:
    """The tables of a bucket for a terminal: figures, and by how much each release surely differs from the baseline."""
    parts = [f"bucket {found.bucket}: {len(found.entrants)} releases", *_names(found)]
    if found.unpaired:
        parts.append(f"not the same rows: {found.unpaired}; each release on its own test rows")
    parts += [_format_table(table, found) for table in found.tables]
    parts += [_format_spread(spread) for spread in found.spreads]
    return "\n".join(parts)


def build_page(comparisons: Sequence[BucketComparison], failed: Mapping[str, str]) -> Page:
    """The whole report.

    Args:
        comparisons: One per bucket.
        failed: Points of a multirun that made no release → why.
    """
    sections = [section for found in comparisons for section in _sections(found)]
    if failed:
        table = Table("Points without a release", ("Point", "Why"), tuple(failed.items()))
        sections.append(Section("What is not here", (table,)))
    num_releases = sum(len(found.entrants) for found in comparisons)
    summary = (f"{num_releases} releases of {', '.join(found.bucket for found in comparisons)}.",)
    return Page("Releases side by side", summary, (*sections, _method(comparisons[0])))


def _names(found: BucketComparison) -> list[str]:
    return [f"  {of.release}  {of.name}" for of in found.entrants if of.name != of.release]


def _format_table(table: TargetTable, found: BucketComparison) -> str:
    sure = found.confidence
    title = f"\n{table.target}"
    if table.num_rows is not None:
        title += f": {table.num_rows} rows that none learned from, {table.num_texts} texts"
    if table.num_known != table.num_rows:
        title += f"; NLL on {table.num_known}, whose label all have"
    head = [*_HEAD, f"{found.metric} beyond the baseline (joint {sure:.0%})", ""] if table.baseline else list(_HEAD)
    lines = [head, *(_line(row, found, bool(table.baseline)) for row in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([title, *padded])


def _line(row: Row, found: BucketComparison, compared: bool) -> list[str]:
    figures = row.figures
    accuracy, automation = figures["accuracy"], figures["automation"]
    cells = [
        found.name_of(row.release),
        _bounded(accuracy["value"], accuracy),
        *(_digits(figures[name]) for name in ("weighted_f1", "macro_f1", "nll", "brier", "ece")),
        f"{automation['coverage']:.0%} at precision {_bounded(automation['precision'], automation)}"
        if automation["num_rows"]
        else "nothing",
    ]
    if not compared:
        return cells
    own = row.differences.get(found.metric)
    beyond = f"{own.value:+.4f} ({own.joint_low:+.4f} to {own.joint_high:+.4f})" if own else ""
    return [*cells, beyond, row.verdict]


def _format_spread(spread: Spread) -> str:
    figures = ", ".join(
        f"{name} {of['mean']:.4f} ± {of['sd']:.4f} ({of['low']:.4f}-{of['high']:.4f})"
        for name, of in spread.figures.items()
        if of
    )
    return f"{spread.target}, {spread.setting}, {spread.num_runs} seeds, own test rows: {figures}"


def _bounded(value: float | None, of: Mapping[str, float | None]) -> str:
    return "-" if value is None else f"{_digits(value)} ({_digits(of['low'])}-{_digits(of['high'])})"


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _sections(found: BucketComparison) -> list[Section]:
    releases = Table(
        "Releases",
        ("Release", "What sets it apart", "Asked precision", "Model"),
        tuple(
            (
                of.release,
                None if of.name == of.release else of.name,
                Share(of.asked_precision),
                Number(of.model_bytes / 2**20, "MiB"),
            )
            for of in found.entrants
        ),
    )
    words = [f"{found.unpaired}. Figures are each release's own, on its own test rows."] if found.unpaired else []
    about = Section(f"{found.bucket}: what is compared", (*words, releases))
    return [about, *(_target_section(table, found) for table in found.tables)]


def _target_section(table: TargetTable, found: BucketComparison) -> Section:
    blocks: list[Block] = [_accuracy_bars(table, found), _figures_table(table, found)]
    if table.baseline:
        blocks.append(_differences_table(table, found))
    if spreads := [spread for spread in found.spreads if spread.target == table.target]:
        blocks.append(_spread_table(spreads))
    return Section(f"{found.bucket}: {table.target}", tuple(blocks))


def _accuracy_bars(table: TargetTable, found: BucketComparison) -> Bars:
    of = [row.figures["accuracy"] for row in table.rows]
    return Bars(
        "Accuracy",
        tuple(found.name_of(row.release) for row in table.rows),
        tuple(each["value"] for each in of),
        tuple(each["low"] for each in of),
        tuple(each["high"] for each in of),
        is_share=True,
        horizontal=True,
    )


def _figures_table(table: TargetTable, found: BucketComparison) -> Table:
    columns = ("Release", *_NAMES.values(), "Automated", "Precision of these")
    note = ""
    if table.num_rows is not None:
        note = (
            f"{table.num_rows} rows, {table.num_texts} different texts. NLL on the {table.num_known} rows whose label "
            "every release has."
        )
    rows = tuple((found.name_of(row.release), *_figure_cells(row)) for row in table.rows)
    return Table("Figures", columns, rows, note)


def _figure_cells(row: Row) -> list[Cell]:
    figures = row.figures
    accuracy, automation = figures["accuracy"], figures["automation"]
    return [
        Interval(accuracy["value"], accuracy["low"], accuracy["high"], is_share=True),
        Share(figures["weighted_f1"]),
        Share(figures["macro_f1"]),
        *(Number(figures[name], digits=4) for name in ("nll", "brier", "ece")),
        Share(automation["coverage"]),
        Interval(automation["precision"], automation["low"], automation["high"], is_share=True),
    ]


def _differences_table(table: TargetTable, found: BucketComparison) -> Table:
    compared = list(HIGHER_IS_BETTER)
    columns = ("Release", f"By {_NAMES[found.metric].lower()}", *(_NAMES[name] for name in compared))
    rows = tuple(
        (
            found.name_of(row.release),
            Status(row.verdict, _TONES.get(row.verdict, "plain")),
            *(_difference_cell(row, name) for name in compared),
        )
        for row in table.rows
    )
    note = (
        f"Each release less {found.name_of(table.baseline or '')}, paired by row; the spans of a column hold together "
        f"for {table.num_pairs} pairs. For NLL and Brier less is better."
    )
    return Table("Differences from the baseline", columns, rows, note)


def _difference_cell(row: Row, name: str) -> Cell:
    of = row.differences.get(name)
    if of is None:
        return None
    return f"{of.value:+.4f} ({of.joint_low:+.4f} to {of.joint_high:+.4f})"


def _spread_table(spreads: Sequence[Spread]) -> Table:
    columns = ("Setting", "Seeds", *(_NAMES[name] for name in HIGHER_IS_BETTER))
    rows = tuple((of.setting, of.num_runs, *map(_spread_cell, of.figures.values())) for of in spreads)
    return Table("Over seeds", columns, rows, "Mean ± standard deviation over seeds, each on its own test rows.")


def _spread_cell(of: Mapping[str, float]) -> Cell:
    return f"{of['mean']:.4f} ± {of['sd']:.4f}" if of else None


def _method(found: BucketComparison) -> Section:
    sure = share(found.confidence)
    return Section(
        "How to read this",
        (
            "Every release answers the same tickets, and none of them had any of these in its training, validation or "
            "calibration rows. Labels are compared by name: a label that a release does not know is one that it gets "
            "wrong.",
            f"Differences are paired: rows are drawn with replacement, the same ones for all, those of one text "
            f"together. The spans of one figure hold all together with a probability of {sure}, for every pair where "
            "the baseline is the best, because the best was picked by these very rows; a named baseline needs fewer "
            "pairs. A release whose span holds 0 is not told apart: it may be as good, or the rows are too few. Each "
            "target and each figure is counted for itself.",
            f"The span behind an accuracy or a precision is that of Clopper and Pearson at {sure}, for that release "
            "alone. Automated labels are those above the release's own threshold for the precision it was asked.",
        ),
    )
