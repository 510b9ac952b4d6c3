"""The searches that the suite `sweep` sets side by side: ours, and what a user would write with scikit-learn.

All of them fit the same family on the same rows, two fits at a time, and are judged on rows that none of them saw.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from tickets.config import SearchConfig, SweepConfig
from tickets.config.train import FloatRange, IntRange
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.models.family import Examples, Limits, Params, family
from tickets.train.sweep import sweep

_NEVER: Final = 100_000  # more trials than any budget holds


@dataclass(frozen=True)
class Task:
    """What is searched: a family, its space, and the rows.

    Attributes:
        family: Name of the family.
        train: Rows to fit on.
        valid: Rows by which a search chooses.
        limits: Of every fit.
        search: Ranges.
        sweep: How our search runs.
    """

    family: str
    train: Examples
    valid: Examples
    limits: Limits
    search: SearchConfig
    sweep: SweepConfig


@dataclass(frozen=True)
class Tried:
    """Settings that a search had tried, the second at which it knew their loss, and that loss on validation."""

    seconds: float
    params: Params
    nll: float


def ours(task: Task, budget_s: float, seed: int, folder: Path) -> list[Tried]:
    """The sweep of `jobs/train.py`: TPE, ASHA, a process per core. Needs a running Ray."""
    import ray

    config = task.sweep.model_copy(update={"num_trials": _NEVER, "time_budget_s": budget_s, "seed": seed})
    tried: list[Tried] = []
    started = time.perf_counter()

    def note(record: TrialRecord) -> None:
        if record.status == "finished" and record.nll is not None:
            params = {name: value for name, value in record.params.items() if isinstance(value, int | float)}
            tried.append(Tried(time.perf_counter() - started, params, record.nll))

    try:
        sweep(
            task.family,
            f"seed-{seed}",
            ray.put((task.train, task.valid)),
            task.limits,
            config,
            task.search,
            folder,
            note,
        )
    except ModelError:  # no trial came to its end in time: an empty curve says so
        return tried
    return tried


def at_random(task: Task, budget_s: float, seed: int, folder: Path) -> list[Tried]:
    """Uniform draws from the ranges, fitted in full by two processes: `RandomizedSearchCV` without its bookkeeping."""
    from joblib import Parallel, delayed

    random, started, tried = np.random.default_rng(seed), time.perf_counter(), list[Tried]()
    draws = (draw(task, random) for _ in range(_NEVER))
    with Parallel(n_jobs=2, return_as="generator_unordered", pre_dispatch=2) as pool:
        for params, loss in pool(delayed(_fitted_loss)(task, params) for params in _until(draws, started + budget_s)):
            tried.append(Tried(time.perf_counter() - started, params, loss))
    return tried


def by_halving(task: Task, budget_s: float, seed: int, folder: Path) -> list[Tried]:
    """scikit-learn's `HalvingRandomSearchCV` on growing shares of the rows, bracket by bracket while time is left."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it makes the next import possible
    from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit

    rows, labels, part = _numbered(task)
    started, tried = time.perf_counter(), list[Tried]()
    for bracket in range(_NEVER):
        if time.perf_counter() - started > budget_s:
            break
        halving = HalvingRandomSearchCV(
            Estimator(task), _distributions(task), n_candidates=9, factor=3, min_resources=len(task.train) // 9,
            cv=PredefinedSplit(part), scoring="neg_log_loss", refit=False, n_jobs=2, random_state=1000 * seed + bracket,
            return_train_score=False,  # `Estimator` knows validation rows only
        )  # fmt: skip
        halving.fit(rows, labels)
        last = halving.cv_results_["iter"] == halving.n_iterations_ - 1
        for at in np.flatnonzero(last):
            loss = -float(halving.cv_results_["mean_test_score"][at])
            tried.append(Tried(time.perf_counter() - started, halving.cv_results_["params"][at], loss))
    return tried


SEARCHES: Final = {"tickets": ours, "random": at_random, "halving": by_halving}


def draw(task: Task, random: np.random.Generator) -> Params:
    """Settings drawn uniformly from the family's ranges, on a logarithmic scale where they say so."""
    space = getattr(task.search, task.family)
    return {name: _drawn(getattr(space, name), random) for name in type(space).model_fields}


def _drawn(range_: FloatRange | IntRange, random: np.random.Generator) -> float | int:
    if isinstance(range_, IntRange):
        return int(random.integers(range_.low, range_.high + 1))
    if range_.log:
        return float(np.exp(random.uniform(np.log(range_.low), np.log(range_.high))))
    return float(random.uniform(range_.low, range_.high))


def _until(draws: Iterator[Params], end: float) -> Iterator[Params]:
    for params in draws:
        if time.perf_counter() > end:
            return
        yield params


def _fitted_loss(task: Task, params: Params) -> tuple[Params, float]:
    return params, family(task.family).fit(params, task.train, task.valid, task.limits, lambda loss: None).nll


def _numbered(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows as numbers, which is what scikit-learn cuts: int64 [n, 1], labels, and the fold of each (-1: train)."""
    num_train, num_valid = len(task.train), len(task.valid)
    rows = np.arange(num_train + num_valid)[:, None]
    part = np.r_[np.full(num_train, -1), np.zeros(num_valid, dtype=int)]
    return rows, np.r_[task.train.labels, task.valid.labels], part


def _distributions(task: Task) -> dict[str, Any]:
    from scipy import stats

    space = getattr(task.search, task.family)
    ranges = {name: getattr(space, name) for name in type(space).model_fields}
    return {
        name: stats.randint(of.low, of.high + 1)
        if isinstance(of, IntRange)
        else (stats.loguniform(of.low, of.high) if of.log else stats.uniform(of.low, of.high - of.low))
        for name, of in ranges.items()
    }


class Estimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A family as scikit-learn sees it; its rows are the numbers of `_numbered`."""

    def __init__(self, task: Task, **params: float) -> None:
        self.task = task
        self.params = params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Task and settings."""
        return {"task": self.task, **self.params}

    def set_params(self, **params: Any) -> Estimator:
        """Change task or settings."""
        self.task = params.pop("task", self.task)
        self.params = {**self.params, **params}
        return self

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> Estimator:
        """Fit on some of the training rows, with the validation rows to stop by."""
        self.classes_ = np.arange(self.task.limits.num_classes)
        train = self.task.train.take(rows[:, 0])
        self.fitted_ = family(self.task.family).fit(
            self.params, train, self.task.valid, replace(self.task.limits, watched=False), lambda loss: None
        )
        return self

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of validation rows, float64 [n, k]."""
        valid = self.task.valid.take(rows[:, 0] - len(self.task.train))
        return self.fitted_.classifier.predict(valid.features, valid.head)
