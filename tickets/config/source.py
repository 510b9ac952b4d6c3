"""Settings of a source: how an organisation's export maps onto the ticket contract, and how its rows are cut.

It does not know how files are read or mapped (`tickets.data`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from tickets.config.base import Config, Fraction
from tickets.schema import ANSWER_COLUMNS, BY_NAME, TARGET_SUFFIXES, Kind, Stage
from tickets.times import KEYWORDS, check_form, zone_of


def _text_encoding(name: str) -> str:
    try:
        "a".encode(name)
    except (LookupError, UnicodeError):
        raise ValueError(f"{name!r} is no encoding; allowed: one that Python knows, such as utf-8 or cp1252") from None
    return name


Encoding = Annotated[str, AfterValidator(_text_encoding)]
"""The name of a text encoding."""


class FieldConfig(Config):
    """A field of the organisation's own, beside the contract."""

    kind: Kind = Kind.CATEGORICAL
    """What its values are: id, text, categorical, number, flag, list or time."""
    stage: Stage = Stage.CLOSED
    """When its value is known; a model that predicts earlier never sees it."""


def _leave_rows(**shares: float) -> None:
    if sum(shares.values()) >= 1:
        given = ", ".join(f"{name}={share:g}" for name, share in shares.items())
        raise ValueError(f"{given} leave no row to train on; allowed: shares that sum to less than 1")


class TimeSplit(Config):
    """Cut by `created_at`: the oldest rows train, then validation, calibration, and the newest test. Up to a tenth of
    the rows may lack a time; they train."""

    kind: Literal["time"] = "time"
    """Chooses this split."""
    validation: Fraction = 0.1
    """Share of rows on which members are compared."""
    calibration: Fraction = 0.1
    """Share of rows on which probabilities are calibrated and thresholds chosen."""
    test: Fraction = 0.15
    """Share of rows that are scored once."""

    @model_validator(mode="after")
    def _some_rows_train(self) -> TimeSplit:
        _leave_rows(validation=self.validation, calibration=self.calibration, test=self.test)
        return self


class RandomSplit(Config):
    """Cut at random, stratified by the first target, with identical texts on one side."""

    kind: Literal["random"] = "random"
    """Chooses this split."""
    validation: Fraction = 0.1
    """Share of rows on which members are compared."""
    calibration: Fraction = 0.1
    """Share of rows on which probabilities are calibrated and thresholds chosen."""
    test: Fraction = 0.1
    """Share of rows that are scored once."""
    seed: int = 0
    """Another seed gives another cut."""

    @model_validator(mode="after")
    def _some_rows_train(self) -> RandomSplit:
        _leave_rows(validation=self.validation, calibration=self.calibration, test=self.test)
        return self


class FileSplit(Config):
    """The source's own files say what trains and what tests; cuts that no file gives come from the train file."""

    kind: Literal["files"] = "files"
    """Chooses this split."""
    train: str
    """Glob on file names, such as `train*.parquet`."""
    validation: str | None = None
    """Glob on file names; without it a stratified share of the train files is cut."""
    test: str | None = None
    """Glob on file names; without it a stratified share of the train files is cut."""
    validation_share: Fraction = 0.1
    """Share of the train files' rows that is cut where `validation` names no file."""
    calibration_share: Fraction = 0.1
    """Share of the train files' rows on which probabilities are calibrated and thresholds chosen."""
    test_share: Fraction = 0.1
    """Share of the train files' rows that is cut where `test` names no file."""
    seed: int = 0
    """Another seed gives another cut."""

    @model_validator(mode="after")
    def _some_rows_train(self) -> FileSplit:
        cut = {"calibration_share": self.calibration_share}
        cut |= {} if self.validation else {"validation_share": self.validation_share}
        cut |= {} if self.test else {"test_share": self.test_share}
        _leave_rows(**cut)
        return self


Split = Annotated[TimeSplit | RandomSplit | FileSplit, Field(discriminator="kind")]


class CommentsConfig(Config):
    """A second file with the later turns of tickets: answers and remarks, one per row, joined by the ticket's id."""

    path: str
    """File, folder or glob. A relative path is looked for in the bucket first, then where the command runs."""
    format: Literal["auto", "json", "jsonl", "csv", "parquet"] = "auto"
    """As for the tickets."""
    delimiter: str = ","
    """What parts the columns of a CSV file."""
    encoding: Encoding = "utf-8"
    """As for the tickets."""
    records: str | None = None
    """As for the tickets."""
    ticket_id: str = "ticket_id"
    """Column with the id of the ticket."""
    created_at: str = "created_at"
    """Column with the time of the turn."""
    text: str = "text"
    """Column with what was written, or a template such as `{Title}: {Body}`."""
    author: str | None = None
    """Column with who wrote it."""


