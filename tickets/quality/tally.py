"""What checks found, added up over batches. Batches are checked in several processes; their tallies are put together.

It does not know what a check means or what share is too much (`report.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from tickets.config.quality import QualityConfig, Severity
from tickets.quality.check import Batch, Finding, family_of
from tickets.quality.outcome import DAMAGED_FILE, LOST_FILE, REASON
from tickets.quality.profile import Profile, Sums, Values
from tickets.schema import Field as TicketField


class CheckSums(Sums):
    """What one check found."""

    num_examined: int = 0
    """Tickets that it could judge; 0 for a check that looks at every ticket as it comes in."""
    num_found: int = 0
    """Tickets in which it found something."""
    examples: list[str] = Field(default_factory=list)
    """The least ids of such tickets."""
    details: Values = Field(default_factory=Values)
    """What it found, such as the refused values, and how often."""


class Tally(Sums):
    """What is found in tickets; the same for the same tickets, in whatever batches and order they come.

    It is JSON-able (`model_dump_json`, `model_validate_json`), so that a worker can send it.
    """

    max_examples: int
    """Ids that are kept per check."""
    max_values: int
    """Distinct values that are told apart per field and check."""
    num_tickets: int = 0
    """Tickets that were checked."""
    severities: dict[Severity, int] = Field(default_factory=dict)
    """Severity → tickets in which a check of that severity found something."""
    families: dict[str, int] = Field(default_factory=dict)
    """Family of checks → tickets in which any of them found something."""
    checks: dict[str, CheckSums] = Field(default_factory=dict)
    """Check → what it found; a check that found nothing in any batch may be absent."""
    num_clean: int = 0
    """Tickets that no check marks or refuses."""
    reasons: dict[str, int] = Field(default_factory=dict)
    """Why rows are in quarantine → rows."""
    num_files: int = 0
    """Files that rows came from."""
    columns: tuple[str, ...] | None = None
    """Columns of the mapping that stand in any row, in order; None: no row was looked at."""
    profile: Profile = Field(default_factory=Profile)
    """What the fields hold."""

    @classmethod
    def empty(cls, config: QualityConfig) -> Self:
        """A tally of nothing yet."""
        return cls(max_examples=config.max_examples, max_values=config.max_values)

    def add(self, table: pa.Table, findings: Sequence[Finding], fields: Sequence[TicketField]) -> None:
        """Add a batch and what `Checks.run` found in it.

        Args:
            table: The batch, with every column.
            findings: Of that batch.
            fields: Those of the contract and the source.
        """
        self.num_tickets += table.num_rows
        for severity in Severity:
            rows = _any_row((finding for finding in findings if finding.severity is severity), table.num_rows)
            self.severities[severity] = self.severities.get(severity, 0) + rows
        touched = [finding for finding in findings if finding.severity is not Severity.COUNT]
        self.num_clean += table.num_rows - _any_row(touched, table.num_rows)
        self.profile.add(Batch(table), fields, self.max_values)
        self.add_findings(table, findings)

    def add_findings(self, table: pa.Table, findings: Sequence[Finding]) -> None:
        """Add what `Checks.run_all` or `Checks.run_deep` found in tickets that `add` has counted, or will."""
        for family in dict.fromkeys(family_of(finding.name) for finding in findings):
            members = [finding for finding in findings if family_of(finding.name) == family]
            self.families[family] = self.families.get(family, 0) + _any_row(members, table.num_rows)
        for finding in findings:
            self._merge_check(finding.name, self._sums(table, finding))

    def add_columns(self, seen: Collection[str]) -> None:
        """Add columns of the mapping that stand in rows."""
        self.columns = tuple(sorted({*(self.columns or ()), *seen}))

    def add_quarantine(self, table: pa.Table) -> None:
        """Add rows of quarantine, by reason without its particulars.

        Args:
            table: With a column `reason`.
        """
        reasons = Counter(_reason_kind(reason) for reason in table["reason"].to_pylist())
        self.reasons = dict(Counter(self.reasons) + reasons)

    def add_refused(self, table: pa.Table) -> None:
        """Add tickets that a check sent to quarantine when they came in, so that they are not among those of `add`.

        Args:
            table: With a column `reason`; other reasons are passed over.
        """
        for reason in table["reason"].to_pylist():
            if not reason.startswith(REASON):
                continue
            self.num_tickets += 1
            self.severities[Severity.QUARANTINE] = self.severities.get(Severity.QUARANTINE, 0) + 1
            names = reason.removeprefix(f"{REASON}: ").split(", ")
            for family in dict.fromkeys(map(family_of, names)):
                self.families[family] = self.families.get(family, 0) + 1
            for name in names:
                self.checks.setdefault(name, CheckSums()).num_found += 1

    def merge(self, other: Tally) -> None:
        """Add what another part of the tickets gave."""
        self.num_tickets += other.num_tickets
        self.num_clean += other.num_clean
        self.num_files += other.num_files
        self.severities = {
            severity: self.severities.get(severity, 0) + other.severities.get(severity, 0) for severity in Severity
        }
        self.families = dict(Counter(self.families) + Counter(other.families))
        self.reasons = dict(Counter(self.reasons) + Counter(other.reasons))
        if other.columns is not None:
            self.add_columns(other.columns)
        self.profile.merge(other.profile, self.max_values)
        for name, sums in other.checks.items():
            self._merge_check(name, sums)

    @property
    def num_unreadable(self) -> int:
        """Rows in quarantine that no check sent there."""
        return sum(count for reason, count in self.reasons.items() if not reason.startswith(REASON))

    @property
    def num_damaged_files(self) -> int:
        """Files that could not be read to their end."""
        return self.reasons.get(DAMAGED_FILE, 0) + self.reasons.get(LOST_FILE, 0)

    def _sums(self, table: pa.Table, finding: Finding) -> CheckSums:
        ids = table["ticket_id"].combine_chunks().filter(pa.array(finding.rows))
        sums = CheckSums(num_examined=finding.num_examined or 0, num_found=len(ids))
        sums.examples = _least(ids.to_pylist(), self.max_examples)
        if finding.details is not None:
            sums.details.add(finding.details, self.max_values)
        return sums

    def _merge_check(self, name: str, sums: CheckSums) -> None:
        known = self.checks.setdefault(name, CheckSums())
        known.num_examined += sums.num_examined
        known.num_found += sums.num_found
        known.examples = _least([*known.examples, *sums.examples], self.max_examples)
        known.details.merge(sums.details, self.max_values)


def _any_row(findings: Iterable[Finding], num_rows: int) -> int:
    rows = np.zeros(num_rows, dtype=bool)
    for finding in findings:
        rows |= finding.rows
    return int(rows.sum())


def _least(ids: Iterable[str | None], num: int) -> list[str]:
    return sorted({name for name in ids if name is not None})[:num]


def _reason_kind(reason: str) -> str:
    """A reader's reason up to its particulars; the names of checks are no particulars."""
    return reason if reason.startswith(REASON) else reason.split(":", 1)[0]
