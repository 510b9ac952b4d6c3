"""What is wrong, as an HTTP answer: problem details (RFC 9457) with the request's id. It does not know the graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from tickets import logs
from tickets.errors import FieldError, TicketsError

_MOST_SHOWN = 20
_IS_TYPE = re.compile(r"str|int|float|bool|date|datetime|constrained-\w+|(?:list|dict)\[.*\]|function-\w+.*")
RETRY_AFTER_S = 1
"""Seconds after which a refused request may come again."""


class OverloadedError(TicketsError):
    """More work than is taken at the same time."""


class UnavailableError(TicketsError):
    """A part without which there is no answer did not answer."""


class EmptyTicketError(TicketsError):
    """A ticket in which nothing can be read."""


class TooLargeError(TicketsError):
    """A ticket or a request beyond the size that is taken."""


class UnknownPredictionError(TicketsError):
    """An id that no log holds."""


class FieldProblem(BaseModel):
    """One field that is wrong."""

    field: str
    """Its name, with dots and numbers for a place inside it."""
    message: str
    """What was wrong and what is allowed."""


class Problem(BaseModel):
    """Problem details: every error has this body, as `application/problem+json`."""

    status: int
    """The HTTP status code."""
    title: str
    """The status in words."""
    detail: str
    """What was wrong with this request."""
    request_id: str
    """Id of the request: the `X-Request-ID` that came with it, or a new one."""
    errors: list[FieldProblem] = []
    """The fields that are wrong, where there are any."""


_STATUS: dict[type[Exception], HTTPStatus] = {
    OverloadedError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    EmptyTicketError: HTTPStatus.UNPROCESSABLE_ENTITY,
    FieldError: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnknownPredictionError: HTTPStatus.NOT_FOUND,
}


def describe(error: Exception, request_id: str) -> Problem:
    """What an error says to a client; one that nobody raised on purpose says nothing of its inside."""
    if isinstance(error, RequestValidationError | ValidationError):
        found = error.errors()
        if found and found[0]["type"] == "json_invalid":
            why = found[0].get("ctx", {}).get("error", found[0]["msg"])
            return _problem(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {why}", request_id)
        wrong = [FieldProblem(field=_field(of["loc"]), message=of["msg"][:200]) for of in found[:_MOST_SHOWN]]
        named = ", ".join(dict.fromkeys(of.field or "the body" for of in wrong))
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"not valid: {named}", request_id, wrong)
    if isinstance(error, HTTPException):
        return _problem(HTTPStatus(error.status_code), str(error.detail), request_id)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        logs.get("api").bind(request_id=request_id).opt(exception=error).error("a request failed")
        return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the request could not be answered", request_id)
    wrong = [FieldProblem(field=error.field, message=str(error.message))] if isinstance(error, FieldError) else []
    return _problem(status, str(error.args[-1]), request_id, wrong)


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The answer that carries a problem; a refusal for load says when to come again."""
    retry = {"Retry-After": str(RETRY_AFTER_S)} if problem.status in (429, 503) else {}
    return Response(
        orjson.dumps(problem.model_dump()),
        problem.status,
        {"X-Request-ID": problem.request_id, **retry, **(headers or {})},
        media_type="application/problem+json",
    )


def handle_errors(api: FastAPI) -> None:
    """Let every error of an API leave it as problem details."""

    def handle(request: Request, error: Exception) -> Response:
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
        return respond(describe(error, request.scope.get("request_id", "")), headers)

    for kind in (RequestValidationError, HTTPException, TicketsError, Exception):
        api.add_exception_handler(kind, handle)


def _problem(status: HTTPStatus, detail: str, request_id: str, errors: Sequence[FieldProblem] = ()) -> Problem:
    return Problem(status=status, title=status.phrase, detail=detail, request_id=request_id, errors=list(errors))


def _field(place: Sequence[Any]) -> str:
    steps = [str(step) for step in place if step != "body"]
    if len(steps) > 1 and _IS_TYPE.fullmatch(steps[-1]):  # which of the types of a field did not fit
        steps.pop()
    return ".".join(steps)[:200]
