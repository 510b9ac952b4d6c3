"""What a person should know of a target beside its verdict, in plain sentences. It computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tickets.train.drift import Drift
from tickets.train.leaks import FieldTie
from tickets.train.verdict import Judged
from tickets.train.volume import Volume

MAX_NAMED: Final = 5
"""Labels that one sentence names."""

_Subject = Literal["leak", "form", "drift", "volume"]


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know."""

    about: _Subject
    """`form`: a field is the target in a coarser or finer form, and no input."""
    short: str
    """A few words for a table; empty where it needs no action."""
    sentence: str


def caution(
    ties: Sequence[FieldTie], without_leaks: Judged | None, drift: Drift | None, volume: Volume | None
) -> tuple[Caution, ...]:
    """The cautions of one target, the most urgent first."""
    return (
        *_leaks([tie for tie in ties if tie.suspected], without_leaks),
        *(Caution("form", "", _sentence(tie.finding)) for tie in ties if tie.relation and not tie.suspected),
        *(_drift(drift) if drift else ()),
        *(_volume(volume) if volume else ()),
    )


def _leaks(suspected: Sequence[FieldTie], without: Judged | None) -> Iterator[Caution]:
    for tie in suspected:
        yield Caution("leak", f"suspected leak: {tie.field}", f"Suspected leak: {_sentence(tie.finding)}")
    if suspected:
        names = dict.fromkeys(tie.field for tie in suspected)
        what = "what is suspected" if len(names) > 1 else next(iter(names))
        judged = f"Without {what}: {without.reason}. " if without else ""
        yield Caution(
            "leak",
            f"without {'it' if len(names) == 1 else 'them'}: {without.verdict}" if without else "",
            f"{judged}Declare at a later stage what is set or changed once the label is known, or leave it out of "
            "features.fields or features.text.",
        )


def _drift(drift: Drift) -> Iterator[Caution]:
    if drift.shifted:
        yield Caution(
            "drift",
            "labels shift over time",
            f"From the first quarter of the rows to the last one ({drift.first} to {drift.last}), "
            f"{drift.distance:.0%} of the rows carry another label, where chance gives {drift.expected:.0%} "
            f"(p = {drift.p_value:.3g}); most: {_changes(drift)}.",
        )
    for found, short, words in (
        (drift.new, "new", "New in the last quarter of the rows"),
        (drift.gone, "gone", "Not seen in the last quarter of the rows"),
    ):
        if found:
            yield Caution("drift", f"{_count(found, 'label')} {short}", f"{words}: {_named(found)}.")
    if drift.later and drift.later.worse:
        later, (low, high) = drift.later, drift.later.gap_interval
        yield Caution(
            "drift",
            f"{later.gap:.2f} lost on later rows",
            f"What was learned before {later.since} answers {later.accuracy:.2f} of the {later.num_rows} later rows "
            f"right, {later.cross_validated:.2f} come right when rows of the same time teach too: {later.gap:.2f} "
            f"({low:.2f} to {high:.2f}) is lost by age. Train again often, and judge on the latest rows.",
        )


def _volume(volume: Volume) -> Iterator[Caution]:
    if volume.thin:
        yield Caution(
            "volume",
            f"{_count(volume.thin, 'label')} below {volume.min_label_rows} training rows",
            f"{_count(volume.thin, 'label')} with fewer than {volume.min_label_rows} training rows, on "
            f"{volume.thin_share:.0%} of the labelled rows: {_named(volume.thin)}. Answers with them will hardly be "
            "right; merge them, or collect more.",
        )
    if volume.num_calibration < volume.rows_to_show:
        yield Caution(
            "volume",
            f"{volume.num_calibration} calibration rows, {volume.rows_to_show} needed",
            f"Nothing can be automated: {volume.num_calibration} calibration rows have a label, and it takes "
            f"{volume.rows_to_show}, all answered right, to show the precision that is asked for.",
        )
    elif volume.unshown:
        yield Caution(
            "volume",
            "",
            f"{_count(volume.unshown, 'label')} with fewer than the {volume.rows_to_show} calibration rows that it "
            "takes to show the asked precision of one label by itself: only together with others can they be "
            "automated.",
        )


def _changes(drift: Drift) -> str:
    return ", ".join(f'"{label}" {drift.early[label]:.0%} to {drift.late[label]:.0%}' for label in drift.moved[:3])


def _count(found: Mapping[str, int], noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"


def _named(found: Mapping[str, int]) -> str:
    """Labels with their rows, the fewest first, as many as one can read."""
    names = sorted(found, key=lambda label: (found[label], label))
    rest = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(f'"{label}" ({found[label]})' for label in names[:MAX_NAMED]) + rest


def _sentence(finding: str) -> str:
    return finding[0].upper() + finding[1:] + "."
