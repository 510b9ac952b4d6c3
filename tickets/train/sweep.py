"""One family's search: Ray Tune, Optuna's TPE, ASHA on validation NLL. It does not know what is done with the best.

Every family reports its best NLL so far after each step, so that a trial that ASHA stops is judged by what it had
reached (Optuna takes a stopped trial's last value as final). Bergstra et al., 2011 (TPE); Li et al., 2020 (ASHA).
A sweep that was killed is taken up with the trials that had ended: they are told to Optuna, and the rest is run. That
needs their records alone (`trials.py`), not the state that Tune pickles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets import logs
from tickets.config import SearchConfig, SweepConfig
from tickets.config.base import Config
from tickets.config.train import IntRange
from tickets.events import TrialRecord
from tickets.models.family import Classifier, Limits, Params, family
from tickets.models.trees import Pace
from tickets.train.placement import living_nodes, on_granted_device, trial_resources
from tickets.train.trials import TrialLog, best_of, last_line, settings

_LINEAR_STEPS: Final = 3
_RANDOM_TRIALS: Final = (2, 10)
"""Least and most trials that are drawn at random before TPE draws; in between, a third of all. Optuna's own 10 is more
than a short sweep has."""
OnTrial = Callable[[TrialRecord], None]


@dataclass(frozen=True)
class Candidate:
    """The best that one family reached on the validation rows, fitted on the training rows.

    Attributes:
        family: Its name.
        params: Its settings.
        length: How far its fit went; what a refit needs.
        validation: float64 [rows of validation, k], its probabilities there.
        classifier: The fitted model, where that one is kept; None: it is fitted once more.
    """

    family: str
    params: Params
    length: float
    validation: np.ndarray
    classifier: Classifier | None = None


def sweep(
    family_name: str,
    target: str,
    rows: Any,
    limits: Limits,
    config: SweepConfig,
    search: SearchConfig,
    run_dir: Path,
    on_trial: OnTrial,
) -> Candidate:
    """Search one family's settings for one target; what a killed run left in the folder counts. Needs a running Ray.

    Args:
        family_name: Which family.
        target: For names and logs.
        rows: Ray's reference to a pair of `Examples`, to fit on and to judge on, which all sweeps of a target share.
        limits: Steps, patience and seed of every fit.
        config: Trials, concurrency, accelerator.
        search: Ranges.
        run_dir: Folder, for its owner alone, in which Tune keeps its state and trials what they reached.
        on_trial: Told of every trial after each step and when it ends, and of each that had ended before.

    Raises:
        ModelError: Every trial failed; names the first error.
    """
    log = TrialLog(run_dir / f"{target}-{family_name}")
    known = [record for record in log.read_records() if record.status != "failed"]  # what failed is tried again
    for record in known:
        on_trial(record)
    if known:
        logs.get("ml").info(
            "{} {}: {} of {} trials were made before", target, family_name, len(known), config.num_trials
        )
    watch = _watch(family_name, target, config.num_trials, log, known, on_trial)
    if not log.is_done(config.num_trials) and len(known) < config.num_trials:
        _search(family_name, rows, limits, config, search, log, watch)
    best = best_of(watch.records, family_name)
    log.write_done(best, config.num_trials)
    return Candidate(family_name, settings(best), *log.load_outcome(best.trial_id))


def _search(
    family_name: str,
    rows: Any,
    limits: Limits,
    config: SweepConfig,
    search: SearchConfig,
    log: TrialLog,
    watch: Any,
) -> None:
    """Run the trials that are still to be made."""
    from ray import tune

    resources = trial_resources(config, family(family_name).USES_GPU, living_nodes())
    trainable = tune.with_parameters(_run_trial, family_name=family_name, shared=[rows], limits=limits, log=log)
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        tune_config=tune.TuneConfig(
            metric="nll",
            mode="min",
            num_samples=config.num_trials - len(watch.records),
            search_alg=_searcher(family_name, search, watch.records, config),
            scheduler=_scheduler(family_name, limits, config),
            max_concurrent_trials=config.max_concurrent,
            time_budget_s=config.time_budget_s,
            reuse_actors=config.reuse_actors,
        ),
        run_config=tune.RunConfig(name="tune", storage_path=str(log.folder), callbacks=[watch], verbose=0),
    )
    tuner.fit()


def _scheduler(family_name: str, limits: Limits, config: SweepConfig) -> Any:
    """ASHA over all steps of a fit and the result behind them."""
    from ray.tune.schedulers import ASHAScheduler

    most = _num_steps(family_name, limits) + 1
    grace = min(config.grace_steps, most)  # Ray asserts that it is no more
    return ASHAScheduler(max_t=most, grace_period=grace, reduction_factor=config.reduction_factor)


def _searcher(family_name: str, search: SearchConfig, known: Sequence[TrialRecord], config: SweepConfig) -> Any:
    """Optuna's TPE that starts from each range's `first` and from what earlier trials reached."""
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    first = search.first(family_name)
    is_new = all(settings(record) != first for record in known)
    least, most = _RANDOM_TRIALS
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=min(max(config.num_trials // 3, least), most),
        multivariate=True,
        seed=config.seed + len(known),  # the same seed again would draw what was drawn before the kill
    )
    searcher = OptunaSearch(
        space=_distributions(getattr(search, family_name)),
        metric="nll",
        mode="min",
        points_to_evaluate=[first] if is_new else [],
        sampler=sampler,
    )
    for record in known:
        if record.nll is not None:
            searcher.add_evaluated_point(dict(settings(record)), record.nll)
    return searcher


def _run_trial(params: dict[str, Any], family_name: str, shared: list[Any], limits: Limits, log: TrialLog) -> None:
    """One trial, in a process of its own that may have run another trial before; leaves what it reached as a file."""
    import ray
    from ray import tune

    train, valid = ray.get(shared[0])
    held = on_granted_device(limits)
    fitted = family(family_name).fit(params, train, valid, held, lambda loss: tune.report({"nll": loss}))
    reached = fitted.classifier.predict(valid.features, valid.head)
    log.save_outcome(tune.get_context().get_trial_id(), fitted.length, reached)
    tune.report({"nll": fitted.nll, "finished": True})


def _watch(
    family_name: str, target: str, num_trials: int, log: TrialLog, known: Sequence[TrialRecord], on_trial: OnTrial
) -> Any:
    """Tune's callback: keeps each trial's curve and record, and tells a person how the search goes."""
    from ray import tune

    class Watch(tune.Callback):
        def __init__(self) -> None:
            self.records = list(known)
            self._history: dict[str, list[dict[str, float]]] = {}
            self._reached: dict[str, float] = {}
            self._finished: set[str] = set()

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
        ) -> None:
            name, loss = trial.trial_id, result["nll"]
            if math.isfinite(loss):
                self._reached[name] = loss
            if "finished" in result:
                self._finished.add(name)
            elif math.isfinite(loss):
                self._history.setdefault(name, []).append({"step": result["training_iteration"], "nll": loss})
                on_trial(self._record(trial, "running", None))

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            self._end(trial, "finished" if trial.trial_id in self._finished else "stopped", None)

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            self._end(trial, "failed", _error_of(trial))

        def _record(self, trial: Any, status: Any, error: str | None) -> TrialRecord:
            return TrialRecord(
                trial_id=trial.trial_id,
                family=family_name,
                target=target,
                params=dict(trial.config),
                history=tuple(self._history.get(trial.trial_id, [])),
                status=status,
                error=error,
                seconds=float((trial.last_result or {}).get("time_total_s", 0.0)),
                nll=self._reached.get(trial.trial_id),
            )

        def _end(self, trial: Any, status: Any, error: str | None) -> None:
            record = self._record(trial, status, error)
            self.records.append(record)
            log.write_record(record)
            on_trial(record)
            reached = last_line(error or "no result") if record.nll is None else f"nll {record.nll:.4f}"
            logs.get("ml").info(
                "{} {}: trial {}/{} {} after {} steps, {}, {:.1f} s",
                target, family_name, len(self.records), num_trials, status, len(record.history), reached,
                record.seconds,
            )  # fmt: skip

    return Watch()


def _error_of(trial: Any) -> str:
    """What a failed trial left; `Trial.get_error` looks where it is copied to only later."""
    left = trial.error_file and Path(trial.error_file)
    return left.read_text(encoding="utf-8", errors="replace") if left and left.exists() else "it left no message"


def _num_steps(family_name: str, limits: Limits) -> int:
    steps = {"linear": _LINEAR_STEPS, "dnn": limits.epochs, "transformer": limits.epochs}
    return steps.get(family_name, Pace.of(limits).num_steps)


def _distributions(space: Config) -> dict[str, Any]:
    from optuna.distributions import FloatDistribution, IntDistribution

    ranges = {name: getattr(space, name) for name in type(space).model_fields}
    return {
        name: IntDistribution(range_.low, range_.high)
        if isinstance(range_, IntRange)
        else FloatDistribution(range_.low, range_.high, log=range_.log)
        for name, range_ in ranges.items()
    }
