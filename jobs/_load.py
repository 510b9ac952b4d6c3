"""Load on an HTTP service: closed and open loops, with every answer's status and time. It does not know services."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np


@dataclass
class Measured:
    """What came back in one loop.

    Attributes:
        seconds: Length of the loop until the last answer.
        latencies: Seconds of each answer with status 200.
        statuses: Status, or the name of the error → how often.
        degraded: Answers in which a fallback stood in.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    degraded: int = 0

    def to_json(self) -> dict[str, Any]:
        """Throughput in answers per second, quantiles of the latency in milliseconds, and what went wrong."""
        quantiles = np.quantile(self.latencies, [0.5, 0.95, 0.99]) * 1000 if self.latencies else [float("nan")] * 3
        names = ("p50_ms", "p95_ms", "p99_ms")
        return {
            "per_s": len(self.latencies) / self.seconds if self.seconds else 0.0,
            **dict(zip(names, map(float, quantiles), strict=True)),
            "answers": len(self.latencies),
            "errors": {status: count for status, count in self.statuses.items() if status != "200"},
            "degraded": self.degraded,
        }


async def closed_loop(
    url: str, headers: dict[str, str], bodies: Sequence[bytes], clients: int, seconds: float
) -> Measured:
    """So many clients, each of which asks again as soon as it was answered."""
    measured, began = Measured(), time.perf_counter()
    async with _session(headers) as session:
        ask = _asker(session, url, bodies, measured)

        async def client() -> None:
            while time.perf_counter() - began < seconds:
                await ask()

        await asyncio.gather(*(client() for _ in range(clients)))
    measured.seconds = time.perf_counter() - began
    return measured


async def open_loop(
    url: str, headers: dict[str, str], bodies: Sequence[bytes], rate: float, seconds: float
) -> Measured:
    """So many questions a second, evenly spaced; an answer's time counts from when the question was due."""
    measured, began = Measured(), time.perf_counter()
    async with _session(headers) as session:
        ask = _asker(session, url, bodies, measured)

        async def at(due: float) -> None:
            await asyncio.sleep(max(due - time.perf_counter(), 0.0))
            await ask(due)

        await asyncio.gather(*(at(began + number / rate) for number in range(int(rate * seconds))))
    measured.seconds = time.perf_counter() - began
    return measured


def _session(headers: dict[str, str]) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(connector=connector, headers=headers, timeout=aiohttp.ClientTimeout(total=60))


def _asker(
    session: aiohttp.ClientSession, url: str, bodies: Sequence[bytes], measured: Measured
) -> Callable[..., Awaitable[None]]:
    turn = itertools.cycle(bodies)

    async def ask(due: float | None = None) -> None:
        began = time.perf_counter() if due is None else due
        try:
            async with session.post(url, data=next(turn)) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            measured.statuses[type(error).__name__] += 1
            return
        measured.statuses[str(answer.status)] += 1
        if answer.status == 200:
            measured.latencies.append(time.perf_counter() - began)
            measured.degraded += b'"degraded":[]' not in content

    return ask
