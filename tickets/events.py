"""What jobs do, as typed events, and the report that follows from them. It does not know how they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """Something that a job did; all events of one run carry its id."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    run_id: str = ""
    """The run that did it: what ties its events, its log lines and its report together."""
    time: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    """ISO 8601, UTC."""


class Loaded(Event):
    """Something was read."""

    kind: Literal["loaded"] = "loaded"
    what: str
    """What it is, such as `offline`."""
    uri: str
    """Where it is."""
    rows: int | None = None
    """How many rows it has."""


class Saved(Event):
    """Something was written."""

    kind: Literal["saved"] = "saved"
    what: str
    """What it is."""
    uri: str
    """Where it is."""
    rows: int | None = None
    """How many rows it has."""


class Checked(Event):
    """Something was judged."""

    kind: Literal["checked"] = "checked"
    what: str
    """What was judged, such as `quality`."""
    passed: bool
    """Whether it was good enough."""
    figures: dict[str, Any] = Field(default_factory=dict)
    """What was found."""


class Published(Event):
    """Readers see something new."""

    kind: Literal["published"] = "published"
    what: str
    """What it is."""
    uri: str
    """Where it is."""
    rows: int | None = None
    """How many rows it has."""


class Trained(Event):
    """A release was made."""

    kind: Literal["trained"] = "trained"
    release: str
    """Its id."""
    uri: str
    """Where its manifest is."""
    role: str
    """`champion` or `challenger`."""
    targets: dict[str, Any] = Field(default_factory=dict)
    """Target → figures on its test rows."""


class Promoted(Event):
    """Another release is the champion."""

    kind: Literal["promoted"] = "promoted"
    release: str
    """The new one."""
    uri: str
    """Where its manifest is."""
    before: str | None
    """The one before."""
    why: str
    """Why it was moved."""


class Predicted(Event):
    """Tickets were answered in a batch."""

    kind: Literal["predicted"] = "predicted"
    release: str
    """The release that answered."""
    uri: str
    """Where the answers are."""
    rows: int
    """How many tickets."""


class Corrected(Event):
    """People put something right."""

    kind: Literal["corrected"] = "corrected"
    what: str
    """What it was, such as `quarantine`."""
    rows: int
    """How many rows."""


AnyEvent = Annotated[
    Loaded | Saved | Checked | Published | Trained | Promoted | Predicted | Corrected, Field(discriminator="kind")
]
"""One line of an event log."""


def made(events: Sequence[Event]) -> dict[str, str]:
    """What events say was made → where it is, for a report; of several with one name the last one."""
    places: dict[str, str] = {}
    for event in events:
        if isinstance(event, Saved | Published):
            rows = "" if event.rows is None else f" ({event.rows} rows)"
            places[event.what] = event.uri + rows
        elif isinstance(event, Trained):
            places["release"] = f"{event.uri} ({event.role})"
        elif isinstance(event, Promoted):
            places["champion"] = event.uri
        elif isinstance(event, Predicted):
            places["predictions"] = f"{event.uri} ({event.rows} tickets)"
    return places


class JobReport(BaseModel):
    """The content of `report.json`, written beside the `config.json` of every run."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    job: str
    """Name of the job, such as `train`."""
    run_id: str
    """Start time and a random part; also the name of the run's folder."""
    bucket: str
    """Folder under the root that the job worked in."""
    status: Literal["ok", "failed", "refused"] = "failed"
    """`refused` means that a gate said no and nothing was changed."""
    error: str | None = "interrupted"
    """The message, where the job did not end well."""
    started_at: str
    """ISO 8601, UTC."""
    seconds: float = 0.0
    """Wall time."""
    made: dict[str, str] = Field(default_factory=dict)
    """What was made → where it is; what the run's events say, and what to open."""
    result: dict[str, Any] = Field(default_factory=dict)
    """Figures of the job, by its own keys."""
    next: list[str] = Field(default_factory=list)
    """Commands that make sense from here."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a sweep, as far as it has come.

    Attributes:
        trial_id: Name of the trial, unique within its sweep.
        family: Model family.
        target: Field that the model predicts.
        params: Settings of the trial.
        history: One record per step: `step`, and the metrics at that step.
        status: `running` while it goes on; `stopped` is a trial that the scheduler ended early.
        error: What went wrong, of a failed trial.
        seconds: Wall time of the trial so far.
        nll: Validation NLL of the best that it reached; None where it reached no finite one.
    """

    trial_id: str
    family: str
    target: str
    params: Mapping[str, float | int | str]
    history: Sequence[Mapping[str, float]]
    status: Literal["running", "finished", "stopped", "failed"]
    error: str | None
    seconds: float
    nll: float | None = None


@dataclass(frozen=True)
class DataUse:
    """Rows that a run learned from or was judged on.

    Attributes:
        name: Of the table and the use, such as `acme/offline (train)`.
        digest: SHA-256 of the table's version, hexadecimal.
        uri: Where that version is.
        columns: Name → Arrow type of what was read.
        num_rows: How many.
        tags: Such as `split`.
    """

    name: str
    digest: str
    uri: str
    columns: Mapping[str, str]
    num_rows: int
    tags: Mapping[str, str]
