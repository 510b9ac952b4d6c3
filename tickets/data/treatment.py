"""What becomes of mapped tickets before they are written: texts cleaned, checks run, what fails them set aside.

It does not know where rows come from or go to.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from tickets.cleaning import Cleaner, build_cleaner
from tickets.config import CleaningConfig, QualityConfig, SourceConfig
from tickets.config.quality import Severity
from tickets.data.mapping import QUARANTINE_SCHEMA, TicketMapper, own_fields
from tickets.data.rows import RawRow
from tickets.plugins import installed_plugins
from tickets.quality.checks import Checks, build_checks
from tickets.quality.outcome import mark, refused
from tickets.quality.plugged import FAMILIES
from tickets.quality.quarantine import mask_quarantine
from tickets.quality.tally import Tally
from tickets.schema import FIELDS, Kind
from tickets.values import to_json

_NOT_ROWS: Final = {"path", "targets", "truth", "split", "comments"}
"""Settings of a source that change no row."""
_ONLY_REPORTED: Final = {"limits", "max_examples", "max_values", "top_values", "language", "personal_data", "plugins"}
"""Settings of checks that change no row, unless a costly check was made one that marks or refuses; the plug-ins in use
are told one by one."""
READING_VERSION: Final = 2
"""Counted up when the same file gives other rows than before."""


@dataclass(frozen=True)
class Reading:
    """How the files of a source become rows of its tables.

    Attributes:
        source: How columns map onto fields.
        cleaning: What is taken out of texts.
        quality: What is checked.
        batch_rows: Rows that are treated together.
        mask_quarantine: Whether refused rows are kept masked.
    """

    source: SourceConfig
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    batch_rows: int = 2_000
    mask_quarantine: bool = False

    @cached_property
    def digest(self) -> str:
        """Changes when rows would be read otherwise, hexadecimal.

        Raises:
            ConfigError: A plug-in that is used is not installed or cannot be loaded.
        """
        digest = hashlib.sha256(self.source.model_dump_json(exclude=_NOT_ROWS).encode())
        digest.update(repr(self.source.split if getattr(self.source.split, "kind", "") == "files" else None).encode())
        digest.update(self.cleaning.model_dump_json().encode())
        digest.update(self.quality.model_dump_json(exclude=_ONLY_REPORTED).encode())
        digest.update(f"{READING_VERSION} {self._plugins_in_use()}".encode())
        digest.update(f"{self.mask_quarantine} {TicketMapper(self.source).schema!r}".encode())
        return digest.hexdigest()[:32]

    def checks(self, now: datetime) -> Checks:
        """The checks of the source; a wrong cleaning step is told here too, before anything is read.

        Raises:
            ConfigError: The settings name a field, kind, value, check or step that there is none of.
        """
        build_cleaner(self.cleaning)
        return self._build_checks(now)

    def _plugins_in_use(self) -> list[str]:
        """The plug-ins that change rows, each with its distribution and version; a check that only counts does not."""
        installed = installed_plugins()
        steps = {step.kind for step in self.cleaning.steps if step.kind in installed.names}
        row_local = self._build_checks(datetime.now(UTC)).row_local
        of_plugins = [check for check in row_local if check.family in FAMILIES and check.severity is not Severity.COUNT]
        checks = {check.name.split(".", 1)[1] for check in of_plugins}
        return [f"{name} {installed.origin(name)}" for name in sorted(steps | checks)]

    def _build_checks(self, now: datetime) -> Checks:
        fields = (*FIELDS, *own_fields(self.source))
        plugins = installed_plugins().checks()
        mapper = TicketMapper(self.source)
        return build_checks(self.quality, fields, mapper.value_sets, now, plugins, mapper.mapped_columns)


class Treatment:
    """Treats the rows of one file, batch after batch, and adds up what it found.

    Args:
        reading: How rows are read.
        now: When the job began, with its zone.

    Raises:
        ConfigError: A step or a check cannot be built.
    """

    def __init__(self, reading: Reading, now: datetime) -> None:
        self._mapper = TicketMapper(reading.source, now)
        self._fields = (*FIELDS, *own_fields(reading.source))
        self._wanted = {of.column for of in self._mapper.mapped_columns}
        self._cleaner = build_cleaner(reading.cleaning)
        self._cleaned_fields = _cleaned_fields(reading.cleaning, self._cleaner, self._fields)
        self._checks = reading.checks(now)
        self._mask = reading.mask_quarantine
        self.tally = Tally.empty(reading.quality)
        self.tally.num_files = 1
        self.changed: Counter[str] = Counter()

    def apply(self, file_name: str, split: str | None, rows: Sequence[RawRow]) -> tuple[pa.Table, pa.Table]:
        """Map, clean and check rows.

        Args:
            file_name: Name of the file the rows come from.
            split: The split that the file was given for, if any.
            rows: Rows of that file.

        Returns:
            Tickets, and refused rows as `QUARANTINE_SCHEMA`; they add up to the rows given.
        """
        if seen := self._wanted & set[str]().union(*(row.values or () for row in rows)):
            self.tally.add_columns(seen)
        tickets, bad = self._mapper.map(file_name, split, rows)
        tickets = self._clean(tickets)
        findings = self._checks.run(tickets)
        self.tally.add(tickets, findings, self._fields)
        failed, reasons = refused(findings, tickets.num_rows)
        if failed.any():
            bad = pa.concat_tables([bad, _as_refused(tickets.filter(pa.array(failed)), reasons, rows)])
        if bad.num_rows:
            self.tally.add_quarantine(bad)
            bad = mask_quarantine(bad) if self._mask else bad
        return mark(tickets, findings).filter(pa.array(~failed)), bad

    def _clean(self, tickets: pa.Table) -> pa.Table:
        """Tickets with clean texts, their marks, and the originals of what was changed."""
        originals: dict[int, dict[str, str]] = defaultdict(dict)
        marks: dict[int, dict[str, None]] = defaultdict(dict)
        for name in self._cleaned_fields:
            before = tickets[name]
            cleaned = self._cleaner.clean_column(before)
            self.changed.update({f"{name}: {kind}": count for kind, count in cleaned.num_changed.items()})
            for row, result in zip(cleaned.rows.tolist(), cleaned.results, strict=True):
                if result.changed:
                    originals[row][name] = before[row].as_py()
                marks[row].update(dict.fromkeys(result.marks))
            tickets = _with(tickets, name, cleaned.texts)
        if originals:
            kept = [to_json(originals[row]).decode() if row in originals else None for row in range(tickets.num_rows)]
            tickets = _with(tickets, "originals", pa.array(kept, pa.string()))
        if any(marks.values()):
            old = tickets["marks"].to_pylist()
            tickets = _with(tickets, "marks", [[*old[row], *marks.get(row, ())] for row in range(len(old))])
        return tickets


def _cleaned_fields(config: CleaningConfig, cleaner: Cleaner, fields: Sequence[Any]) -> list[str]:
    texts = {field.name for field in fields if field.kind is Kind.TEXT}
    return [name for name in config.fields if name in texts] if cleaner.kinds else []


def _with(table: pa.Table, name: str, values: Any) -> pa.Table:
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, field.type)
    return table.set_column(at, field, column)


def _as_refused(tickets: pa.Table, reasons: pa.Array, rows: Sequence[RawRow]) -> pa.Table:
    """Tickets that failed a check, as the file has them."""
    raw = {row.position: row.values for row in rows}
    originals = [to_json(raw[place]) for place in tickets["source_row"].to_pylist()]
    columns = [tickets["source_file"], tickets["source_row"], reasons, pa.array(originals, pa.binary())]
    return pa.table(columns, names=QUARANTINE_SCHEMA.names).cast(QUARANTINE_SCHEMA)
