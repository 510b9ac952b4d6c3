"""The corpus of past tickets: documents, both indexes, and what was learned about searching them, as one folder.

It does not know which tickets belong in it, or how what is found is ordered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from tickets.config.retrieval import RetrievalConfig
from tickets.errors import ModelError, ReleaseError
from tickets.retrieval.dense import DenseIndex
from tickets.retrieval.documents import Documents, build_documents
from tickets.retrieval.fusion import DEFAULT_WEIGHT
from tickets.retrieval.lexical import LexicalIndex

FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Corpus:
    """Past tickets that can be searched.

    Attributes:
        documents: What is shown of them.
        dense: Their vectors, by the same rows.
        lexical: Their words, by the same rows.
        config: How they were indexed, and how many candidates each index gives.
        dense_weight: Share of the dense order when the two are fused.
        similarity_floor: Cosine of the nearest document below which a query is unlike the past; None: not known.
    """

    documents: Documents
    dense: DenseIndex
    lexical: LexicalIndex
    config: RetrievalConfig
    dense_weight: float = DEFAULT_WEIGHT
    similarity_floor: float | None = None

    @classmethod
    def build(
        cls,
        table: pa.Table,
        texts: Sequence[str],
        vectors: np.ndarray,
        labels: Mapping[str, Sequence[str | None]],
        config: RetrievalConfig,
    ) -> Corpus:
        """Index past tickets.

        Args:
            table: n tickets.
            texts: What was encoded, one per ticket; masked before it is stored or indexed.
            vectors: float32 [n, d], the unit vectors of the texts.
            labels: Target → n labels as text, the most important target first.
            config: Settings of the indexes.

        Raises:
            ModelError: The numbers of tickets, texts and vectors differ.
        """
        if not table.num_rows == len(texts) == len(vectors):
            raise ModelError(
                f"{table.num_rows} tickets, {len(texts)} texts, {len(vectors)} vectors; allowed: one of each per ticket"
            )
        documents = Documents(build_documents(table, texts, labels, config.no_fix_codes))
        lexical = LexicalIndex.build(documents.texts(), config.stemmer)
        return cls(documents, DenseIndex.build(vectors, config), lexical, config)

    def __len__(self) -> int:
        return len(self.documents)

    def save(self, folder: Path) -> None:
        """Write `corpus.json`, `documents.arrow`, `dense.faiss` and `words/` below an empty folder."""
        self.documents.save(folder / "documents.arrow")
        self.dense.save(folder / "dense.faiss")
        self.lexical.save(folder / "words")
        content = {
            "format_version": FORMAT_VERSION,
            "num_documents": len(self),
            "dense_weight": self.dense_weight,
            "similarity_floor": self.similarity_floor,
            "config": self.config.model_dump(mode="json"),
        }
        (folder / "corpus.json").write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Corpus:
        """Map what `save` wrote into memory.

        Raises:
            ReleaseError: It has another format.
        """
        content = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        if content.get("format_version") != FORMAT_VERSION:
            raise ReleaseError(
                f"corpus: format_version {content.get('format_version')!r} is unknown; allowed: {FORMAT_VERSION}"
            )
        return cls(
            Documents.load(folder / "documents.arrow"),
            DenseIndex.load(folder / "dense.faiss"),
            LexicalIndex.load(folder / "words"),
            RetrievalConfig.model_validate(content["config"]),
            content["dense_weight"],
            content["similarity_floor"],
        )
