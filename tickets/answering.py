"""A release that answers tables of tickets by itself: cleaning, vectors, model. It does not know Ray or HTTP."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from tickets.cleaning import build_cleaner
from tickets.models.triage import Answer
from tickets.release import Release


class Answerer:
    """Holds what a release answers with.

    Args:
        release: Which one.

    Raises:
        ReleaseError: A file of it is missing or was changed.
    """

    def __init__(self, release: Release) -> None:
        self.model = release.load_model()
        self._encoder = release.load_encoder()
        cleaning = release.load_cleaning()
        self._cleaner, self._cleaned = build_cleaner(cleaning), cleaning.fields

    def answer(self, tickets: pa.Table) -> tuple[list[str], list[Answer]]:
        """The texts of n tickets as they were read, and one answer per target."""
        tickets = self._clean(self.model.complete(tickets))
        texts = self.model.state.texts(tickets)
        return texts, self.model.answer(tickets, self._encoder.encode(texts))

    def _clean(self, tickets: pa.Table) -> pa.Table:
        """Texts as the model saw them in training."""
        for name in self._cleaned if self._cleaner.kinds else ():
            if name in tickets.column_names:
                texts = self._cleaner.clean_column(tickets[name]).texts
                tickets = tickets.set_column(tickets.schema.get_field_index(name), name, texts)
        return tickets


def answer_columns(answer: Answer) -> dict[str, Any]:
    """One target's answers to n tickets as columns.

    Returns:
        For the target `T`: `T` (label), `T_confidence`, `T_decision`, `T_reason`, `T_top` (JSON, up to three labels
        with probabilities) and `T_probabilities` (list, in the order of the closed list).
    """
    name, decisions = answer.target, answer.decisions
    return {
        name: pa.array([decision.label for decision in decisions], pa.string()),
        f"{name}_confidence": pa.array([decision.confidence for decision in decisions], pa.float64()),
        f"{name}_decision": pa.array([decision.action.value for decision in decisions], pa.string()),
        f"{name}_reason": pa.array([decision.reason for decision in decisions], pa.string()),
        f"{name}_top": pa.array([json.dumps(dict(d.top), ensure_ascii=False) for d in decisions], pa.string()),
        f"{name}_probabilities": pa.array(list(answer.probabilities), pa.list_(pa.float64())),
    }
