"""What a user would write instead of the graph: FastAPI and uvicorn, the same classes one after the other in a thread.

It has no deadlines, no fallbacks, no log and no bound; it is what the benchmark measures the graph against.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, Response

from serve_app import api
from serve_app.anomaly import ToScore
from serve_app.answers import triage_answer
from serve_app.classifier import ToClassify
from serve_app.current import Current
from serve_app.part import Place
from serve_app.parts import PARTS
from serve_app.reranker import ToRank
from serve_app.retriever import Query
from serve_app.service import Triaged
from tickets.config import PolicyConfig, ServeConfig
from tickets.features.request import read_ticket, text_of


def create() -> FastAPI:
    """The application of the release that the environment names (uvicorn calls this in every worker)."""
    place = Place(os.environ["TICKETS_ROOT"], os.environ["TICKETS_BUCKET"])
    config = ServeConfig()
    release = place.open_release(os.environ["TICKETS_RELEASE"])
    current = Current.load(release, PolicyConfig())
    parts: dict[str, Any] = {name: part(place) for name, part in PARTS.items()}
    for part in parts.values():
        part.hold(release.id)
    app = FastAPI()

    def ask(name: str, item: Any) -> Any:
        return parts[name](release.id, [item])[0]

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/triage")
    def triage(ticket: api.Ticket) -> Response:
        given = api.given(ticket)
        read = read_ticket(given, current.selection)
        text = text_of(read, current.selection)
        vector = ask("encoder", text)
        classified = ask("classifier", ToClassify(read, vector))
        candidates = ask("retriever", Query(text, vector, {}, config.candidates))
        probabilities = current.label_probabilities(classified)
        ranking = ask("reranker", ToRank(text, candidates, probabilities, config.similar))
        scores = ask("anomaly", ToScore(given, probabilities, vector, datetime.now(UTC), True))
        decisions = current.decide(classified, read["language"], False)
        return Response(orjson.dumps(triage_answer(Triaged(current, decisions, ranking, scores, (), {}), "none", None)))

    return app
