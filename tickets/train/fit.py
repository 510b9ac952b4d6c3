"""From a data set to a triage model: each target gets its best. It does not know storage, releases or trackers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tickets import logs
from tickets.config import TicketsConfig
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.features.encoder import with_full_path
from tickets.features.state import Features, FeatureState
from tickets.models import transformer
from tickets.models.family import family
from tickets.models.triage import TriageModel
from tickets.train.calibrated import Calibrated, calibrate, decide
from tickets.train.choice import choose
from tickets.train.finetune import Finetuned, finetune, is_asked, uses_gpu
from tickets.train.heads import MOST_OTHERS, Head, fit_head, joined
from tickets.train.hierarchy import settle
from tickets.train.placement import check_accelerator, check_workers, living_nodes
from tickets.train.prepare import Dataset
from tickets.train.problem import Problem, build_problem
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.sweep import Candidate, sweep
from tickets.train.tasks import choose_remedy, fit_first, fit_members

OnTrial = Callable[[TrialRecord], None]
_Made = TypeVar("_Made")


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
        ConfigError: A trial or the workers of the fine-tune demand what the cluster can never give.
        ModelError: No target can be learned; says why for each.
    """
    _check_demands(config)
    state = FeatureState.fit(dataset.table.filter(dataset.splits == TRAIN), dataset.selection, config.features)
    features = state.transform(dataset.table, dataset.vectors)
    alone = state.text_alone(features) if state.num_fields else None
    work = _Work(dataset, features, alone, state.patterns(dataset.table), config, run_dir, on_trial)
    names = config.source.targets
    with ThreadPoolExecutor(max_workers=4) as pool:  # linear fits side by side; a sweep fills the machine by itself
        posed = work.join_heads(dict(zip(names, pool.map(work.pose, names), strict=True)))
        plain = [name for name in names if name not in work.swept]
        begun = dict(zip(plain, pool.map(lambda name: work.begin(name, posed[name]), plain), strict=True))
        begun |= {name: work.begin(name, posed[name]) for name in work.swept}
        tuned = work.finetune([begun[name] for name in work.swept])
        outcomes = dict(zip(names, pool.map(lambda name: work.finish(name, begun[name], tuned), names), strict=True))
    fits = {name: found for name, found in outcomes.items() if isinstance(found, _Fit)}
    skipped = {name: found for name, found in outcomes.items() if isinstance(found, str)}
    if not fits:
        raise ModelError("no target can be learned: " + "; ".join(f"{name}: {why}" for name, why in skipped.items()))
    settled = settle({name: fit.calibrated for name, fit in fits.items()}, config)
    decided = {name: decide(calibrated, config.decide) for name, calibrated in settled.targets.items()}
    chosen = {
        name: {
            **fit.chosen,
            "calibration": {**fit.calibrated.record, "patterns": decided[name][1]},
            **settled.records.get(name, {}),
        }
        for name, fit in fits.items()
    }
    models = [model for model, _ in decided.values()]
    fit_s = {name: fit.fit_s for name, fit in fits.items()}
    return FittedTriage(TriageModel(state, models, settled.hierarchies), chosen, skipped, fit_s)


def _check_demands(config: TicketsConfig) -> None:
    nodes, can_scale = living_nodes(), "RAY_ADDRESS" in os.environ
    check_accelerator(config.sweep, nodes, can_scale)
    if is_asked(config):
        check_workers(config.finetune, nodes, uses_gpu(config), can_scale)


@dataclass(frozen=True)
class _Fit:
    calibrated: Calibrated
    chosen: dict[str, Any]
    fit_s: dict[str, float]


@dataclass(frozen=True)
class _Posed:
    """A target before anything is searched."""

    problem: Problem
    imbalance: dict[str, Any]
    head: Head | None


@dataclass(frozen=True)
class _Begun:
    """A target before its members are chosen."""

    posed: _Posed
    candidates: list[Candidate]


