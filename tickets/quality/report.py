"""What is wrong with the tickets, how much of it, and whether it is too much: the report as typed data.

It does not know how the figures come about (`assemble.py`) or how a page looks (`report_page.py`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tickets.config.quality import Severity
from tickets.errors import RefusedError
from tickets.schema import Kind

Verdict = Literal["found", "clear", "not applicable", "not run"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ValueCount(_Part):
    """A value and how often it occurs."""

    value: str
    """The value; what masking hides is masked."""
    num_rows: int
    """Tickets that hold it."""
    suggestion: str | None = None
    """The allowed value that is most like it; null where none is like it."""


class RepeatGroup(_Part):
    """Tickets that share an id or a text."""

    size: int
    """How many there are."""
    examples: tuple[str, ...]
    """Ids of some."""


class CheckResult(_Part):
    """What one check found."""

    name: str
    """The check, as `quality.severities` and `quality.limits` name it."""
    severity: Severity
    """What becomes of a ticket in which it is found."""
    meaning: str
    """What is wrong with such a ticket."""
    advice: str
    """What to do about it."""
    verdict: Verdict
    """`not applicable`: a field that it needs is empty in every ticket. `not run`: it was not asked for."""
    num_examined: int
    """Tickets that went in and could be judged."""
    num_found: int
    """Tickets in which it was found."""
    num_refused: int
    """Tickets that it sent to quarantine."""
    share: float | None
    """Found of examined; null where none was."""
    low: float | None = None
    """Lower end of the 95 % interval of that share (Clopper and Pearson), where a sample was looked at."""
    high: float | None = None
    """Upper end of that interval."""
    examples: tuple[str, ...] = ()
    """Ids of some tickets, the least ones."""
    values: tuple[ValueCount, ...] = ()
    """What was found, the most frequent first."""
    more_values: bool = False
    """There were too many different values to count each."""
    groups: tuple[RepeatGroup, ...] = ()
    """The largest groups, where the check is about repetition."""


class LimitResult(_Part):
    """How a share stands to its limit."""

    name: str
    """The check or family of checks; `unreadable` is the share of all rows that could not be read, `damaged_files`
    that of the files that could not be read to their end."""
    share: float | None
    """Of the tickets that were examined; null where the check was not run or none was examined."""
    limit: float
    """Largest allowed share."""
    exceeded: bool
    """Whether the share is more than that."""

    def sentence(self) -> str:
        """How the two compare."""
        share = "not measured" if self.share is None else f"{self.share:.2%}"
        return f"{self.name}: {share}, {'over' if self.exceeded else 'within'} the limit of {self.limit:.2%}."


class FieldProfile(_Part):
    """What one field holds."""

    name: str
    """The field."""
    kind: Kind
    """What its values are."""
    is_mapped: bool
    """A setting names the column it is read from, or a ticket has a value."""
    num_missing: int
    """Tickets in which it says nothing."""
    share_missing: float | None
    """Of all tickets."""
    num_distinct: int | None
    """Different values (of a list: items); null where they are not counted or were too many."""
    more_distinct: bool
    """There were more different values than are told apart."""
    low: float | AwareDatetime | None
    """Least number or earliest time; of a text, the fewest characters."""
    high: float | AwareDatetime | None
    """Greatest number or latest time; of a text, the most characters."""
    mean: float | AwareDatetime | None
    """Their mean."""
    top: tuple[ValueCount, ...]
    """The most frequent values of a category, flag or list."""


class UnmappedColumn(_Part):
    """A column of the source that no field took; it is kept in `extra`."""

    name: str
    """The column."""
    num_rows: int
    """Tickets that have it."""
    types: dict[str, int]
    """What its values are (text, number, flag, list, object) → tickets; more than one is drift."""


class AbsentColumn(_Part):
    """A column of the mapping that no row has."""

    field: str
    """The field that would be read from it; `sequence` for the order of versions."""
    key: str
    """The setting that names it; empty where a field of the contract takes the column of its own name."""
    name: str
    """The column."""
    suggestion: str | None
    """The column of the files that is most like it; null where none is."""

    def sentence(self) -> str:
        """What is wrong."""
        meant = f" (did you mean {self.suggestion!r}?)" if self.suggestion else ""
        return f"column {self.name!r} of {self.key or self.field} stands in no file{meant}"


class QualityReport(_Part):
    """The quality of one set of tickets."""

    source: str
    """The source they come from."""
    made_at: AwareDatetime
    """When it was made."""
    num_rows: int
    """Rows that came in: every version of the tickets, and the rows in quarantine."""
    num_tickets: int
    """Tickets that were checked."""
    num_unreadable: int
    """Rows that could not be read; they are in quarantine."""
    num_damaged_files: int = 0
    """Files that could not be read to their end; how many rows they lost is not known."""
    num_refused: int
    """Tickets that checks sent to quarantine."""
    num_marked: int
    """Tickets that carry a mark of a check."""
    num_clean: int
    """Tickets that no check marked or refused."""
    checks: tuple[CheckResult, ...]
    """Every check, the ones that ask for action first."""
    limits: tuple[LimitResult, ...]
    """Every limit that is set."""
    quarantine: dict[str, int]
    """Why rows are in quarantine → rows, the most frequent reason first."""
    fields: tuple[FieldProfile, ...]
    """Every field."""
    never_filled: tuple[str, ...]
    """Fields that are empty in every ticket."""
    unmapped: tuple[UnmappedColumn, ...]
    """Columns of the source that no field took, the most frequent first."""
    absent: tuple[AbsentColumn, ...] = ()
    """Columns of the mapping that no row has; empty too where no row was looked at (`jobs/check.py`)."""
    months: dict[str, int]
    """Month of `created_at` → tickets, in order."""

    @property
    def exceeded(self) -> tuple[LimitResult, ...]:
        """The limits that are exceeded."""
        return tuple(limit for limit in self.limits if limit.exceeded)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Files that lost rows, and what the settings name and no file has, a sentence each."""
        num = self.num_damaged_files
        damaged = (f"{num} {'files are' if num > 1 else 'file is'} damaged, so that rows are lost",) if num else ()
        return (*damaged, *(of.sentence() for of in self.absent if of.key))

    def refuse_if_exceeded(self, outcome: str) -> None:
        """Stop here if there is too much of anything.

        Args:
            outcome: What follows from it, for the message.

        Raises:
            RefusedError: A share is more than its limit; the message names each.
        """
        if self.exceeded:
            over = " ".join(limit.sentence() for limit in self.exceeded)
            raise RefusedError(f"quality.limits: {over} So {outcome}")

    def summary(self) -> tuple[str, ...]:
        """What a reader should know first, a sentence each."""
        found = [check for check in self.checks if check.verdict == "found"]
        return (
            f"{self.num_rows:,} rows came in; {self.num_tickets:,} are tickets, {self.num_unreadable:,} unreadable.",
            f"{self.num_clean:,} tickets are clean, {self.num_marked:,} are marked, {self.num_refused:,} are refused.",
            f"{len(found)} of {len(self.checks)} checks found something.",
            *(f"Warning: {warning}." for warning in self.warnings),
            *(limit.sentence() for limit in self.exceeded),
        )
