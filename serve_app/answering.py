"""One ticket from request to kept answer, and many of them side by side. It does not know routes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from serve_app.answers import triage_answer
from serve_app.api import read_request
from serve_app.errors import TooLargeError, describe
from serve_app.service import TriageService
from tickets.config import ServeConfig
from tickets.features.state import MOST_CHARS
from tickets.masking import mask
from tickets.predictions import PredictionLog
from tickets.values import to_json

_LONG_NUMBER: Final = 10**11
_LONG_NAME: Final = 64
_AT_ONCE: Final = 8
"""Tickets of one batch in work at the same time, so that none waits out its deadline behind its batch-mates."""


class Answering:
    """Asks the service and keeps what it said.

    Args:
        service: Answers tickets.
        config: Limits.
        log: Keeps every answer; None keeps none.
    """

    def __init__(self, service: TriageService, config: ServeConfig, log: PredictionLog | None) -> None:
        self._service = service
        self._config = config
        self._log = log

    async def answer(self, ticket: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        """The answer to a ticket, in the log before it is given.

        Raises:
            TicketsError: As `TriageService.triage`.
        """
        now = datetime.now(UTC)
        triaged = await self._service.triage(ticket, now)
        prediction_id = self._log.new_id(now) if self._log else uuid.uuid4().hex
        ticket_id = ticket.get("ticket_id")
        answer = triage_answer(triaged, prediction_id, None if ticket_id is None else str(ticket_id))
        if self._log is not None:
            kept = {"prediction_id": prediction_id, "time": now.isoformat(), "request_id": request_id}
            self._log.append(prediction_id, {**kept, "ticket": ticket, "answer": answer})
        return answer

    async def answer_all(self, tickets: list[Any], request_id: str) -> list[dict[str, Any]]:
        """One answer or problem per ticket, in order.

        Raises:
            TooLargeError: There are more tickets than one batch may hold.
        """
        if len(tickets) > self._config.batch_tickets:
            raise TooLargeError(f"{len(tickets)} tickets in one batch; allowed: {self._config.batch_tickets}")
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(index: int, raw: Any) -> dict[str, Any]:
            async with at_once:
                try:
                    return {"index": index, "answer": await self._answer_raw(raw, request_id)}
                except Exception as error:  # noqa: BLE001 - what is wrong with one ticket is its answer
                    return {"index": index, "error": describe(error, request_id).model_dump()}

        return await asyncio.gather(*(one(index, raw) for index, raw in enumerate(tickets)))

    async def _answer_raw(self, raw: Any, request_id: str) -> dict[str, Any]:
        size = len(to_json(raw))
        if size >= self._config.text_bytes:
            raise TooLargeError(f"a ticket of {size} bytes; allowed: less than {self._config.text_bytes}")
        return await self.answer(read_request(raw), request_id)


def masked_line(record: Mapping[str, Any]) -> bytes:
    """A record of the log as JSON: its ticket masked of personal data and secrets at any depth, long texts cut."""
    answer = {**record["answer"], "ticket_id": _masked(record["answer"]["ticket_id"])}
    return to_json({**record, "ticket": _masked(record["ticket"]), "answer": answer}, sort=False)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value[:MOST_CHARS])
    if isinstance(value, int) and abs(value) >= _LONG_NUMBER:  # a card number may come without quotes
        masked = mask(str(value))
        return value if masked == str(value) else masked
    if isinstance(value, Mapping):
        return {_masked_name(str(key)): _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value


def _masked_name(name: str) -> str:
    """The name of a field, masked; the names of one organisation's tickets are few and come again and again."""
    return _remembered_mask(name) if len(name) <= _LONG_NAME else mask(name[:MOST_CHARS])


_remembered_mask = lru_cache(maxsize=1024)(mask)
