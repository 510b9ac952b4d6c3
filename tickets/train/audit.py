"""What can be learned about each target, said before anything is swept.

It does not know where tickets come from, which model families exist, or how any one of its looks works: each has a
module of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets.config import AuditConfig, DecideConfig
from tickets.errors import ModelError
from tickets.train.cautions import Caution, caution
from tickets.train.ceilings import input_ceiling, text_ceiling
from tickets.train.drift import Drift, Times, measure_drift, measure_later
from tickets.train.leaks import Candidate, FieldTie, find_ties
from tickets.train.overlap import Overlap
from tickets.train.sample import Ints, Sample
from tickets.train.split import CHOOSING
from tickets.train.verdict import Baseline, Judged, Verdict, judge_views
from tickets.train.views import TEXT, add_fields, build_views
from tickets.train.volume import Volume, measure_volume

MIN_ROWS: Final = 20
"""Labelled rows below which nothing is fitted."""

Views = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Tickets:
    """What targets are audited on: n rows in the order of time, the latest last.

    Attributes:
        texts: n normalised texts, empty where a ticket has none.
        inputs: n rows of the string, boolean and number columns that models read; may have no columns.
        times: datetime64[n], NaT where a ticket has none; None: not known.
        splits: str[n], the split of each row; None: not known, and every row counts as one that trains.
        candidates: Fields of all stages, inputs among them, that may be leaks; of some rows only.
        candidate_rows: int[m] in ascending order, the rows whose values the candidates have: at least those that
            `Tickets.closely` gives for the target.
    """

    texts: Sequence[str]
    inputs: pa.Table
    times: Times | None = None
    splits: NDArray[np.object_] | None = None
    candidates: Sequence[Candidate] = ()
    candidate_rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def choosing(self, labels: Sequence[str | None]) -> Ints:
        """The labelled rows that may decide what is trained, int[m], ascending: none that calibrates or tests."""
        rows = _labelled(labels)
        return rows if self.splits is None else rows[np.isin(self.splits[rows], CHOOSING)]

    def closely(self, labels: Sequence[str | None], max_rows: int) -> Ints:
        """The rows that are looked at closely, int[m], ascending: the latest of those that may decide."""
        return self.choosing(labels)[-max_rows:]


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
    labels (`ceilings.text_ceiling`). Of all splits; the verdict rests on that of the rows that may decide."""
    input_ceiling: float | None
    """The same for text and fields together (`ceilings.input_ceiling`)."""
    verdict: Verdict
    reason: str
    """One sentence for a person."""
    baseline: Baseline | None = None
    ties: tuple[FieldTie, ...] = ()
    """Fields that tell something by themselves, or are a form of the target; suspected leaks first."""
    without_leaks: Judged | None = None
    """The judgement without the fields that are suspected leaks; None where there is no such field."""
    drift: Drift | None = None
    volume: Volume | None = None
    cautions: tuple[Caution, ...] = ()
    """What a person should know beside the verdict."""

    @property
    def leaks(self) -> tuple[FieldTie, ...]:
        """The suspected leaks."""
        return tuple(tie for tie in self.ties if tie.suspected)

    @property
    def ceiling(self) -> float | None:
        """What identical texts allow; where there is no text, what identical fields allow."""
        return self.input_ceiling if self.text_ceiling is None else self.text_ceiling

    def to_json(self) -> dict[str, Any]:
        """The fields as values that JSON holds."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Audit:
    """All targets of a data set, and the split that training would use."""

    targets: tuple[TargetAudit, ...]
    split_kind: str | None
    """How rows are cut; None where they cannot be."""
    split_rows: Mapping[str, int]
    """Split → rows."""
    split_error: str | None
    """Why rows cannot be cut."""
    overlap: tuple[Overlap, ...]
    """What the other splits share with the training rows."""
    split_note: str = ""
    """What a person should know of how rows are cut; empty where it is nothing."""

    def to_json(self) -> dict[str, Any]:
        """The fields as values that JSON holds."""
        return asdict(self)


def audit_target(
    name: str,
    labels: Sequence[str | None],
    tickets: Tickets,
    config: AuditConfig,
    asked: DecideConfig,
    views: Views | None = None,
) -> TargetAudit:
    """Look at one target. The false alarm rates of the verdict are those of `verdict.judge_views`.

    What is fitted sees rows that train or validate alone, as the verdict decides what is swept. The others count for
    what only tells: classes, ceilings, drift of the labels, volume.

    Args:
        name: The target. An input of this name is left out, and so is a candidate.
        labels: n labels, None where there is none; other kinds of values are audited as their text.
        tickets: The n rows.
        config: Folds, rows and significance.
        asked: Precision that automation asks for.
        views: `build_views` of the texts and inputs of `Tickets.closely`, where they are at hand.

    Raises:
        ModelError: The inputs differ in length, or a column has a type that is not allowed.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # a part of scikit-learn

    num_inputs = tickets.inputs.num_rows if tickets.inputs.num_columns else len(labels)
    if not len(labels) == len(tickets.texts) == num_inputs:
        counts = f"{len(labels)} labels, {len(tickets.texts)} texts, {num_inputs} rows of fields"
        raise ModelError(f"{counts}; allowed: as many")
    inputs = tickets.inputs.drop_columns([name]) if name in tickets.inputs.column_names else tickets.inputs
    known = replace(tickets, inputs=inputs)
    found = _describe(name, labels, known, config, asked)
    with threadpool_limits(1):  # the matrices are small: threads wait for each other longer than they work
        found = _look_closely(found, labels, known, config, views)
    return replace(found, cautions=caution(found.ties, found.without_leaks, found.drift, found.volume))


