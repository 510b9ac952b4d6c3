"""Fits outside a sweep, each a Ray task placed like a trial: remedies compared, the chosen members."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tickets.config import ModelConfig, SweepConfig
from tickets.errors import ModelError
from tickets.models import imbalance
from tickets.models.family import Classifier, Examples, Fitted, Limits, Params, family
from tickets.models.triage import Member
from tickets.train.placement import living_nodes, on_granted_device, trial_resources
from tickets.train.problem import Problem
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.sweep import Candidate


def choose_remedy(
    problem: Problem, params: Params, model: ModelConfig, sweep: SweepConfig
) -> tuple[Problem, dict[str, Any]]:
    """What is done about uneven classes: what the configuration says, or what linear fits show.

    Args:
        problem: The target's rows.
        params: Settings of the linear fits.
        model: The remedy that is asked for, and the measure.
        sweep: Resources of a fit.

    Returns:
        The problem with its remedy, and how it was chosen, JSON-able: what `imbalance.compare` returns where remedies
        were measured, else `chosen` and `evenness`.
    """
    counts = np.bincount(problem.codes[problem.rows(TRAIN)], minlength=len(problem.labels))
    evenness = imbalance.evenness(counts)
    if model.imbalance != "measure" or evenness >= imbalance.EVEN:
        remedy = imbalance.NONE if model.imbalance == "measure" else model.imbalance
        return replace(problem, remedy=remedy), {"chosen": remedy, "evenness": evenness}
    import ray

    task = _placed(_judge_remedy, "linear", sweep)
    plain = ray.put((replace(problem, remedy=imbalance.NONE).lessons(TRAIN), problem.examples(VALIDATION)))
    pending = {remedy: task.remote(params, plain, remedy, problem.limits) for remedy in imbalance.REMEDIES}
    reached = {remedy: result_of("linear", reference) for remedy, reference in pending.items()}
    rows = problem.rows(VALIDATION)
    texts, seed = problem.fingerprints(rows), problem.limits.seed
    record = imbalance.compare(reached, problem.codes[rows], counts, texts, model.measure, seed)
    return replace(problem, remedy=record["chosen"]), record


def fit_first(problem: Problem, family_name: str, params: Params, config: SweepConfig) -> Candidate:
    """One family with given settings, without a search; for a family that needs no head.

    Raises:
        ModelError: The fit failed.
    """
    task = _placed(_fit_and_judge, family_name, config)
    reference = task.remote(family_name, params, problem.lessons(TRAIN), problem.examples(VALIDATION), problem.limits)
    fitted, validation = result_of(family_name, reference)
    return Candidate(family_name, params, fitted.length, validation)


def fit_members(
    problem: Problem,
    out_of_fold: np.ndarray | None,
    candidates: Sequence[Candidate],
    weights: Mapping[str, float],
    refit: bool,
    config: SweepConfig,
) -> tuple[tuple[Member, ...], dict[str, float]]:
    """The chosen families, fitted with their settings on the training rows, or, with `refit`, on these and the
    validation rows together; a candidate that carries its classifier is kept as it is. And family → seconds of its fit.

    Raises:
        ModelError: A fit failed.
    """
    import ray

    chosen = [candidate for candidate in candidates if candidate.family in weights]
    splits = (TRAIN, VALIDATION) if refit else (TRAIN,)
    rows = ray.put(problem.lessons(*splits, head=out_of_fold))
    pending = {
        c.family: _placed(_refit, c.family, config).remote(c.family, c.params, rows, problem.limits, c.length)
        for c in chosen
        if c.classifier is None
    }
    fitted = {name: result_of(name, reference) for name, reference in pending.items()}
    members = (Member(c.family, c.classifier or fitted[c.family][0], weights[c.family]) for c in chosen)
    return tuple(members), {name: seconds for name, (_, seconds) in fitted.items()}


def result_of(name: str, references: Any) -> Any:
    """What tasks gave.

    Raises:
        ModelError: One failed, or its process died, of memory say.
    """
    import ray

    try:
        return ray.get(references)
    except ray.exceptions.RayTaskError as error:
        raise ModelError(f"{name} could not be fitted: {error.cause!r}") from error
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[:1]  # what follows is advice on settings of Ray
        raise ModelError(f"{name} could not be fitted: {': '.join([type(error).__name__, *reason])}") from error


def _fit_and_judge(
    name: str, params: Params, train: Examples, valid: Examples, limits: Limits
) -> tuple[Fitted, np.ndarray]:
    held = replace(on_granted_device(limits), watched=False)
    fitted = family(name).fit(params, train, valid, held, lambda loss: None)
    return fitted, fitted.classifier.predict(valid.features, valid.head)


def _judge_remedy(params: Params, plain: tuple[Examples, Examples], remedy: str, limits: Limits) -> np.ndarray:
    train, valid = plain
    return _fit_and_judge("linear", params, imbalance.remedied(train, remedy, limits.num_classes), valid, limits)[1]


def _refit(name: str, params: Params, rows: Examples, limits: Limits, length: float) -> tuple[Classifier, float]:
    started = time.monotonic()
    model = family(name).refit(params, rows, on_granted_device(limits), length)
    return model, time.monotonic() - started


def _placed(task: Any, name: str, config: SweepConfig) -> Any:
    """The task as a Ray remote function with the resources of a trial."""
    import ray

    held = trial_resources(config, family(name).USES_GPU, living_nodes())
    return ray.remote(task).options(num_cpus=held["cpu"], num_gpus=held.get("gpu", 0))
