"""What may be automated: the thresholds, what they promise, and what test rows say of it. It does not know models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickets.card.judged import Judged, share_of
from tickets.decide.policy import Action, TargetPolicy
from tickets.decide.rules import Rules
from tickets.decide.thresholds import Threshold, precision_coverage

_EVERYTHING: Final = Threshold(value=0.0, precision=0.5, coverage=1.0, hits=0, total=0, low=0.0)


def automation(judged: Judged, asked: Mapping[str, float], confidence: float) -> dict[str, Any]:
    """The promises of a target beside what came true.

    Args:
        judged: m answers.
        asked: `automate_precision` and `suggest_precision`.
        confidence: Of every interval.

    Returns:
        - `automate`, `suggest`: `asked`, the precision (None: no threshold was shown to keep it), in `thresholds` the
          threshold of each presence pattern that has rules of its own, in `by_label` those of its labels that were
          judged by themselves, `coverage` on the test rows, and `right`, how many of these answers are right, as
          `share_of`; what is automated is not counted as a suggestion
        - `ladder`: the same, without thresholds, for every other precision that can be asked for, the lowest first
        - `curve`: as `precision_coverage`, whatever the thresholds are
        - `num_unsupported`: rows that are not automated however sure the model is, because calibration saw no
          ticket with their label, language or inputs
    """
    policies = policies_of(judged.model.policy)
    suggested = np.array([action is Action.SUGGEST for action in judged.actions], dtype=bool)
    ladders = [policy.ladder for policy in policies.values()]
    ladders += [rules.ladder for policy in policies.values() for rules in policy.by_label.values()]
    rungs = sorted({rung.precision for ladder in ladders for rung in ladder})
    return {
        "automate": {
            **_promised(asked["automate_precision"], policies, Action.AUTOMATE),
            **_came_true(judged.automated, judged, confidence),
        },
        "suggest": {
            **_promised(asked["suggest_precision"], policies, Action.SUGGEST),
            **_came_true(suggested, judged, confidence),
        },
        "ladder": [
            {"asked": rung, **_came_true(_automated(judged.model.policy.asking(rung), judged), judged, confidence)}
            for rung in rungs
        ],
        "curve": precision_coverage(judged.top, judged.right, confidence),
        "num_unsupported": int((~_automated(_always(judged.model.policy), judged)).sum()),
    }


def policies_of(policy: TargetPolicy) -> dict[str, TargetPolicy]:
    """Presence pattern → its rules, those of the most frequent one first."""
    return {", ".join(sorted(policy.support.patterns)): policy, **policy.apart}


def _promised(asked: float, policies: Mapping[str, TargetPolicy], action: Action) -> dict[str, Any]:
    thresholds = {pattern: _of(policy, action) for pattern, policy in policies.items()}
    by_label = {
        pattern: {label: _of(rules, action) for label, rules in policy.by_label.items()}
        for pattern, policy in policies.items()
    }
    is_shown = any(thresholds.values()) or any(found for of in by_label.values() for found in of.values())
    return {"asked": asked if is_shown else None, "thresholds": thresholds, "by_label": by_label}


def _of(rules: Rules | TargetPolicy, action: Action) -> dict[str, float] | None:
    threshold = rules.automate if action is Action.AUTOMATE else rules.suggest
    return None if threshold is None else threshold.to_json()


def _came_true(passes: NDArray[np.bool_], judged: Judged, confidence: float) -> dict[str, Any]:
    return {
        "coverage": float(passes.mean()) if len(passes) else None,
        "right": share_of(judged.right[passes], confidence),
    }


def _automated(policy: TargetPolicy, judged: Judged) -> NDArray[np.bool_]:
    """The rows that a policy automates, bool [m]."""
    decisions = policy.decide_all(judged.probabilities, judged.languages, judged.patterns)
    return np.array([decision.action is Action.AUTOMATE for decision in decisions], dtype=bool)


def _always(policy: TargetPolicy) -> TargetPolicy:
    """The policy with a threshold that every confidence reaches."""
    apart = {pattern: replace(of, automate=_EVERYTHING, by_label={}) for pattern, of in policy.apart.items()}
    return replace(policy, automate=_EVERYTHING, apart=apart, by_label={})