class SourceConfig(Config):
    """How an organisation's export maps onto the ticket contract."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Short name; also the bucket where `data.bucket` is not set."""
    path: str | None = None
    """File, folder or glob; `.gz` is unpacked. A relative path is looked for in the bucket first, then in the
    folder where the command runs."""
    format: Literal["auto", "json", "jsonl", "csv", "parquet"] = "auto"
    """`auto` goes by the ending; `json` is an array of objects (one object, or one per line, is read too)."""
    delimiter: str = ","
    """What parts the columns of a CSV file."""
    encoding: Encoding = "utf-8"
    """How CSV and JSON files are written, such as `cp1252`, `latin-1` or `utf-16`. A byte order mark of UTF-8 wins; a
    file with the mark of UTF-16 is refused where another encoding is set."""
    records: str | None = None
    """Key, or keys joined by dots, of the array that holds the rows where JSON wraps them: `tickets` for
    `{"tickets": [...]}`. A file may hold several such objects. Unset: rows are not wrapped."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Contract or own field → column of the file, or a template such as `{Summary}: {Body}`. A contract field
    that is not named here takes the column of its own name, if there is one that nothing else uses."""
    own_fields: dict[str, FieldConfig] = Field(default_factory=dict)
    """Fields beside the contract, with their kind and stage. What nobody declares is kept in `extra`."""
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Field → {value in the file: value to use}."""
    missing: tuple[str, ...] = ("", "?", "N/A", "n/a", "NA", "null", "None", "nan", "NaN")
    """Texts that mean: no value."""
    timestamps: Literal["auto", "iso", "epoch_s", "epoch_ms"] | tuple[str, ...] = "auto"
    """How times are written: one of these, or a form of Python's `strptime` such as `%d/%m/%Y %H:%M`, or a list of
    both, of which the first one that fits counts. `auto` tells apart, value by value, ISO 8601, epoch seconds and
    milliseconds, mail dates (RFC 2822) and `05.01.2024`; it guesses no order of day and month."""
    time_zone: str = "UTC"
    """Zone of times that name none, such as `Europe/Vienna`. An hour that clocks show twice is the first of the two;
    one that they skip counts on from before the change: 02:30 is 03:30 of summer time."""
    value_sets: Literal["contract", "none"] | dict[str, tuple[str, ...]] = "contract"
    """Closed value sets: the contract's own, none, or field → allowed values. A value outside is marked."""
    targets: tuple[str, ...] = ("category",)
    """Fields that the models learn to predict, the most important one first."""
    hierarchy: dict[str, str] = Field(default_factory=dict)
    """Child → parent: `{subcategory: category}` answers no subcategory outside its category where both are targets.
    Chains and several children of one parent are allowed. Which pairs are legal is learned from the training rows; for
    category and subcategory the taxonomy in force (`quality.taxonomy`) decides."""
    comments: CommentsConfig | None = None
    """Later turns, kept in a table of their own with their time, so that none is taken for the first message."""
    events: bool = False
    """The rows are a log: each is a ticket as it was after an event. A ticket is then its last event, with the fields
    of the creation stage as its first event had them. `updated_at` and `sequence` order the events."""
    sequence: str | None = None
    """Column of the file that orders the versions of a ticket where `updated_at` ties, such as a count of changes."""
    truth: str | None = None
    """JSON file whose `ceilings` hold, per target, the best accuracy that any model can reach, where that is known."""
    split: Split | None = None
    """How rows are cut into train, validation, calibration and test. Unset: by time where 99 % of the tickets have
    `created_at` and it tells early ones from late ones, else at random; the audit says which, and why."""

    @model_validator(mode="after")
    def _tree(self) -> SourceConfig:
        for child, parent in self.hierarchy.items():
            for name in (child, parent):
                if name not in {*self.targets, *self.own_fields, *BY_NAME}:
                    raise ValueError(
                        f"hierarchy: {name!r} is no field and no target; targets: {', '.join(self.targets)}"
                    )
            above = [child]
            while above[-1] in self.hierarchy:
                above.append(self.hierarchy[above[-1]])
                if above[-1] in above[:-1]:
                    raise ValueError(f"hierarchy: {' → '.join(above)} is a circle; allowed: chains that end")
        return self

    @field_validator("targets")
    @classmethod
    def _answerable(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if not targets:
            raise ValueError("none is named; allowed: one field at least")
        taken = {f"{name}_{suffix}": name for name in targets for suffix in TARGET_SUFFIXES}
        for name in targets:
            if targets.count(name) > 1:
                raise ValueError(f"{name!r} is named twice; allowed: each field once")
            if name in ANSWER_COLUMNS:
                raise ValueError(
                    f"{name!r} is a column of every table of answers; give it another name in source.fields "
                    f"(not allowed: {', '.join(ANSWER_COLUMNS)})"
                )
            if name in taken:
                raise ValueError(
                    f"{name!r} is a column of the answers to {taken[name]!r}; give it another name in source.fields"
                )
        return targets

    @field_validator("timestamps", mode="before")
    @classmethod
    def _one_form_or_several(cls, timestamps: Any) -> Any:
        return (timestamps,) if isinstance(timestamps, str) and timestamps not in KEYWORDS else timestamps

    @field_validator("timestamps")
    @classmethod
    def _known_forms(cls, timestamps: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not timestamps:
            raise ValueError("allowed: one form at least")
        for form in () if isinstance(timestamps, str) else timestamps:
            if "%" in form:
                check_form(form)
            elif form not in KEYWORDS:
                raise ValueError(f"{form!r}; allowed: {', '.join(KEYWORDS)}, or a strptime form such as %d/%m/%Y %H:%M")
        return timestamps

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, time_zone: str) -> str:
        zone_of(time_zone)
        return time_zone
