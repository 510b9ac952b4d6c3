"""The parts of the graph by name, in the order in which a ticket meets them."""

from __future__ import annotations

from typing import Any, Final

from serve_app.anomaly import AnomalyPart
from serve_app.classifier import ClassifierPart
from serve_app.encoder import EncoderPart
from serve_app.part import Part, Place
from serve_app.reranker import RerankerPart
from serve_app.retriever import RetrieverPart
from serve_app.sharing import ActorPlace
from tickets.config import ServeConfig

PARTS: Final[dict[str, type[Part[Any]]]] = {
    "encoder": EncoderPart,
    "classifier": ClassifierPart,
    "retriever": RetrieverPart,
    "reranker": RerankerPart,
    "anomaly": AnomalyPart,
}
"""Name → class; the names are those of the deployments, too."""


def part_args(name: str, place: Place, config: ServeConfig) -> tuple[Any, ...]:
    """What a part is made with: where several processes count arrivals, they get a place to meet."""
    if name == "anomaly" and config.num_counters > 1:
        return place, ActorPlace(), config.exchange_s
    return (place,)
