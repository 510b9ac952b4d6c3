"""One target's answers beside the truth, for every part of a card. It does not know what they are used for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets.decide.policy import Action
from tickets.decide.thresholds import precision_interval
from tickets.models.labels import MISSING, label_values
from tickets.models.triage import Answer, TargetModel, TriageModel

Encode = Callable[[Sequence[str]], np.ndarray]
"""Texts → float32 [texts, d], their vectors."""
ELSEWHERE: Final = "(a label outside the list)"
"""What stands for true labels that the model cannot give."""


@dataclass(frozen=True)
class Tickets:
    """n test tickets.

    Attributes:
        table: Their columns: those that the model reads, its targets, `ticket_id`, `language`, and what slices need.
        vectors: float32 [n, d], of the texts that the model reads.
    """

    table: pa.Table
    vectors: np.ndarray

    def take(self, rows: NDArray[np.int64]) -> Tickets:
        """The given rows."""
        return Tickets(self.table.take(pa.array(rows)), self.vectors[rows])


@dataclass(frozen=True)
class Judged:
    """A target's answers on the test rows that have a label, m of n.

    Attributes:
        model: The target's model.
        rows: int64 [m], which of the n rows they are.
        truth: int64 [m], index of the true label, -1 for one outside the list.
        probabilities: float64 [m, k], calibrated.
        actions: object [m], what each answer may lead to, as `Action`.
        languages: m languages.
        patterns: m presence patterns.
        ids: m ticket ids.
    """

    model: TargetModel
    rows: NDArray[np.int64]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    actions: NDArray[np.object_]
    languages: list[str | None]
    patterns: list[str]
    ids: list[str]

    @classmethod
    def of(cls, model: TargetModel, answer: Answer, tickets: Tickets, patterns: list[str]) -> Judged:
        """The labelled ones of n answers."""
        codes = model.labels.encode(label_values(tickets.table, model.name))
        rows = np.flatnonzero(codes > MISSING)
        table = tickets.table.take(pa.array(rows))
        return cls(
            model,
            rows,
            codes[rows],
            answer.probabilities[rows],
            np.array([answer.decisions[row].action for row in rows], dtype=object),
            table["language"].to_pylist(),
            [patterns[row] for row in rows],
            [str(ticket_id) for ticket_id in table["ticket_id"].to_pylist()],
        )

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the most probable label, int64 [m]."""
        return self.probabilities.argmax(axis=1) if len(self) else np.zeros(0, dtype=np.int64)

    @cached_property
    def top(self) -> NDArray[np.float64]:
        """Its probability, float64 [m]."""
        return self.probabilities.max(axis=1) if len(self) else np.zeros(0)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether it is the true one, bool [m]."""
        hits: NDArray[np.bool_] = self.predicted == self.truth
        return hits

    @cached_property
    def automated(self) -> NDArray[np.bool_]:
        """Whether the answer may be acted on, bool [m]."""
        return np.array([action is Action.AUTOMATE for action in self.actions], dtype=bool)

    def name(self, code: int) -> str:
        """The label of an index."""
        return self.model.labels.names[code] if code >= 0 else ELSEWHERE


def judge_all(model: TriageModel, tickets: Tickets) -> list[Judged]:
    """Answer test tickets for every target, and keep those that have its label."""
    patterns = model.state.patterns(tickets.table)
    return [
        Judged.of(model.target(answer.target), answer, tickets, patterns)
        for answer in model.answer(tickets.table, tickets.vectors)
    ]


def share_of(hits: NDArray[np.bool_], confidence: float) -> dict[str, Any]:
    """How often something holds: `num_rows`, `num_hits`, `share` and its bounds `low`, `high`; None without rows."""
    counted: dict[str, Any] = {"num_rows": len(hits), "num_hits": int(hits.sum())}
    if not len(hits):
        return {**counted, "share": None, "low": None, "high": None}
    low, high = precision_interval(counted["num_hits"], len(hits), confidence)
    return {**counted, "share": float(hits.mean()), "low": low, "high": high}
