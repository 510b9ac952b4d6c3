"""One target's probabilities made to mean what they say, and its thresholds, on calibration rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tickets.config import DecideConfig
from tickets.decide.calibration import choose_calibration
from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.temperature import Temperature
from tickets.models.family import family
from tickets.models.labels import OUTSIDE
from tickets.models.text_head import TextHead
from tickets.models.triage import Member, TargetModel
from tickets.train.patterns import Judged, choose_policy
from tickets.train.problem import Problem
from tickets.train.split import CALIBRATION


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
    head: TextHead | None,
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
    kept_head = head if any(family(member.family).NEEDS_HEAD for member in members) else None
    # A label outside the closed list is answered wrongly however sure the model is: such rows count here.
    rows = problem.rows(CALIBRATION, least=OUTSIDE)
    nothing = TargetPolicy(problem.labels.names, None, None, Support(frozenset(), frozenset(), frozenset()))
    raw = TargetModel(problem.target, problem.labels, members, kept_head, Temperature(1.0), nothing)
    alone = None if problem.alone is None else raw.predict(problem.alone.take(rows))
    texts = problem.fingerprints(rows)
    chosen = choose_calibration(
        raw.predict(problem.features.take(rows)),
        problem.codes[rows],
        texts,
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
        texts,
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
