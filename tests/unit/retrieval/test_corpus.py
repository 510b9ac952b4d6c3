from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tickets.config.retrieval import RetrievalConfig
from tickets.errors import ModelError, ReleaseError
from tickets.retrieval.corpus import Corpus
from tickets.retrieval.rerank import Reranker
from tickets.retrieval.retriever import Retriever


@pytest.mark.parametrize("exact_below", [1, 100])
def test_a_saved_corpus_answers_as_before(
    past: pa.Table, past_vectors: np.ndarray, corpus: Corpus, exact_below: int, tmp_path: Path
) -> None:
    config = RetrievalConfig(exact_below=exact_below, stemmer="german")
    texts, labels = corpus.documents.texts(), corpus.documents.labels("category")
    kept = replace(
        Corpus.build(past, texts, past_vectors, {"category": labels}, config), dense_weight=0.35, similarity_floor=0.2
    )
    kept.save(tmp_path)
    loaded = Corpus.load(tmp_path)
    assert (loaded.config, loaded.dense_weight, loaded.similarity_floor) == (config, 0.35, 0.2)
    for row, text in enumerate(texts):
        for vector in (past_vectors[row], None):
            for filters in ({}, {"language": ["en", "zh"]}):
                before, after = (Retriever(one).retrieve(text, vector, filters, 5) for one in (kept, loaded))
                assert before == after
                rankings = [Reranker(one, config).rerank(text, before, {"login": 0.6}) for one in (kept, loaded)]
                assert rankings[0] == rankings[1]


def test_an_empty_corpus_can_be_saved(empty_corpus: Corpus, tmp_path: Path) -> None:
    empty_corpus.save(tmp_path)
    assert len(Corpus.load(tmp_path)) == 0


def test_nothing_is_pickled(corpus: Corpus, tmp_path: Path) -> None:
    corpus.save(tmp_path)
    for path in tmp_path.rglob("*.npy"):
        np.load(path, allow_pickle=False)
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".json", ".npy", ".arrow", ".faiss"}


def test_another_format_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    corpus.save(tmp_path)
    content = json.loads((tmp_path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps(content | {"format_version": 99}))
    with pytest.raises(ReleaseError, match="format_version 99 is unknown; allowed: 1"):
        Corpus.load(tmp_path)


def test_numbers_that_differ_are_refused(past: pa.Table, past_vectors: np.ndarray) -> None:
    with pytest.raises(ModelError, match="8 tickets, 8 texts, 7 vectors"):
        Corpus.build(past, ["x"] * 8, past_vectors[:7], {}, RetrievalConfig())
