"""Settings of the checks on tickets: severities, rules, limits, bounds. It does not know how a check works."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from tickets.config.base import Config, Count, PositiveInt, Probability

Share = Annotated[float, Field(ge=0.0, le=1.0)]
CheckName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Severity(StrEnum):
    """What becomes of a ticket in which a check finds something."""

    QUARANTINE = "quarantine"
    """It goes to quarantine, with the check as the reason."""
    MARK = "mark"
    """It stays, and the check is written into its `marks`."""
    COUNT = "count"
    """It stays as it is; the report counts it."""


class Op(StrEnum):
    """How a condition looks at a field."""

    PRESENT = "present"
    MISSING = "missing"
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    IN = "in"
    NOT_IN = "not_in"
    MATCHES = "matches"


class ConditionConfig(Config):
    """One condition on one field, such as `{field: priority, op: in, value: [critical, high]}`."""

    field: str
    """The field that is looked at."""
    op: Op
    """`present` and `missing` stand alone; `in` and `not_in` take a list, and hold for a list field if any item is
    among the values, or none; `matches` takes an RE2 pattern that is looked for anywhere in the text."""
    value: str | float | bool | tuple[str | float | bool, ...] | None = None
    """What the field is compared with, as the field's kind writes it."""
    other: str | None = None
    """Instead of `value`: a field of the same kind to compare with."""

    @model_validator(mode="after")
    def _complete_condition(self) -> ConditionConfig:
        alone = self.op in (Op.PRESENT, Op.MISSING)
        if alone and not (self.value is None and self.other is None):
            raise ValueError(f"{self.field} {self.op}: takes neither value nor other")
        if not alone and (self.value is None) == (self.other is None):
            raise ValueError(f"{self.field} {self.op}: needs either a value or another field in `other`")
        if isinstance(self.value, tuple) != (self.op in (Op.IN, Op.NOT_IN)):
            raise ValueError(f"{self.field} {self.op} {self.value!r}: in and not_in take a list, the others one value")
        if self.other is not None and self.op is Op.MATCHES:
            raise ValueError(f"{self.field} matches: takes a pattern as its value, not another field")
        return self


class RuleConfig(Config):
    """A business rule: where all of `when` hold, all of `then` must hold too.

    A comparison with a missing value is neither true nor false: it does not fire a rule, and does not break one. Say
    `op: present` where a value must be there.
    """

    name: CheckName
    """The check is called `rule.<name>`."""
    severity: Severity = Severity.MARK
    """What becomes of a ticket that breaks the rule."""
    when: tuple[ConditionConfig, ...] = ()
    """Which tickets the rule is for; without conditions, all."""
    then: Annotated[tuple[ConditionConfig, ...], Field(min_length=1)]
    """What must hold for them."""
    advice: str = ""
    """What a reader of the report should do about it."""


class OrderConfig(Config):
    """Two times of which one cannot come first."""

    earlier: str
    """The field whose time comes first, or is the same."""
    later: str
    """The field whose time comes second."""
    tolerance_s: Annotated[float, Field(ge=0)] = 0.0
    """By how much they may be the wrong way round, for systems whose clocks differ."""


class BoundConfig(Config):
    """What a number can be; both ends are allowed."""

    min: float | None = None
    """Least possible value."""
    max: float | None = None
    """Greatest possible value."""

    @model_validator(mode="after")
    def _ordered(self) -> BoundConfig:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class LanguageConfig(Config):
    """The language of the text against the ticket's language tag, on a sample."""

    enabled: bool = True
    """Whether languages are detected."""
    sample_rows: PositiveInt = 5_000
    """About how many tickets are looked at; at 0.2 ms a text, 5,000 take a second."""
    min_confidence: Probability = 0.9
    """Probability of the detected language below which nothing is said."""
    min_letters: PositiveInt = 60
    """A text with fewer letters is not judged: short titles mislead every detector."""


