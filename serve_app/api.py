"""What is asked and answered over HTTP, field by field; the source of `/docs`. It does not know the graph."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from tickets.errors import FieldError
from tickets.schema import FIELDS, Kind, Stage
from tickets.schema import Field as TicketField

_TYPES: dict[Kind, Any] = {
    Kind.ID: Annotated[str, Field(max_length=200)] | int,
    Kind.TEXT: str,
    Kind.CATEGORICAL: str | int | float | bool,
    Kind.NUMBER: float,
    Kind.FLAG: bool,
    Kind.TIME: datetime | float,
    Kind.LIST: list[Any] | str,
}
_EXAMPLE: dict[str, Any] = {
    "ticket_id": "T-1001",
    "subject": "Nightly sync stops",
    "description": "Since this morning the nightly sync stops after ten minutes with error E1234.",
    "product": "DataSync Pro",
    "channel": "email",
    "affected_users": 12,
}


_SHORT_EXAMPLE: dict[str, Any] = {"subject": "Invoice is wrong"}
_TICKET_SCHEMA: dict[str, Any] = {"$ref": "#/components/schemas/Ticket"}


MOST_LEVELS = 32
"""Levels of lists and objects that a field of a request may have."""


class _Documented(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class _Asked(_Documented):
    model_config = ConfigDict(extra="forbid")


def _optional(field: TicketField) -> tuple[Any, Any]:
    described = Field(default=None, description=f"{field.kind.value.capitalize()}; known at {field.stage.value}.")
    return _TYPES[field.kind] | None, described


class _TicketBase(BaseModel):
    """One ticket. Every field is optional, but one that the model reads must hold something.

    Fields beside these are taken as well: one that the model was trained with is read, the others are kept with the
    answer. Outcomes of a closed ticket are never read.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]})


_CREATION: Any = {field.name: _optional(field) for field in FIELDS if field.stage is Stage.CREATION}
Ticket = create_model("Ticket", __base__=_TicketBase, **_CREATION)
"""The contract's fields that are known when a ticket is created, and any others."""


def read_request(raw: Any) -> dict[str, Any]:
    """The fields of one ticket of a batch.

    Raises:
        ValidationError: It is no ticket.
    """
    return given(Ticket.model_validate(raw))


def given(asked: BaseModel) -> dict[str, Any]:
    """The fields that a request named, unknown ones included.

    Raises:
        FieldError: A value in it cannot be kept: text that is no Unicode, a number that is none, too deep a nesting.
    """
    fields = asked.model_dump(exclude_unset=True)
    for name, value in fields.items():
        _check(name, name, 0)
        _check(name, value, 0)
    return fields


