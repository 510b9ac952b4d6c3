"""TF-IDF of words and of characters within words, saved without pickle. It does not know which text it is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from tickets.config import FeaturesConfig

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

_ANALYZERS = ("word", "char_wb")


class Words:
    """Texts → sparse rows of word terms, and of character terms."""

    def __init__(self, vectorizers: Sequence[TfidfVectorizer]) -> None:
        self._vectorizers = tuple(vectorizers)

    @classmethod
    def fit(cls, texts: Sequence[str], config: FeaturesConfig) -> Words:
        """Learn vocabularies and document frequencies.

        Args:
            texts: Training texts.
            config: Lengths of terms, and how many are kept.
        """
        ngrams = (config.word_ngrams, config.char_ngrams)
        shapes = [
            {"analyzer": analyzer, "ngram_range": list(ngram), "sublinear_tf": True}
            for analyzer, ngram in zip(_ANALYZERS, ngrams, strict=True)
        ]
        return cls([_fitted(texts, shape, config) for shape in shapes])

    def transform(self, texts: Sequence[str]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Rows of texts.

        Returns:
            Words and characters: float32 CSR [len(texts), terms] each, rows of length 1, or 0 without a known term.
        """
        words, chars = (_rows(vectorizer, texts) for vectorizer in self._vectorizers)
        return words, chars

    @property
    def terms(self) -> tuple[list[str], list[str]]:
        """Terms of words and of characters, each in the order of its columns."""
        words, chars = (sorted(of.vocabulary_, key=of.vocabulary_.__getitem__) for of in self._vectorizers)
        return words, chars

    def save(self, folder: Path) -> None:
        """Write `words.json` (vocabularies and settings) and `words.npz` (inverse document frequencies)."""
        spec = [
            {"shape": _shape(vectorizer), "terms": terms}
            for vectorizer, terms in zip(self._vectorizers, self.terms, strict=True)
        ]
        (folder / "words.json").write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
        frequencies = [vectorizer.idf_ if vectorizer.vocabulary_ else np.zeros(0) for vectorizer in self._vectorizers]
        np.savez(folder / "words.npz", word=frequencies[0], char_wb=frequencies[1])

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Read what `save` wrote."""
        spec = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        with np.load(folder / "words.npz", allow_pickle=False) as frequencies:
            return cls(
                [_restored(part["shape"], part["terms"], frequencies[part["shape"]["analyzer"]]) for part in spec]
            )


def _rows(vectorizer: TfidfVectorizer, texts: Sequence[str]) -> sparse.csr_matrix:
    """What `vectorizer.transform` gives, to rounding: for a single text its checks cost several times the work."""
    vocabulary = vectorizer.vocabulary_
    if not vocabulary:
        return sparse.csr_matrix((len(texts), 0), dtype=np.float32)
    analyze = vectorizer.build_analyzer()
    columns, values, ends = [], [], [0]
    for text in texts:
        found = [column for column in map(vocabulary.get, analyze(text)) if column is not None]
        known, counts = np.unique(np.array(found, dtype=np.int32), return_counts=True)
        weights = (1 + np.log(counts.astype(np.float32))) * vectorizer.idf_[known]
        columns.append(known)
        values.append((weights / (np.linalg.norm(weights) or 1)).astype(np.float32))
        ends.append(ends[-1] + len(known))
    parts = (np.concatenate(values), np.concatenate(columns), np.array(ends)) if len(texts) else ([], [], [0])
    return sparse.csr_matrix(parts, shape=(len(texts), len(vocabulary)), dtype=np.float32)


def _fitted(texts: Sequence[str], shape: dict[str, Any], config: FeaturesConfig) -> TfidfVectorizer:
    # A small corpus may hold no term often enough: then rare terms are better than none.
    for min_documents in (config.min_documents, 1):
        vectorizer = _vectorizer(shape, min_df=min_documents, max_features=config.max_terms)
        try:
            vectorizer.fit(texts)
        except ValueError:
            continue
        return vectorizer
    return _restored(shape, [], np.zeros(0))


def _vectorizer(shape: dict[str, Any], **options: Any) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    ngrams = tuple(shape["ngram_range"])
    # Tokens of one character count too: they are words in Chinese and Japanese, and digits everywhere.
    pattern = r"(?u)\b\w+\b" if shape["analyzer"] == "word" else None
    return TfidfVectorizer(
        analyzer=shape["analyzer"],
        ngram_range=ngrams,
        sublinear_tf=shape["sublinear_tf"],
        token_pattern=pattern,
        strip_accents=None,
        dtype=np.float32,
        **options,
    )


def _restored(shape: dict[str, Any], terms: list[str], frequencies: np.ndarray) -> TfidfVectorizer:
    vocabulary = {term: column for column, term in enumerate(terms)}
    vectorizer = _vectorizer(shape, vocabulary=vocabulary) if terms else _vectorizer(shape)
    vectorizer.vocabulary_ = vocabulary
    if terms:
        vectorizer.idf_ = frequencies.astype(np.float32)
    return vectorizer


def _shape(vectorizer: TfidfVectorizer) -> dict[str, Any]:
    return {
        "analyzer": vectorizer.analyzer,
        "ngram_range": list(vectorizer.ngram_range),
        "sublinear_tf": vectorizer.sublinear_tf,
    }
