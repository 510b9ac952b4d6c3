"""The HTTP surface: routes and their documentation. It does not know where parts run, or how a ticket is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from serve_app import api
from serve_app.answering import Answering
from serve_app.answers import release_answer, search_answer
from serve_app.errors import Problem, UnavailableError, UnknownPredictionError, handle_errors
from serve_app.guard import Guard
from serve_app.service import TriageService
from tickets.config import ServeConfig
from tickets.predictions import PredictionLog

_PROBE_S: Final = 5.0
"""Seconds that a tiny ticket may take before the graph counts as not ready."""
_SEARCH_BYTES: Final = 200_000
"""Size of a search from which on it is refused."""
_MEANINGS: Final = {
    400: "The body is no JSON in UTF-8.",
    401: "A key is asked for, and no valid one was sent.",
    403: "Without keys only loopback is answered.",
    404: "There is no such prediction, or another process has not written it yet.",
    415: "The body is of another type than JSON, or packed.",
    413: "The body, a ticket or a batch is too large.",
    422: "A field is not valid, or there is nothing to read.",
    503: "Too many tickets are in work, or a part without which there is no answer did not answer.",
}


def build_api(service: TriageService, config: ServeConfig, log: PredictionLog | None, keys: list[bytes]) -> FastAPI:
    """The application that answers by a service.

    Args:
        service: Answers tickets.
        config: Limits.
        log: Keeps every answer; None keeps none.
        keys: SHA-256 of each key that is accepted; none: only loopback is answered.
    """

    @asynccontextmanager
    async def keep_log(_: FastAPI) -> AsyncIterator[None]:
        if log is not None:
            log.start()
        yield
        if log is not None:
            await asyncio.to_thread(log.close)

    app = FastAPIOffline(  # the documentation page comes from here, not from a network
        redoc_url=None,
        title="tickets",
        summary="Triage, past fixes and anomalies for a support ticket, learned from your own tickets.",
        version="1",
        lifespan=keep_log,
    )
    handle_errors(app)
    limits = {"/v1/triage/batch": config.batch_bytes, "/v1/search": _SEARCH_BYTES}
    app.add_middleware(Guard, key_digests=keys, max_bytes=config.text_bytes, limits=limits)
    _add_answering(app, Answering(service, config, log), service)
    _add_reading(app, service, log)
    _add_health(app, service)
    return app


def _wrong(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What the documentation says of errors."""
    body = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        code: {"model": Problem, "description": _MEANINGS[code], "content": body}
        for code in (400, 401, 403, *codes, *((415,) if 422 in codes else ()))
    }


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")  # in its own order: the first target first


def _add_answering(app: FastAPI, answering: Answering, service: TriageService) -> None:
    @app.post("/v1/triage", response_model=api.TriageAnswer, responses=_wrong(413, 422, 503), tags=["answers"])
    async def triage(ticket: api.Ticket, request: Request) -> Response:
        """Labels with what may be done, similar past tickets, the fix that helped, and what is unusual."""
        return _json(await answering.answer(api.given(ticket), request.scope["request_id"]))

    @app.post("/v1/triage/batch", response_model=api.BatchAnswer, responses=_wrong(413, 422, 503), tags=["answers"])
    async def triage_batch(batch: api.Batch, request: Request) -> Response:
        """Up to 64 tickets, answered in their order, each with an answer or an error of its own."""
        return _json({"answers": await answering.answer_all(batch.tickets, request.scope["request_id"])})

    @app.post("/v1/search", response_model=api.SearchAnswer, responses=_wrong(413, 422, 503), tags=["answers"])
    async def search(search: api.Search) -> Response:
        """Past tickets like a text, by meaning and by words."""
        api.given(search)
        return _json(search_answer(await service.search(search.text, search.filters, search.k)))


def _add_reading(app: FastAPI, service: TriageService, log: PredictionLog | None) -> None:
    @app.get(
        "/v1/predictions/{prediction_id}", response_model=api.KeptPrediction, responses=_wrong(404), tags=["records"]
    )
    async def prediction(prediction_id: str) -> Response:
        """An answer that was given, with the ticket that was asked, masked."""
        kept = await asyncio.to_thread(log.find, prediction_id) if log is not None else None
        if kept is None:
            raise UnknownPredictionError(
                f"{prediction_id[:80]!r} is no prediction that was kept; one of another process is found within seconds"
            )
        return _json(kept)

    @app.get("/v1/release", response_model=api.ReleaseAnswer, responses=_wrong(503), tags=["records"])
    async def release() -> Response:
        """The release and policy that answer, with their thresholds and figures."""
        return _json(release_answer(service.current, service.refused))


def _add_health(app: FastAPI, service: TriageService) -> None:
    @app.get("/healthz", response_model=api.Health, tags=["health"])
    async def healthz() -> Response:
        """The ingress answers."""
        return _json({"status": "ok"})

    @app.get("/readyz", response_model=api.Health, responses=_wrong(503), tags=["health"])
    async def readyz() -> Response:
        """A tiny ticket went through every part within its deadline, and no fallback answered."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_PROBE_S):
                await service.probe()
        except TimeoutError:
            raise UnavailableError(f"a tiny ticket took longer than {_PROBE_S} s") from None
        return _json({"status": "ready", "milliseconds": round(1000 * (time.perf_counter() - began), 2)})
