"""Candidates → what an agent is shown, and the fix that the evidence speaks for. It does not search.

A score is the fused rank plus two small, bounded shares: the probability of the past ticket's label, and how often its
fix helped. Neither can hide the candidate that the search put first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tickets.config.retrieval import RetrievalConfig
from tickets.masking import mask
from tickets.retrieval.corpus import Corpus
from tickets.retrieval.documents import Document
from tickets.retrieval.retriever import Candidate
from tickets.retrieval.suggestion import Evidence, Success, Suggestion, doubt, suggest
from tickets.text import fingerprint


@dataclass(frozen=True, slots=True)
class Similar:
    """A past ticket as it is shown.

    Attributes:
        ticket_id: Its id.
        created_at: ISO 8601, UTC.
        text: What the customer wrote, masked.
        resolution: What was done, in words, masked.
        resolution_code: What was done, as a code.
        labels: Target → label.
        score: What it was ordered by.
        similarity: Cosine with the query; None where the query has no vector.
        success: How often its fix helped; None where nobody said or nothing was compared.
        why: Short clauses that say why it is here.
    """

    ticket_id: str
    created_at: str | None
    text: str
    resolution: str | None
    resolution_code: str | None
    labels: dict[str, str | None]
    score: float
    similarity: float | None
    success: Success | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer to "what did we do last time?".

    Attributes:
        similar: Past tickets, the best first.
        suggestion: The fix to try; None where the evidence does not carry one.
        why_no_suggestion: The reason for that.
    """

    similar: tuple[Similar, ...]
    suggestion: Suggestion | None
    why_no_suggestion: str | None


class Reranker:
    """Orders candidates by evidence.

    Args:
        corpus: The corpus that they are rows of.
        config: Weights of the label and of success.
    """

    def __init__(self, corpus: Corpus, config: RetrievalConfig) -> None:
        self._corpus = corpus
        self._config = config
        self._usual_rate = corpus.documents.success_rate()

    def rerank(
        self, query: str, candidates: Sequence[Candidate], probabilities: Mapping[str, float], k: int = 5
    ) -> Ranking:
        """The k best of the candidates, and the fix that they speak for.

        The candidate with the best fused score is always among the k: a wrong label must not hide the right fix.

        Args:
            query: What the customer wrote.
            candidates: What the retriever found for it.
            probabilities: Label of the first target → probability.
            k: Past tickets to show, at least 1.
        """
        documents = self._corpus.documents.take([candidate.row for candidate in candidates])
        weighed = [
            self._weigh(candidate, document, probabilities)
            for candidate, document in zip(candidates, documents, strict=True)
        ]
        weighed.sort(key=lambda evidence: -evidence.score)
        print_ = fingerprint(mask(query))
        similar = (self._show(evidence, probabilities, print_) for evidence in _first_with_best_found(weighed, k))
        reason = doubt(self._corpus, query, print_, weighed)
        suggestion = suggest(weighed) if reason is None else None
        if reason is None and suggestion is None:
            reason = "no past ticket that was found has a fix that may have helped"
        return Ranking(tuple(similar), suggestion, reason)

    def _weigh(self, candidate: Candidate, document: Document, probabilities: Mapping[str, float]) -> Evidence:
        success = self._success(document)
        score = candidate.score + self._config.category_weight * (self._probability(document, probabilities) or 0.0)
        if success is not None and self._usual_rate is not None:
            score += self._config.success_weight * (success.rate - self._usual_rate)
        return Evidence(candidate, document, score, success)

    def _success(self, document: Document) -> Success | None:
        """Posterior mean under a Beta prior whose mean is the corpus-wide rate."""
        if document.fix is None or self._usual_rate is None:
            return None
        strength = self._config.prior_strength
        rate = (document.fix_helped + strength * self._usual_rate) / (document.fix_tried + strength)
        return Success(rate, document.fix_helped, document.fix_tried)

    def _label(self, document: Document) -> str | None:
        targets = self._corpus.documents.targets
        return document.labels[targets[0]] if targets else None

    def _probability(self, document: Document, probabilities: Mapping[str, float]) -> float | None:
        label = self._label(document)
        return None if label is None else probabilities.get(label)

    def _show(self, evidence: Evidence, probabilities: Mapping[str, float], print_: str) -> Similar:
        document, success = evidence.document, evidence.success
        why = ["the same text"] if document.text_print == print_ else []
        why += _found_by(evidence.candidate)
        probability = self._probability(document, probabilities)
        if probability is not None:
            target = self._corpus.documents.targets[0]
            why.append(f"its {target} {self._label(document)} has probability {probability:.2f}")
        if success is not None and success.tried:
            why.append(f"its fix helped in {success.helped} of {success.tried} tickets")
        return _similar(document, evidence.candidate, evidence.score, success, why)


def fused_order(corpus: Corpus, candidates: Sequence[Candidate], k: int) -> Ranking:
    """The k first candidates as the retriever ordered them, without a suggestion: the fallback for a late re-ranker.

    Args:
        corpus: The corpus that they are rows of.
        candidates: What the retriever found.
        k: Past tickets to show.
    """
    shown = sorted(candidates, key=lambda candidate: -candidate.score)[:k]
    documents = corpus.documents.take([candidate.row for candidate in shown])
    similar = (
        _similar(document, candidate, candidate.score, None, _found_by(candidate))
        for candidate, document in zip(shown, documents, strict=True)
    )
    return Ranking(tuple(similar), None, "fixes were not compared: this is the order of the search alone")


def _first_with_best_found(weighed: Sequence[Evidence], k: int) -> list[Evidence]:
    """The first k; the last of them makes room for the best found where that is not among them."""
    first = list(weighed[:k])
    best = max(weighed, key=lambda evidence: evidence.candidate.score, default=None)
    if best is not None and best not in first:
        first[-1:] = [best]
    return first


def _found_by(candidate: Candidate) -> list[str]:
    why = []
    if candidate.keyword_rank is not None:
        why.append(f"same words: rank {candidate.keyword_rank} of keywords")
    if candidate.similarity is not None:
        rank = f", rank {candidate.dense_rank}" if candidate.dense_rank is not None else ""
        why.append(f"meaning: cosine {candidate.similarity:.2f}{rank}")
    return why


def _similar(
    document: Document, candidate: Candidate, score: float, success: Success | None, why: Sequence[str]
) -> Similar:
    return Similar(
        document.ticket_id,
        document.created_at,
        document.text,
        document.resolution,
        document.resolution_code,
        document.labels,
        score,
        candidate.similarity,
        success,
        tuple(why),
    )
