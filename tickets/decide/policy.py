"""What may be done with a calibrated prediction. It does not know models, or where the ticket came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickets.decide.rules import Rules
from tickets.decide.thresholds import Threshold
from tickets.errors import ModelError

NUM_SHOWN: Final = 3
"""Labels that a decision shows to a person, at most."""


class Action(StrEnum):
    """What a prediction may lead to, the boldest first."""

    AUTOMATE = "automate"
    SUGGEST = "suggest"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Support:
    """What calibration saw; a promise of precision holds for such tickets alone."""

    labels: frozenset[str]
    """True labels that occurred."""
    languages: frozenset[str | None]
    """Languages of the tickets; None stands for a ticket without one."""
    patterns: frozenset[str]
    """Presence patterns of the tickets, one name for each set of inputs that a ticket has."""

    def to_json(self) -> dict[str, Any]:
        """The fields as sorted lists."""
        return {
            "labels": sorted(self.labels),
            "languages": sorted(self.languages, key=lambda language: (language is None, language or "")),
            "patterns": sorted(self.patterns),
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Support:
        """The inverse of `to_json`."""
        return cls(frozenset(state["labels"]), frozenset(state["languages"]), frozenset(state["patterns"]))


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one prediction, and why."""

    action: Action
    label: str
    """The most probable label."""
    confidence: float
    """Its calibrated probability."""
    top: tuple[tuple[str, float], ...]
    """Up to `NUM_SHOWN` labels with their probability, the most probable first."""
    reason: str
    """A clause for a person: what allowed the action, or what forbade a bolder one."""


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """The rules of one target: its closed list of labels, two thresholds, and the tickets for which they hold.

    The thresholds hold for all labels together, or, where labels were judged by themselves, for the others alone.
    """

    labels: tuple[str, ...]
    automate: Threshold | None
    """None where no threshold keeps the precision that was asked for."""
    suggest: Threshold | None
    """None where no threshold keeps the precision that was asked for."""
    support: Support
    ladder: tuple[Threshold, ...] = ()
    """Thresholds for other precisions that may be asked for without a new calibration, the lowest precision first."""
    apart: Mapping[str, TargetPolicy] = field(default_factory=dict)
    """The rules for tickets of presence patterns that were judged by themselves, in place of these."""
    by_label: Mapping[str, Rules] = field(default_factory=dict)
    """The thresholds of labels that were judged by themselves, in place of these."""

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ModelError(f"labels {self.labels!r}; allowed: one or more different labels")
        if unknown := self.by_label.keys() - set(self.labels):
            raise ModelError(f"rules for labels {sorted(unknown)}; allowed: {', '.join(self.labels)}")

    def decide(self, probabilities: ArrayLike, language: str | None, pattern: str, degraded: bool = False) -> Decision:
        """What to do with one prediction.

        Automation needs a confidence at the threshold, and a label, a language and a presence pattern that
        calibration saw; an answer that was made without one of its parts is never automated. A suggestion needs
        its threshold alone, since a person decides.

        Args:
            probabilities: float[k], calibrated, in the order of `labels`.
            language: Language of the ticket, if it has one.
            pattern: The name of the set of inputs that it has.
            degraded: A part of the answer failed and was replaced by its fallback.

        Raises:
            ModelError: Not one finite number per label.
        """
        (decision,) = self.decide_all(np.asarray(probabilities)[np.newaxis], [language], [pattern], degraded)
        return decision

    def decide_all(
        self,
        probabilities: ArrayLike,
        languages: Sequence[str | None],
        patterns: Sequence[str],
        degraded: bool = False,
    ) -> list[Decision]:
        """`decide` for many predictions.

        Args:
            probabilities: float[n, k], calibrated, columns in the order of `labels`.
            languages: n languages, None where a ticket has none.
            patterns: n presence patterns.
            degraded: Holds for all rows.

        Raises:
            ModelError: Not one finite number per row and label, or the lists differ in length.
        """
        rows = np.asarray(probabilities, dtype=np.float64)
        if rows.shape != (len(languages), len(self.labels)) or len(patterns) != len(languages):
            raise ModelError(
                f"probabilities of shape {rows.shape}, {len(languages)} languages, {len(patterns)} patterns; "
                f"allowed: one row for each of them with {len(self.labels)} columns"
            )
        if not np.isfinite(rows).all():
            raise ModelError("probabilities hold a value that is not finite; allowed: numbers from 0 to 1")
        order = np.argsort(-rows, axis=1, kind="stable")[:, :NUM_SHOWN]
        return [
            self.apart.get(pattern, self)._decision(row, best, language, pattern, degraded)
            for row, best, language, pattern in zip(rows, order, languages, patterns, strict=True)
        ]

    def asking(self, precision: float) -> TargetPolicy:
        """This policy with another precision asked of automated labels: the next rung of the ladder at or above it.

        Above the top rung nothing is automated: no threshold was shown to keep such a precision. Labels that were
        judged by themselves have ladders of their own.
        """
        return self._with(lambda rules: rules.asking(precision))

    def suggesting(self) -> TargetPolicy:
        """This policy without automation: a person decides on every ticket."""
        return self._with(Rules.suggesting)

    def to_json(self) -> dict[str, Any]:
        """The policy as values that JSON holds."""
        return {
            "labels": list(self.labels),
            **self._together.to_json(),
            "support": self.support.to_json(),
            "apart": {pattern: policy.to_json() for pattern, policy in self.apart.items()},
            "by_label": {label: rules.to_json() for label, rules in self.by_label.items()},
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> TargetPolicy:
        """The inverse of `to_json`."""
        rules = Rules.from_json(state)
        apart = {pattern: cls.from_json(policy) for pattern, policy in state["apart"].items()}
        by_label = {label: Rules.from_json(of_label) for label, of_label in state["by_label"].items()}
        support = Support.from_json(state["support"])
        return cls(tuple(state["labels"]), rules.automate, rules.suggest, support, rules.ladder, apart, by_label)

    @property
    def _together(self) -> Rules:
        return Rules(self.automate, self.suggest, self.ladder)

    def _with(self, change: Callable[[Rules], Rules]) -> TargetPolicy:
        """The policy with its own thresholds, those of patterns and those of labels changed."""
        return replace(
            self,
            automate=change(self._together).automate,
            apart={pattern: policy._with(change) for pattern, policy in self.apart.items()},
            by_label={label: change(rules) for label, rules in self.by_label.items()},
        )

    def _decision(
        self, row: NDArray[np.float64], best: NDArray[np.intp], language: str | None, pattern: str, degraded: bool
    ) -> Decision:
        top = tuple((self.labels[column], float(row[column])) for column in best)
        label, confidence = top[0]
        action = Action.AUTOMATE
        named = label if label in self.by_label else None
        rules = self.by_label.get(label, self._together)
        passes, reason = _compare(confidence, rules.automate, action, named)
        if self.by_label and not named and rules.automate is None:
            reason = f'calibration saw too few tickets answered "{label}" to show a precision for it'
        obstacle = self._obstacle(label, language, pattern, degraded)
        if passes and obstacle:
            passes, reason = False, obstacle
        if not passes:
            suggestible, below = _compare(confidence, rules.suggest, Action.SUGGEST, named)
            action = Action.SUGGEST if suggestible else Action.REVIEW
            reason = reason if suggestible else below
        return Decision(action, label, confidence, top, reason)

    def _obstacle(self, label: str, language: str | None, pattern: str, degraded: bool) -> str | None:
        """Why this ticket may not be automated however sure the model is, if it may not."""
        if degraded:
            return "a part of the answer was replaced by its fallback"
        if label not in self.support.labels:
            return f'calibration saw no ticket labelled "{label}"'
        if language not in self.support.languages:
            return (
                f'calibration saw no ticket in "{language}"'
                if language
                else "calibration saw no ticket without a language"
            )
        if pattern not in self.support.patterns:
            return "calibration saw no ticket with just these fields filled in"
        return None


def _compare(confidence: float, threshold: Threshold | None, action: Action, label: str | None) -> tuple[bool, str]:
    of = f' for "{label}"' if label else ""
    if threshold is None:
        return False, f"no {action} threshold{of} keeps the precision that was asked for"
    passes = confidence >= threshold.value
    verb = "reaches" if passes else "is below"
    return passes, f"{confidence:.3f} {verb} the {action} threshold {threshold.value:.3f}{of}"
