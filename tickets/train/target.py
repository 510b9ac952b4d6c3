"""One target's model: candidates are fitted, compared on validation, mixed where that is better, calibrated.

It does not know how settings are searched (`sweep.py`). Every fit is a Ray task, placed like a trial.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tickets.config import DecideConfig, ModelConfig, SweepConfig
from tickets.decide.calibration import choose_calibration
from tickets.decide.metrics import paired_bootstrap
from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.temperature import Temperature
from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models import imbalance, linear
from tickets.models.ensemble import cross_pool, fit_weights
from tickets.models.family import Classifier, Examples, Fitted, Limits, Params, family, softmax
from tickets.models.labels import OUTSIDE, Labels
from tickets.models.triage import Member, TargetModel
from tickets.text import fingerprint
from tickets.train.patterns import Judged, choose_policy
from tickets.train.placement import trial_resources
from tickets.train.split import CALIBRATION, TRAIN, VALIDATION
from tickets.train.sweep import Candidate

_LEAST_SHARE: Final = 0.02  # a member with less of the weights costs time at every prediction and changes nothing


@dataclass(frozen=True)
class Problem:
    """One target's rows.

    Attributes:
        target: Its name.
        labels: Its closed list, from the training rows.
        codes: int64 [n], index of each row's label, below 0 where it is outside the list or missing.
        features: n rows.
        texts: n texts.
        splits: str [n].
        limits: Steps, patience and seed of every fit.
        alone: The n rows with their text alone; None: there are no fields that could be missing.
        field_dropout: Share of the rows that are learned from once more with their text alone.
        remedy: What is done about classes of unlike size, one of `tickets.models.imbalance.REMEDIES`.
    """

    target: str
    labels: Labels
    codes: np.ndarray
    features: Features
    texts: Sequence[str]
    splits: np.ndarray
    limits: Limits
    alone: Features | None = None
    field_dropout: float = 0.0
    remedy: str = imbalance.NONE

    def rows(self, *splits: str, least: int = 0) -> np.ndarray:
        """Indices of the rows of some splits with a label in the list; with `least=OUTSIDE`, with any label."""
        return np.flatnonzero(np.isin(self.splits, splits) & (self.codes >= least))

    def fingerprints(self, rows: np.ndarray) -> list[str]:
        """One for each row, hexadecimal, shared by rows of the same text; a row without text has its own."""
        return [fingerprint(self.texts[row] or f"row {row}") for row in rows]

    def examples(self, *splits: str, head: np.ndarray | None = None) -> Examples:
        """The rows of some splits with a label in the list; `head` is float32 [n, k]."""
        rows = self.rows(*splits)
        return Examples(self.features.take(rows), self.codes[rows], None if head is None else head[rows])

    def lessons(self, *splits: str, head: np.ndarray | None = None) -> Examples:
        """`examples` to learn from and never to judge on: behind them stand copies of some without their fields.

        Which rows have a copy depends on the seed and on the number of rows alone. The text head says the same of both.
        The remedy for uneven classes lies on these rows, and on no others.
        """
        examples, rows = self.examples(*splits, head=head), self.rows(*splits)
        examples = imbalance.remedied(examples, self.remedy, len(self.labels))
        if self.alone is None:
            return examples
        has_copy = np.random.default_rng(self.limits.seed).random(len(self.codes)) < self.field_dropout
        copies = self.alone.take(rows[has_copy[rows]])
        joined = examples.take(np.r_[np.arange(len(rows)), np.flatnonzero(has_copy[rows])])
        categories = np.vstack([examples.features.categories, copies.categories])
        numbers = np.vstack([examples.features.numbers, copies.numbers])
        told = np.r_[has_copy[rows], np.zeros(len(copies), dtype=bool)]
        features = replace(joined.features, categories=categories, numbers=numbers)
        return replace(joined, features=features, has_copy=told)


@dataclass(frozen=True)
class Head:
    """The text head of a problem.

    Attributes:
        model: Fitted on training and validation rows; for every other row.
        out_of_fold: float32 [n, k]; for each training and validation row from a head that did not see its text.
    """

    model: linear.Linear
    out_of_fold: np.ndarray


def build_problem(
    target: str,
    values: Sequence[str | None],
    features: Features,
    texts: Sequence[str],
    splits: np.ndarray,
    model: ModelConfig,
    sweep: SweepConfig,
    alone: Features | None = None,
    field_dropout: float = 0.0,
) -> Problem:
    """The rows of one target.

    Args:
        target: Its name.
        values: Its n values as text.
        features: n rows.
        texts: n texts.
        splits: str [n].
        model: Least rows of a label, seed.
        sweep: Steps of a fit.
        alone: n rows, as in `Problem`.
        field_dropout: As in `Problem`.

    Raises:
        ModelError: Fewer than two labels, or a split without a labelled row.
    """
    in_train = [value for value, split in zip(values, splits, strict=True) if split == TRAIN]
    labels = Labels.fit(in_train, model.min_class_rows)
    if len(labels) < 2:
        raise ModelError(f"{len(labels)} label with at least {model.min_class_rows} training rows; needed: 2")
    limits = Limits(len(labels), sweep.boosting_rounds, sweep.epochs, sweep.patience_steps, seed=model.seed)
    problem = Problem(target, labels, labels.encode(values), features, texts, splits, limits, alone, field_dropout)
    for split in (TRAIN, VALIDATION, CALIBRATION):
        if not len(problem.rows(split)):
            raise ModelError(f"no row of the {split} split has one of its labels")
    return problem


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
    task, valid = _placed(_fit_and_judge, "linear", sweep), problem.examples(VALIDATION)
    pending = {
        remedy: task.remote("linear", params, replace(problem, remedy=remedy).lessons(TRAIN), valid, problem.limits)
        for remedy in imbalance.REMEDIES
    }
    reached = {remedy: _result("linear", reference)[1] for remedy, reference in pending.items()}
    rows = problem.rows(VALIDATION)
    texts, seed = problem.fingerprints(rows), problem.limits.seed
    record = imbalance.compare(reached, problem.codes[rows], counts, texts, model.measure, seed)
    return replace(problem, remedy=record["chosen"]), record


def fit_head(problem: Problem, num_folds: int) -> Head:
    """Fit the text head once per fold and once on everything; rows with the same text share a fold."""
    import ray

    rows = problem.rows(TRAIN, VALIDATION)
    folds = text_folds(problem.fingerprints(rows), num_folds)
    examples = ray.put(problem.examples(TRAIN, VALIDATION))
    fit: Any = ray.remote(_head_margins)
    parts = ray.get([fit.remote(examples, folds, fold, problem.limits) for fold in range(num_folds)])
    margins = np.zeros((len(rows), len(problem.labels)), dtype=np.float32)
    for fold, part in enumerate(parts):
        margins[folds == fold] = part
    scale = linear.fit_scale(margins, problem.codes[rows])
    out_of_fold = np.full((len(problem.codes), len(problem.labels)), np.nan, dtype=np.float32)
    out_of_fold[rows] = softmax(margins * scale)
    whole: Any = ray.remote(linear.fit_head)
    return Head(ray.get(whole.remote(examples, problem.limits, scale)), out_of_fold)


def fit_first(problem: Problem, family_name: str, params: Params, config: SweepConfig) -> Candidate:
    """One family with given settings, without a search; for a family that needs no head.

    Raises:
        ModelError: The fit failed.
    """
    task = _placed(_fit_and_judge, family_name, config)
    reference = task.remote(family_name, params, problem.lessons(TRAIN), problem.examples(VALIDATION), problem.limits)
    fitted, validation = _result(family_name, reference)
    return Candidate(family_name, params, fitted.length, validation)


def choose(
    problem: Problem, candidates: Sequence[Candidate], num_folds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """The linear model, unless another family or the pool of all is surely better on validation.

    Each candidate is judged with a temperature, and the pool with weights, that were fitted on the other folds of the
    validation rows. Surely: the gain in NLL, paired by row, lies above 0 with 95 % confidence.

    Args:
        problem: The target's rows.
        candidates: The best of each family.
        num_folds: Folds of the validation rows; rows of the same text share one.

    Returns:
        Family → weight, and how the choice was made, JSON-able.
    """
    rows = problem.rows(VALIDATION)
    codes, folds = problem.codes[rows], text_folds(problem.fingerprints(rows), num_folds)
    reached = {candidate.family: candidate.validation for candidate in candidates}
    losses = {name: _losses(cross_pool([of], codes, folds), codes) for name, of in reached.items()}
    record: dict[str, Any] = {
        "families": {
            candidate.family: {
                "params": dict(candidate.params),
                "length": candidate.length,
                "nll": float(losses[candidate.family].mean()),
                "accuracy": float((candidate.validation.argmax(axis=1) == codes).mean()),
            }
            for candidate in candidates
        },
    }
    best = min(losses, key=lambda name: float(losses[name].mean()))
    if "linear" in losses:
        for name in losses.keys() - {"linear"}:
            record["families"][name]["gain_over_linear"] = gain_of(losses["linear"], losses[name])
        if best != "linear" and not record["families"][best]["gain_over_linear"]["sure"]:
            best = "linear"
    record["best"] = best
    members = [best]
    if len(candidates) > 1:
        pooled = _losses(cross_pool(list(reached.values()), codes, folds), codes)
        gain = gain_of(losses[best], pooled)
        record["ensemble"] = {"nll": float(pooled.mean()), **gain, "kept": gain["sure"]}
        if gain["sure"]:
            weights = fit_weights(list(reached.values()), codes)
            members = [
                name for name, share in zip(reached, weights / weights.sum(), strict=True) if share >= _LEAST_SHARE
            ]
    weights = fit_weights([reached[name] for name in members], codes)
    return dict(zip(members, weights.tolist(), strict=True)), record


def gain_of(reference: np.ndarray, losses: np.ndarray) -> dict[str, Any]:
    """What the mean loss falls by, paired by row, with its interval, and whether that lies above 0."""
    gain, low, high = paired_bootstrap(reference, losses)
    return {"gain": gain, "low": low, "high": high, "sure": bool(low > 0)}


def text_folds(fingerprints: Sequence[str], num_folds: int) -> np.ndarray:
    """The fold of each row, int64 [n], by its text alone."""
    return np.array([int(digits[:8], 16) % num_folds for digits in fingerprints], dtype=np.int64)


def fit_members(
    problem: Problem,
    head: Head | None,
    candidates: Sequence[Candidate],
    weights: Mapping[str, float],
    refit: bool,
    config: SweepConfig,
) -> tuple[tuple[Member, ...], dict[str, float]]:
    """The chosen families, fitted with their settings on the training rows, or, with `refit`, on these and the
    validation rows together; a candidate that carries its classifier is kept as it is. And family → seconds of its fit.
    """
    import ray

    chosen = [candidate for candidate in candidates if candidate.family in weights]
    splits = (TRAIN, VALIDATION) if refit else (TRAIN,)
    rows = ray.put(problem.lessons(*splits, head=head.out_of_fold if head else None))
    pending = {
        c.family: _placed(_refit, c.family, config).remote(c.family, c.params, rows, problem.limits, c.length)
        for c in chosen
        if c.classifier is None
    }
    fitted = {name: _result(name, reference) for name, reference in pending.items()}
    members = (Member(c.family, c.classifier or fitted[c.family][0], weights[c.family]) for c in chosen)
    return tuple(members), {name: seconds for name, (_, seconds) in fitted.items()}


@dataclass(frozen=True)
class Calibrated:
    """A target whose probabilities mean what they say, and whose thresholds are yet to be chosen.

    Attributes:
        problem: Its rows.
        model: Without thresholds.
        rows: int64 [r], the calibration rows with a label, in the list or outside.
        said: What the model says of them, held out.
        record: How the calibration was chosen, JSON-able.
    """

    problem: Problem
    model: TargetModel
    rows: np.ndarray
    said: Judged
    record: dict[str, Any]


def calibrate(
    problem: Problem,
    head: Head | None,
    members: tuple[Member, ...],
    languages: Sequence[str | None],
    patterns: Sequence[str],
    config: DecideConfig,
) -> Calibrated:
    """Choose and fit the calibration on the calibration rows, and note what these rows cover.

    Args:
        problem: The target's rows.
        head: The text head, where it was fitted.
        members: The fitted classifiers with their weights.
        languages: n languages.
        patterns: n presence patterns.
        config: Kinds of calibration that may be chosen.
    """
    kept_head = head.model if head and any(family(member.family).NEEDS_HEAD for member in members) else None
    # A label outside the closed list is answered wrongly however sure the model is: such rows count here.
    rows = problem.rows(CALIBRATION, least=OUTSIDE)
    nothing = TargetPolicy(problem.labels.names, None, None, Support(frozenset(), frozenset(), frozenset()))
    raw = TargetModel(problem.target, problem.labels, members, kept_head, Temperature(1.0), nothing)
    alone = None if problem.alone is None else raw.predict(problem.alone.take(rows))
    chosen = choose_calibration(
        raw.predict(problem.features.take(rows)),
        problem.codes[rows],
        problem.fingerprints(rows),
        problem.limits.seed,
        config.calibrations,
        copies=alone,
    )
    said = Judged(
        problem.labels.names,
        chosen.probabilities,
        problem.codes[rows],
        [languages[row] for row in rows],
        [patterns[row] for row in rows],
        None if alone is None else chosen.copies,
    )
    return Calibrated(problem, replace(raw, calibration=chosen.calibrator), rows, said, chosen.record)


def decide(calibrated: Calibrated, config: DecideConfig) -> tuple[TargetModel, dict[str, Any]]:
    """Choose the thresholds, on probabilities as they are published.

    Args:
        calibrated: The target; its probabilities decoded where it stands in a hierarchy.
        config: Precision that is asked for, and with which confidence.

    Returns:
        The model, and what `choose_policy` records.
    """
    policy, record = choose_policy(calibrated.said, config)
    return replace(calibrated.model, policy=policy), record


def _fit_and_judge(
    name: str, params: Params, train: Examples, valid: Examples, limits: Limits
) -> tuple[Fitted, np.ndarray]:
    held = replace(_on_granted_device(limits), watched=False)
    fitted = family(name).fit(params, train, valid, held, lambda loss: None)
    return fitted, fitted.classifier.predict(valid.features, valid.head)


def _refit(name: str, params: Params, rows: Examples, limits: Limits, length: float) -> tuple[Classifier, float]:
    started = time.monotonic()
    model = family(name).refit(params, rows, _on_granted_device(limits), length)
    return model, time.monotonic() - started


def _head_margins(examples: Examples, folds: np.ndarray, fold: int, limits: Limits) -> np.ndarray:
    held_out = folds == fold
    return linear.fit_head(examples.take(~held_out), limits).margins(examples.features.take(held_out))


def _on_granted_device(limits: Limits) -> Limits:
    import ray

    return replace(limits, use_gpu=bool(ray.get_gpu_ids()))


def _placed(task: Any, name: str, config: SweepConfig) -> Any:
    """The task as a Ray remote function with the resources of a trial."""
    import ray

    held = trial_resources(config, family(name).USES_GPU, ray.cluster_resources().get("GPU", 0))
    return ray.remote(task).options(num_cpus=held["cpu"], num_gpus=held.get("gpu", 0))


def _result(name: str, reference: Any) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise ModelError(f"{name} could not be fitted: {error.cause!r}") from error


def _losses(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """NLL of every row, float64 [n]."""
    losses: np.ndarray = -np.log(np.clip(probabilities[np.arange(len(codes)), codes], 1e-12, 1.0))
    return losses