def _check(field: str, value: Any, depth: int) -> None:
    if depth > MOST_LEVELS:
        raise FieldError(field[:80], f"{field[:80]}: nested deeper than {MOST_LEVELS} levels")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FieldError(
                field.encode(errors="replace").decode()[:80], "a lone surrogate; allowed: Unicode"
            ) from None
    elif isinstance(value, float) and not math.isfinite(value):
        raise FieldError(field[:80], f"{field[:80]}: {value} is no finite number")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(field, key, depth + 1)
            _check(field, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(field, item, depth + 1)


class Batch(_Asked):
    """Several tickets, answered in their order; one that is wrong does not touch the others."""

    tickets: Annotated[list[Any], Field(min_length=1, json_schema_extra={"items": _TICKET_SCHEMA})]
    """The tickets, each as for `/v1/triage`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tickets": [_EXAMPLE, _SHORT_EXAMPLE]}]})


class Search(_Asked):
    """A search among past tickets."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
    """What to look for, in any words."""
    filters: Annotated[dict[str, str | Annotated[list[str], Field(max_length=100)]], Field(max_length=20)] = {}
    """Field of past tickets → value, or values of which it must have one."""
    k: Annotated[int, Field(ge=1, le=100)] = 10
    """How many to give, at most."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "nightly sync stops with error E1234", "k": 5}]})


class LabelShare(_Documented):
    """A label and its probability."""

    label: str
    """One of the target's closed list."""
    probability: float
    """Calibrated."""


class Label(_Documented):
    """What is said of one target."""

    label: str
    """The most probable label."""
    probability: float
    """Its calibrated probability."""
    action: Literal["automate", "suggest", "review"]
    """`automate`: act on it; `suggest`: show it to a person; `review`: let a person decide."""
    reason: str
    """What allowed the action, or forbade a bolder one."""
    top: list[LabelShare]
    """Up to three labels, the most probable first."""


class Success(_Documented):
    """How often a fix helped, over all past tickets that tried it."""

    rate: float
    """Smoothed share of tickets that it helped."""
    helped: int
    """Tickets that it helped."""
    tried: int
    """Tickets whose outcome is known."""


class SimilarTicket(_Documented):
    """A past ticket. Its text is masked: no mail address, phone or card number, key or token."""

    ticket_id: str
    """Its id."""
    created_at: str | None
    """When it was created, ISO 8601."""
    text: str
    """What was asked, shortened."""
    resolution: str | None
    """What was answered or done."""
    resolution_code: str | None
    """The kind of resolution."""
    labels: dict[str, str | None]
    """Target → its label."""
    score: float
    """What it is ranked by."""
    similarity: float | None
    """Cosine of the two texts' vectors; null where it was found by words alone."""
    success: Success | None
    """How often its fix helped; null where no outcome is known."""
    why: list[str]
    """Why it ranks where it does."""


class SuggestedFix(_Documented):
    """The fix that past tickets speak for."""

    resolution: str | None
    """What was done, in the words of the best of these tickets; null where only a code is known."""
    resolution_code: str | None
    """The kind of resolution."""
    success: Success | None
    """How often it helped; null where no outcome is known."""
    ticket_ids: list[str]
    """The similar tickets that it comes from."""
    why: list[str]
    """What speaks for it."""


class Volume(_Documented):
    """How many tickets of this kind came lately."""

    label: str
    """The predicted label of the first target."""
    window_s: int
    """Seconds that are counted."""
    count: int
    """Tickets that came in them."""
    expected: float
    """Tickets that usually come at this hour of the week."""
    p_value: float
    """Chance of so many or more, where nothing is unusual."""
    is_unusual: bool
    """Whether that chance is below the alarm level."""


class Novelty(_Documented):
    """How far the ticket is from every past one."""

    similarity: float
    """Cosine to the nearest past ticket."""
    share_as_far: float
    """Share of past tickets that were at least as far from their nearest."""
    is_unusual: bool
    """Whether that share is below the alarm level."""


class Anomaly(_Documented):
    """What is unusual about the ticket."""

    volume: Volume | None
    """Null where no history has times."""
    novelty: Novelty | None
    """Null where too few past tickets were compared."""
    is_unusual: bool
    """Whether any of these is."""
    why: list[str]
    """What is unusual, or why something is not scored."""


class TriageAnswer(_Documented):
    """The answer to one ticket."""

    prediction_id: str
    """Under which the answer is kept: `GET /v1/predictions/{id}`."""
    ticket_id: str | None
    """The ticket's own id, where it has one."""
    release: str
    """Id of the release that answered."""
    policy: str
    """Id of the policy that decided."""
    labels: dict[str, Label]
    """Target → label and action, the most important target first."""
    suggestion: SuggestedFix | None
    """The fix that past tickets speak for."""
    why_no_suggestion: str | None
    """Why there is none, where there is none."""
    similar: list[SimilarTicket]
    """Similar past tickets, the best first."""
    anomaly: Anomaly | None
    """Null where the scorer did not answer in time."""
    degraded: list[str]
    """Parts that did not answer in time and were replaced; where there is any, nothing is automated."""
    milliseconds: dict[str, float]
    """Part → milliseconds until it had answered, and `total`."""


class KeptPrediction(_Documented):
    """An answer that was given."""

    prediction_id: str
    """Its id."""
    time: str
    """When it was asked, ISO 8601 in UTC."""
    request_id: str
    """Id of the request."""
    ticket: dict[str, Any]
    """What was asked, every field of it; texts are masked."""
    answer: TriageAnswer
    """What was answered."""


class BatchItem(_Documented):
    """One answer of a batch."""

    index: int
    """Place of the ticket in the batch, from 0."""
    answer: TriageAnswer | None = None
    """The answer, unless there is an error."""
    error: dict[str, Any] | None = None
    """Problem details, where this ticket could not be answered."""


class BatchAnswer(_Documented):
    """The answers to a batch, in the order of its tickets."""

    answers: list[BatchItem]
    """One per ticket."""


class SearchAnswer(_Documented):
    """Past tickets like a text."""

    results: list[SimilarTicket]
    """The best first."""
    release: str
    """Id of the release whose past tickets were searched."""
    degraded: list[str]
    """Parts that did not answer in time; past tickets were then found by their words alone."""
    milliseconds: dict[str, float]
    """Part → milliseconds, and `total`."""


class ReleaseAnswer(_Documented):
    """What answers at the moment."""

    release: str
    """Id of the release."""
    created_at: str
    """When it was made."""
    bucket: str
    """The organisation's folder."""
    policy: dict[str, Any]
    """The policy with its `id`."""
    targets: dict[str, dict[str, Any]]
    """Target → its `labels`, and the thresholds that hold: `automate` and `suggest`, null where none does; in
    `by_label` the same two for each label that has its own; in `apart` all three for tickets of which other things are
    known, such as their text alone."""
    reads: list[str]
    """Fields of a ticket that the model reads."""
    filters: list[str]
    """Fields by which a search can be narrowed."""
    metrics: dict[str, Any]
    """What was measured of it on tickets that it never saw."""
    refused: str | None
    """A release that was asked for and could not be taken, with the reason."""


class Health(_Documented):
    """Whether the process, or all of the graph, answers."""

    status: Literal["ok", "ready"]
    """`ok`: the ingress answers; `ready`: a tiny ticket went through every part."""
    milliseconds: float | None = None
    """Of the tiny ticket."""