def _describe(
    name: str, labels: Sequence[str | None], tickets: Tickets, config: AuditConfig, asked: DecideConfig
) -> TargetAudit:
    """What counting alone says; the verdict is noise until a baseline finds more."""
    rows = _labelled(labels)
    labelled, texts = [str(labels[row]) for row in rows], [tickets.texts[row] for row in rows]
    classes = dict(sorted(Counter(labelled).items(), key=lambda item: (-item[1], item[0])))
    majority = next(iter(classes), None)
    occurrences = Counter(text for text in tickets.texts if text)
    num_texts = occurrences.total()
    splits, times = tickets.splits, tickets.times
    needed = config.min_label_rows, asked.automate_precision, asked.confidence
    return TargetAudit(
        target=name,
        num_rows=len(labels),
        num_labelled=len(rows),
        classes=classes,
        majority_label=majority,
        majority_floor=None if majority is None else classes[majority] / len(rows),
        repeated_texts=sum(n for n in occurrences.values() if n > 1) / num_texts if num_texts else None,
        text_ceiling=text_ceiling(labelled, texts),
        input_ceiling=input_ceiling(labelled, texts, _take(tickets.inputs, rows)),
        verdict="noise",
        reason="",
        drift=None if times is None else measure_drift(labelled, times[rows], config.significance),
        volume=None if splits is None else measure_volume(labelled, splits[rows].tolist(), *needed),
    )


def _look_closely(
    found: TargetAudit, labels: Sequence[str | None], tickets: Tickets, config: AuditConfig, views: Views | None
) -> TargetAudit:
    """Baseline, verdict, ties and drift of what is learned, on the latest labelled rows that may decide."""
    choosing = tickets.choosing(labels)
    if len(choosing) < MIN_ROWS:
        kept = "" if len(choosing) == found.num_labelled else " that train or validate"
        return replace(found, reason=f"{len(choosing)} labelled rows{kept} are too few to tell; {MIN_ROWS} are needed")
    if len(found.classes) < 2:
        return replace(found, reason=f'"{found.majority_label}" is the only value')
    rows = tickets.closely(labels, config.max_rows)
    texts, inputs = [tickets.texts[row] for row in rows], _take(tickets.inputs, rows)
    sample = Sample.of([str(labels[row]) for row in rows], texts, config.folds)
    if len(sample.names) < 2:
        return replace(found, reason=f'"{sample.names[0]}" is the only value of the latest {len(rows)} labelled rows')
    if np.bincount(sample.codes).max() < 2:
        return replace(found, reason=f"each of the {len(rows)} labels occurs only once")
    views = build_views(texts, inputs) if views is None else views
    if not views:
        return replace(found, reason="there is neither text nor a field that varies to learn from")
    ceiling = text_ceiling([str(labels[row]) for row in choosing], [tickets.texts[row] for row in choosing])
    judged, predicted = judge_views(views, sample, ceiling, config.significance)
    found = replace(found, verdict=judged.verdict, reason=judged.reason, baseline=judged.baseline)
    if tickets.times is not None and found.drift is not None and judged.verdict != "noise":
        matrix = views[judged.baseline.view]
        later = measure_later(sample, matrix, predicted, tickets.times[rows], config.folds, config.significance)
        found = replace(found, drift=replace(found.drift, later=later))
    found = replace(found, ties=_find_ties(found, tickets, rows, sample))
    return replace(found, without_leaks=_without_leaks(found, views, inputs, sample, ceiling, config))


def _find_ties(found: TargetAudit, tickets: Tickets, rows: Ints, sample: Sample) -> tuple[FieldTie, ...]:
    places = np.searchsorted(tickets.candidate_rows, rows)
    others = (candidate for candidate in tickets.candidates if candidate.field.name != found.target)
    return find_ties([candidate.take(places) for candidate in others], sample)


def _without_leaks(
    found: TargetAudit, views: Views, inputs: pa.Table, sample: Sample, ceiling: float | None, config: AuditConfig
) -> Judged | None:
    """The judgement on what remains; a text that is a suspected leak stays, as it is all that there is to read."""
    suspected = {tie.field for tie in found.leaks}.intersection(inputs.column_names)
    if not suspected:
        return None
    remaining = add_fields(views.get(TEXT), inputs.drop_columns(sorted(suspected)))
    return judge_views(remaining, sample, ceiling, config.significance)[0] if remaining else None


def _labelled(labels: Sequence[str | None]) -> Ints:
    return np.array([row for row, label in enumerate(labels) if label is not None], dtype=np.int64)


def _take(table: pa.Table, rows: Ints) -> pa.Table:
    return table.take(rows) if table.num_columns else table
