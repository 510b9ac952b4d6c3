"""The suite `models`: what a fit of each family costs, and what one of its predictions costs, in CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from _searches import Task

from tickets.models import linear
from tickets.models.family import Examples, family, nll

BATCHES: Final = (1, 64)
"""Tickets of one call."""
_HEAD: Final = "text head"
_CALLS: Final = 50  # of which the median counts


@dataclass(frozen=True)
class Cost:
    """What one family costs and reaches on a target.

    Attributes:
        family: Its name, or that of the head that the trees read beside it.
        fit_s: CPU seconds of one fit with the first settings, on one thread.
        length: How far it went: rounds, epochs or a scale.
        nll: On the test rows.
        predict_ms: Tickets per call → CPU milliseconds per ticket.
    """

    family: str
    fit_s: float
    length: float
    nll: float
    predict_ms: dict[int, float]


def measure_families(task: Task, test: Examples, names: Sequence[str]) -> list[Cost]:
    """Fit each family once with the first settings of its search, and let it answer test rows.

    Args:
        task: Rows, limits and ranges.
        test: Rows to answer.
        names: The families.
    """
    started = time.process_time()
    head = linear.fit_head(task.train, task.limits)
    head.scale = linear.fit_scale(head.margins(task.valid.features), task.valid.labels)
    fitted = time.process_time() - started
    costs = [_cost(_HEAD, head.predict, fitted, head.scale, test)]
    for name in names:
        params = task.search.first(name)
        module = family(name)  # its library is imported before the clock runs
        started = time.process_time()
        found = module.fit(params, task.train, task.valid, task.limits, lambda loss: None)
        spent = time.process_time() - started
        costs.append(_cost(name, found.classifier.predict, spent, found.length, test))
    return costs


def format_costs(costs: Sequence[Cost], num_classes: int, num_rows: int) -> str:
    """The families side by side."""
    batches = "".join(f"{f'ms of {size}':>10}" for size in BATCHES)
    lines = [
        f"{num_rows} training rows, {num_classes} classes; CPU seconds of a fit, CPU milliseconds per ticket",
        f"{'family':<10}{'fit s':>8}{'length':>8}{'NLL':>8}{batches}",
    ]
    for of in costs:
        spent = "".join(f"{of.predict_ms[size]:>10.3f}" for size in BATCHES)
        lines.append(f"{of.family:<10}{of.fit_s:>8.1f}{of.length:>8.3g}{of.nll:>8.4f}{spent}")
    return "\n".join(lines)


def _cost(name: str, predict: Callable[..., np.ndarray], fit_s: float, length: float, test: Examples) -> Cost:
    spent = {size: _median_ms(predict, test, size) for size in BATCHES}
    return Cost(name, fit_s, length, nll(predict(test.features, test.head), test.labels), spent)


def _median_ms(predict: Callable[..., Any], test: Examples, size: int) -> float:
    """Per ticket, of calls with different tickets as far as there are any."""
    spent = []
    for start in range(_CALLS):
        rows = test.take(np.arange(start * size, (start + 1) * size) % len(test))
        started = time.process_time()
        predict(rows.features, rows.head)
        spent.append(1000 * (time.process_time() - started) / size)
    return float(np.median(spent))
