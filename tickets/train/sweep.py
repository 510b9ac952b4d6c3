"""One family's search: Ray Tune, Optuna's TPE, ASHA on validation NLL. It does not know what is done with the best.

Every family reports its best NLL so far after each step, so that a trial that ASHA stops is judged by what it had
reached (Optuna takes a stopped trial's last value as final). Bergstra et al., 2011 (TPE); Li et al., 2020 (ASHA).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets import logs
from tickets.config import SearchConfig, SweepConfig
from tickets.config.base import Config
from tickets.config.train import IntRange
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.models.family import Examples, Limits, Params, family
from tickets.models.trees import ROUNDS_PER_STEP
from tickets.train.placement import trial_resources

_LINEAR_STEPS: Final = 3


@dataclass(frozen=True)
class Candidate:
    """The best that one family reached on the validation rows, fitted on the training rows.

    Attributes:
        family: Its name.
        params: Its settings.
        length: How far its fit went; what a refit needs.
        validation: float64 [rows of validation, k], its probabilities there.
    """

    family: str
    params: Params
    length: float
    validation: np.ndarray


def sweep(
    family_name: str,
    target: str,
    train: Examples,
    valid: Examples,
    limits: Limits,
    config: SweepConfig,
    search: SearchConfig,
    run_dir: Path,
    on_trial: Callable[[TrialRecord], None],
) -> Candidate:
    """Search one family's settings for one target. Needs a running Ray.

    Args:
        family_name: Which family.
        target: For names and logs.
        train: Rows to fit on.
        valid: Rows to judge on.
        limits: Steps, patience and seed of every fit.
        config: Trials, concurrency, accelerator.
        search: Ranges.
        run_dir: Folder, for its owner alone, in which Tune keeps its state.
        on_trial: Told of every trial when it ends.

    Raises:
        ModelError: Every trial failed; names the first error.
    """
    import optuna
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: Config = getattr(search, family_name)
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    resources = trial_resources(config, family(family_name).USES_GPU, ray.cluster_resources().get("GPU", 0))
    trainable = tune.with_parameters(
        _run_trial, family_name=family_name, train=train, valid=valid, limits=limits, run_dir=run_dir
    )
    watch = _watch(family_name, target, config.num_trials, on_trial)
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        tune_config=tune.TuneConfig(
            metric="nll",
            mode="min",
            num_samples=config.num_trials,
            search_alg=OptunaSearch(
                space=_distributions(space),
                metric="nll",
                mode="min",
                points_to_evaluate=[_first(space)],
                seed=config.seed,
            ),
            scheduler=ASHAScheduler(
                max_t=_num_steps(family_name, limits) + 1,
                grace_period=config.grace_steps,
                reduction_factor=config.reduction_factor,
            ),
            max_concurrent_trials=config.max_concurrent,
            time_budget_s=config.time_budget_s,
            reuse_actors=config.reuse_actors,
        ),
        run_config=tune.RunConfig(
            name=f"{target}-{family_name}", storage_path=str(run_dir), callbacks=[watch], verbose=0
        ),
    )
    tuner.fit()
    return _best(family_name, watch.records, watch.reached, run_dir)


def _run_trial(
    params: dict[str, Any], family_name: str, train: Examples, valid: Examples, limits: Limits, run_dir: Path
) -> None:
    """One trial, in a process of its own that may have run another trial before; leaves what it reached as a file."""
    import ray
    from ray import tune

    held = replace(limits, use_gpu=bool(ray.get_gpu_ids()))
    fitted = family(family_name).fit(params, train, valid, held, lambda loss: tune.report({"nll": loss}))
    reached = fitted.classifier.predict(valid.features, valid.head)
    np.savez(_outcome(run_dir, tune.get_context().get_trial_id()), length=fitted.length, validation=reached)
    tune.report({"nll": fitted.nll, "finished": True})


def _outcome(run_dir: Path, trial_id: str) -> Path:
    return run_dir / f"trial-{trial_id}.npz"


def _watch(family_name: str, target: str, num_trials: int, on_trial: Callable[[TrialRecord], None]) -> Any:
    """Tune's callback: keeps each trial's curve, and tells a person how the search goes."""
    from ray import tune

    class Watch(tune.Callback):
        def __init__(self) -> None:
            self.history: dict[str, list[dict[str, float]]] = {}
            self.reached: dict[str, float] = {}
            self.records: dict[str, TrialRecord] = {}

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
        ) -> None:
            curve = self.history.setdefault(trial.trial_id, [])
            if "finished" in result:
                self.reached[trial.trial_id] = result["nll"]
            else:
                curve.append({"step": result["training_iteration"], "nll": result["nll"]})

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            self._end(trial, "finished" if trial.trial_id in self.reached else "stopped", None)

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            self._end(trial, "failed", str(trial.get_error() or "no message"))

        def _end(self, trial: Any, status: Any, error: str | None) -> None:
            curve = self.history.get(trial.trial_id, [])
            seconds = float((trial.last_result or {}).get("time_total_s", 0.0))
            record = TrialRecord(
                trial_id=trial.trial_id,
                family=family_name,
                target=target,
                params=dict(trial.config),
                history=curve,
                status=status,
                error=error,
                seconds=seconds,
            )
            self.records[trial.trial_id] = record
            on_trial(record)
            reached = f"nll {curve[-1]['nll']:.4f}" if curve else last_line(error or "no result")
            logs.get("ml").info(
                "{} {}: trial {}/{} {} after {} steps, {}, {:.1f} s",
                target, family_name, len(self.records), num_trials, status, len(curve), reached, seconds,
            )  # fmt: skip

    return Watch()


def _best(
    family_name: str, records: Mapping[str, TrialRecord], reached: Mapping[str, float], run_dir: Path
) -> Candidate:
    finished = [record for record in records.values() if record.status == "finished"]
    if not finished:
        errors = [record.error for record in records.values() if record.error]
        reason = last_line(errors[0]) if errors else "none finished within the time budget"
        raise ModelError(f"{family_name}: none of {len(records)} trials finished: {reason}")
    best = min(finished, key=lambda record: reached[record.trial_id])
    with np.load(_outcome(run_dir, best.trial_id), allow_pickle=False) as outcome:
        params = {name: value for name, value in best.params.items() if isinstance(value, int | float)}
        return Candidate(family_name, params, float(outcome["length"]), outcome["validation"])


def last_line(traceback: str) -> str:
    """What a traceback says at its end: the error itself."""
    return traceback.strip().splitlines()[-1]


def _num_steps(family_name: str, limits: Limits) -> int:
    steps = {"linear": _LINEAR_STEPS, "dnn": limits.epochs}
    return steps.get(family_name, math.ceil(limits.boosting_rounds / ROUNDS_PER_STEP))


def _distributions(space: Config) -> dict[str, Any]:
    from optuna.distributions import FloatDistribution, IntDistribution

    ranges = {name: getattr(space, name) for name in type(space).model_fields}
    return {
        name: IntDistribution(range_.low, range_.high)
        if isinstance(range_, IntRange)
        else FloatDistribution(range_.low, range_.high, log=range_.log)
        for name, range_ in ranges.items()
    }


def _first(space: Config) -> dict[str, float]:
    return {name: getattr(space, name).first for name in type(space).model_fields}
