"""Every part asked within its deadline, and what replaces one that does not answer.

It does not know where the parts run (they are functions of a release and a list of items), nor in which order a ticket
meets them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from serve_app.anomaly import ToScore
from serve_app.classifier import Classified, ToClassify
from serve_app.coalesce import Call, Coalesced
from serve_app.current import Current
from serve_app.errors import UnavailableError
from serve_app.part import Failure
from serve_app.parts import PARTS
from serve_app.reranker import ToRank
from serve_app.retriever import Query
from tickets import logs
from tickets.anomaly.scorer import AnomalyScores
from tickets.config import ServeConfig
from tickets.retrieval.rerank import Ranking, fused_order
from tickets.retrieval.retriever import Candidate, Retriever

_LOADING_S: Final = 120.0
"""Seconds that all parts together may take to load another release."""


@dataclass
class Trace:
    """What one request leaves behind on its way.

    Attributes:
        began: When it came, by the performance counter.
        seconds: Part → seconds until it had answered.
        degraded: Parts whose fallback answered.
    """

    began: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)

    def end(self) -> dict[str, float]:
        """The seconds, with those of the whole way as `total`."""
        return {**self.seconds, "total": time.perf_counter() - self.began}


class Asking:
    """Asks parts.

    Args:
        config: Deadlines, and how many items travel together.
        calls: Part name → function of a release id and a list of items.
        num_in_work: How many tickets are on their way.
    """

    def __init__(self, config: ServeConfig, calls: Mapping[str, Call], num_in_work: Callable[[], int]) -> None:
        self._deadlines = config.deadlines
        self._calls = calls
        self._parts = {
            name: Coalesced(
                calls[name],
                config.max_together,
                _num_calls(name, config),
                self._deadline(name),
                config.linger_s,
                num_in_work,
            )
            for name in PARTS
        }

    async def load(self, release_id: str) -> None:
        """Let every part load a release; that may take longer than any deadline allows a ticket.

        Raises:
            ReleaseError: A part cannot load it.
            TimeoutError: It takes too long.
        """
        async with asyncio.timeout(_LOADING_S):
            for name in PARTS:
                await self._calls[name](release_id, [])

    async def encode(self, current: Current, text: str, trace: Trace) -> np.ndarray:
        """The vector of a text, float32 [d].

        Raises:
            UnavailableError: The encoder did not answer.
        """
        vector: np.ndarray = await self._ask("encoder", current, text, trace)
        return vector

    async def classify(self, current: Current, item: ToClassify, trace: Trace) -> Classified:
        """Probabilities of every target.

        Raises:
            UnavailableError: The classifier did not answer.
        """
        classified: Classified = await self._ask("classifier", current, item, trace)
        return classified

    async def retrieve(self, current: Current, query: Query, trace: Trace) -> list[Candidate]:
        """By meaning and words; by words alone, here in the ingress, where the retriever is late."""
        try:
            candidates: list[Candidate] = await self._ask("retriever", current, query, trace)
        except UnavailableError:
            trace.degraded.append("retriever")
            candidates = await self._retrieve_by_words(current, query)
        return candidates

    async def _retrieve_by_words(self, current: Current, query: Query) -> list[Candidate]:
        search = Retriever(current.corpus).retrieve
        try:
            async with asyncio.timeout(self._deadline("retriever")):
                return await asyncio.to_thread(search, query.text, None, query.filters, query.num)
        except Exception as error:  # noqa: BLE001 - without past tickets there still are labels
            logs.get("api").error("the keyword search failed: {}", type(error).__name__)
            return []

    async def rank(self, current: Current, item: ToRank, trace: Trace) -> Ranking:
        """What an agent is shown; in the order of the search where the re-ranker is late."""
        try:
            ranking: Ranking = await self._ask("reranker", current, item, trace)
        except UnavailableError:
            trace.degraded.append("reranker")
            ranking = fused_order(current.corpus, item.candidates, item.num)
        return ranking

    async def score(self, current: Current, item: ToScore, trace: Trace) -> AnomalyScores | None:
        """What is unusual; None where the scorer is late."""
        try:
            scores: AnomalyScores = await self._ask("anomaly", current, item, trace)
        except UnavailableError:
            trace.degraded.append("anomaly")
            return None
        return scores

    async def _ask(self, name: str, current: Current, item: Any, trace: Trace) -> Any:
        """One part's answer within its deadline.

        Raises:
            UnavailableError: It was late or failed.
        """
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._deadline(name)):
                answer = await self._parts[name](current.id, item)
        except Exception as error:  # noqa: BLE001 - whatever became of the part, its fallback is asked
            logs.get("api").warning("{} did not answer: {}", name, type(error).__name__)
            raise UnavailableError(f"the {name} did not answer within {self._deadline(name)} s") from None
        finally:
            trace.seconds[name] = time.perf_counter() - began
        if isinstance(answer, Failure):
            raise UnavailableError(f"the {name} could not answer this ticket: {answer.message}")
        return answer

    def _deadline(self, name: str) -> float:
        deadline: float = getattr(self._deadlines, name)
        return deadline


def _num_calls(name: str, config: ServeConfig) -> int:
    """Calls of a part that may be under way at the same time, from one ingress.

    The encoder's work leaves Python's lock, so that a second call keeps a second core busy; unless another process with
    all parts has that core.
    """
    has_company = config.layout == "fused" and config.replicas.ingress > 1
    at_once = 2 if name == "encoder" and not has_company else 1
    return at_once * int(getattr(config.replicas, name))
