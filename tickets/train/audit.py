"""What can be learned about each target, said before anything is swept.

It does not know where tickets come from, which model families exist, or how the test of signal works (`signal.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets.config import AuditConfig
from tickets.decide.thresholds import precision_interval
from tickets.errors import ModelError
from tickets.text import normalise
from tickets.train.signal import assign_folds, build_views, group_texts, measure_signal

MIN_ROWS: Final = 20
"""Labelled rows below which nothing is fitted."""

WEAK_SHARE: Final = 0.1
"""A gain below this share of what lies between floor and ceiling is weak."""

CONFIDENCE: Final = 0.95
"""Confidence of the intervals."""

MIN_SHUFFLES: Final = 199
"""Shuffled label sets that the real one is compared with, at least."""

Verdict = Literal["learnable", "weak", "noise"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Baseline:
    """How well a quick linear model answers the latest labelled rows, each by a fit that did not see it."""

    view: str
    """The inputs that told most: `text`, `fields` or `text and fields`. Accuracy and gain are this view's, so on
    little data the choice makes them slightly optimistic; the p-value allows for it."""
    accuracy: float
    interval: Interval
    """95 % interval of the accuracy."""
    gain: float
    """Accuracy above always answering the most frequent label of the same rows."""
    gain_interval: Interval
    """95 % interval of the gain, in which rows of one text count as one observation."""
    p_value: float
    """Probability that labels without any tie to the inputs look as strongly tied as these."""


@dataclass(frozen=True, slots=True)
class TargetAudit:
    """What the labels of one target allow. Whatever could not be computed is None."""

    target: str
    num_rows: int
    num_labelled: int
    classes: Mapping[str, int]
    """Label → rows, the most frequent label first."""
    majority_label: str | None
    majority_floor: float | None
    """Accuracy of always answering the most frequent label."""
    repeated_texts: float | None
    """Share of the rows with text whose normalised text another row has too."""
    text_ceiling: float | None
    """Best accuracy that the text alone allows on the labelled rows, given that identical texts carry different
    labels. A text that occurs once could always be answered right, so with few or unique texts this is optimistic;
    and fields may tell identical texts apart, so a model that reads them can pass it."""
    verdict: Verdict
    reason: str
    """One sentence for a person."""
    baseline: Baseline | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields as values that JSON holds."""
        return {**asdict(self), "classes": dict(self.classes)}


def audit_target(
    name: str, labels: Sequence[str | None], texts: Sequence[str], fields: pa.Table, config: AuditConfig
) -> TargetAudit:
    """Look at one target. The false alarm rate of the verdicts `learnable` and `weak` is `config.significance`.

    `noise` means that no tie between inputs and labels was found, `weak` that there is one, but it gains less than
    `WEAK_SHARE` of what is possible over always answering the most frequent label, or not surely anything.

    Args:
        name: The target. A column of `fields` with this name is left out.
        labels: n labels, None where there is none; other kinds of values are audited as their text.
        texts: n texts, empty where a ticket has none.
        fields: n rows of string, boolean and number columns that are known when the model predicts; may have no
            columns. Rows are in the order of time, the latest last.
        config: Folds, rows and significance.

    Raises:
        ModelError: The inputs differ in length, or a column has a type that is not allowed.
    """
    num_field_rows = fields.num_rows if fields.num_columns else len(labels)
    if not len(labels) == len(texts) == num_field_rows:
        raise ModelError(f"{len(labels)} labels, {len(texts)} texts, {num_field_rows} rows of fields; allowed: as many")
    normalised = [normalise(text) for text in texts]
    rows = np.array([row for row, label in enumerate(labels) if label is not None], dtype=np.int64)
    labelled = [str(labels[row]) for row in rows]
    found = _describe(name, labelled, [normalised[row] for row in rows], normalised)
    if len(rows) < MIN_ROWS:
        return replace(found, reason=f"{len(rows)} labelled rows are too few to tell; {MIN_ROWS} are needed")
    if len(found.classes) < 2:
        return replace(found, reason=f'"{found.majority_label}" is the only value')
    latest = rows[-config.max_rows :]
    inputs = fields.drop_columns([name]) if name in fields.column_names else fields
    return _with_baseline(
        found,
        np.array(labelled[-config.max_rows :], dtype=object),
        [normalised[row] for row in latest],
        inputs.take(latest) if inputs.num_columns else inputs,
        config,
    )


