"""The way of one ticket through the parts, and which release and policy answer it.

It does not know what a part may take or what replaces it (`asking.py`), where parts run, nor HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np

from serve_app.anomaly import ToScore
from serve_app.asking import Asking, Trace
from serve_app.classifier import Classified, ToClassify
from serve_app.coalesce import Call
from serve_app.current import Current
from serve_app.errors import EmptyTicketError, OverloadedError, UnavailableError
from serve_app.part import Place
from serve_app.reranker import ToRank
from serve_app.retriever import Query
from tickets import logs
from tickets.anomaly.scorer import AnomalyScores
from tickets.config import PolicyConfig, ServeConfig
from tickets.decide.policy import Decision
from tickets.errors import ConfigError, FieldError, ModelError
from tickets.features.request import has_content, read_ticket, text_of
from tickets.retrieval.rerank import Ranking, fused_order

_TRIES: Final = 3
_PROBE_HOLDS_S: Final = 1.0
_PROBE: Final = "A ticket that checks whether all parts answer."


@dataclass(frozen=True)
class Triaged:
    """All that was found out about one ticket.

    Attributes:
        current: The release and policy that answered.
        decisions: Target → label, confidence and what may be done.
        ranking: Similar past tickets and the suggested fix.
        anomaly: What is unusual; None where the scorer did not answer.
        degraded: Parts whose fallback answered.
        seconds: Part → seconds from question to answer, its wait included; `total` for all.
    """

    current: Current
    decisions: dict[str, Decision]
    ranking: Ranking
    anomaly: AnomalyScores | None
    degraded: tuple[str, ...]
    seconds: dict[str, float]


class Found(NamedTuple):
    """Past tickets for a search."""

    current: Current
    ranking: Ranking
    degraded: tuple[str, ...]
    seconds: dict[str, float]


class TriageService:
    """Answers tickets by the parts that it is given.

    Args:
        place: Where releases lie.
        config: Deadlines and limits.
        calls: Part name → function of a release id and a list of items.
    """

    def __init__(self, place: Place, config: ServeConfig, calls: Mapping[str, Call]) -> None:
        self._place = place
        self._config = config
        self._asking = Asking(config, calls, lambda: self._num_pending)
        self._current: Current | None = None
        self._moving: asyncio.Task[None] | None = None
        self._num_pending = 0
        self._probing: asyncio.Task[None] | None = None
        self._probed_at = 0.0
        self.refused: str | None = None
        """Why the last release that was asked for is not the one that answers, if it is not."""

    @property
    def current(self) -> Current:
        """The release and policy that answer.

        Raises:
            UnavailableError: None is loaded yet.
        """
        if self._current is None:
            raise UnavailableError("no release is loaded yet")
        return self._current

    async def use(self, release_id: str, policy: PolicyConfig) -> None:
        """Answer by another policy from the next ticket on; by another release as soon as every part holds it.

        The first release is loaded before this returns, a later one beside the work. One that cannot be loaded
        changes nothing but `refused`.

        Raises:
            ReleaseError: The first release cannot be loaded.
        """
        if self._moving is not None:
            self._moving.cancel()
        if self._current is None:
            self._current = await asyncio.to_thread(self._load, release_id, policy)
            return
        self.refused = None
        try:
            self._current = self._current.under(policy)
        except ConfigError as error:  # it may be meant for a target that the next release has
            if release_id == self._current.id:
                self.refused = f"{release_id}: {error.message}"
        if release_id != self._current.id:
            self._moving = asyncio.create_task(self._move(release_id, policy))

    async def triage(self, ticket: Mapping[str, Any], now: datetime, counts: bool = True) -> Triaged:
        """Answer one ticket.

        Args:
            ticket: Contract fields as a request brings them.
            now: When it came, with its zone.
            counts: Whether it is an arrival; a probe is none.

        Raises:
            FieldError: A value does not fit its field.
            EmptyTicketError: Nothing in it can be read.
            OverloadedError: Too many tickets are in work.
            UnavailableError: Encoder or classifier did not answer.
        """
        with self._admitted():
            return await self._triage(self.current, ticket, now, counts)

    async def search(self, text: str, filters: Mapping[str, str | Sequence[str]], num: int) -> Found:
        """Past tickets like a text.

        Args:
            text: What to look for.
            filters: Field → value or values that a past ticket must have one of.
            num: How many, at most.

        Raises:
            FieldError: A filter names no field of past tickets.
            OverloadedError: Too many tickets are in work.
        """
        current, trace = self.current, Trace()
        try:
            current.corpus.documents.allowed(filters)
        except ModelError as error:
            raise FieldError("filters", error.message) from None
        with self._admitted():
            try:
                vector: np.ndarray | None = await self._asking.encode(current, text, trace)
            except UnavailableError:
                vector = None
                trace.degraded.append("encoder")
            candidates = await self._asking.retrieve(current, Query(text, vector, filters, num), trace)
            return Found(current, fused_order(current.corpus, candidates, num), tuple(trace.degraded), trace.end())

    async def probe(self) -> None:
        """Take a tiny ticket all the way; who asks at the same time, or within a second, shares the answer.

        Raises:
            UnavailableError: A part did not answer, or only its fallback did.
        """
        if self._probing is None or (self._probing.done() and time.monotonic() - self._probed_at > _PROBE_HOLDS_S):
            self._probing = asyncio.create_task(self._take_tiny_ticket(self.current))
            self._probed_at = time.monotonic()
        await asyncio.shield(self._probing)

    async def _take_tiny_ticket(self, current: Current) -> None:
        tiny = _tiny_ticket(current)
        triaged = await self._triage(current, tiny, datetime.now(UTC), counts=False)
        if triaged.degraded:
            raise UnavailableError(f"answered by fallback: {', '.join(triaged.degraded)}")

    async def _triage(self, current: Current, raw: Mapping[str, Any], now: datetime, counts: bool) -> Triaged:
        trace = Trace()
        ticket = current.cleaned(read_ticket(raw, current.selection))
        if not has_content(ticket, current.selection):
            raise EmptyTicketError(
                f"nothing to read; allowed: a value in any of {', '.join(current.selection.columns)}"
            )
        text = text_of(ticket, current.selection)
        vector = await self._asking.encode(current, text, trace)
        classified: Classified
        classified, candidates = await _both(
            self._asking.classify(current, ToClassify(ticket, vector), trace),
            self._asking.retrieve(current, Query(text, vector, {}, self._config.candidates), trace),
        )
        probabilities = current.label_probabilities(classified)
        ranking, scores = await _both(
            self._asking.rank(current, ToRank(text, candidates, probabilities, self._config.similar), trace),
            self._asking.score(
                current, ToScore({"ticket_id": raw.get("ticket_id")}, probabilities, vector, now, counts), trace
            ),
        )
        degraded = tuple(sorted(trace.degraded))
        decisions = current.decide(classified, ticket["language"], bool(degraded))
        return Triaged(current, decisions, ranking, scores, degraded, trace.end())

    async def _move(self, release_id: str, policy: PolicyConfig) -> None:
        """Load a release, take a tiny ticket through every part of it, then let it answer."""
        try:
            wanted = await asyncio.to_thread(self._load, release_id, policy)
            await self._asking.load(release_id)
            await self._try_out(wanted)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the release before goes on answering
            self.refused = f"{release_id}: {error}"
            logs.get("api").error("release {} is not taken: {}", release_id, error)
        else:
            self._current = wanted
            logs.get("api").info("release {} answers", release_id)

    async def _try_out(self, wanted: Current) -> None:
        """Take a tiny ticket through a release; more than once, as a part may be late where there is much work."""
        for tries_left in reversed(range(_TRIES)):
            try:
                await self._take_tiny_ticket(wanted)
                break
            except UnavailableError:
                if not tries_left:
                    raise

    def _load(self, release_id: str, policy: PolicyConfig) -> Current:
        return Current.load(self._place.open_release(release_id), policy)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._num_pending >= self._config.max_pending:
            raise OverloadedError(f"{self._num_pending} tickets are in work, and no more are taken")
        self._num_pending += 1
        try:
            yield
        finally:
            self._num_pending -= 1


def _tiny_ticket(current: Current) -> dict[str, Any]:
    """A ticket with a value in every field that the release reads."""
    read = current.selection
    return dict.fromkeys(read.text, _PROBE) | dict.fromkeys(read.numbers, 1) | dict.fromkeys(read.categories, True)


async def _both(first: Awaitable[Any], second: Awaitable[Any]) -> tuple[Any, Any]:
    """Both answers, asked at the same time; where the first raises, the second is given up."""
    beside = asyncio.ensure_future(second)
    try:
        return await first, await beside
    finally:
        beside.cancel()
