"""Figures as tables and plots of a page. It does not know the report that they stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from tickets.analytics.result import Bin, Figures, Group, Grouping, Rate, Summary
from tickets.page import Bars, Cell, Interval, Number, Table
from tickets.page.cells import quantity

MEASURES: Final = {
    "resolution_hours": ("Resolution time", "h"),
    "first_response_hours": ("First-response time", "h"),
    "satisfaction": ("Satisfaction", ""),
}
"""Quantities of `Figures`: what they are called, and their unit."""
RATES: Final = {
    "first_contact": "Solved at first contact",
    "reopened": "Reopened",
    "escalated": "Escalated",
    "transferred": "Transferred",
}

_MOST_BARS: Final = 15
_NOTHING: Final = Interval(None, None, None)
_HOURS_PER_DAY: Final = 24
_SUMMARY_COLUMNS: Final = ("Known", "Mean", "Median", "p75", "p90", "p95", "p99")


def label(field: str) -> str:
    """`customer_tier` as a heading: Customer tier."""
    words = field.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def group_name(group: Group) -> str:
    """What a group is called in a table."""
    if group.kind == "missing":
        return "(no value)"
    return group.name or f"(all other {group.num_values:,})"


def summary_of(figures: Figures, measure: str) -> Summary | None:
    """One of `MEASURES`."""
    found: Summary | None = getattr(figures, measure)
    return found


def median(summary: Summary | None, unit: str = "") -> Interval:
    """The median with its interval; nothing where the quantity is absent."""
    return Interval(summary.p50, summary.p50_low, summary.p50_high, unit) if summary else _NOTHING


def mean(summary: Summary | None, unit: str = "") -> Interval:
    """The mean with its interval; nothing where the quantity is absent."""
    return Interval(summary.mean, summary.mean_low, summary.mean_high, unit) if summary else _NOTHING


def share(rate: Rate) -> Interval:
    """The rate with its interval."""
    return Interval(rate.rate, rate.low, rate.high, is_share=True)


def overall_table(overall: Figures) -> Table:
    """Every quantity over all tickets."""
    rows = [
        (name + (f", {unit}" if unit else ""), *_summary_cells(summary))
        for measure, (name, unit) in MEASURES.items()
        if (summary := summary_of(overall, measure)) is not None
    ]
    return Table("All tickets", ("Measure", *_SUMMARY_COLUMNS), tuple(rows))


def group_tables(grouping: Grouping, overall: Figures) -> list[Table]:
    """One table for each quantity that the tickets have, and one for their rates."""
    head = label(grouping.field), "Tickets"
    tables = []
    for measure, (name, unit) in MEASURES.items():
        if summary_of(overall, measure) is not None:
            caption = f"{name} in hours" if unit == "h" else name
            tables.append(
                Table(caption, (*head, *_SUMMARY_COLUMNS), _rows(grouping, partial(_quantity_cells, measure)))
            )
    rates = [RATES[rate] for rate in overall.rates]
    tables.append(Table("Tickets and rates", (*head, "Open", *_with_counts(rates)), _rows(grouping, _flow_cells)))
    if overall.attainment:
        tables.append(Table("In time", (*head, *_with_counts(overall.attainment)), _rows(grouping, _in_time_cells)))
    return tables


def group_plots(grouping: Grouping, overall: Figures) -> list[Bars]:
    """Volume, medians, mean scores and first-contact shares of the largest groups."""
    plots = [_bars(grouping, "Tickets", lambda figures: Interval(figures.num_tickets, None, None))]
    if overall.resolution_hours is not None:
        plots.append(_bars(grouping, "Median resolution time", lambda figures: median(figures.resolution_hours, "h")))
    if overall.satisfaction is not None:
        plots.append(_bars(grouping, "Mean satisfaction", lambda figures: mean(figures.satisfaction)))
    if "first_contact" in overall.rates:
        plots.append(_bars(grouping, RATES["first_contact"], lambda figures: share(figures.rates["first_contact"])))
    return plots


def contrast(grouping: Grouping) -> str:
    """Which values differ most in resolution time, in words; empty where there are none to compare."""
    medians = {
        group.name: summary.p50
        for group in grouping.groups
        if group.kind == "value" and (summary := group.figures.resolution_hours) and summary.count
    }
    if len(medians) < 2:
        return ""
    if grouping.slowest is None or grouping.fastest is None:
        return "No value is clearly slower or faster to resolve than the others."
    slowest, fastest = (quantity(medians[name], "h") for name in (grouping.slowest, grouping.fastest))
    return (
        f"Slowest is {grouping.slowest} with a median resolution time of {slowest}, fastest {grouping.fastest} with "
        f"{fastest}; chance does not explain the difference."
    )


def bin_bars(title: str, counted: tuple[Bin, ...], unit: str = "") -> Bars:
    """Bins as lying bars, hours from a day on as days."""
    names, values = tuple(_bin_name(each, unit) for each in counted), tuple(float(each.count) for each in counted)
    return Bars(title, names, values, horizontal=True, x_label="tickets")


def _bin_name(counted: Bin, unit: str) -> str:
    low, high = counted.low, counted.high
    if unit == "hours" and low >= _HOURS_PER_DAY:
        low, high, unit = low / _HOURS_PER_DAY, high and high / _HOURS_PER_DAY, "days"
    if high is None:
        return f"{quantity(low)} {unit} or more"
    words = quantity(low) if low == high else f"{quantity(low)} to {quantity(high)}"
    return f"{words} {unit}".strip()


def _rows(grouping: Grouping, cells: Callable[[Figures], tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((group_name(group), group.figures.num_tickets, *cells(group.figures)) for group in grouping.groups)


def _quantity_cells(measure: str, figures: Figures) -> tuple[Cell, ...]:
    summary = summary_of(figures, measure)
    return _summary_cells(summary) if summary is not None else (None,) * len(_SUMMARY_COLUMNS)


def _summary_cells(summary: Summary) -> tuple[Cell, ...]:
    return (
        summary.count,
        mean(summary),
        median(summary),
        *(Number(value) for value in (summary.p75, summary.p90, summary.p95, summary.p99)),
    )


def _flow_cells(figures: Figures) -> tuple[Cell, ...]:
    return figures.num_open, *_rate_cells(figures.rates)


def _in_time_cells(figures: Figures) -> tuple[Cell, ...]:
    return _rate_cells(figures.attainment)


def _rate_cells(rates: Mapping[str, Rate]) -> tuple[Cell, ...]:
    return tuple(cell for rate in rates.values() for cell in (share(rate), rate.count))


def _with_counts(names: Iterable[str]) -> tuple[str, ...]:
    """Each name, and beside it the number of tickets that stand behind."""
    return tuple(part for name in names for part in (name, "of"))


def _bars(grouping: Grouping, title: str, figure: Callable[[Figures], Interval]) -> Bars:
    groups = [group for group in grouping.groups if group.kind == "value"][:_MOST_BARS]
    figures = [figure(group.figures) for group in groups]
    return Bars(
        title,
        tuple(group_name(group) for group in groups),
        tuple(each.value for each in figures),
        tuple(each.low for each in figures),
        tuple(each.high for each in figures),
        unit=next((each.unit for each in figures), ""),
        is_share=any(each.is_share for each in figures),
        horizontal=True,
    )
