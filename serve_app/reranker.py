"""Candidates → what an agent is shown, and the fix that is suggested, as a part of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serve_app.part import Part
from tickets.release import Release
from tickets.retrieval.rerank import Ranking, Reranker
from tickets.retrieval.retriever import Candidate


@dataclass(frozen=True)
class ToRank:
    """A text, its candidates, the probability of each label of the first target, and how many past tickets to show."""

    text: str
    candidates: Sequence[Candidate]
    probabilities: Mapping[str, float]
    num: int


class RerankerPart(Part[Reranker]):
    """Items: `ToRank`. Answers: `Ranking`."""

    def load(self, release: Release) -> Reranker:
        """The release's corpus, memory-mapped, and the weights that it was made with."""
        corpus = release.load_corpus()
        return Reranker(corpus, corpus.config)

    def answer(self, loaded: Reranker, items: Sequence[ToRank]) -> list[Ranking]:
        """One ranking per item."""
        return [loaded.rerank(item.text, item.candidates, item.probabilities, item.num) for item in items]
