from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from tickets.config.retrieval import RetrievalConfig
from tickets.retrieval.corpus import Corpus
from tickets.retrieval.rerank import Reranker, fused_order
from tickets.retrieval.retriever import Candidate, Retriever

CONFIG = RetrievalConfig()
BILLING = np.array([0, 0, 1], dtype=np.float32)


def candidate(row: int, score: float, similarity: float | None = 0.9, keyword_rank: int | None = None) -> Candidate:
    return Candidate(row, f"T{row}", score, similarity, 1, keyword_rank)


@pytest.fixture
def reranker(corpus: Corpus) -> Reranker:
    return Reranker(corpus, CONFIG)


@pytest.mark.parametrize("weight", [0.1, 1.0])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_wrong_category_cannot_hide_the_best_found(corpus: Corpus, weight: float, k: int) -> None:
    found = [candidate(3, 0.8), *(candidate(row, 0.79 - row / 100) for row in (0, 1, 2, 4, 5, 6, 7))]
    wrong = {"login": 1.0, "billing": 1.0, "sync": 0.0}
    shown = Reranker(corpus, RetrievalConfig(category_weight=weight)).rerank("x", found, wrong, k).similar
    assert len(shown) == k
    assert "T3" in {similar.ticket_id for similar in shown}


def test_the_category_adds_at_most_its_weight(reranker: Reranker) -> None:
    plain, likely = (reranker.rerank("x", [candidate(6, 0.5)], chances, 1) for chances in ({}, {"billing": 1.0}))
    assert likely.similar[0].score - plain.similar[0].score == pytest.approx(CONFIG.category_weight)


def test_the_category_orders_what_is_alike(reranker: Reranker) -> None:
    found = [candidate(0, 0.51), candidate(6, 0.5)]
    assert [one.ticket_id for one in reranker.rerank("x", found, {"billing": 0.9}).similar] == ["T6", "T0"]
    assert [one.ticket_id for one in reranker.rerank("x", found, {"login": 0.9}).similar] == ["T0", "T6"]


def test_success_is_smoothed_and_moves_the_order(reranker: Reranker) -> None:
    failed, helped = candidate(1, 0.5), candidate(4, 0.49)
    shown = reranker.rerank("x", [failed, helped], {}).similar
    assert [one.ticket_id for one in shown] == ["T4", "T1"]
    assert shown[0].success is not None
    assert shown[0].success.rate == pytest.approx((2 + 5 * 0.8) / (2 + 5))
    assert (shown[0].success.helped, shown[0].success.tried) == (2, 2)
    assert shown[0].score == pytest.approx(0.49 + 0.1 * (shown[0].success.rate - 0.8))


def test_why_a_ticket_is_shown_is_said(corpus: Corpus, reranker: Reranker) -> None:
    found = Retriever(corpus).retrieve("invoice shows the wrong amount", BILLING, {}, 3)
    first = reranker.rerank("invoice shows the wrong amount", found, {"billing": 0.71}).similar[0]
    assert first.why == (
        "the same text",
        "same words: rank 1 of keywords",
        "meaning: cosine 1.00, rank 1",
        "its category billing has probability 0.71",
        "its fix helped in 2 of 2 tickets",
    )


def test_the_fix_of_most_evidence_is_suggested(reranker: Reranker) -> None:
    found = [candidate(6, 0.6), candidate(4, 0.5), candidate(5, 0.4), candidate(1, 0.9)]
    suggestion = reranker.rerank("x", found, {}).suggestion
    assert suggestion is not None
    assert (suggestion.fix, suggestion.resolution, suggestion.resolution_code) == (
        "REPAIR / billing",
        "Recalculated",
        "REPAIR",
    )
    assert suggestion.ticket_ids == ("T4", "T5")
    assert suggestion.success is not None
    assert (suggestion.success.helped, suggestion.success.tried) == (2, 2)
    assert suggestion.why == (
        "tried in 2 of the 4 past tickets that are most like this one",
        "helped in 2 of 2 tickets",
    )


def test_a_fix_that_failed_or_was_none_is_not_suggested(reranker: Reranker) -> None:
    ranking = reranker.rerank("x", [candidate(1, 0.9), candidate(7, 0.8), candidate(2, 0.7)], {})
    assert ranking.suggestion is None
    assert ranking.why_no_suggestion == "no past ticket that was found has a fix that may have helped"
    assert len(ranking.similar) == 3


def test_a_ticket_unlike_the_past_gets_no_suggestion(corpus: Corpus) -> None:
    reranker = Reranker(replace(corpus, similarity_floor=0.5), CONFIG)
    far = [candidate(4, 0.9, similarity=0.3), candidate(5, 0.8, similarity=0.2)]
    ranking = reranker.rerank("quite another matter", far, {})
    assert ranking.suggestion is None
    assert ranking.why_no_suggestion == "the nearest past ticket has cosine 0.30, below 0.50, and shares few words"
    assert reranker.rerank("quite another matter", [candidate(4, 0.9, similarity=0.5)], {}).suggestion is not None


@pytest.mark.parametrize(
    ("query", "row"), [("ORA-00942", 1), ("the invoice shows wrong things", 4), ("invoice shows the wrong amount", 4)]
)
def test_many_shared_words_carry_a_suggestion_alone(corpus: Corpus, query: str, row: int) -> None:
    reranker = Reranker(replace(corpus, similarity_floor=0.5), CONFIG)
    found = [candidate(row, 0.9, similarity=0.1, keyword_rank=1), candidate(4, 0.5, similarity=0.1, keyword_rank=2)]
    assert reranker.rerank(query, found, {}).suggestion is not None


def test_without_a_vector_few_shared_words_carry_nothing(corpus: Corpus) -> None:
    reranker = Reranker(corpus, CONFIG)
    found = Retriever(corpus).retrieve("please send me the full audit of my invoice", None, {}, 5)
    assert found
    ranking = reranker.rerank("please send me the full audit of my invoice", found, {})
    assert ranking.suggestion is None
    assert ranking.why_no_suggestion == "the search went by words alone, and no past ticket shares enough of them"


def test_nothing_found_gives_an_empty_ranking(reranker: Reranker, empty_corpus: Corpus) -> None:
    for one in (reranker, Reranker(empty_corpus, CONFIG)):
        ranking = one.rerank("x", [], {"billing": 1.0})
        assert (ranking.similar, ranking.suggestion) == ((), None)
        assert ranking.why_no_suggestion == "no past ticket was found"
    assert fused_order(empty_corpus, [], 5).similar == ()


def test_the_fallback_keeps_the_order_of_the_search(corpus: Corpus) -> None:
    found = [candidate(6, 0.4), candidate(1, 0.9), candidate(4, 0.5, keyword_rank=2)]
    ranking = fused_order(corpus, found, 2)
    assert [(one.ticket_id, one.score, one.success) for one in ranking.similar] == [
        ("T1", 0.9, None),
        ("T4", 0.5, None),
    ]
    assert ranking.similar[1].why == ("same words: rank 2 of keywords", "meaning: cosine 0.90, rank 1")
    assert ranking.suggestion is None
    assert ranking.why_no_suggestion is not None


def test_a_ranking_travels_between_processes(reranker: Reranker) -> None:
    ranking = reranker.rerank("x", [candidate(4, 0.9)], {})
    assert ranking.suggestion is not None
    assert pickle.loads(pickle.dumps(ranking)) == ranking  # noqa: S301