def format_audits(audits: Sequence[TargetAudit]) -> str:
    """The audits as a table of fixed width, followed by one sentence for each target."""
    header = ("target", "rows", "labels", "floor", "ceiling", "baseline", "gain", "p", "verdict")
    lines = [
        (
            audit.target,
            str(audit.num_labelled),
            str(len(audit.classes)),
            _number(audit.majority_floor),
            _number(audit.text_ceiling),
            *_baseline_cells(audit.baseline),
            audit.verdict,
        )
        for audit in audits
    ]
    widths = [max(len(cell) for cell in column) for column in zip(header, *lines, strict=True)]
    table = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in (header, *lines)]
    table.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*table, "", *(f"{audit.target}: {audit.reason}" for audit in audits)])


def _describe(name: str, labelled: list[str], labelled_texts: list[str], texts: list[str]) -> TargetAudit:
    """What counting alone says; the verdict is noise until a baseline finds more."""
    classes = dict(sorted(Counter(labelled).items(), key=lambda item: (-item[1], item[0])))
    majority = next(iter(classes), None)
    occurrences = Counter(text for text in texts if text)
    num_texts = occurrences.total()
    return TargetAudit(
        target=name,
        num_rows=len(texts),
        num_labelled=len(labelled),
        classes=classes,
        majority_label=majority,
        majority_floor=None if majority is None else classes[majority] / len(labelled),
        repeated_texts=sum(n for n in occurrences.values() if n > 1) / num_texts if num_texts else None,
        text_ceiling=_text_ceiling(labelled, labelled_texts) if any(labelled_texts) else None,
        verdict="noise",
        reason="",
    )


def _text_ceiling(labels: list[str], texts: list[str]) -> float:
    """Share of rows that come right when each text gets its most frequent label."""
    best: dict[int, int] = {}
    for (group, _), count in Counter(zip(group_texts(texts).tolist(), labels, strict=True)).items():
        best[group] = max(best.get(group, 0), count)
    return sum(best.values()) / len(labels)


def _with_baseline(
    found: TargetAudit, labels: NDArray[np.object_], texts: list[str], fields: pa.Table, config: AuditConfig
) -> TargetAudit:
    views = build_views(texts, fields)
    if not views:
        return replace(found, reason="there is neither text nor a field that varies to learn from")
    groups = group_texts(texts)
    if groups.max() == 0:  # one text on every row says nothing and must not bar folds
        groups = np.arange(len(texts), dtype=np.int64)
    _, truth, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        return replace(found, reason=f"each of the {len(labels)} labels occurs only once")
    num_shuffles = max(MIN_SHUFFLES, math.ceil(2 / config.significance) - 1)
    signal = measure_signal(truth, views, assign_folds(groups, config.folds), num_shuffles)
    right = signal.predicted == truth
    difference = right.astype(np.float64) - (truth == counts.argmax())
    baseline = Baseline(
        view=signal.view,
        accuracy=float(right.mean()),
        interval=precision_interval(int(right.sum()), len(right), CONFIDENCE),
        gain=float(difference.mean()),
        gain_interval=_mean_interval(difference, groups),
        p_value=signal.p_value,
    )
    verdict, reason = _judge(baseline, found.text_ceiling, config.significance, " and ".join(list(views)[:2]))
    return replace(found, baseline=baseline, verdict=verdict, reason=reason)


def _judge(baseline: Baseline, ceiling: float | None, significance: float, inputs: str) -> tuple[Verdict, str]:
    floor = baseline.accuracy - baseline.gain
    numbers = (
        f"{baseline.accuracy:.2f} of the rows come right, {floor:.2f} by always answering the most frequent label "
        f"(p = {baseline.p_value:.3g})"
    )
    if baseline.p_value > significance:
        return "noise", f"no tie to {inputs} was found: {numbers}"
    if baseline.gain_interval[0] <= 0:
        return "weak", f"there is a tie to {baseline.view}, but no sure gain: {numbers}"
    share = baseline.gain / (max(ceiling or 1.0, baseline.accuracy) - floor)
    if share < WEAK_SHARE:
        return "weak", f"there is a tie to {baseline.view}, but it gains only {share:.0%} of what is open: {numbers}"
    return "learnable", f"learnable from {baseline.view}: {numbers}"


def _mean_interval(values: NDArray[np.float64], groups: NDArray[np.int64]) -> Interval:
    """Normal interval of a mean whose observations are groups of rows (a cluster-robust standard error)."""
    mean = float(values.mean())
    error = float(np.sqrt((np.bincount(groups, values - mean) ** 2).sum())) / len(values)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * error
    return mean - half, mean + half


def _baseline_cells(baseline: Baseline | None) -> tuple[str, str, str]:
    if baseline is None:
        return "-", "-", "-"
    return (
        _with_interval(baseline.accuracy, baseline.interval),
        _with_interval(baseline.gain, baseline.gain_interval),
        f"{baseline.p_value:.3g}",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _with_interval(value: float, interval: Interval) -> str:
    return f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"
