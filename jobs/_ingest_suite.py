"""The suite `ingest`: raw tickets to published tables, beside what a user would write instead, in one run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson
import psutil

from tickets.config import DataConfig, SimulateConfig, SourceConfig
from tickets.data.ingest import ingest
from tickets.data.simulate import simulate
from tickets.data.treatment import Reading
from tickets.storage import Storage

_BASE_ROWS: Final = 5_000
_SAMPLE_S: Final = 0.1
WARM_ROWS: Final = 2_000
_MOST_FOR_PANDAS: Final = 200_000  # it holds everything at once
SOURCE: Final = SourceConfig(name="benchmark", format="json", timestamps="auto")


@dataclass(frozen=True)
class Run:
    """One run of one contender.

    Attributes:
        seconds: Wall time.
        cpu_s: CPU seconds of all its processes.
        largest_mib: Peak memory of its largest process (RSS without shared pages that Ray's object store maps).
        all_mib: Peak memory of all of them.
    """

    seconds: float
    cpu_s: float
    largest_mib: float
    all_mib: float


def write_files(folder: Path, num_rows: int) -> tuple[Path, Path]:
    """Simulated tickets with all fields, repeated under new ids, texts and times; the same as an array and as lines.

    Returns:
        The array, with one object per line, and the lines.
    """
    base = simulate(SimulateConfig(rows=_BASE_ROWS, unseen=0)).tickets
    array, lines = folder / "tickets.json", folder / "tickets.jsonl"
    with array.open("wb") as first, lines.open("wb") as second:
        first.write(b"[\n")
        for number in range(num_rows):
            ticket = dict(base[number % len(base)])
            ticket["ticket_id"] = f"TK-{number:08d}"
            ticket["description"] = f"{ticket['description']} ({number})"
            text = orjson.dumps(ticket)
            first.write(text + (b",\n" if number + 1 < num_rows else b"\n"))
            second.write(text + b"\n")
        first.write(b"]\n")
    return array, lines


def measure_ingestion(root: Path, raw: Path, warm: Path) -> Run:
    """Raw → bronze, checked, offline and online snapshots, in a running Ray; the online store is left out."""
    ingest(Storage(str(root / "warm")), "benchmark", Reading(SOURCE), DataConfig(raw_file=str(warm)), root)
    with _watched(psutil.Process()) as watched:
        began = time.perf_counter()
        done = ingest(Storage(str(root / "real")), "benchmark", Reading(SOURCE), DataConfig(raw_file=str(raw)), root)
        seconds = time.perf_counter() - began
    assert done.offline.num_rows
    return watched(seconds)


def measure_contender(name: str, source: Path, target: Path) -> Run:
    """A contender in a process of its own; its imports count, as they do for a user."""
    command = [sys.executable, str(Path(__file__).with_name("_contenders.py")), name, str(source), str(target)]
    began = time.perf_counter()
    process = subprocess.Popen(command)
    with _watched(psutil.Process(process.pid)) as watched:
        code = process.wait()
    assert code == 0, f"{name} failed"
    return watched(time.perf_counter() - began)


def contenders(num_rows: int) -> list[str]:
    """What is measured: the ingestion, and those whose library is installed and that can hold so many rows."""
    others = [name for name in ("pyarrow", "polars", "pandas") if importlib.util.find_spec(name)]
    return ["tickets", *(name for name in others if name != "pandas" or num_rows <= _MOST_FOR_PANDAS)]


def format_runs(figures: dict[str, list[Run]], num_rows: int, num_bytes: int) -> str:
    """A table of medians, and ratios to the streaming contender."""
    head = f"{'':<10} {'s':>7} {'rows/s':>9} {'CPU s':>7} {'largest MiB':>12} {'all MiB':>9} {'x pyarrow':>10}"
    lines = [f"{num_rows} tickets, {num_bytes / 1e6:.0f} MB; medians", head]
    usual = _median(figures["pyarrow"], "seconds") if "pyarrow" in figures else float("nan")
    for name, runs in figures.items():
        seconds = _median(runs, "seconds")
        lines.append(
            f"{name:<10} {seconds:7.2f} {num_rows / seconds:9.0f} {_median(runs, 'cpu_s'):7.2f} "
            f"{_median(runs, 'largest_mib'):12.0f} {_median(runs, 'all_mib'):9.0f} {seconds / usual:10.2f}"
        )
    return "\n".join(lines)


def to_json(figures: dict[str, list[Run]]) -> dict[str, Any]:
    """All runs as JSON-able values."""
    return {name: [asdict(run) for run in runs] for name, runs in figures.items()}


def _median(runs: Sequence[Run], name: str) -> float:
    return float(median(getattr(run, name) for run in runs))


@contextmanager
def _watched(process: psutil.Process) -> Iterator[Callable[[float], Run]]:
    """Sample a process and its children while the block runs; then gives the figures for its seconds."""
    end, peaks, cpu = threading.Event(), [0.0, 0.0], dict[int, float]()

    def sample() -> None:
        sizes = []
        for of in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                memory = of.memory_info()
                sizes.append((memory.rss - memory.shared) / 2**20)
                times = of.cpu_times()
                cpu[of.pid] = times.user + times.system
        peaks[:] = max(peaks[0], max(sizes, default=0.0)), max(peaks[1], sum(sizes))

    def watch() -> None:
        while not end.wait(_SAMPLE_S):
            with suppress(psutil.NoSuchProcess):
                sample()

    with suppress(psutil.NoSuchProcess):
        sample()
    before = sum(cpu.values())
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda seconds: Run(seconds, sum(cpu.values()) - before, peaks[0], peaks[1])
        with suppress(psutil.NoSuchProcess):
            sample()
    finally:
        end.set()
        thread.join()
