"""Thresholds for each pattern of present fields, chosen on that pattern's own calibration rows.

What calibration saw of text with ten fields says little of text alone, so every pattern is tested by itself. A ticket
stands in one test once: as it is, or as a copy that has lost its fields. It does not know models or features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tickets.config import DecideConfig
from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.thresholds import LADDER, choose_threshold, fewest_rows
from tickets.features.presence import TEXT_ALONE


@dataclass(frozen=True)
class Judged:
    """The calibration rows of a target.

    Attributes:
        labels: Its closed list of k.
        probabilities: float64 [n, k], calibrated.
        codes: int64 [n], the column of each row's label, below 0 where it is outside the list.
        languages: n languages.
        patterns: n presence patterns.
        alone: float64 [n, k], what is said of the same rows from their text alone; None where there are no fields.
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    codes: np.ndarray
    languages: Sequence[str | None]
    patterns: Sequence[str]
    alone: np.ndarray | None = None


def choose_policy(judged: Judged, config: DecideConfig) -> tuple[TargetPolicy, dict[str, Any]]:
    """Choose thresholds pattern by pattern; each keeps its precision with the confidence asked for, by itself.

    The policy is that of the most frequent pattern. Another one has its own where it has rows enough to show the
    precision at all; where it has not, nothing is automated, and a suggestion needs what the most frequent one needs.
    Where text alone is that rare, copies stand in for it: every row with text, as if it had come without its fields.
    They promise something of tickets that are like the others but for the fields, which the record says.

    Returns:
        The policy, and pattern → `num_rows`, `copies` (of rows that had fields) and `automate`, the threshold.
    """
    counts = Counter(judged.patterns)
    usual = counts.most_common(1)[0][0]
    least = fewest_rows(config.automate_precision, config.confidence)
    policies = {
        pattern: _policy(judged, [row for row, of in enumerate(judged.patterns) if of == pattern], pattern, config)
        for pattern, count in sorted(counts.items())
        if pattern == usual or count >= least
    }
    record: dict[str, dict[str, Any]] = {of: {"num_rows": counts[of], "copies": False} for of in sorted(counts)}
    with_text = [row for row, of in enumerate(judged.patterns) if TEXT_ALONE in of.split("+")]
    if judged.alone is not None and TEXT_ALONE not in policies and with_text:
        copies = replace(judged, probabilities=judged.alone)
        policies[TEXT_ALONE] = _without_language(_policy(copies, with_text, TEXT_ALONE, config))
        record[TEXT_ALONE] = {"num_rows": len(with_text), "copies": True}
    for pattern, of in record.items():
        automate = policies[pattern].automate if pattern in policies else None
        of["automate"] = automate and automate.to_json()
    return replace(policies.pop(usual), apart=policies), record


def _policy(judged: Judged, rows: Sequence[int], pattern: str, config: DecideConfig) -> TargetPolicy:
    """Thresholds and support from some rows alone."""
    codes, probabilities = judged.codes[rows], judged.probabilities[rows]
    confidences, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
    automate, suggest, *rungs = (
        choose_threshold(confidences, correct, precision, config.confidence)
        for precision in (config.automate_precision, config.suggest_precision, *LADDER)
    )
    support = Support(
        frozenset(judged.labels[code] for code in codes if code >= 0),
        frozenset(judged.languages[row] for row in rows),
        frozenset([pattern]),
    )
    return TargetPolicy(judged.labels, automate, suggest, support, tuple(rung for rung in rungs if rung))


def _without_language(policy: TargetPolicy) -> TargetPolicy:
    """The policy for tickets that do not name their language too: whoever sends text alone may leave it out."""
    return replace(policy, support=replace(policy.support, languages=policy.support.languages | {None}))
