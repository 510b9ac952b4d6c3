"""The quality report as a page for a team lead: what is wrong, how much of it, what to do. It does not know HTML."""

from __future__ import annotations

from typing import Final

from tickets.config.quality import Severity
from tickets.page import Bars, Block, Interval, KeyFigure, KeyFigures, Number, Page, Section, Share, Status, Table
from tickets.page.content import Cell
from tickets.quality.report import CheckResult, FieldProfile, QualityReport
from tickets.schema import Kind

_MAX_BARS: Final = 40
_MEASURED: Final = (Kind.TEXT, Kind.NUMBER, Kind.TIME)
_MEASURES: Final = ("Field", "Kind", "Empty", "Least", "Mean", "Greatest")
_NAMES: Final = ("Field", "Kind", "Empty", "Distinct", "Most frequent")
_MAX_MONTHS: Final = 48
_MAX_EXAMPLES: Final = 3
_OUTCOMES: Final = {
    Severity.QUARANTINE: Status("sent to quarantine", "bad"),
    Severity.MARK: Status("kept and marked", "warn"),
    Severity.COUNT: Status("kept, counted here", "plain"),
}


def build_page(report: QualityReport) -> Page:
    """The page; `tickets.page.render` writes it."""
    sections = (
        _overview(report),
        _problems(report),
        _values(report),
        _repetition(report),
        _quarantine(report),
        _columns(report),
        _fields(report),
        _volume(report),
        _others(report),
    )
    return Page(
        title=f"Quality of {report.source}",
        summary=(f"Made {report.made_at:%Y-%m-%d %H:%M %Z}.", *report.summary()),
        sections=tuple(section for section in sections if section.blocks),
    )


def _overview(report: QualityReport) -> Section:
    rows, total = report.num_tickets + report.num_unreadable, max(report.num_tickets + report.num_unreadable, 1)
    figures = KeyFigures(
        (
            KeyFigure("Rows in", Number(report.num_rows)),
            KeyFigure("Tickets", Number(report.num_tickets)),
            KeyFigure("Clean tickets", Share(report.num_clean / total), f"{report.num_clean:,} of {rows:,}"),
            KeyFigure("Marked", Share(report.num_marked / total), f"{report.num_marked:,} tickets, kept"),
            KeyFigure("Refused by a check", Number(report.num_refused), "in quarantine"),
            KeyFigure("Unreadable", Number(report.num_unreadable), "in quarantine"),
        )
    )
    limits = tuple(
        (limit.name, Share(limit.share), Share(limit.limit), _limit_status(limit.share, limit.exceeded))
        for limit in report.limits
    )
    table = Table("Limits", ("Check", "Share", "Largest allowed", "Verdict"), limits)
    return Section("Overview", (figures, table) if limits else (figures,))


def _limit_status(share: float | None, exceeded: bool) -> Status:
    if share is None:
        return Status("not measured", "warn")
    return Status("exceeded", "bad") if exceeded else Status("within", "good")


def _problems(report: QualityReport) -> Section:
    """What was found, the most urgent first, each with what to do."""
    found = _found(report)
    if not found:
        return Section("What is wrong", ("No check found anything.",))
    rows = tuple(
        (
            check.meaning.replace("`", ""),
            Number(check.num_found),
            _share(check),
            _OUTCOMES[check.severity],
            check.advice.replace("`", ""),
            ", ".join(check.examples[:_MAX_EXAMPLES]),
            check.name,
        )
        for check in found
    )
    columns = ("What is wrong", "Tickets", "Share", "What happens to them", "What to do", "For example", "Check")
    note = "A share with bounds comes from a sample; the bounds hold the true share with 95 % confidence."
    shown = found[:_MAX_BARS]
    plot = Bars(
        title="Share of the tickets in which each check found something",
        labels=tuple(check.name for check in shown),
        values=tuple(check.share for check in shown),
        is_share=True,
        horizontal=True,
    )
    return Section("What is wrong, and what to do", (Table("", columns, rows, note), plot))


def _share(check: CheckResult) -> Cell:
    if check.low is None:
        return Share(check.share)
    return Interval(check.share, check.low, check.high, is_share=True)


def _values(report: QualityReport) -> Section:
    """What was found, value by value, with the nearest that is allowed."""
    rows = [
        (check.name, of.value, Number(of.num_rows), of.suggestion) for check in _found(report) for of in check.values
    ]
    too_many = [check.name for check in _found(report) if check.more_values]
    blocks: list[Block] = []
    if rows:
        note = "If that is what was meant, write it into source.values of the field, as found: nearest."
        blocks.append(Table("", ("Check", "Found", "Tickets", "Nearest allowed"), tuple(rows), note))
    if too_many:
        blocks.append(f"Too many different values to list: {', '.join(too_many)}. The closed set may be the wrong one.")
    return Section("What exactly was found", tuple(blocks))


