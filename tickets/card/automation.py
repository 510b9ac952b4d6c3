"""What may be automated: the thresholds, what they promise, and what test rows say of it. It does not know models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickets.card.judged import Judged, share_of
from tickets.decide.policy import Action, TargetPolicy
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
          threshold of each presence pattern that has rules of its own, `coverage` on the test rows, and `right`, how
          many of these answers are right, as `share_of`; what is automated is not counted as a suggestion
        - `ladder`: the same, without thresholds, for every other precision that can be asked for, the lowest first
        - `curve`: as `precision_coverage`, whatever the thresholds are
        - `num_unsupported`: rows that are not automated however sure the model is, because calibration saw no
          ticket with their label, language or inputs
    """
    policies = policies_of(judged.model.policy)
    suggested = np.array([action is Action.SUGGEST for action in judged.actions], dtype=bool)
    rungs = sorted({rung.precision for policy in policies.values() for rung in policy.ladder})
    return {
        "automate": {
            **_promised(asked["automate_precision"], {name: of.automate for name, of in policies.items()}),
            **_came_true(judged.automated, judged, confidence),
        },
        "suggest": {
            **_promised(asked["suggest_precision"], {name: of.suggest for name, of in policies.items()}),
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


def _promised(asked: float, thresholds: Mapping[str, Threshold | None]) -> dict[str, Any]:
    return {
        "asked": asked if any(thresholds.values()) else None,
        "thresholds": {pattern: threshold and threshold.to_json() for pattern, threshold in thresholds.items()},
    }


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
    apart = {pattern: replace(of, automate=_EVERYTHING) for pattern, of in policy.apart.items()}
    return replace(policy, automate=_EVERYTHING, apart=apart)
