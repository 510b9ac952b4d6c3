"""The way of one ticket through the parts: what runs at the same time, what each part may take, what replaces it.

It does not know where the parts run (they are functions of a release and a list of items), nor HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from serve_app.anomaly import ToScore
from serve_app.classifier import Classified, ToClassify
from serve_app.coalesce import Call, Coalesced
from serve_app.current import Current
from serve_app.errors import EmptyTicketError, OverloadedError, UnavailableError
from serve_app.part import Failure, Place
from serve_app.parts import PARTS
from serve_app.reranker import ToRank
from serve_app.retriever import Query
from tickets import logs
from tickets.anomaly.scorer import AnomalyScores
from tickets.config import PolicyConfig, ServeConfig
from tickets.decide.policy import Decision
from tickets.errors import ConfigError, FieldError, ModelError
from tickets.features.request import has_content, read_ticket, text_of
from tickets.retrieval.rerank import Ranking, fused_order
from tickets.retrieval.retriever import Candidate, Retriever

_AT_ONCE: Final = {"encoder": 2}  # its work leaves Python's lock, so a second call keeps a second core busy
_MOVE_S: Final = 120.0
"""Seconds that all parts together may take to load another release."""
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


@dataclass
class _Trace:
    """What one request leaves behind on its way."""

    began: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)

    def end(self) -> dict[str, float]:
        return {**self.seconds, "total": time.perf_counter() - self.began}


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
        self._calls = calls
        self._parts = {
            name: Coalesced(
                calls[name],
                config.max_together,
                self._num_calls(name),
                self._deadline(name),
                config.linger_s,
                lambda: self._num_pending,
            )
            for name in PARTS
        }
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
        try:
            self._current, self.refused = self._current.under(policy), None
        except ConfigError as error:
            self.refused = f"{release_id}: {error.message}"
            return
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
        current, trace = self.current, _Trace()
        try:
            current.corpus.documents.allowed(filters)
        except ModelError as error:
            raise FieldError("filters", error.message) from None
        with self._admitted():
            try:
                vector = await self._ask("encoder", current, text, trace)
            except UnavailableError:
                vector = None
                trace.degraded.append("encoder")
            candidates = await self._retrieve(current, Query(text, vector, filters, num), trace)
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
        trace = _Trace()
        ticket = read_ticket(raw, current.selection)
        if not has_content(ticket, current.selection):
            raise EmptyTicketError(
                f"nothing to read; allowed: a value in any of {', '.join(current.selection.columns)}"
            )
        text = text_of(ticket, current.selection)
        vector = await self._ask("encoder", current, text, trace)
        classified: Classified
        classified, candidates = await _both(
            self._ask("classifier", current, ToClassify(ticket, vector), trace),
            self._retrieve(current, Query(text, vector, {}, self._config.candidates), trace),
        )
        probabilities = current.label_probabilities(classified)
        ranking, scores = await _both(
            self._rank(current, ToRank(text, candidates, probabilities, self._config.similar), trace),
            self._score(
                current, ToScore({"ticket_id": raw.get("ticket_id")}, probabilities, vector, now, counts), trace
            ),
        )
        degraded = tuple(sorted(trace.degraded))
        decisions = current.decide(classified, ticket["language"], bool(degraded))
        return Triaged(current, decisions, ranking, scores, degraded, trace.end())

    async def _retrieve(self, current: Current, query: Query, trace: _Trace) -> list[Candidate]:
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

    async def _rank(self, current: Current, item: ToRank, trace: _Trace) -> Ranking:
        try:
            ranking: Ranking = await self._ask("reranker", current, item, trace)
        except UnavailableError:
            trace.degraded.append("reranker")
            ranking = fused_order(current.corpus, item.candidates, item.num)
        return ranking

    async def _score(self, current: Current, item: ToScore, trace: _Trace) -> AnomalyScores | None:
        try:
            scores: AnomalyScores = await self._ask("anomaly", current, item, trace)
        except UnavailableError:
            trace.degraded.append("anomaly")
            return None
        return scores

    async def _ask(self, name: str, current: Current, item: Any, trace: _Trace) -> Any:
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

    async def _move(self, release_id: str, policy: PolicyConfig) -> None:
        """Load a release, take a tiny ticket through every part of it, then let it answer."""
        try:
            wanted = await asyncio.to_thread(self._load, release_id, policy)
            async with asyncio.timeout(_MOVE_S):
                for name in PARTS:  # loading may take longer than any deadline allows a ticket
                    await self._calls[name](release_id, [])
            await self._take_tiny_ticket(wanted)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the release before goes on answering
            self.refused = f"{release_id}: {error}"
            logs.get("api").error("release {} is not taken: {}", release_id, error)
        else:
            self._current = wanted
            logs.get("api").info("release {} answers", release_id)

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

    def _deadline(self, name: str) -> float:
        deadline: float = getattr(self._config.deadlines, name)
        return deadline

    def _num_calls(self, name: str) -> int:
        return _AT_ONCE.get(name, 1) * getattr(self._config.replicas, name, 1)


def _tiny_ticket(current: Current) -> dict[str, Any]:
    """A ticket with a value in every field that the release reads."""
    read = current.selection
    return dict.fromkeys(read.text, _PROBE) | dict.fromkeys(read.numbers, 1) | dict.fromkeys(read.categories, True)


async def _both(first: Awaitable[Any], second: Awaitable[Any]) -> tuple[Any, Any]:
    """Both answers; where one raises, the other is given up first."""
    tasks = [asyncio.ensure_future(first), asyncio.ensure_future(second)]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
