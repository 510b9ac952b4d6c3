"""Fields that answer a target by themselves, and fields that are the target in another form.

It does not know how one column is held against the labels (`ties.py`, `verbatim.py`). A strong field is a suspicion,
never a proof: only people know whether its value was there before the label was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import pyarrow as pa

from tickets.schema import Field, Kind
from tickets.train.sample import Interval, Ints, Sample, Score
from tickets.train.ties import Column, Relation, predict_alone, read_column, relate
from tickets.train.verbatim import find_labels

LEAK_SHARE: Final = 0.9
"""A field is suspected when it alone gains this share of what lies between the floor and all right."""

SURE_LEAK_SHARE: Final = 0.75
"""And when the lower end of its gain's interval still is this share."""

MIN_FILLED: Final = 30
"""Rows with a value from which on a field is judged on these rows alone too."""

Use = Literal["input", "unread", "target", "later"]
"""Whether the model reads the field; if not, whether it could (`unread`), or is kept out as another target, or
because its value is known at a later stage only."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A field to hold against the labels, with the values of n rows."""

    field: Field
    use: Use
    column: Column | None
    """What can be learned from; None where that is not to be learned: the text that a model reads anyway."""
    texts: tuple[str, ...] | None
    """n texts in which the label may stand; None where the field holds none."""

    @classmethod
    def of(cls, field: Field, use: Use, values: pa.ChunkedArray) -> Candidate | None:
        """Read a field's values; None where there are none, or of a type that says nothing."""
        column = read_column(values)
        if column is None:
            return None
        holds_text = field.kind in (Kind.TEXT, Kind.LIST) or bool(column.parts)
        texts = tuple(map(_as_text, values.to_pylist())) if holds_text else None
        return cls(field, use, None if use == "input" and field.kind is Kind.TEXT else column, texts)

    def take(self, rows: Ints) -> Candidate:
        """The given rows."""
        column = None if self.column is None else self.column.take(rows)
        return replace(self, column=column, texts=None if self.texts is None else tuple(self.texts[r] for r in rows))


@dataclass(frozen=True, slots=True)
class FieldTie:
    """What one field alone tells of a target. Figures are of rows that the fit did not see."""

    field: str
    use: Use
    stage: str
    """When its value is known."""
    way: Literal["value", "words"]
    """`words`: the label is looked for in the field's text; `value`: its values, or their order, are learned."""
    num_filled: int
    """Rows with a value."""
    accuracy: float
    gain: float
    """Accuracy above always answering the most frequent label."""
    gain_interval: Interval
    """95 % interval of the gain."""
    share: float
    """The gain as a share of what lies between the floor and answering every row right. The ceiling of identical
    inputs is no bound here: where inputs tell little, the best of them would reach it without being a leak."""
    filled_share: float | None
    """The same on the rows with a value alone; None where they are too few or all alike."""
    relation: Relation | None
    """`copy`: one value for each label; `finer`: each value has one label; `coarser`: each label has one value."""
    suspected: bool
    """A model reads the field, and it gains nearly all that is possible."""
    finding: str
    """One sentence for a person."""


def find_ties(candidates: Sequence[Candidate], sample: Sample) -> tuple[FieldTie, ...]:
    """The fields that surely tell something by themselves or are a form of the target, the strongest first.

    Args:
        candidates: Fields with the values of the sample's rows.
        sample: n rows.
    """
    found: list[FieldTie] = []
    for candidate in candidates:
        found += _by_value(candidate, sample)
        found += _by_words(candidate, sample)
    told = (tie for tie in found if tie.suspected or tie.relation or tie.gain_interval[0] > 0)
    return tuple(sorted(told, key=lambda tie: (not tie.suspected, -tie.share, tie.field)))


def _by_value(candidate: Candidate, sample: Sample) -> list[FieldTie]:
    column = candidate.column
    if column is None or not column.filled.any():
        return []
    predicted = predict_alone(column, sample)
    whole = sample.score(predicted)
    filled = _score_filled(predicted, column, sample)
    strong = _is_strong(whole)
    where_filled = not strong and filled is not None and _is_strong(filled)
    relation = relate(column, sample)
    return [
        FieldTie(
            field=candidate.field.name,
            use=candidate.use,
            stage=candidate.field.stage.value,
            way="value",
            num_filled=int(column.filled.sum()),
            accuracy=whole.accuracy,
            gain=whole.gain,
            gain_interval=whole.interval,
            share=whole.share(),
            filled_share=filled.share() if filled else None,
            relation=relation,
            suspected=candidate.use == "input" and (strong or where_filled),
            finding=_in_words(candidate, relation, filled if where_filled and filled else whole, where_filled),
        )
    ]


def _by_words(candidate: Candidate, sample: Sample) -> list[FieldTie]:
    if candidate.texts is None:
        return []
    standing = find_labels(candidate.texts, sample)
    score, own = sample.score(standing.predicted), float(standing.own.mean())
    lift = (own - standing.expected) / (1 - standing.expected) if standing.expected < 1 else 0.0
    name = candidate.field.name
    finding = (
        f'the label itself stands in "{name}" in {own:.0%} of the rows, where chance would put it in '
        f"{standing.expected:.0%}{_of_use(candidate)}"
    )
    return [
        FieldTie(
            field=name,
            use=candidate.use,
            stage=candidate.field.stage.value,
            way="words",
            num_filled=sum(map(bool, candidate.texts)),
            accuracy=score.accuracy,
            gain=score.gain,
            gain_interval=score.interval,
            share=score.share(),
            filled_share=None,
            relation=None,
            suspected=candidate.use == "input" and (_is_strong(score) or lift >= LEAK_SHARE),
            finding=finding,
        )
    ]


def _as_text(value: str | list[str] | None) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else value or ""


def _score_filled(predicted: Ints, column: Column, sample: Sample) -> Score | None:
    """The score on the rows with a value, where a field is empty in others; None where these rows tell too little."""
    if column.filled.all() or column.filled.sum() < MIN_FILLED:
        return None
    score = sample.score(predicted, column.filled)
    return score if score.floor <= LEAK_SHARE else None


def _is_strong(score: Score) -> bool:
    return score.share() >= LEAK_SHARE and score.interval[0] >= SURE_LEAK_SHARE * (1 - score.floor)


def _in_words(candidate: Candidate, relation: Relation | None, score: Score, where_filled: bool) -> str:
    name = f'"{candidate.field.name}"'
    forms: Mapping[Relation | None, str] = {
        "copy": f"{name} is the target in other words: one value for each label",
        "finer": f"each value of {name} belongs to one label, as a subcategory belongs to one category",
        "coarser": f"each label belongs to one value of {name}, as a subcategory belongs to one category",
    }
    where = f" of the {score.num_rows} rows where it is filled" if where_filled else ""
    alone = f"alone answers {score.accuracy:.0%}{where} right, and the most frequent label {score.floor:.0%}"
    words = f"{forms[relation]}; it {alone}" if relation in forms else f"{name} {alone}"
    return words + _of_use(candidate)


def _of_use(candidate: Candidate) -> str:
    return {
        "input": "",
        "unread": "; models do not read it",
        "target": "; it is a target too, and kept out of the inputs",
        "later": f"; it is known at stage {candidate.field.stage.value} only, and kept out of the inputs",
    }[candidate.use]
