"""The typed result as a page for people. It computes nothing, and does not know HTML."""

from __future__ import annotations

from tickets.analytics.result import Analytics, DurationSource, Grouping, ServiceLevel
from tickets.analytics.tables import (
    MEASURES,
    RATES,
    bin_bars,
    contrast,
    group_plots,
    group_tables,
    label,
    mean,
    median,
    overall_table,
    share,
    summary_of,
)
from tickets.analytics.timeline import backlog_section, over_time
from tickets.page import Block, KeyFigure, KeyFigures, Number, Page, Section, Table
from tickets.page.cells import moment, quantity
from tickets.page.cells import share as percent


def to_page(analytics: Analytics, title: str = "Ticket analytics") -> Page:
    """The whole report.

    Args:
        analytics: What `analyze` returned.
        title: Heading of the page, such as the name of the organisation's data.
    """
    sections = [_glance(analytics)]
    sections += [backlog_section(analytics.backlog)] if analytics.backlog else []
    sections += _distributions(analytics)
    sections += [over_time(analytics.months, analytics.overall)] if analytics.months else []
    sections += [_levels(analytics)] if analytics.service_levels else []
    sections += [_by_value(grouping, analytics) for grouping in analytics.groupings]
    sections += [_agents(analytics.agents, analytics)] if analytics.agents else []
    sections += [_absent(analytics)] if analytics.absent else []
    return Page(title, _summary(analytics), (*sections, _method(analytics)))


def _summary(analytics: Analytics) -> tuple[str, ...]:
    about = f"{quantity(analytics.overall.num_tickets)} tickets"
    if analytics.first_created and analytics.last_created:
        about += f", opened from {moment(analytics.first_created)} to {moment(analytics.last_created)}"
    return f"{about}.", f"State of {moment(analytics.as_of)}; months begin by the clock of {analytics.time_zone}."


def _glance(analytics: Analytics) -> Section:
    overall = analytics.overall
    figures = [KeyFigure("Tickets", overall.num_tickets)]
    if overall.num_open is not None:
        figures.append(KeyFigure("Open", overall.num_open))
    for measure, (name, unit) in MEASURES.items():
        if (summary := summary_of(overall, measure)) is not None:
            value, kind = (median(summary, unit), "median") if unit == "h" else (mean(summary), "mean")
            figures.append(KeyFigure(name, value, f"{kind} of {quantity(summary.count)} tickets"))
    named = {RATES[name]: rate for name, rate in overall.rates.items()}
    named |= {f"In time: {name}": rate for name, rate in overall.attainment.items()}
    figures += [KeyFigure(name, share(rate), f"of {quantity(rate.count)} tickets") for name, rate in named.items()]
    return Section("At a glance", (KeyFigures(tuple(figures)),))


def _distributions(analytics: Analytics) -> list[Section]:
    """One section, or none where the tickets have no quantity at all."""
    blocks: list[Block] = []
    if analytics.resolution_distribution:
        blocks.append(bin_bars("Tickets by resolution time", analytics.resolution_distribution, "hours"))
    if analytics.satisfaction_distribution:
        blocks.append(bin_bars("Tickets by satisfaction score", analytics.satisfaction_distribution))
    table = overall_table(analytics.overall)
    sources = {"Resolution": analytics.resolution_source, "First-response": analytics.first_response_source}
    words = [_source_in_words(name, source) for name, source in sources.items() if source is not None]
    return [Section("How long and how good", (*blocks, table, *words))] if table.rows else []


def _source_in_words(name: str, source: DurationSource) -> str:
    words = (
        f"{name} times: {quantity(source.num_from_times)} from both times, {quantity(source.num_from_field)} from the "
        "column of hours where a time is missing."
    )
    if source.num_from_closed:
        words += f" {quantity(source.num_from_closed)} of the times at the end are those of closing: there is no other."
    if source.num_negative:
        words += f" {quantity(source.num_negative)} would be below zero and are left out."
    return words


def _levels(analytics: Analytics) -> Section:
    columns = "Service level", "In time", "of", "Late", "Open and late", "Open, time left", "No target", "Not known"
    rows = tuple(
        (
            level.name,
            share(level.attained),
            level.attained.count,
            level.num_late,
            level.num_open_late,
            level.num_pending,
            level.num_without_target,
            level.num_unknown,
        )
        for level in analytics.service_levels
    )
    table = Table("Service levels", columns, rows, "Open tickets that are late already count as late.")
    return Section("Service levels", (table, *map(_level_table, analytics.service_levels)))


def _level_table(level: ServiceLevel) -> Table:
    columns = label(level.field or "all"), "Tickets", "Allowed", "In time", "of", "Median", "p90"
    rows = tuple(
        (
            each.value or ("(all other)" if len(level.values) > 1 else "(all)"),
            each.num_tickets,
            Number(each.allowed_minutes / 60, "h"),
            share(each.attained),
            each.attained.count,
            Number(each.working_hours.p50, "h"),
            Number(each.working_hours.p90, "h"),
        )
        for each in level.values
    )
    clock = f"Hours of the calendar {level.calendar}" if level.calendar else "Hours of a clock that never stops"
    paused = f", less the minutes in {level.paused_minutes}" if level.paused_minutes else ""
    unmet = [each.value for each in level.values if each.value is not None and not each.num_tickets]
    hint = f" No ticket has {', '.join(unmet)}: is that how the tickets spell it?" if unmet else ""
    return Table(f"{level.name}: {label(level.measure).lower()}", columns, rows, f"{clock}{paused}.{hint}")


def _by_value(grouping: Grouping, analytics: Analytics) -> Section:
    words = contrast(grouping)
    blocks: tuple[Block, ...] = (
        *([words] if words else []),
        *group_plots(grouping, analytics.overall),
        *group_tables(grouping, analytics.overall),
    )
    return Section(f"By {label(grouping.field).lower()}", blocks)


def _agents(grouping: Grouping, analytics: Analytics) -> Section:
    fewest = analytics.min_agent_tickets
    num_below = sum(group.figures.num_tickets < fewest for group in grouping.groups if group.kind == "value")
    words = (
        f"Agents with the most tickets come first; that is no ranking. A figure on fewer than {fewest} tickets is left "
        f"out, since it would show chance: {num_below} of those below have fewer. Agents get different tickets, so "
        "a difference between two of them, even where their intervals do not overlap, does not tell who works better."
    )
    return Section("Agents", (words, *group_tables(grouping, analytics.overall)))


def _absent(analytics: Analytics) -> Section:
    rows = tuple((each.figure, " or ".join(each.columns), each.why) for each in analytics.absent)
    words = "These figures need a column that the tickets lack, or in which no ticket has a value."
    return Section("What could not be computed", (words, Table("Left out", ("Figure", "Column", "Why"), rows)))


def _method(analytics: Analytics) -> Section:
    sure = percent(analytics.confidence)
    return Section(
        "How to read this",
        (
            "A dash means that nothing is known; it is never a zero. p90 is the value that nine in ten tickets do not "
            "exceed; quantiles are exact, with linear interpolation between neighbours.",
            f"The span in brackets holds the true value with a probability of {sure}: Wilson's interval for shares, "
            "Student's for means (of times on their logarithm), order statistics for medians. "
            "A span is wide where tickets are few.",
            "Open tickets have no resolution time. Solved at first contact counts resolved tickets alone. "
            f"{quantity(analytics.num_outside)} times before 1970 or after the present were taken as missing.",
        ),
    )
