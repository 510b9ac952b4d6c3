"""The report's figures month by month, as plots and tables. It computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from tickets.analytics.result import Backlog, Figures, Grouping
from tickets.analytics.tables import RATES, bin_bars, group_tables, median
from tickets.page import Block, KeyFigure, KeyFigures, Lines, Number, Section, Series, Table

_CENSORED: Final = (
    "Months are those in which tickets were opened. Where tickets of a month are still open, its resolution time "
    "counts only what was resolved so far, and so looks shorter than it will be."
)


def over_time(months: Grouping, overall: Figures) -> Section:
    """What is said of the tickets of each month."""
    values = [group for group in months.groups if group.kind == "value"]
    days = tuple(date.fromisoformat(f"{group.name}-01") for group in values)

    def lines(title: str, y_label: str, is_share: bool, named: dict[str, Callable[[Figures], float | None]]) -> Lines:
        series = (Series(name, tuple(read(group.figures) for group in values)) for name, read in named.items())
        return Lines(title, days, tuple(series), unit="" if is_share else y_label, is_share=is_share, y_label=y_label)

    plots: list[Block] = []
    if overall.resolution_hours is not None:
        quantiles = {"median": _of("resolution_hours", "p50"), "p90": _of("resolution_hours", "p90")}
        plots.append(lines("Resolution time", "hours", False, quantiles))
    if overall.first_response_hours is not None:
        quantiles = {"median": _of("first_response_hours", "p50"), "p90": _of("first_response_hours", "p90")}
        plots.append(lines("First-response time", "hours", False, quantiles))
    if overall.satisfaction is not None:
        plots.append(lines("Mean satisfaction", "score", False, {"mean": _of("satisfaction", "mean")}))
    if overall.rates:
        plots.append(lines("Rates", "share", True, {RATES[rate]: _rate(rate) for rate in overall.rates}))
    if overall.attainment:
        plots.append(lines("In time", "share", True, {level: _attained(level) for level in overall.attainment}))
    return Section("Over time", (_CENSORED, *plots, *group_tables(months, overall)))


def backlog_section(backlog: Backlog) -> Section:
    """What is open, how old it is, and the flow of tickets that led there."""
    age = backlog.age_days
    figures = (
        KeyFigure("Open tickets", backlog.num_open),
        KeyFigure("Median age", median(age, "days"), f"of {age.count:,} open tickets"),
        KeyFigure("Nine in ten are younger than", Number(age.p90, "days")),
    )
    days = tuple(flow.month for flow in backlog.months)
    series = (
        Series("opened", tuple(float(flow.created) for flow in backlog.months)),
        Series("resolved", tuple(float(flow.resolved) for flow in backlog.months)),
        Series("open at the end", tuple(float(flow.open_at_end) for flow in backlog.months)),
    )
    rows = tuple((f"{flow.month:%Y-%m}", flow.created, flow.resolved, flow.open_at_end) for flow in backlog.months)
    note = ""
    if backlog.num_unplaced:
        note = f"{backlog.num_unplaced:,} tickets are in no month: when they were opened or resolved is not known."
    return Section(
        "Backlog",
        (
            KeyFigures(figures),
            Lines("Flow of tickets", days, series, y_label="tickets"),
            bin_bars("Open tickets by days since they were opened", backlog.ages, "days"),
            Table("Flow of tickets", ("Month", "Opened", "Resolved", "Open at the end"), rows, note),
        ),
    )


def _of(measure: str, figure: str) -> Callable[[Figures], float | None]:
    return lambda figures: getattr(getattr(figures, measure), figure)


def _rate(name: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.rates[name].rate


def _attained(name: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.attainment[name].rate
