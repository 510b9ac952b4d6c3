"""Ticket, probabilities and vector → is this unusual?, as a part of the graph. Processes exchange what they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from serve_app.part import Part, Place
from serve_app.sharing import Sharing
from tickets.anomaly.arrivals import ArrivalWindow
from tickets.anomaly.exchange import Meet, SharedWindow
from tickets.anomaly.scorer import AnomalyScorer, AnomalyScores
from tickets.config import AnomalyConfig
from tickets.release import Release
from tickets.retrieval.retriever import Retriever


@dataclass(frozen=True)
class ToScore:
    """A ticket, the probability of each label of the first target, its vector, when it came, and whether it counts."""

    ticket: Mapping[str, Any]
    probabilities: Mapping[str, float]
    vector: np.ndarray
    now: datetime
    counts: bool


class AnomalyPart(Part[AnomalyScorer]):
    """Items: `ToScore`. Answers: `AnomalyScores`.

    Args:
        place: Where releases lie.
        meet: Where the processes that count arrivals meet; None: this one counts alone.
        every_s: Seconds between two exchanges with the others.
    """

    def __init__(self, place: Place, meet: Meet | None = None, every_s: float = 1.0) -> None:
        super().__init__(place)
        self._sharing = None if meet is None else Sharing(meet, every_s)
        self._arrivals: tuple[AnomalyConfig, ArrivalWindow] | None = None

    def load(self, release: Release) -> AnomalyScorer:
        """The release's baselines; the arrivals that were counted so far stay, unless it counts them otherwise."""
        config = AnomalyConfig.model_validate(release.manifest.config["anomaly"])
        if self._arrivals is None or self._arrivals[0] != config:
            self._arrivals = config, self._window(config)
        nearest = Retriever(release.load_corpus()).nearest
        return AnomalyScorer(release.load_baselines(), nearest, config, self._arrivals[1])

    def _window(self, config: AnomalyConfig) -> ArrivalWindow:
        if self._sharing is None:
            return ArrivalWindow(config.window_s, config.max_arrivals)
        window = SharedWindow(config.window_s, config.max_arrivals)
        self._sharing.share(window)
        return window

    def as_probe(self, item: ToScore) -> ToScore:
        """A health check is no arrival."""
        return replace(item, counts=False)

    def answer(self, loaded: AnomalyScorer, items: Sequence[ToScore]) -> list[AnomalyScores]:
        """One set of scores per item, the arrivals counted in this order."""
        return [
            loaded.score(item.ticket, item.probabilities, item.vector, item.now, record=item.counts) for item in items
        ]