def _repetition(report: QualityReport) -> Section:
    """Each group once, though tickets of the same text have a similar text too."""
    groups = {group: check.name for check in reversed(_found(report)) for group in check.groups}
    rows = tuple(
        (name, Number(group.size), ", ".join(group.examples))
        for group, name in sorted(groups.items(), key=lambda item: -item[0].size)
    )
    return Section("Largest groups of repeated tickets", _table_of(("Check", "Tickets", "For example"), rows))


def _quarantine(report: QualityReport) -> Section:
    rows = tuple(
        (reason, Number(count), Share(count / max(report.num_rows, 1))) for reason, count in report.quarantine.items()
    )
    return Section("Rows in quarantine", _table_of(("Reason", "Rows", "Share of all rows"), rows))


def _columns(report: QualityReport) -> Section:
    """Where the source and the mapping do not meet."""
    named = tuple((of.name, of.key, of.suggestion) for of in report.absent if of.key)
    rows = tuple(
        (column.name, Number(column.num_rows), ", ".join(f"{kind} {count:,}" for kind, count in column.types.items()))
        for column in report.unmapped
    )
    blocks = list(_table_of(("Column that stands in no file", "Setting that names it", "Meant, perhaps"), named))
    blocks += _table_of(("Column of the source that no field reads", "Tickets", "Its values"), rows)
    if empty := [of.name for of in report.fields if of.is_mapped and of.name in report.never_filled]:
        blocks.append(f"Mapped, but empty in every ticket: {', '.join(empty)}.")
    return Section("Columns and fields that do not meet", tuple(blocks))


def _fields(report: QualityReport) -> Section:
    """The fields that the source has; of the others their number alone."""
    shown = [of for of in report.fields if of.is_mapped]
    gaps = sorted((of for of in shown if of.num_missing), key=lambda of: -of.num_missing)[:_MAX_BARS]
    plot = Bars(
        title=f"Share of the tickets in which a field is empty, the {len(gaps)} emptiest fields",
        labels=tuple(of.name for of in gaps),
        values=tuple(of.share_missing for of in gaps),
        is_share=True,
        horizontal=True,
    )
    # Two tables of few columns: one of all columns is wider than a page.
    measured = [of for of in shown if of.kind in _MEASURED]
    named = [of for of in shown if of.kind not in _MEASURED]
    blocks: list[Block] = [plot] if gaps else []
    if measured:
        note = "Of a text: its length in characters."
        blocks.append(Table("Texts, numbers and times", _MEASURES, tuple(map(_measured_row, measured)), note))
    if named:
        blocks.append(Table("Names, flags and lists", _NAMES, tuple(map(_named_row, named))))
    if others := len(report.fields) - len(shown):
        blocks.append(f"{others} more fields of the contract have no column that is mapped to them, and no value.")
    return Section("What the fields hold", tuple(blocks))


def _measured_row(of: FieldProfile) -> tuple[Cell, ...]:
    kind = "length of text" if of.kind is Kind.TEXT else of.kind.value
    return of.name, kind, Share(of.share_missing), of.low, of.mean, of.high


def _named_row(of: FieldProfile) -> tuple[Cell, ...]:
    distinct = "many" if of.more_distinct else of.num_distinct
    top = ", ".join(f"{value.value} ({value.num_rows:,})" for value in of.top[:3])
    return of.name, of.kind.value, Share(of.share_missing), distinct, top


def _volume(report: QualityReport) -> Section:
    months = list(report.months.items())[-_MAX_MONTHS:]
    plot = Bars(
        title=f"Tickets by month of creation{', the latest' if len(report.months) > len(months) else ''}",
        labels=tuple(month for month, _ in months),
        values=tuple(count for _, count in months),
        y_label="tickets",
    )
    return Section("Volume", (plot,) if months else ())


def _others(report: QualityReport) -> Section:
    """Checks that found nothing, and those that could not say anything."""
    titles = {
        "clear": "Found nothing",
        "not applicable": "Did not apply, because a field is empty in every ticket",
        "not run": "Were not run",
    }
    blocks = []
    for verdict, title in titles.items():
        if names := [check.name for check in report.checks if check.verdict == verdict]:
            blocks.append(f"{title}: {', '.join(sorted(names))}.")
    return Section("Other checks", tuple(blocks))


def _found(report: QualityReport) -> list[CheckResult]:
    return [check for check in report.checks if check.verdict == "found"]


def _table_of(columns: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> tuple[Block, ...]:
    return (Table("", columns, rows),) if rows else ()
