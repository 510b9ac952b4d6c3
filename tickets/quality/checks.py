"""All checks of a source, built once and run on batch after batch. It does not know files, reports or Ray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import QualityConfig, Severity
from tickets.errors import ConfigError
from tickets.quality.check import Batch, Check, Finding, Mask, as_mask
from tickets.quality.duplicates import duplicate_checks, fingerprint
from tickets.quality.fields import date_checks, missing_checks, number_checks, type_checks, value_set_checks
from tickets.quality.language import language_checks
from tickets.quality.mapped import MappedColumn, column_checks
from tickets.quality.personal import personal_data_checks
from tickets.quality.plugged import PluginCheck, plugin_checks
from tickets.quality.relations import (
    FIRST_RESPONSE,
    duration_checks,
    lifecycle_checks,
    order_checks,
    taxonomy_checks,
    text_checks,
)
from tickets.quality.rules import rule_checks
from tickets.schema import Field, Kind

COLUMN: Final = "column"
"""The family of checks on columns that the mapping names; a source that names none has none of them."""
UNREADABLE: Final = "unreadable"
"""The limit on rows that ingestion could not read; they are in quarantine, so no check sees them."""
DAMAGED_FILES: Final = "damaged_files"
"""The limit on files that cannot be read to their end; how many rows they lost nobody knows."""

_HASH_DIGITS: Final = 8


class Checks:
    """The checks of one source.

    Args:
        row_local: Checks that look at a ticket alone.
        overall: Checks that need every ticket.
        deep: Checks that are costly, and may look at a sample.
        config: The settings they were built from.
        mapped: The columns that fields are read from; those that the settings name are checked.
    """

    def __init__(
        self,
        row_local: Sequence[Check],
        overall: Sequence[Check],
        deep: Sequence[Check],
        config: QualityConfig,
        mapped: Sequence[MappedColumn] = (),
    ) -> None:
        self.row_local = tuple(row_local)
        self.overall = tuple(overall)
        self.deep = tuple(deep)
        self.config = config
        self.mapped = tuple(mapped)
        self.mapping = tuple(column_checks(mapped))

    def __iter__(self) -> Iterator[Check]:
        """All checks, in the order of the report."""
        yield from (*self.row_local, *self.overall, *self.deep, *self.mapping)

    def run(self, table: pa.Table) -> list[Finding]:
        """Look at each ticket of a batch alone.

        Args:
            table: Tickets as ingestion maps them.

        Returns:
            One finding per check that found something.
        """
        return _found(self.row_local, table)

    def run_all(self, table: pa.Table) -> list[Finding]:
        """Look at all tickets together.

        Args:
            table: Every ticket; `ticket_id` and the text fields are enough.

        Returns:
            One finding per check, found something or not.
        """
        batch, every = Batch(table), np.ones(table.num_rows, dtype=bool)
        return [_examined(check, batch, every) for check in self.overall]

    def run_deep(self, table: pa.Table, num_tickets: int) -> list[Finding]:
        """Run the costly checks, each on a sample where it has one.

        Args:
            table: Tickets as ingestion maps them; all of them, or a batch.
            num_tickets: How many there are in all. The sample is drawn by `content_hash`: it holds the same tickets
                whatever the batches are.

        Returns:
            One finding per check, found something or not, so that what was examined can be counted.
        """
        findings = []
        for sample_rows, checks in groupby(self.deep, key=lambda check: check.sample_rows):
            sampled = sample(table, min(1.0, (sample_rows or num_tickets) / max(num_tickets, 1)))
            batch = Batch(table.filter(pa.array(sampled)))
            findings += [_examined(check, batch, sampled) for check in checks]
        return findings

    def fingerprint(self, table: pa.Table) -> pa.Table:
        """What `run_all` compares of each ticket, small enough to keep for a whole history (`duplicates.SCHEMA`)."""
        return fingerprint(table, self.config.text_fields)


def build_checks(
    config: QualityConfig,
    fields: Sequence[Field],
    value_sets: Mapping[str, frozenset[Any]],
    now: datetime,
    plugins: Iterable[PluginCheck] = (),
    mapped: Sequence[MappedColumn] = (),
) -> Checks:
    """All checks of a source.

    Args:
        config: What to check, and what follows.
        fields: The contract's fields and the source's own.
        value_sets: Field → allowed values, as the field holds them.
        now: The moment that nothing may lie after; with a time zone.
        plugins: Checks that installed packages bring.
        mapped: The columns that fields are read from.

    Raises:
        ConfigError: The settings name a field, kind, value or check that there is none of.
    """
    _check_fields(config, fields)
    row_local = [
        *type_checks(fields),
        *value_set_checks(fields, value_sets),
        *taxonomy_checks(config, value_sets),
        *order_checks(config.time_order, fields),
        *date_checks(config, fields, now),
        *missing_checks(config.required),
        *number_checks(fields, value_sets, config.bounds),
        *duration_checks(config),
        *lifecycle_checks(),
        *text_checks(config.text_fields),
        *rule_checks(config.rules, fields),
        *plugin_checks(config, plugins),
    ]
    overall = list(duplicate_checks(config.text_fields))
    deep = [*personal_data_checks(config, fields), *language_checks(config, fields)]
    row_local, overall, deep = (_with_severities(part, config) for part in (row_local, overall, deep))
    of_all = [*overall, *_with_severities(column_checks(mapped), config)]
    if asked := next((check for check in of_all if check.severity is not Severity.COUNT), None):
        raise ConfigError(f"quality.severities: {asked.name} is {asked.severity}; allowed: count, it needs all tickets")
    # A costly check that shall mark or refuse must see every ticket as it comes in.
    row_local += [replace(check, sample_rows=None) for check in deep if check.severity is not Severity.COUNT]
    deep = [check for check in deep if check.severity is Severity.COUNT]
    checks = Checks(row_local, overall, deep, config, mapped)
    _check_names("quality.severities", config.severities, checks, COLUMN)
    _check_names("quality.limits", config.limits, checks, COLUMN, UNREADABLE, DAMAGED_FILES)
    return checks


def sample(table: pa.Table, share: float) -> Mask:
    """Tickets drawn by their content, about `share` of them: the same ones in whatever batch they come; bool [n]."""
    if share >= 1.0:
        return np.ones(table.num_rows, dtype=bool)
    start = pc.utf8_slice_codeunits(table["content_hash"], 0, _HASH_DIGITS)
    return as_mask(pc.less(start, f"{int(share * 16**_HASH_DIGITS):0{_HASH_DIGITS}x}"))


def _found(checks: Iterable[Check], table: pa.Table) -> list[Finding]:
    batch = Batch(table)
    findings = []
    for check in checks:
        rows = as_mask(check.find(batch))
        if rows.any():
            details = check.detail(batch, rows) if check.detail else None
            findings.append(Finding(check.name, check.severity, check.mark, rows, details, None))
    return findings


def _examined(check: Check, batch: Batch, sampled: Mask) -> Finding:
    """A finding in the batch that a sample was drawn from; a null says that a ticket could not be judged."""
    found = check.find(batch)
    in_sample = as_mask(found)
    rows = np.zeros(len(sampled), dtype=bool)
    rows[sampled] = in_sample
    details = check.detail(batch, in_sample) if check.detail else None
    judged = batch.num_rows - (0 if isinstance(found, np.ndarray) else found.null_count)
    return Finding(check.name, check.severity, check.mark, rows, details, judged)


def _with_severities(checks: Iterable[Check], config: QualityConfig) -> list[Check]:
    """A check's own name wins over its family's."""
    chosen = config.severities
    return [
        replace(check, severity=chosen.get(check.name, chosen.get(check.family, check.severity))) for check in checks
    ]


def _check_names(key: str, names: Iterable[str], checks: Iterable[Check], *more: str) -> None:
    allowed = {*more, *(name for check in checks for name in (check.family, check.name))}
    for name in names:
        if name not in allowed:
            raise ConfigError(f"{key}: {name!r} is no check; allowed: {', '.join(sorted(allowed))}")


def _check_fields(config: QualityConfig, fields: Sequence[Field]) -> None:
    """The plain lists of fields name fields, and bounds name numbers."""
    names = {field.name for field in fields}
    numbers = {field.name for field in fields if field.kind is Kind.NUMBER}
    texts = {field.name for field in fields if field.kind in (Kind.TEXT, Kind.CATEGORICAL)}
    times = {FIRST_RESPONSE, *(field.name for field in fields if field.kind is Kind.TIME)}
    asked = (("required", names), ("text_fields", texts), ("past", times), ("bounds", numbers))
    for key, allowed in asked:
        for name in getattr(config, key):
            if name not in allowed:
                raise ConfigError(f"quality.{key}: {name!r}; allowed: {', '.join(sorted(allowed))}")
