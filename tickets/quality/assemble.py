"""Sums of many batches → the report. It does not know how a check works or how a page looks."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa

from tickets.config.quality import QualityConfig, Severity
from tickets.masking import mask
from tickets.quality.check import Check, family_of
from tickets.quality.checks import COLUMN, DAMAGED_FILES, UNREADABLE, Checks
from tickets.quality.duplicates import largest_groups, repetition
from tickets.quality.mapped import absent_columns, nearest_column
from tickets.quality.profile import FieldSums
from tickets.quality.report import (
    AbsentColumn,
    CheckResult,
    FieldProfile,
    LimitResult,
    QualityReport,
    RepeatGroup,
    UnmappedColumn,
    ValueCount,
    Verdict,
)
from tickets.quality.tally import CheckSums, Tally
from tickets.schema import MADE_ID, Field, Kind

CONFIDENCE: Final = 0.95
"""Of the intervals around shares that come from a sample."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def build_report(
    checks: Checks,
    tally: Tally,
    fields: Sequence[Field],
    source: str,
    now: datetime,
    fingerprints: pa.Table | None = None,
    mapped: Collection[str] = (),
    num_rows: int | None = None,
) -> QualityReport:
    """The report on tickets that were added up.

    Args:
        checks: The checks that were run.
        tally: What they found.
        fields: Those of the contract and the source.
        source: Name of the source.
        now: When the report is made, with a time zone.
        fingerprints: Of every ticket (`Checks.fingerprint`); without them repetition counts as not run.
        mapped: Columns of the source that fields read: a value that did not fit is kept in `extra`, but its column is
            not unmapped.
        num_rows: Rows that came in, where a ticket may have come in several of them; unset: one row per ticket.
    """
    absent = _absent(checks, tally)
    tally = _with_columns(checks, tally, absent) if tally.columns is not None else tally
    tally = _with_repetition(tally, fingerprints) if fingerprints is not None else tally
    local = {check.name for check in checks.row_local}
    asked = [check for check in checks if check.family != COLUMN or tally.columns is not None]
    results = [_check_result(check, tally, check.name in local, fingerprints, checks.config) for check in asked]
    rows_in = tally.num_tickets + tally.num_unreadable if num_rows is None else num_rows
    limits = [_limit_result(name, limit, results, tally, rows_in) for name, limit in checks.config.limits.items()]
    exceeded = {limit.name for limit in limits if limit.exceeded}
    named = {of.field for of in checks.mapped if of.key}
    profiles = tuple(_field_profile(field, tally, checks.config.top_values, named) for field in fields)
    known = {*mapped, *(field.name for field in fields), *(of.column for of in checks.mapped)}
    return QualityReport(
        source=source,
        made_at=now,
        num_rows=rows_in,
        num_tickets=tally.num_tickets,
        num_unreadable=tally.num_unreadable,
        num_damaged_files=tally.num_damaged_files,
        num_refused=tally.severities.get(Severity.QUARANTINE, 0),
        num_marked=tally.severities.get(Severity.MARK, 0),
        num_clean=tally.num_clean,
        checks=tuple(sorted(results, key=lambda result: _urgency(result, exceeded))),
        limits=tuple(limits),
        quarantine=dict(sorted(tally.reasons.items(), key=lambda item: (-item[1], item[0]))),
        fields=profiles,
        never_filled=tuple(of.name for of in profiles if 0 < tally.num_tickets == of.num_missing),
        unmapped=_unmapped(tally, known),
        absent=absent,
        months=dict(sorted(tally.profile.months.items())),
    )


def _with_repetition(tally: Tally, fingerprints: pa.Table) -> Tally:
    """The tally with what all tickets together show."""
    whole = tally.model_copy(deep=True)
    whole.add_findings(fingerprints, repetition(fingerprints))
    return whole


def _absent(checks: Checks, tally: Tally) -> tuple[AbsentColumn, ...]:
    """The columns of the mapping that no row has, each with the column that was probably meant."""
    if tally.columns is None:
        return ()
    known = sorted({*tally.profile.columns, *tally.columns})
    found = []
    for of in absent_columns(checks.mapped, tally.columns):
        meant = nearest_column(of.column, known) if of.key else None
        found.append(AbsentColumn(field=of.field, key=of.key, name=of.column, suggestion=meant and mask(meant)))
    return tuple(found)


def _with_columns(checks: Checks, tally: Tally, absent: Sequence[AbsentColumn]) -> Tally:
    """The tally with the checks on columns: one that stands in no file is missing from every ticket."""
    whole, lacking = tally.model_copy(deep=True), {f"{COLUMN}.{of.field}" for of in absent}
    for check in checks.mapping:
        num_found = tally.num_tickets if check.name in lacking else 0
        whole.checks[check.name] = CheckSums(num_examined=tally.num_tickets, num_found=num_found)
    return whole


def _check_result(
    check: Check, tally: Tally, is_local: bool, fingerprints: pa.Table | None, config: QualityConfig
) -> CheckResult:
    verdict = _verdict(check, tally, is_local)
    is_known = verdict in ("found", "clear")
    sums = tally.checks.get(check.name, CheckSums()) if is_known else CheckSums()
    num_examined = tally.num_tickets if is_known and is_local else sums.num_examined
    is_sample = check.sample_rows is not None and check.sample_rows < tally.num_tickets
    low, high = _interval(sums.num_found, num_examined, is_sample)
    return CheckResult(
        name=check.name,
        severity=check.severity,
        meaning=check.meaning,
        advice=check.advice,
        verdict=verdict,
        num_examined=num_examined,
        num_found=sums.num_found,
        num_refused=sums.num_found if check.severity is Severity.QUARANTINE else 0,
        share=_share(sums.num_found, num_examined),
        low=low,
        high=high,
        examples=tuple(map(_shown_id, sums.examples)),
        values=_values(check, sums, config),
        more_values=sums.details.counts is None,
        groups=_groups(check, fingerprints, config) if sums.num_found else (),
    )


