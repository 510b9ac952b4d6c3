"""Thresholds for each pattern of present fields, chosen on that pattern's own calibration rows.

What calibration saw of text with ten fields says little of text alone, so every pattern is tested by itself. A ticket
stands in one test once: as it is, or as a copy that has lost its fields; of tickets with the same text one is tested. A
ticket without a text is tested for itself, whatever its fields repeat. It does not know models or features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tickets.config import DecideConfig
from tickets.decide.draws import number_groups
from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.rules import Rules
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
        texts: n fingerprints, shared by rows of the same text.
        alone: float64 [n, k], what is said of the same rows from their text alone; None where there are no fields.
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    codes: np.ndarray
    languages: Sequence[str | None]
    patterns: Sequence[str]
    texts: Sequence[str]
    alone: np.ndarray | None = None


def choose_policy(judged: Judged, config: DecideConfig) -> tuple[TargetPolicy, dict[str, Any]]:
    """Choose thresholds pattern by pattern; each keeps its precision with the confidence asked for, by itself.

    The policy is that of the most frequent pattern. Another one has its own where it has texts enough to show the
    precision at all; where it has not, nothing is automated, and a suggestion needs what the most frequent one needs.
    Where text alone is that rare, copies stand in for it: every row with text, as if it had come without its fields.
    They promise something of tickets that are like the others but for the fields, which the record says.

    With `config.per_class` the same is done for each label within a pattern, on the rows that are answered so: what a
    label shows is kept for that label, with the confidence asked for by itself, so of many labels a few may fall short.
    A label with too few texts to show the precision of a suggestion has no rules of its own: nothing is automated, and
    a suggestion needs what all labels of the pattern need together.

    Returns:
        The policy, and pattern → `num_rows`, `num_texts`, `copies` (of rows that had fields) and `automate`, the
        threshold; with `config.per_class` in `labels`, for each label that is answered, its own of the three.
    """
    counts = Counter(judged.patterns)
    usual = counts.most_common(1)[0][0]
    least = fewest_rows(config.automate_precision, config.confidence)
    policies: dict[str, TargetPolicy] = {}
    record: dict[str, dict[str, Any]] = {}
    for pattern in sorted(counts):
        rows = [row for row, of in enumerate(judged.patterns) if of == pattern]
        record[pattern] = {**_counted(judged, rows), "copies": False, "automate": None}
        if pattern == usual or record[pattern]["num_texts"] >= least:
            policies[pattern], shown = _policy(judged, rows, pattern, config)
            record[pattern] |= shown
    with_text = [row for row, of in enumerate(judged.patterns) if TEXT_ALONE in of.split("+")]
    if judged.alone is not None and TEXT_ALONE not in policies and with_text:
        copies = replace(judged, probabilities=judged.alone)
        policy, shown = _policy(copies, with_text, TEXT_ALONE, config)
        policies[TEXT_ALONE] = _without_language(policy)
        record[TEXT_ALONE] = {**_counted(judged, with_text), "copies": True, **shown}
    return replace(policies.pop(usual), apart=policies), record


def _counted(judged: Judged, rows: Sequence[int]) -> dict[str, int]:
    return {"num_rows": len(rows), "num_texts": len({judged.texts[row] for row in rows})}


def _policy(
    judged: Judged, rows: Sequence[int], pattern: str, config: DecideConfig
) -> tuple[TargetPolicy, dict[str, Any]]:
    """Thresholds and support from some rows alone, and what of them is recorded."""
    codes, answers = judged.codes[rows], judged.probabilities[rows].argmax(axis=1)
    support = Support(
        frozenset(judged.labels[code] for code in codes if code >= 0),
        frozenset(judged.languages[row] for row in rows),
        frozenset([pattern]),
    )
    together = _rules(judged, rows, config)
    if not config.per_class:
        policy = TargetPolicy(judged.labels, together.automate, together.suggest, support, together.ladder)
        return policy, _shown(together)
    answered = {judged.labels[code]: np.asarray(rows)[answers == code].tolist() for code in np.unique(answers)}
    labels = {label: _counted(judged, own) for label, own in answered.items()}
    least = fewest_rows(config.suggest_precision, config.confidence)
    by_label = {
        label: _rules(judged, own, config) for label, own in answered.items() if labels[label]["num_texts"] >= least
    }
    shown = {label: {**of, **_shown(by_label.get(label, Rules()))} for label, of in labels.items()}
    return TargetPolicy(judged.labels, None, together.suggest, support, by_label=by_label), {"labels": shown}


def _rules(judged: Judged, rows: Sequence[int], config: DecideConfig) -> Rules:
    """Thresholds that some rows show, for the precisions that are asked for and for those of the ladder."""
    probabilities, texts = judged.probabilities[rows], [judged.texts[row] for row in rows]
    confidences, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == judged.codes[rows]
    groups = number_groups(texts, len(rows))
    automate, suggest, *rungs = (
        choose_threshold(confidences, correct, precision, config.confidence, groups)
        for precision in (config.automate_precision, config.suggest_precision, *LADDER)
    )
    return Rules(automate, suggest, tuple(rung for rung in rungs if rung))


def _shown(rules: Rules) -> dict[str, Any]:
    return {"automate": rules.automate and rules.automate.to_json()}


def _without_language(policy: TargetPolicy) -> TargetPolicy:
    """The policy for tickets that do not name their language too: whoever sends text alone may leave it out."""
    return replace(policy, support=replace(policy.support, languages=policy.support.languages | {None}))
