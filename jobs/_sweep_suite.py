"""The suite `sweep`: how good a search is after how many seconds, and what a sweep costs beside a plain loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from _entry import Job
from _searches import SEARCHES, Task, Tried, draw

from tickets.config.benchmark import BenchmarkConfig
from tickets.decide.metrics import paired_bootstrap
from tickets.features.state import FeatureState
from tickets.models.family import Examples, family, nll
from tickets.snapshots import load_snapshot
from tickets.train.prepare import prepare
from tickets.train.problem import build_problem
from tickets.train.split import TEST, TRAIN, VALIDATION
from tickets.train.sweep import sweep
from tickets.train.tasks import fit_head

SHARES: Final = (0.25, 0.5, 1.0)
"""Shares of the time at which the curves are read."""
_SHORT_TRIALS: Final = 8


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
        Search → `nll` [seeds, shares] on the test rows of what it had chosen by then, None before its first trial,
        and `trials` [seeds], how many came to their end.
    """
    reached: dict[str, Any] = {name: {"nll": [], "trials": []} for name in SEARCHES}
    for seed in range(config.seeds):
        for name, search in SEARCHES.items():
            tried = search(task, config.search_s, seed, folder / name)
            reached[name]["nll"].append([_judged(task, test, tried, share * config.search_s) for share in SHARES])
            reached[name]["trials"].append(sum(of.seconds <= config.search_s for of in tried))
    return reached


def compare_loop(task: Task, folder: Path) -> dict[str, float]:
    """Seconds of short trials as a sweep, and one after the other in this process."""
    import ray

    short = task.sweep.model_copy(update={"num_trials": _SHORT_TRIALS, "time_budget_s": None})
    rows = ray.put((task.train, task.valid))
    started = time.perf_counter()
    sweep(task.family, "short", rows, task.limits, short, task.search, folder / "short", lambda record: None)
    swept = time.perf_counter() - started
    random = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(_SHORT_TRIALS):
        family(task.family).fit(draw(task, random), task.train, task.valid, task.limits, lambda loss: None)
    return {"sweep_s": swept, "loop_s": time.perf_counter() - started}


def format_searches(reached: dict[str, Any], loop: dict[str, float], config: BenchmarkConfig) -> str:
    """The curves side by side, ours against each other search, and the cost of short trials."""
    moments = "".join(f"{share * config.search_s:>8.0f} s" for share in SHARES)
    lines = [
        f"test NLL of what each search had chosen, mean of {config.seeds} seeds",
        f"{'search':<9}{moments}  trials",
    ]
    for name, of in reached.items():
        means = "".join(_cell([row[at] for row in of["nll"]]) for at in range(len(SHARES)))
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


def _judged(task: Task, test: Examples, tried: Sequence[Tried], until_s: float) -> float | None:
    """Test NLL of the settings that were best on validation by then, fitted once more; None where there were none."""
    known = [of for of in tried if of.seconds <= until_s]
    if not known:
        return None
    best = min(known, key=lambda of: of.nll)
    fitted = family(task.family).fit(best.params, task.train, task.valid, task.limits, lambda loss: None)
    return nll(fitted.classifier.predict(test.features, test.head), test.labels)


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):>10.4f}" if len(known) == len(values) else f"{'-':>10}"
