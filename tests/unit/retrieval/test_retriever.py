from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tickets.config.retrieval import RetrievalConfig
from tickets.errors import ModelError
from tickets.retrieval.corpus import Corpus
from tickets.retrieval.fusion import DEFAULT_WEIGHT
from tickets.retrieval.retriever import Retriever, learn

LOGIN = np.array([1, 0, 0], dtype=np.float32)
BILLING = np.array([0, 0, 1], dtype=np.float32)


def test_both_orders_are_told(corpus: Corpus) -> None:
    first, *others = Retriever(corpus).retrieve("Invoice amount", BILLING, {}, 8)
    assert (first.ticket_id, first.row, first.dense_rank, first.keyword_rank) == ("T4", 4, 1, 1)
    assert first.score == pytest.approx(1.0)
    assert first.similarity == pytest.approx(1.0)
    scores = [first.score, *(other.score for other in others)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_a_match_by_words_alone_has_its_cosine_too(past: pa.Table, past_vectors: np.ndarray, corpus: Corpus) -> None:
    one_each = Corpus.build(past, corpus.documents.texts(), past_vectors, {}, RetrievalConfig(candidates=1))
    words_first = replace(one_each, dense_weight=0.4)
    match = Retriever(words_first).retrieve("ORA-00942", BILLING, {}, 1)[0]
    assert (match.ticket_id, match.dense_rank, match.keyword_rank) == ("T1", None, 1)
    assert match.similarity == pytest.approx(float(past_vectors[1] @ BILLING))


def test_without_a_vector_words_alone_count(corpus: Corpus) -> None:
    candidates = Retriever(corpus).retrieve("Passwort vergessen", None, {}, 5)
    assert [candidate.ticket_id for candidate in candidates] == ["T2"]
    assert candidates[0].score == pytest.approx(1.0)
    assert (candidates[0].similarity, candidates[0].dense_rank, candidates[0].keyword_rank) == (None, None, 1)


def test_filters_narrow_both_indexes(corpus: Corpus) -> None:
    retriever = Retriever(corpus)
    found = retriever.retrieve("Invoice", BILLING, {"language": ["zh", "es"]}, 8)
    assert {candidate.ticket_id for candidate in found} == {"T3", "T5", "T6"}
    assert retriever.retrieve("Invoice", BILLING, {"product": "none"}, 8) == []
    with pytest.raises(ModelError, match="'size'"):
        retriever.retrieve("Invoice", BILLING, {"size": "1"}, 8)


def test_a_ticket_does_not_find_itself(corpus: Corpus) -> None:
    retriever = Retriever(corpus)
    found = retriever.retrieve("Invoice", BILLING, {}, 8, exclude_ticket="T4")
    assert len(found) == 7
    assert "T4" not in {candidate.ticket_id for candidate in found}
    assert retriever.nearest(np.array([0, 1, 0], dtype=np.float32)) == pytest.approx(1.0)
    assert retriever.nearest(np.array([0, 1, 0], dtype=np.float32), exclude_ticket="T3") == pytest.approx(
        0.2873, abs=1e-3
    )


def test_more_than_there_are_gives_all(corpus: Corpus) -> None:
    assert len(Retriever(corpus).retrieve("Invoice", BILLING, {}, 1_000)) == 8


def test_an_empty_corpus_finds_nothing(empty_corpus: Corpus) -> None:
    retriever = Retriever(empty_corpus)
    assert retriever.retrieve("Invoice", BILLING, {}, 5) == []
    assert retriever.retrieve("Invoice", None, {"product": "API"}, 5) == []
    assert retriever.nearest(BILLING) is None


def test_one_document_is_found(past: pa.Table, past_vectors: np.ndarray) -> None:
    one = Corpus.build(past.slice(0, 1), ["only"], past_vectors[:1], {"category": ["login"]}, RetrievalConfig())
    retriever = Retriever(one)
    assert [candidate.ticket_id for candidate in retriever.retrieve("only", LOGIN, {}, 5)] == ["T0"]
    assert retriever.nearest(LOGIN, exclude_ticket="T0") is None


def test_candidates_travel_between_processes(corpus: Corpus) -> None:
    candidates = Retriever(corpus).retrieve("Invoice", BILLING, {}, 3)
    assert pickle.loads(pickle.dumps(candidates)) == candidates  # noqa: S301


@pytest.fixture(scope="module")
def topics() -> tuple[pa.Table, list[str], np.ndarray, dict[str, list[str | None]]]:
    """120 tickets of 4 topics. Vectors tell the topic; of the words only every fourth ticket's does."""
    rng = np.random.default_rng(0)
    codes = np.arange(120) % 4
    made = np.eye(4)[codes] + 0.05 * rng.normal(size=(120, 4))
    vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    words = ["alpha", "beta", "gamma", "delta"]
    texts = [words[code] if row % 16 < 4 else words[rng.integers(4)] for row, code in enumerate(codes)]
    table = pa.table({"ticket_id": [f"Q{row}" for row in range(120)]})
    return table, texts, vectors, {"topic": [f"topic {code}" for code in codes]}


def split(topics: tuple[pa.Table, list[str], np.ndarray, dict[str, list[str | None]]], start: int, stop: int) -> tuple:
    table, texts, vectors, labels = topics
    return (
        table.slice(start, stop - start),
        texts[start:stop],
        vectors[start:stop],
        {"topic": labels["topic"][start:stop]},
    )


def test_the_index_that_finds_the_right_ones_gets_the_weight(topics: tuple) -> None:
    corpus = Corpus.build(*split(topics, 0, 60), RetrievalConfig())
    learned = learn(corpus, *split(topics, 60, 120))
    figures = learned.figures
    assert figures == json.loads(json.dumps(figures))
    assert figures["num_queries"] == 60
    assert figures["dense"] == {"hit_rate_at_5": 1.0, "mrr_at_10": 1.0}
    assert figures["keywords"]["mrr_at_10"] < 0.9
    assert figures["fused"]["mrr_at_10"] == 1.0
    assert learned.corpus.dense_weight == figures["dense_weight"] > 0.5
    assert learned.nearest.shape == (60,)
    assert learned.corpus.similarity_floor == pytest.approx(np.quantile(learned.nearest, 0.01))
    assert learned.nearest.min() <= learned.corpus.similarity_floor <= np.median(learned.nearest)


def test_a_query_is_searched_without_itself(topics: tuple) -> None:
    everything = split(topics, 0, 120)
    learned = learn(Corpus.build(*everything, RetrievalConfig()), *everything)
    assert learned.nearest.max() < 1.0
    alone = split(topics, 0, 1)
    only = learn(Corpus.build(*alone, RetrievalConfig()), *alone)
    assert (only.figures["num_queries"], only.nearest.tolist()) == (0, [])


def test_the_fix_goes_before_the_label(past: pa.Table, past_vectors: np.ndarray, corpus: Corpus) -> None:
    query = pa.table({"ticket_id": ["N"], "category": ["billing"], "resolution_code": ["REPAIR"]})
    learned = learn(corpus, query, ["Invoice again"], past_vectors[6:7], {"category": ["billing"]})
    # Nearest is T6, of the same category but another fix; the first with the same fix is T4, second by meaning.
    assert learned.figures["dense"]["mrr_at_10"] == pytest.approx(0.5)
    unknown = query.set_column(2, "resolution_code", pa.array(["NEVER SEEN"]))
    by_label = learn(corpus, unknown, ["Invoice again"], past_vectors[6:7], {"category": ["billing"]})
    assert by_label.figures["dense"]["mrr_at_10"] == 1.0


def test_few_queries_give_defaults_and_empty_texts_are_no_queries(topics: tuple) -> None:
    corpus = Corpus.build(*split(topics, 0, 60), RetrievalConfig(validation_queries=10))
    table, texts, vectors, labels = split(topics, 60, 120)
    learned = learn(corpus, table, texts, vectors, labels)
    assert (learned.figures["num_queries"], learned.corpus.dense_weight) == (10, DEFAULT_WEIGHT)
    assert learned.corpus.similarity_floor is None
    assert learn(corpus, table, texts, vectors, labels).figures == learned.figures
    assert learn(corpus, table, [" "] * 60, vectors, labels).figures["num_queries"] == 0


def test_an_empty_corpus_teaches_nothing(empty_corpus: Corpus, past: pa.Table, past_vectors: np.ndarray) -> None:
    learned = learn(empty_corpus, past, ["x"] * 8, past_vectors, {"category": ["login"] * 8})
    assert (learned.figures["num_queries"], len(learned.nearest)) == (0, 0)
