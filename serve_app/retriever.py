"""Text and vector → past tickets in the order of both, as a part of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serve_app.part import Part
from tickets.release import Release
from tickets.retrieval.retriever import Candidate, Retriever


@dataclass(frozen=True)
class Query:
    """What to look for: a text, its vector (float32 [d]) unless only words are to count, filters, and how many."""

    text: str
    vector: np.ndarray | None
    filters: Mapping[str, str | Sequence[str]]
    num: int


class RetrieverPart(Part[Retriever]):
    """Items: `Query`. Answers: lists of `Candidate`, the best first."""

    def load(self, release: Release) -> Retriever:
        """The release's corpus, memory-mapped."""
        return Retriever(release.load_corpus())

    def answer(self, loaded: Retriever, items: Sequence[Query]) -> list[list[Candidate]]:
        """One list per query."""
        return [loaded.retrieve(item.text, item.vector, item.filters, item.num) for item in items]
