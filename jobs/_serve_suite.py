"""The suite `serve`: what is asked of each service, and the figures of them all side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from _load import Measured, closed_loop, open_loop
from _measured import Running, service

from tickets.config import BenchmarkConfig
from tickets.release import Release
from tickets.schema import FIELDS, Stage
from tickets.snapshots import load_snapshot, read_table
from tickets.storage import Storage
from tickets.values import to_json

_WARM_UP_S: Final = 5.0
_LEAST_CPU_MS: Final = 0.05
_HEAD: Final = (
    f"{'service':<8} {'load':<11} {'per s':>7} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'errors':>7} {'degraded':>9}"
    "  CPU ms per answer"
)


def read_bodies(storage: Storage, release: Release, num: int) -> list[bytes]:
    """The newest tickets of the release's table as requests: the fields of the creation stage, and what it reads."""
    snapshot = load_snapshot(storage, f"{release.manifest.bucket}/offline", release.manifest.data["offline"])
    names = [field.name for field in FIELDS if field.stage is Stage.CREATION]
    reads = [name for name in release.load_selection().columns if name not in names]
    table = read_table(storage, snapshot, [*names, *reads])
    newest = pc.array_sort_indices(table["created_at"].combine_chunks(), order="descending")[:num]
    rows = table.take(newest).to_pylist()
    return [to_json({name: value for name, value in row.items() if value is not None}) for row in rows]


def measure(
    name: str, release: Release, bodies: Sequence[bytes], config: BenchmarkConfig, log_dir: Path
) -> dict[str, Any]:
    """One service under every load.

    Returns:
        `service`, `memory_mib`, and per load (`clients=8`, `rate=30`) what `Measured.to_json` gives, with
        `cpu_ms`: part → CPU milliseconds per answer.
    """
    storage = release.storage
    with service(name, storage.root, release.manifest.bucket, release.id, log_dir) as running:
        url = f"{running.url}/v1/triage"
        asyncio.run(closed_loop(url, running.headers, bodies, 4, _WARM_UP_S))
        loads: dict[str, Any] = {}
        for clients in config.clients:
            loop = closed_loop(url, running.headers, bodies, clients, config.seconds)
            loads[f"clients={clients}"] = _watched(running, loop)
        for rate in config.rates:
            loads[f"rate={rate:g}"] = _watched(running, open_loop(url, running.headers, bodies, rate, config.seconds))
        return {"service": name, "memory_mib": running.memory_bytes() / 2**20, "loads": loads}


def format_figures(figures: Sequence[dict[str, Any]], beside: str | None = None) -> str:
    """A table of services and loads.

    Args:
        figures: What `measure` gave.
        beside: Service whose throughput the others are set in relation to.
    """
    lines = [_HEAD]
    for of in figures:
        lines += [_line(of["service"], load, measured) for load, measured in of["loads"].items()]
        lines.append(f"{of['service']:<8} memory      {of['memory_mib']:.0f} MiB")
    if beside is not None:
        lines += ["", f"throughput in relation to {beside} (the mean of its runs):"]
        for of in figures:
            ratios = [
                f"{load} {of['loads'][load]['per_s'] / _usual(figures, beside, load):.2f}" for load in of["loads"]
            ]
            lines.append(f"{of['service']:<8} {', '.join(ratios)}")
    return "\n".join(lines)


def _line(name: str, load: str, measured: dict[str, Any]) -> str:
    times = " ".join(f"{measured[quantile]:8.1f}" for quantile in ("p50_ms", "p95_ms", "p99_ms"))
    wrong = f"{sum(measured['errors'].values()):7} {measured['degraded']:9}"
    used = sorted(measured["cpu_ms"].items(), key=lambda item: -item[1])
    cpu = ", ".join(f"{part} {ms:.1f}" for part, ms in used if ms >= _LEAST_CPU_MS)
    return f"{name:<8} {load:<11} {measured['per_s']:7.1f} {times} {wrong}  {cpu}"


def _watched(running: Running, loop: Any) -> dict[str, Any]:
    before = running.cpu_seconds()
    measured: Measured = asyncio.run(loop)
    after = running.cpu_seconds()
    num = max(len(measured.latencies), 1)
    cpu = {part: 1000 * (used - before.get(part, 0.0)) / num for part, used in after.items()}
    return {**measured.to_json(), "cpu_ms": cpu}


def _usual(figures: Sequence[dict[str, Any]], service_name: str | None, load: str) -> float:
    """Mean throughput of all runs of a service under a load."""
    return float(np.mean([of["loads"][load]["per_s"] for of in figures if of["service"] == service_name])) or np.nan
