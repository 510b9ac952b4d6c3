"""Many callers, few calls: items that come while a call is under way travel together in the next one.

A call between two processes costs some milliseconds of CPU whatever it carries; with one caller nothing waits, with
many the cost is shared. It does not know what is called. (`ray.serve.batch` does this inside a replica; here it has to
work before the process boundary, and without Ray.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Call = Callable[[str, list[Any]], Awaitable[list[Any]]]
"""Release id and items → one answer per item."""


@dataclass
class _Waiting:
    release_id: str
    item: Any
    answer: asyncio.Future[Any]


class Coalesced:
    """Hands single items to a function of lists.

    Args:
        call: Answers a list of items.
        max_items: Items of one call, at most.
        max_calls: Calls under way at the same time, at most.
        timeout_s: Seconds after which a call is given up, so that its place is free again.
        linger_s: Seconds that items wait for others that may come.
        num_expected: How many items may come soon, those that wait included; where all of them wait, none lingers.
    """

    def __init__(
        self,
        call: Call,
        max_items: int,
        max_calls: int,
        timeout_s: float,
        linger_s: float = 0.0,
        num_expected: Callable[[], int] = lambda: 0,
    ) -> None:
        self._call = call
        self._max_items = max_items
        self._max_calls = max_calls
        self._timeout_s = timeout_s
        self._linger_s = linger_s
        self._num_expected = num_expected
        self._waiting: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._num_alone = 0
        self._lingering: asyncio.TimerHandle | None = None

    async def __call__(self, release_id: str, item: Any) -> Any:
        """The answer to one item; a caller that gives up takes its item out of the queue.

        Raises:
            TimeoutError: The call took too long.
            Exception: What the call raised.
        """
        if self._num_expected() <= 1 and not self._waiting and self._num_free:
            return await self._call_alone(release_id, item)
        waiting = _Waiting(release_id, item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._send_or_linger()
        return await waiting.answer

    async def _call_alone(self, release_id: str, item: Any) -> Any:
        """Call for one item in its caller's own task: a task and a future less where there is nothing to share."""
        self._num_alone += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                (answer,) = await self._call(release_id, [item])
            return answer
        finally:
            self._num_alone -= 1
            self._send_or_linger()

    @property
    def _num_free(self) -> int:
        """Calls that may be made now."""
        return self._max_calls - len(self._calls) - self._num_alone

    def _send_or_linger(self) -> None:
        if not self._waiting or not self._num_free:
            return
        if len(self._waiting) >= min(self._num_expected(), self._max_items) or not self._linger_s:
            self._send()
        elif self._lingering is None:
            self._lingering = asyncio.get_running_loop().call_later(self._linger_s, self._send)

    def _send(self) -> None:
        """Share what waits among the calls that are free."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        while self._num_free and (batch := self._take(-(-len(self._waiting) // self._num_free))):
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._calls.add(task)
            task.add_done_callback(self._done)

    def _take(self, num: int) -> list[_Waiting]:
        """The oldest items that one release answers; those that nobody waits for any more are dropped."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < min(num, self._max_items):
            if not self._waiting[0].answer.done():
                if batch and batch[0].release_id != self._waiting[0].release_id:
                    break
                batch.append(self._waiting[0])
            self._waiting.popleft()
        return batch

    async def _run(self, batch: list[_Waiting]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await self._call(batch[0].release_id, [waiting.item for waiting in batch])
            answered = list(zip(batch, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - each caller gets it, and decides what it means
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, answer in answered:
            if not waiting.answer.done():
                waiting.answer.set_result(answer)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._send_or_linger()
