"""Ticket and vector → calibrated probabilities of every target, as a part of the graph. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.part import Part
from tickets.features.request import build_table
from tickets.release import Release

if TYPE_CHECKING:  # the ingress imports this file for its items, and needs no model
    from tickets.models.triage import TriageModel


@dataclass(frozen=True)
class ToClassify:
    """A ticket that `read_ticket` read, and the vector of its text, float32 [d]."""

    ticket: Mapping[str, Any]
    vector: np.ndarray


@dataclass(frozen=True)
class Classified:
    """Target → float64 [k], in the order of its closed list; and which kinds of input the ticket has."""

    probabilities: dict[str, np.ndarray]
    pattern: str


class ClassifierPart(Part["TriageModel"]):
    """Items: `ToClassify`. Answers: `Classified`."""

    def load(self, release: Release) -> TriageModel:
        """The release's model."""
        return release.load_model()

    def answer(self, loaded: TriageModel, items: Sequence[ToClassify]) -> list[Classified]:
        """All targets for all tickets in one pass."""
        table = build_table([item.ticket for item in items], loaded.state.selection)
        by_target = loaded.predict(table, np.stack([item.vector for item in items]))
        patterns = loaded.state.patterns(table)
        return [
            Classified({target: rows[at] for target, rows in by_target.items()}, patterns[at])
            for at in range(len(items))
        ]