@dataclass(frozen=True)
class _Work:
    """What the fits of all targets share."""

    dataset: Dataset
    features: Features
    alone: Features | None
    patterns: list[str]
    config: TicketsConfig
    run_dir: Path
    on_trial: OnTrial

    @property
    def swept(self) -> tuple[str, ...]:
        """The targets that all families are searched for; the others are linear."""
        return self.config.model.sweep_targets or self.config.source.targets[:1]

    @property
    def families(self) -> tuple[str, ...]:
        """The families of a swept target; linear is always among them."""
        return tuple(dict.fromkeys(("linear", *self.config.model.families)))

    def pose(self, target: str) -> _Posed | str:
        """A target's rows, remedy and text head, or why there is no model."""
        return _or_why(target, lambda: self._pose(target))

    def join_heads(self, posed: dict[str, _Posed | str]) -> dict[str, _Posed | str]:
        """The same with the heads of other targets beside that of each swept one, where trees are searched."""
        heads = {name: (of.problem, of.head) for name, of in posed.items() if isinstance(of, _Posed) and of.head}
        for name in self.swept:
            of = posed[name]
            if isinstance(of, _Posed) and of.head:
                others = [other for other_name, other in heads.items() if other_name != name]
                posed[name] = replace(of, head=joined(of.head, others))
        return posed

    def begin(self, target: str, posed: _Posed | str) -> _Begun | str:
        """A target's candidates, or why there is no model."""
        return posed if isinstance(posed, str) else _or_why(target, lambda: self._begin(posed))

    def finetune(self, begun: Sequence[_Begun | str]) -> Finetuned:
        """The fine-tune of targets that have candidates; nothing where none is asked for, or where it fails."""
        problems = [one.posed.problem for one in begun if isinstance(one, _Begun)]
        if not problems or not is_asked(self.config):
            return Finetuned({}, {})
        try:
            return finetune(problems, self._with_best_settings(problems[0]), self.run_dir)
        except ModelError as error:
            logs.get("ml").error("{}", error.message)
            return Finetuned({}, {})

    def finish(self, target: str, begun: _Begun | str, tuned: Finetuned) -> _Fit | str:
        """A target's model, or why there is none."""
        return begun if isinstance(begun, str) else _or_why(target, lambda: self._finish(begun, tuned))

    def _pose(self, target: str) -> _Posed:
        config, dataset = self.config, self.dataset
        problem = build_problem(
            target, dataset.labels(target), self.features, dataset.texts, dataset.splits, config.model, config.sweep,
            self.alone, config.features.field_dropout,
        )  # fmt: skip
        problem, imbalance = choose_remedy(problem, config.search.first("linear"), config.model, config.sweep)
        return _Posed(problem, imbalance, self._head(problem))

    def _head(self, problem: Problem) -> Head | None:
        """The text head of a target where trees are searched: for its own, or as one of the others that they read."""
        if not any(family(name).NEEDS_HEAD for name in self.families):
            return None
        if problem.target in self.swept:
            return fit_head(problem, self.config.model.folds)
        if len(problem.labels) > MOST_OTHERS:
            return None
        try:
            return fit_head(problem, self.config.model.folds)
        except ModelError as error:  # its own model needs none
            logs.get("ml").warning("no other target reads what the text says of {}: {}", problem.target, error.message)
            return None

    def _begin(self, posed: _Posed) -> _Begun:
        if posed.problem.target in self.swept:
            return _Begun(posed, self._search(posed.problem, posed.head))
        return _Begun(posed, [self._first_linear(posed.problem)])

    def _finish(self, begun: _Begun, tuned: Finetuned) -> _Fit:
        config, problem, head = self.config, begun.posed.problem, begun.posed.head
        candidates = [*begun.candidates, *tuned.of(problem.target)]
        weights, chosen = choose(problem, candidates, config.model.folds)
        out_of_fold, text_head = (head.out_of_fold, head.model) if head else (None, None)
        members, fit_s = fit_members(problem, out_of_fold, candidates, weights, config.model.refit, config.sweep)
        languages = self.dataset.table["language"].to_pylist()
        calibrated = calibrate(problem, text_head, members, languages, self.patterns, config.decide)
        finetuned = {"finetune": tuned.record} if tuned.of(problem.target) else {}
        record = {**chosen, "members": weights, "imbalance": begun.posed.imbalance, **finetuned}
        return _Fit(calibrated, record, fit_s)

    def _with_best_settings(self, problem: Problem) -> TicketsConfig:
        """The settings of the fine-tune: where a GPU makes trials short, those that a sweep of one target finds."""
        import ray

        config, settings = self.config, self.config.finetune
        if not uses_gpu(config):
            return config
        limits = replace(
            problem.limits, epochs=settings.epochs, patience_steps=settings.patience_epochs,
            transformer=(with_full_path(config.encoder), settings),
        )  # fmt: skip
        rows = ray.put((problem.examples(TRAIN), problem.examples(VALIDATION)))
        best = sweep(
            transformer.NAME, problem.target, rows, limits, config.sweep, config.search, self.run_dir, self.on_trial
        )
        return config.model_copy(update={"finetune": settings.model_copy(update=dict(best.params))})

    def _search(self, problem: Problem, head: Head | None) -> list[Candidate]:
        """The best of each family. One whose trials all fail is left out, but the linear one, which all others have to
        beat, is then fitted with its first settings."""
        import ray

        out_of_fold = head.out_of_fold if head else None
        rows = ray.put((problem.lessons(TRAIN, head=out_of_fold), problem.examples(VALIDATION, head=out_of_fold)))
        found = []
        for name in self.families:
            try:
                best = sweep(
                    name, problem.target, rows, problem.limits, self.config.sweep, self.config.search, self.run_dir,
                    self.on_trial,
                )  # fmt: skip
            except ModelError as error:
                logs.get("ml").error("{}", error.message)
                if name == "linear":
                    found.append(self._first_linear(problem))
            else:
                found.append(best)
        return found

    def _first_linear(self, problem: Problem) -> Candidate:
        """The linear family without a search."""
        return fit_first(problem, "linear", self.config.search.first("linear"), self.config.sweep)


def _or_why(target: str, step: Callable[[], _Made]) -> _Made | str:
    """What a step made of a target, or why it made nothing."""
    try:
        return step()
    except ModelError as error:
        logs.get("ml").warning("target {} is skipped: {}", target, error.message)
        return error.message
