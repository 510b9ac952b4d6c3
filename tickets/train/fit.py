"""From a data set to a triage model: each target gets its best. It does not know storage, releases or trackers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tickets import logs
from tickets.config import TicketsConfig
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.features.state import Features, FeatureState, presence
from tickets.models.family import Params, family
from tickets.models.triage import TargetModel, TriageModel
from tickets.train.placement import check_accelerator
from tickets.train.prepare import Dataset
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.sweep import Candidate, sweep
from tickets.train.target import Head, Problem, build_problem, calibrate, choose, fit_first, fit_head, fit_members

OnTrial = Callable[[TrialRecord], None]


@dataclass(frozen=True)
class FittedTriage:
    """What training made.

    Attributes:
        model: The model of all targets that could be learned.
        chosen: Target → how its model was chosen, JSON-able.
        skipped: Target → why there is no model for it.
        fit_s: Target → family → seconds of its final fit.
    """

    model: TriageModel
    chosen: dict[str, dict[str, Any]]
    skipped: dict[str, str]
    fit_s: dict[str, dict[str, float]]


def fit_triage(dataset: Dataset, config: TicketsConfig, run_dir: Path, on_trial: OnTrial) -> FittedTriage:
    """Fit a model for every target. Needs a running Ray.

    Args:
        dataset: Rows with text, vectors and splits.
        config: Families, sweeps, decisions.
        run_dir: Folder for the sweeps' own state.
        on_trial: Told of every trial when it ends.

    Raises:
        ConfigError: A GPU is demanded where none can come.
        ModelError: No target can be learned; says why for each.
    """
    import ray

    check_accelerator(config.sweep.accelerator, ray.cluster_resources().get("GPU", 0), "RAY_ADDRESS" in os.environ)
    state = FeatureState.fit(dataset.table.filter(dataset.splits == TRAIN), dataset.selection, config.features)
    features = state.transform(dataset.table, dataset.vectors)
    work = _Work(dataset, features, config, run_dir, on_trial)
    swept = config.model.sweep_targets or config.source.targets[:1]
    plain = [name for name in config.source.targets if name not in swept]
    with ThreadPoolExecutor(max_workers=4) as pool:  # linear fits side by side; a sweep fills the machine by itself
        outcomes = dict(zip(plain, pool.map(lambda name: work.fit(name, swept=False), plain), strict=True))
    outcomes |= {name: work.fit(name, swept=True) for name in swept}
    fits = {name: found for name in config.source.targets if isinstance(found := outcomes[name], _Fit)}
    skipped = {name: found for name, found in outcomes.items() if isinstance(found, str)}
    if not fits:
        raise ModelError("no target can be learned: " + "; ".join(f"{name}: {why}" for name, why in skipped.items()))
    model = TriageModel(state, [fit.model for fit in fits.values()])
    chosen, fit_s = ({name: getattr(fit, of) for name, fit in fits.items()} for of in ("chosen", "fit_s"))
    return FittedTriage(model, chosen, skipped, fit_s)


@dataclass(frozen=True)
class _Fit:
    model: TargetModel
    chosen: dict[str, Any]
    fit_s: dict[str, float]


@dataclass(frozen=True)
class _Work:
    """What the fits of all targets share."""

    dataset: Dataset
    features: Features
    config: TicketsConfig
    run_dir: Path
    on_trial: OnTrial

    def fit(self, target: str, swept: bool) -> _Fit | str:
        """A target's model, or why there is none."""
        try:
            return self._fit(target, swept)
        except ModelError as error:
            logs.get("ml").warning("target {} is skipped: {}", target, error.message)
            return error.message

    def _fit(self, target: str, swept: bool) -> _Fit:
        config, dataset = self.config, self.dataset
        problem = build_problem(
            target, dataset.labels(target), self.features, dataset.texts, dataset.splits, config.model, config.sweep
        )
        families = tuple(dict.fromkeys(("linear", *config.model.families))) if swept else ("linear",)
        needs_head = any(family(name).NEEDS_HEAD for name in families)
        head = fit_head(problem, config.model.folds) if needs_head else None
        if swept:
            candidates = self._search(problem, head, families)
        else:
            candidates = [fit_first(problem, "linear", self._first_linear(), config.sweep)]
        weights, chosen = choose(problem, candidates, config.model.folds)
        members, fit_s = fit_members(problem, head, candidates, weights, config.model.refit, config.sweep)
        languages = dataset.table["language"].to_pylist()
        patterns = presence(dataset.table, dataset.selection)
        model, calibration = calibrate(problem, head, members, languages, patterns, config.decide)
        return _Fit(model, {**chosen, "members": weights, "calibration": calibration}, fit_s)

    def _search(self, problem: Problem, head: Head | None, families: Sequence[str]) -> list[Candidate]:
        """The best of each family; one whose trials all fail is left out, unless it is the only one."""
        import ray

        out_of_fold = head.out_of_fold if head else None
        rows = ray.put((problem.examples(TRAIN, head=out_of_fold), problem.examples(VALIDATION, head=out_of_fold)))
        found, failures = [], []
        for name in families:
            try:
                best = sweep(
                    name, problem.target, rows, problem.limits, self.config.sweep, self.config.search, self.run_dir,
                    self.on_trial,
                )  # fmt: skip
            except ModelError as error:
                logs.get("ml").error("{}", error.message)
                failures.append(error.message)
            else:
                found.append(best)
        if not found:
            raise ModelError("; ".join(failures))
        return found

    def _first_linear(self) -> Params:
        space = self.config.search.linear
        return {name: getattr(space, name).first for name in type(space).model_fields}
