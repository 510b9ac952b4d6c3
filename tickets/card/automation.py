"""What may be automated: the thresholds, what they promise, and what test rows say of it. It does not know models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickets.card.judged import Judged, share_of
from tickets.decide.policy import Action
from tickets.decide.thresholds import Threshold, precision_coverage


def automation(judged: Judged, confidence: float) -> dict[str, Any]:
    """The promises of a target beside what came true.

    Args:
        judged: m answers.
        confidence: Of every interval.

    Returns:
        - `automate`, `suggest`: `threshold` as calibration chose it (None: there is none), `coverage` on the test
          rows, and `right`, how many of these answers are right, as `share_of`; what is automated is not counted
          as a suggestion
        - `ladder`: the same for every other precision that can be asked for, the lowest first
        - `curve`: as `precision_coverage`, whatever the thresholds are
        - `num_unsupported`: rows that are not automated however sure the model is, because calibration saw no
          ticket with their label, language or inputs
    """
    policy = judged.model.policy
    may_pass = _supported(judged)
    suggested = np.array([action is Action.SUGGEST for action in judged.actions], dtype=bool)
    return {
        "automate": _came_true(policy.automate, judged.automated, judged, confidence),
        "suggest": _came_true(policy.suggest, suggested, judged, confidence),
        "ladder": [
            _came_true(rung, may_pass & (judged.top >= rung.value), judged, confidence) for rung in policy.ladder
        ],
        "curve": precision_coverage(judged.top, judged.right, confidence),
        "num_unsupported": int((~may_pass).sum()),
    }


def _came_true(
    threshold: Threshold | None, passes: NDArray[np.bool_], judged: Judged, confidence: float
) -> dict[str, Any]:
    return {
        "threshold": threshold.to_json() if threshold else None,
        "coverage": float(passes.mean()) if len(passes) else None,
        "right": share_of(judged.right[passes], confidence),
    }


def _supported(judged: Judged) -> NDArray[np.bool_]:
    """The rows that a threshold which all confidences reach would automate, bool [m]."""
    everything = Threshold(value=0.0, precision=0.5, coverage=1.0, hits=0, total=0, low=0.0)
    policy = replace(judged.model.policy, automate=everything)
    decisions = policy.decide_all(judged.probabilities, judged.languages, judged.patterns)
    return np.array([decision.action is Action.AUTOMATE for decision in decisions], dtype=bool)