def _verdict(check: Check, tally: Tally, is_local: bool) -> Verdict:
    profiled = tally.profile.fields
    if any(name in profiled and profiled[name].num_missing == tally.profile.num_rows for name in check.needs):
        return "not applicable"
    if not is_local and check.name not in tally.checks:
        return "not run"
    return "found" if check.name in tally.checks and tally.checks[check.name].num_found else "clear"


def _shown_id(name: str) -> str:
    """An id of the source can be a mail address; one that ingestion made says nothing."""
    return name if re.search(MADE_ID, name) else mask(name)


def _interval(num_found: int, num_examined: int, is_sample: bool) -> tuple[float | None, float | None]:
    if not is_sample or not num_examined:
        return None, None
    from tickets.decide.thresholds import precision_interval  # scipy takes its time

    return precision_interval(num_found, num_examined, CONFIDENCE)


def _share(num: int, total: int) -> float | None:
    return num / total if total else None


def _values(check: Check, sums: CheckSums, config: QualityConfig) -> tuple[ValueCount, ...]:
    return tuple(
        ValueCount(value=mask(value), num_rows=count, suggestion=check.suggest(value) if check.suggest else None)
        for value, count in sums.details.top(config.top_values)
    )


def _groups(check: Check, fingerprints: pa.Table | None, config: QualityConfig) -> tuple[RepeatGroup, ...]:
    if fingerprints is None or check.family != "duplicate":
        return ()
    kind = check.name.split(".", 1)[1]
    groups = largest_groups(fingerprints, kind, config.top_values, config.max_examples)
    return tuple(RepeatGroup(size=group.size, examples=tuple(map(_shown_id, group.examples))) for group in groups)


def _urgency(result: CheckResult, exceeded: Set[str]) -> tuple[int, bool, int, float]:
    """What was found first; then what exceeds its limit, what becomes of the tickets, and the larger share."""
    verdicts: tuple[Verdict, ...] = ("found", "clear", "not applicable", "not run")
    is_within = exceeded.isdisjoint({result.name, family_of(result.name)})
    return verdicts.index(result.verdict), is_within, list(Severity).index(result.severity), -(result.share or 0.0)


def _limit_result(name: str, limit: float, results: Sequence[CheckResult], tally: Tally, num_rows: int) -> LimitResult:
    share = _limited_share(name, results, tally, num_rows)
    return LimitResult(name=name, share=share, limit=limit, exceeded=share is not None and share > limit)


def _limited_share(name: str, results: Sequence[CheckResult], tally: Tally, num_rows: int) -> float | None:
    """A check's own share; a family's, of the tickets in which any of its checks found something."""
    if name == UNREADABLE:
        return _share(tally.num_unreadable, num_rows)
    if name == DAMAGED_FILES:
        return _share(tally.num_damaged_files, max(tally.num_files, tally.num_damaged_files))
    if (own := next((result for result in results if result.name == name), None)) is not None:
        return own.share
    members = [result for result in results if family_of(result.name) == name]
    known = [member for member in members if member.verdict in ("found", "clear")]
    # The union counts tickets of members that do not apply too; then the largest of the others stands for it.
    union = tally.families.get(name, 0) if len(known) == len(members) else 0
    num_found = max([union, *(member.num_found for member in known)])
    return _share(num_found, max((member.num_examined for member in known), default=0))


def _field_profile(field: Field, tally: Tally, num_top: int, named: Collection[str]) -> FieldProfile:
    sums = tally.profile.fields.get(field.name, FieldSums())
    counts = sums.values.counts if sums.values is not None else None
    shows_top = sums.values is not None and field.kind in (Kind.CATEGORICAL, Kind.FLAG, Kind.LIST)
    top = sums.values.top(num_top) if sums.values is not None and shows_top else []
    mean = sums.total / sums.num_measured if sums.num_measured else None
    return FieldProfile(
        name=field.name,
        kind=field.kind,
        is_mapped=field.name in named or sums.num_missing < tally.profile.num_rows,
        num_missing=sums.num_missing,
        share_missing=_share(sums.num_missing, tally.profile.num_rows),
        num_distinct=len(counts) if counts is not None else None,
        more_distinct=sums.values is not None and counts is None,
        low=_measure(sums.low, field.kind),
        high=_measure(sums.high, field.kind),
        mean=_measure(mean, field.kind),
        top=tuple(ValueCount(value=mask(value), num_rows=count) for value, count in top),
    )


def _measure(value: float | None, kind: Kind) -> float | datetime | None:
    if value is None or not math.isfinite(value):
        return None
    return _EPOCH + timedelta(milliseconds=value) if kind is Kind.TIME else value


def _unmapped(tally: Tally, known: Collection[str]) -> tuple[UnmappedColumn, ...]:
    columns = [(name, sums) for name, sums in tally.profile.columns.items() if name not in known]
    columns.sort(key=lambda item: (-item[1].num_rows, item[0]))
    return tuple(UnmappedColumn(name=mask(name), num_rows=sums.num_rows, types=sums.types) for name, sums in columns)