class PersonalDataConfig(Config):
    """Mail addresses, phone and card numbers, keys and passwords in the tickets."""

    enabled: bool = True
    """Whether they are looked for."""
    sample_rows: PositiveInt | None = None
    """About how many tickets are looked at; unset: all."""
    fields: tuple[str, ...] | None = None
    """Where they are looked for; unset: every id, text, category and list, and `extra`."""


class QualityConfig(Config):
    """What is checked on tickets, and what follows."""

    severities: dict[str, Severity] = Field(default_factory=dict)
    """Check → severity, over the built-in one. A check is named as the report names it (`value_set.priority`), or by
    its family (`value_set`); the full name wins."""
    limits: dict[str, Share] = Field(default_factory=dict)
    """Check or family → largest allowed share of the tickets that it may find something in. More refuses the job and
    nothing is published. `unreadable` is the share of all rows that could not be read, `damaged_files` that of the
    files that could not be read to their end, of which nobody knows how many rows they lost: 0 allows none."""
    rules: tuple[RuleConfig, ...] = ()
    """Business rules of the organisation."""
    plugins: tuple[str, ...] | None = None
    """Which checks of installed packages run (entry-point group `tickets.plugins`); unset: all of them."""
    required: tuple[str, ...] = ("ticket_id", "created_at")
    """Fields that every ticket should have. One that ingestion had to make up counts as missing."""
    text_fields: Annotated[tuple[str, ...], Field(min_length=1)] = ("subject", "description")
    """What a ticket says: looked at for empty and repeated texts and for the language."""
    taxonomy: dict[str, tuple[str, ...]] | None = None
    """Category → the subcategories that it allows. Unset: the contract's, where its closed sets are in force."""
    time_order: tuple[OrderConfig, ...] = (
        OrderConfig(earlier="created_at", later="resolved_at"),
        OrderConfig(earlier="created_at", later="updated_at"),
        OrderConfig(earlier="created_at", later="first_response_at"),
    )
    """Times that cannot be the other way round. An update after the resolution is right. `first_response_at` is
    checked where the source has such a field."""
    past: tuple[str, ...] = ("created_at", "updated_at", "resolved_at", "first_response_at")
    """Times that must lie in the past; a due date would not."""
    clock_skew_s: Annotated[float, Field(ge=0)] = 300.0
    """How far ahead of this machine's clock such a time may be."""
    earliest: date = date(1990, 1, 1)
    """A time before this day is a default or a wrong unit (zero seconds since 1970), not a ticket's."""
    bounds: dict[str, BoundConfig] = Field(default_factory=dict)
    """Number → what it can be, in place of the built-in bound: counts, ages, and hours are not negative, and a number
    with a closed value set lies between its least and greatest value."""
    duration_tolerance_h: Annotated[float, Field(ge=0)] = 0.5
    """By how many hours `resolution_time_hours` may differ from the time between `created_at` and `resolved_at`; the
    default allows for whole hours."""
    business_hours: bool = False
    """`resolution_time_hours` counts working hours, so that it may be less than the time between the two."""
    language: LanguageConfig = LanguageConfig()
    """Language tag against the language of the text."""
    personal_data: PersonalDataConfig = PersonalDataConfig()
    """Personal data and secrets."""
    max_examples: Count = 5
    """Ticket ids that the report names per check."""
    max_values: PositiveInt = 1_000
    """Distinct values per field or check that are told apart; beyond, the report says `more than`."""
    top_values: PositiveInt = 10
    """Values that the report lists per field or check, the most frequent first."""

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: tuple[RuleConfig, ...]) -> tuple[RuleConfig, ...]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} is the name of two rules")
        return rules

    @property
    def earliest_moment(self) -> datetime:
        """The start of the day `earliest`, UTC."""
        return datetime(self.earliest.year, self.earliest.month, self.earliest.day, tzinfo=UTC)
