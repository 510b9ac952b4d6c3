"""A ticket → the past tickets nearest to it, by meaning and by words; how well that works is learned from others.

It does not know in which order what it finds is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tickets.retrieval.corpus import Corpus
from tickets.retrieval.evaluate import Relevance, figures_of
from tickets.retrieval.fusion import MIN_QUERIES, Judged, fuse, learn_weight
from tickets.retrieval.resolutions import find_fixes

_FLOOR_QUANTILE: Final = 0.01  # of validation tickets that are called unlike the past


@dataclass(frozen=True, slots=True)
class Candidate:
    """A past ticket that was found.

    Attributes:
        row: Its row in the corpus.
        ticket_id: Its id.
        score: Fused reciprocal ranks, 0..1.
        similarity: Cosine with the query; None where the query has no vector.
        dense_rank: Its place by meaning, from 1; None where that order lacks it.
        keyword_rank: Its place by words, from 1; None where that order lacks it.
    """

    row: int
    ticket_id: str
    score: float
    similarity: float | None
    dense_rank: int | None
    keyword_rank: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in the order of each index, the best first.

    Attributes:
        dense_rows: By meaning.
        cosines: Of `dense_rows`.
        keyword_rows: By words.
    """

    dense_rows: list[int]
    cosines: list[float]
    keyword_rows: list[int]


class Retriever:
    """Searches a corpus.

    Args:
        corpus: The past tickets.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    def retrieve(
        self,
        text: str,
        vector: np.ndarray | None,
        filters: Mapping[str, str | Sequence[str]],
        k: int,
        *,
        exclude_ticket: str | None = None,
    ) -> list[Candidate]:
        """The past tickets that both orders together put first.

        Args:
            text: What the customer wrote.
            vector: float32 [d], its unit vector; None: words alone count.
            filters: Field → the value, or one of the values, that a past ticket must have.
            k: Most candidates to return.
            exclude_ticket: Id of a ticket that is not to be found, usually the query's own.

        Raises:
            ModelError: A field by which this corpus cannot be filtered, or a vector of another size.
        """
        depth = max(k, self.corpus.config.candidates)
        found = self.search(text, vector, depth, self.allowed(filters, exclude_ticket))
        weight = 0.0 if vector is None else self.corpus.dense_weight
        return self._candidates(found, vector, fuse(found.dense_rows, found.keyword_rows, weight, k))

    def nearest(self, vector: np.ndarray, *, exclude_ticket: str | None = None) -> float | None:
        """Cosine of the nearest past ticket; None where there is none.

        Args:
            vector: float32 [d], a unit vector.
            exclude_ticket: Id of a ticket that does not count.

        Raises:
            ModelError: The vector has another size than those of the corpus.
        """
        _, cosines = self.corpus.dense.search(vector, 1, self.allowed({}, exclude_ticket))
        return float(cosines[0]) if len(cosines) else None

    def search(self, text: str, vector: np.ndarray | None, depth: int, allowed: np.ndarray | None) -> Found:
        """The first rows of each index, not fused.

        Args:
            text: What the customer wrote.
            vector: float32 [d], its unit vector; None: no dense rows.
            depth: Most rows of each.
            allowed: bool [documents], those that may be found; None: all.
        """
        keyword_rows, _ = self.corpus.lexical.search(text, depth, allowed)
        if vector is None:
            return Found([], [], keyword_rows.tolist())
        dense_rows, cosines = self.corpus.dense.search(vector, depth, allowed)
        return Found(dense_rows.tolist(), cosines.tolist(), keyword_rows.tolist())

    def allowed(
        self, filters: Mapping[str, str | Sequence[str]], exclude_ticket: str | None = None
    ) -> np.ndarray | None:
        """Which documents may be found, bool [documents]; None: all.

        Raises:
            ModelError: A field by which this corpus cannot be filtered.
        """
        if not filters and exclude_ticket is None:
            return None
        allowed = self.corpus.documents.allowed(filters)
        if exclude_ticket is not None:
            allowed[self.corpus.documents.rows_of(exclude_ticket)] = False
        return allowed

    def _candidates(
        self, found: Found, vector: np.ndarray | None, fused: Sequence[tuple[int, float]]
    ) -> list[Candidate]:
        rows = [row for row, _ in fused]
        similarity = dict(zip(found.dense_rows, found.cosines, strict=True))
        if vector is not None:
            unknown = [row for row in rows if row not in similarity]
            similarity |= zip(unknown, self.corpus.dense.cosines(vector, np.array(unknown)).tolist(), strict=True)
        dense_ranks = {row: rank for rank, row in enumerate(found.dense_rows, start=1)}
        keyword_ranks = {row: rank for rank, row in enumerate(found.keyword_rows, start=1)}
        ids = self.corpus.documents.ticket_ids(rows)
        return [
            Candidate(row, ticket_id, score, similarity.get(row), dense_ranks.get(row), keyword_ranks.get(row))
            for (row, score), ticket_id in zip(fused, ids, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Learned:
    """What validation tickets taught.

    Attributes:
        corpus: The corpus with the share of its indexes and its floor of similarity.
        nearest: float64 [queries], cosine of each query with its nearest document.
        figures: Hit rate and reciprocal rank of either index alone and of both, ready for JSON.
    """

    corpus: Corpus
    nearest: np.ndarray
    figures: dict[str, Any]


def learn(
    corpus: Corpus,
    table: pa.Table,
    texts: Sequence[str],
    vectors: np.ndarray,
    labels: Mapping[str, Sequence[str | None]],
) -> Learned:
    """Learn how to search a corpus from validation tickets, each searched without itself.

    A past ticket is right where it has the query's fix, if any other ticket has; else where it has its label of the
    first target. The figures of both indexes together are those of the queries that chose the weight.

    Args:
        corpus: The past tickets.
        table: n validation tickets; at most `validation_queries` of them are searched.
        texts: What was encoded, one per ticket.
        vectors: float32 [n, d].
        labels: Target → n labels, targets in the order of the corpus.
    """
    retriever, relevance = Retriever(corpus), Relevance.of(corpus)
    ids, fixes = table["ticket_id"].to_pylist(), find_fixes(table, labels, corpus.config.no_fix_codes)
    first_labels = next(iter(labels.values()), [None] * len(ids))
    judged, nearest = [], []
    for row in _sample(texts, corpus):
        own = set(corpus.documents.rows_of(ids[row]).tolist())
        allowed = retriever.allowed({}, ids[row])
        found = retriever.search(texts[row], vectors[row], corpus.config.candidates, allowed)
        right = relevance.rows(fixes[row], first_labels[row], own)
        seen = right.intersection([*found.dense_rows, *found.keyword_rows])
        judged.append(Judged(found.dense_rows, found.keyword_rows, seen, len(right)))
        nearest.extend(found.cosines[:1])
    weight = learn_weight(judged)
    floor = float(np.quantile(nearest, _FLOOR_QUANTILE)) if len(nearest) >= MIN_QUERIES else None
    learned = replace(corpus, dense_weight=weight.dense_weight, similarity_floor=floor)
    return Learned(learned, np.array(nearest), figures_of(judged, weight) | {"similarity_floor": floor})


def _sample(texts: Sequence[str], corpus: Corpus) -> list[int]:
    """Rows with text, at most as many as are asked for, in their order."""
    rows = np.flatnonzero([bool(text.strip()) for text in texts])
    num = min(len(rows), corpus.config.validation_queries)
    chosen = np.random.default_rng(corpus.config.seed).choice(rows, num, replace=False) if num else rows
    return [int(row) for row in np.sort(chosen)]
