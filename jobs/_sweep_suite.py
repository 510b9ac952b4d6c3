"""The suite `sweep`: how good a search is after how many seconds, and what a sweep costs beside a plain loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from _entry import Job
from _searches import SEARCHES, Task, Tried

from tickets.config.benchmark import BenchmarkConfig
from tickets.decide.metrics import paired_bootstrap
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.features.state import FeatureState
from tickets.models.family import Examples, family, nll
from tickets.snapshots import load_snapshot
from tickets.train.heads import fit_head
from tickets.train.prepare import prepare
from tickets.train.problem import build_problem
from tickets.train.split import TEST, TRAIN, VALIDATION
from tickets.train.sweep import sweep
from tickets.train.trials import settings

SHARES: Final = tuple(eighth / 8 for eighth in range(1, 9))
"""Shares of the time at which the curves are read."""
_SHOWN: Final = (1, 3, 7)
"""Which of them the table has: a quarter, half and all of the time."""
_SHORT_TRIALS: Final = 8
_SHORT_ROUNDS: Final = 50
_SHORT_EPOCHS: Final = 3


def build_task(job: Job) -> tuple[Task, Examples]:
    """The first target of the bucket's tickets, and the rows that no search sees. Needs a running Ray."""
    config, name = job.config, job.config.source.targets[0]
    dataset = prepare(job.storage, load_snapshot(job.storage, f"{job.bucket}/offline"), config, Path.cwd())
    state = FeatureState.fit(dataset.table.filter(dataset.splits == TRAIN), dataset.selection, config.features)
    features = state.transform(dataset.table, dataset.vectors)
    problem = build_problem(
        name, dataset.labels(name), features, dataset.texts, dataset.splits, config.model, config.sweep
    )
    head = fit_head(problem, config.model.folds)
    of_head = head.out_of_fold
    test = problem.rows(TEST)
    of_head[test] = head.model.predict(features.take(test))
    task = Task(
        config.benchmark.family,
        problem.examples(TRAIN, head=of_head),
        problem.examples(VALIDATION, head=of_head),
        problem.limits,
        config.search,
        config.sweep,
    )
    return task, problem.examples(TEST, head=of_head)


def compare_searches(task: Task, test: Examples, config: BenchmarkConfig, folder: Path) -> dict[str, Any]:
    """Each search with each seed for the same time.

    Returns:
        Search → `seconds` [moments], `nll` [seeds, moments] on the test rows of what it had chosen by then, None before
        its first trial, and `trials` [seeds], how many came to their end.
    """
    seconds = [share * config.search_s for share in SHARES]
    reached: dict[str, Any] = {name: {"seconds": seconds, "nll": [], "trials": []} for name in SEARCHES}
    for seed in range(config.seeds):
        for name, search in SEARCHES.items():
            tried = search(task, config.search_s, seed, folder / name)
            reached[name]["nll"].append(_curve(task, test, tried, seconds))
            reached[name]["trials"].append(sum(of.seconds <= config.search_s for of in tried))
    return reached


def compare_loop(task: Task, folder: Path) -> dict[str, float]:
    """Seconds of short trials as a sweep in which none is stopped, and of the same ones, one after the other in this
    process: what the sweep costs beside the fits, and what it gains by making them side by side.

    Raises:
        ModelError: A trial failed.
    """
    import ray

    ended: list[TrialRecord] = []
    limits = replace(task.limits, boosting_rounds=_SHORT_ROUNDS, epochs=_SHORT_EPOCHS)
    short = task.sweep.model_copy(
        update={"num_trials": _SHORT_TRIALS, "time_budget_s": None, "grace_steps": _SHORT_ROUNDS}
    )
    rows = ray.put((task.train, task.valid))
    started = time.perf_counter()
    sweep(task.family, "short", rows, limits, short, task.search, folder / "short", ended.append)
    swept = time.perf_counter() - started
    tried = [record for record in ended if record.status == "finished"]
    if len(tried) != _SHORT_TRIALS:
        raise ModelError(f"{len(tried)} of {_SHORT_TRIALS} short trials came to their end; there is nothing to compare")
    started = time.perf_counter()
    for record in tried:
        family(task.family).fit(settings(record), task.train, task.valid, limits, lambda loss: None)
    return {"sweep_s": swept, "loop_s": time.perf_counter() - started}


def format_searches(reached: dict[str, Any], loop: dict[str, float], config: BenchmarkConfig) -> str:
    """The curves side by side, ours against each other search, and the cost of short trials."""
    moments = "".join(f"{SHARES[at] * config.search_s:>8.0f} s" for at in _SHOWN)
    lines = [
        f"test NLL of what each search had chosen, mean of {config.seeds} seeds",
        f"{'search':<9}{moments}  trials",
    ]
    for name, of in reached.items():
        means = "".join(_cell([row[at] for row in of["nll"]]) for at in _SHOWN)
        lines.append(f"{name:<9}{means}  {np.mean(of['trials']):.1f}")
    for name in list(reached)[1:]:
        pairs = [(a[-1], b[-1]) for a, b in zip(reached["tickets"]["nll"], reached[name]["nll"], strict=True)]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        if known:
            gain, low, high = paired_bootstrap([b for _, b in known], [a for a, _ in known])
            lines.append(f"tickets beside {name} at the end: NLL lower by {gain:+.4f} ({low:+.4f} to {high:+.4f})")
    ratio = loop["sweep_s"] / loop["loop_s"]
    lines.append(
        f"{_SHORT_TRIALS} short trials: {loop['sweep_s']:.1f} s as a sweep, {loop['loop_s']:.1f} s one after the other "
        f"in one process, ratio {ratio:.2f}"
    )
    return "\n".join(lines)


def _curve(task: Task, test: Examples, tried: Sequence[Tried], seconds: Sequence[float]) -> list[float | None]:
    """Test NLL, at each moment, of the settings that were best on validation by then, fitted once more; None where
    there were none."""
    judged: dict[int, float] = {}
    curve: list[float | None] = []
    for moment in seconds:
        known = [at for at, of in enumerate(tried) if of.seconds <= moment]
        best = min(known, key=lambda at: tried[at].nll, default=None)
        if best is not None and best not in judged:
            fitted = family(task.family).fit(tried[best].params, task.train, task.valid, task.limits, lambda loss: None)
            judged[best] = nll(fitted.classifier.predict(test.features, test.head), test.labels)
        curve.append(None if best is None else judged[best])
    return curve


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):>10.4f}" if len(known) == len(values) else f"{'-':>10}"
