"""Whether a target can be learned: the quick baseline held against chance, floor and ceiling, and the verdict in words.

It does not know how inputs are tested (`signal.py`, `memory.py`), or what else an audit looks at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tickets.decide.thresholds import precision_interval
from tickets.train.memory import measure_memory
from tickets.train.sample import CONFIDENCE, Interval, Ints, Sample
from tickets.train.signal import measure_signal
from tickets.train.views import FIELDS, TEXT

WEAK_SHARE: Final = 0.1
"""A gain below this share of what lies between floor and ceiling is weak."""

FEW_ROWS: Final = 1_000
"""Rows up to which twice as many shuffles are made: a faint signal then needs them, and they cost little."""

_LEAST_SHUFFLES: Final = 99

Verdict = Literal["learnable", "weak", "noise"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """How well a quick linear model answers the latest labelled rows, each by a fit that did not see it."""

    view: str
    """The inputs that told most, a name of `views.py`. Accuracy and gain are this view's, so on little data the choice
    makes them slightly optimistic; the p-value allows for it."""
    num_rows: int
    """Rows that were answered."""
    accuracy: float
    interval: Interval
    """95 % interval of the accuracy."""
    gain: float
    """Accuracy above always answering the most frequent label of the same rows."""
    gain_interval: Interval
    """95 % interval of the gain, in which rows of one text count as one observation."""
    p_value: float
    """Probability that labels without any tie to the inputs look as strongly tied as these."""
    is_tied: bool
    """Whether the p-value is at most the significance that was asked."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the baseline allows to say."""

    verdict: Verdict
    reason: str
    """One sentence for a person."""
    baseline: Baseline


def judge_views(
    views: Mapping[str, NDArray[np.float32]], sample: Sample, ceiling: float | None, significance: float
) -> tuple[Judged, Ints]:
    """Fit the baseline on each view and judge the best one.

    `noise` means that no tie between inputs and labels was found, `weak` that there is one, but it gains less than
    `WEAK_SHARE` of what is possible over always answering the most frequent label, or not surely anything. Weak is,
    too, what can be remembered alone: new texts tell nothing, but those that return carry the label that they had.

    Args:
        views: At least one, as `build_views` gives them, of the sample's rows.
        sample: The rows; one of their labels occurs twice.
        ceiling: Best accuracy that is possible, where it is known.
        significance: False alarm rate of either test: that of inputs, and that of texts that return.

    Returns:
        The judgement, and int[n], the label of every row by a fit of the best view that did not see it.
    """
    num_shuffles = _num_shuffles(len(sample.codes), significance)
    signal = measure_signal(sample.codes, dict(views), sample.folds, num_shuffles)
    score = sample.score(signal.predicted)
    baseline = Baseline(
        view=signal.view,
        num_rows=score.num_rows,
        accuracy=score.accuracy,
        interval=precision_interval(round(score.accuracy * score.num_rows), score.num_rows, CONFIDENCE),
        gain=score.gain,
        gain_interval=score.interval,
        p_value=signal.p_value,
        is_tied=signal.p_value <= significance,
    )
    inputs = " and ".join(name for name in (TEXT, FIELDS) if name in views)
    verdict, reason = _judge(baseline, score.share(ceiling or 1.0), inputs)
    if verdict != "learnable" and TEXT in views and (told := _judge_memory(sample, num_shuffles, significance)):
        verdict, reason = "weak", f"{reason}; {told}"
    return Judged(verdict, reason, baseline), signal.predicted


def _num_shuffles(num_rows: int, significance: float) -> int:
    """The fewest that can show the significance, and twice as many on few rows."""
    fewest = max(math.ceil(1 / significance) - 1, _LEAST_SHUFFLES)
    return 2 * fewest + 1 if num_rows <= FEW_ROWS else fewest


def _judge(baseline: Baseline, share: float, inputs: str) -> tuple[Verdict, str]:
    numbers = (
        f"{baseline.accuracy:.2f} of the rows come right, {baseline.accuracy - baseline.gain:.2f} by always answering "
        f"the most frequent label (p = {baseline.p_value:.3g})"
    )
    if not baseline.is_tied:
        return "noise", f"no tie to {inputs} was found: {numbers}"
    if baseline.gain_interval[0] <= 0:
        return "weak", f"there is a tie to {baseline.view}, but no sure gain: {numbers}"
    if share < WEAK_SHARE:
        return "weak", f"there is a tie to {baseline.view}, but it gains only {share:.0%} of what is open: {numbers}"
    return "learnable", f"learnable from {baseline.view}: {numbers}"


def _judge_memory(sample: Sample, num_shuffles: int, significance: float) -> str | None:
    """What to say where texts that return surely carry the label that they had."""
    found = measure_memory(sample, num_shuffles)
    if found is None or found.p_value > significance or found.score.interval[0] <= 0:
        return None
    return (
        f"but texts that return carry the label they had: of {found.score.num_rows} rows with such a text "
        f"{found.score.accuracy:.2f} come right by remembering it, {found.score.floor:.2f} by the most frequent label"
    )
