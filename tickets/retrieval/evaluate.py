"""Which past tickets are right for a query, and how high an order puts them. It does not search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tickets.retrieval.corpus import Corpus
from tickets.retrieval.fusion import DEPTH, FusionWeight, Judged, fuse

_HIT_DEPTH: Final = 5


@dataclass(frozen=True, slots=True)
class Relevance:
    """What is right for a query: past tickets with its fix, if there are others; else with its label.

    Attributes:
        by_fix: Fix → rows of the corpus.
        by_label: Label of the first target → rows of the corpus.
    """

    by_fix: Mapping[str | None, set[int]]
    by_label: Mapping[str | None, set[int]]

    @classmethod
    def of(cls, corpus: Corpus) -> Relevance:
        """The rows of a corpus."""
        documents = corpus.documents
        labels = documents.labels(documents.targets[0]) if documents.targets else []
        return cls(_rows_by(documents.fixes()), _rows_by(labels))

    def rows(self, fix: str | None, label: str | None, own: set[int]) -> set[int]:
        """Rows that are right for a query, its own rows aside."""
        return (self.by_fix.get(fix, set()) - own) or (self.by_label.get(label, set()) - own)


def _rows_by(values: Sequence[str | None]) -> dict[str | None, set[int]]:
    rows: dict[str | None, set[int]] = defaultdict(set)
    for row, value in enumerate(values):
        if value is not None:
            rows[value].add(row)
    return dict(rows)


def figures_of(judged: Sequence[Judged], weight: FusionWeight) -> dict[str, Any]:
    """Quality of each order alone and of both, over the queries with a right row, ready for JSON."""
    able = [query for query in judged if query.num_relevant]
    orders: dict[str, list[Sequence[int]]] = {
        "dense": [query.dense_rows for query in able],
        "keywords": [query.keyword_rows for query in able],
        "fused": [
            [row for row, _ in fuse(query.dense_rows, query.keyword_rows, weight.dense_weight, DEPTH)] for query in able
        ],
    }
    return {
        "num_queries": len(able),
        "dense_weight": weight.dense_weight,
        "ndcg_at_10_by_weight": {f"{share:.2f}": score for share, score in weight.score_by_weight.items()},
        **{name: _quality(rows, able) for name, rows in orders.items() if able},
    }


def _quality(orders: Sequence[Sequence[int]], queries: Sequence[Judged]) -> dict[str, float]:
    """Share of queries with a right row among the first five, and mean of 1 / rank of the first among ten, else 0."""
    ranks = np.array(
        [
            next((rank for rank, row in enumerate(order[:DEPTH], start=1) if row in query.relevant), np.inf)
            for order, query in zip(orders, queries, strict=True)
        ]
    )
    return {"hit_rate_at_5": float((ranks <= _HIT_DEPTH).mean()), "mrr_at_10": float((1 / ranks).mean())}
