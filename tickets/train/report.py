"""How good a model is on rows that chose nothing, as figures and as lines for a person. It does not know training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tickets.decide.metrics import score
from tickets.decide.policy import Action
from tickets.decide.reliability import reliability
from tickets.models.labels import MISSING, Labels
from tickets.models.triage import Answer

_LONG: Final = ("per_class", "confusion", "reliability")


def judge(
    labels: Labels,
    probabilities: np.ndarray,
    automated: np.ndarray,
    values: Sequence[str | None],
    confidence: float,
    majority: str | None = None,
    ceiling: float | None = None,
    patterns: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score one target's answers; rows without a label are left out.

    Args:
        labels: The closed list.
        probabilities: float64 [n, k], calibrated.
        automated: bool [n], whether the answer may be acted on.
        values: n true labels.
        confidence: Of every interval.
        majority: The most frequent training label.
        ceiling: Best accuracy that any model can reach, where it is known.
        patterns: n presence patterns; None: rows are not told apart by them.

    Returns:
        What `tickets.decide.metrics.score` documents, `majority`, in `consistency` what `tickets.decide.reliability`
        does, and in `patterns` the single figures of each pattern's rows.
    """
    codes = labels.encode(values)
    rows = codes > MISSING
    index = labels.names.index(majority) if majority in labels.names else None
    scores = score(
        probabilities[rows], codes[rows], labels.names, automated[rows], confidence, majority=index, ceiling=ceiling
    )
    top, right = probabilities[rows].max(axis=1), probabilities[rows].argmax(axis=1) == codes[rows]
    by_pattern, places = {}, np.array(patterns if patterns is not None else [], dtype=object)
    for pattern in sorted(set(places[rows])) if len(places) else ():
        own = rows & (places == pattern)
        figures = score(probabilities[own], codes[own], labels.names, automated[own], confidence, majority=index)
        by_pattern[pattern] = {name: of for name, of in figures.items() if name not in _LONG}
    return {**scores, "majority": majority, "consistency": reliability(top, right), "patterns": by_pattern}


def automated_rows(answer: Answer) -> np.ndarray:
    """Which of an answer's tickets may be acted on; bool [n]."""
    return np.array([decision.action is Action.AUTOMATE for decision in answer.decisions], dtype=bool)


def format_scores(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per target: accuracy beside floor and ceiling, F1, losses, and what may be automated.

    Args:
        scores: Target → what `judge` returned.
    """
    head = ("target", "rows", "floor", "accuracy", "ceiling", "wF1", "mF1", "NLL", "Brier", "ECE", "automated")
    return _table([head, *(_line(name, of) for name, of in scores.items())])


def format_chosen(target: str, chosen: Mapping[str, Any]) -> str:
    """What was found out while a target's model was chosen: its members, its parent, remedies for uneven classes."""
    members = " + ".join(f"{weight:.2f} {family}" for family, weight in chosen["members"].items())
    lines = [f"{target}: {members}"]
    if of := chosen.get("hierarchy"):
        pooled = "pooled with it" if of["pooled"] else "each with its own probabilities"
        before, after = (f"{of[when]:.1%}" for when in ("illegal_before", "illegal_after"))
        lines.append(f"  within {of['parent']}: {before} illegal pairs by themselves, {after} as answered; {pooled}")
    if remedies := chosen["imbalance"].get("remedies"):
        rows = f"{chosen['imbalance']['num_rows']} validation rows, {chosen['imbalance']['num_rare']} with a rare label"
        lines += [f"  uneven classes, {rows}: remedy {chosen['imbalance']['chosen']}; gains over none:"]
        names = ("NLL", "wF1", "mF1", "rare recall")
        cells = [(f"  {remedy}", *map(_remedy, of.values())) for remedy, of in remedies.items()]
        lines.append(_table([("  remedy", *names), *cells]))
    return "\n".join(lines)


def _remedy(of: Mapping[str, float | None]) -> str:
    """The gain of a remedy by one measure, or the value that it is counted from."""
    if "gain" not in of:
        return _digits(of["value"])
    return f"{of['gain']:+.3f} ({of['low']:+.3f} to {of['high']:+.3f})"


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _line(name: str, of: Mapping[str, Any]) -> tuple[str, ...]:
    automation = of["automation"]
    automated = "nothing" if of["num_rows"] else "-"
    if automation["num_rows"]:
        automated = f"{automation['coverage']:.0%} at precision {_interval(automation['precision'], automation)}"
    figures = (of[key] for key in ("weighted_f1", "macro_f1", "nll", "brier", "ece"))
    return (
        name,
        str(of["num_rows"]),
        _digits(of["majority_floor"]),
        _interval(of["accuracy"]["value"], of["accuracy"]),
        _digits(of["ceiling"]),
        *(_digits(figure) for figure in figures),
        automated,
    )


def _interval(value: float | None, bounds: Mapping[str, float | None]) -> str:
    return "-" if value is None else f"{_digits(value)} ({_digits(bounds['low'])}-{_digits(bounds['high'])})"


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
