"""TF-IDF of words, of characters within words and of codes, saved without pickle.

It does not know which text it is given, or what a code is (`codes.py`).
"""

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

_ANALYZERS = ("word", "char_wb", "codes")
_CODES_LENGTH = 0.5  # at full length the one code that a ticket holds outweighs all that it says


class Words:
    """Texts and their codes → sparse rows of word terms and codes, and of character terms."""

    def __init__(self, vectorizers: Sequence[TfidfVectorizer]) -> None:
        self._vectorizers = tuple(vectorizers)

    @classmethod
    def fit(cls, texts: Sequence[str], codes: Sequence[Sequence[str]], config: FeaturesConfig) -> Words:
        """Learn vocabularies and document frequencies.

        Args:
            texts: Training texts.
            codes: The codes of each.
            config: Lengths of terms, and how many are kept.
        """
        ngrams = (config.word_ngrams, config.char_ngrams, (1, 1))
        shapes = [
            {"analyzer": analyzer, "ngram_range": list(ngram), "sublinear_tf": True}
            for analyzer, ngram in zip(_ANALYZERS, ngrams, strict=True)
        ]
        documents = (texts, texts, codes)
        return cls([_fitted(found, shape, config) for found, shape in zip(documents, shapes, strict=True)])

    def transform(
        self, texts: Sequence[str], codes: Sequence[Sequence[str]]
    ) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Rows of texts.

        Args:
            texts: n texts.
            codes: The codes of each.

        Returns:
            Words with codes behind them, and characters: float32 CSR [n, terms] each. Words and characters are
            of length 1 each, codes of length 0.5, or 0 without a known term.
        """
        words, chars, known_codes = self._vectorizers
        return _rows((words, texts), (known_codes, codes)), _rows((chars, texts))

    @property
    def terms(self) -> tuple[list[str], list[str], list[str]]:
        """Terms of words, of characters and of codes, each in the order of its columns."""
        words, chars, codes = (_terms(vectorizer) for vectorizer in self._vectorizers)
        return words, chars, codes

    @property
    def num_codes(self) -> int:
        """Codes that are known."""
        return len(self._vectorizers[2].vocabulary_)

    def save(self, folder: Path) -> None:
        """Write `words.json` (vocabularies and settings) and `words.npz` (inverse document frequencies)."""
        spec = [{"shape": _shape(vectorizer), "terms": _terms(vectorizer)} for vectorizer in self._vectorizers]
        (folder / "words.json").write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
        frequencies = [vectorizer.idf_ if vectorizer.vocabulary_ else np.zeros(0) for vectorizer in self._vectorizers]
        np.savez(folder / "words.npz", word=frequencies[0], char_wb=frequencies[1], codes=frequencies[2])

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Read what `save` wrote."""
        spec = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        with np.load(folder / "words.npz", allow_pickle=False) as frequencies:
            return cls(
                [_restored(part["shape"], part["terms"], frequencies[part["shape"]["analyzer"]]) for part in spec]
            )


def _rows(*blocks: tuple[TfidfVectorizer, Sequence[Any]]) -> sparse.csr_matrix:
    """What each vectorizer's `transform` gives, side by side and to rounding: for a single text its checks cost several
    times the work."""
    analyzers = [vectorizer.build_analyzer() for vectorizer, _ in blocks]
    starts = np.cumsum([0, *(len(vectorizer.vocabulary_) for vectorizer, _ in blocks)])
    columns: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    values: list[np.ndarray] = [np.zeros(0, dtype=np.float32)]
    ends = [0]
    for documents in zip(*(documents for _, documents in blocks), strict=True):
        ends.append(ends[-1])
        for (vectorizer, _), analyze, start, document in zip(blocks, analyzers, starts, documents, strict=False):
            known, weights = _weighted(vectorizer, analyze(document))
            columns.append(known + start)
            values.append(weights * _CODES_LENGTH if vectorizer.analyzer is list else weights)
            ends[-1] += len(known)
    parts = (np.concatenate(values), np.concatenate(columns), np.array(ends))
    return sparse.csr_matrix(parts, shape=(len(ends) - 1, starts[-1]), dtype=np.float32)


def _weighted(vectorizer: TfidfVectorizer, terms: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The columns of the terms that are known, in rising order, and their weights, of length 1 in all."""
    found = [column for column in map(vectorizer.vocabulary_.get, terms) if column is not None]
    if not found:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    known, counts = np.unique(np.array(found, dtype=np.int64), return_counts=True)
    weights = (1 + np.log(counts.astype(np.float32))) * vectorizer.idf_[known]
    return known, (weights / np.linalg.norm(weights)).astype(np.float32)


def _fitted(documents: Sequence[Any], shape: dict[str, Any], config: FeaturesConfig) -> TfidfVectorizer:
    # A small corpus may hold no term often enough: then rare terms are better than none, but a code that stands in one
    # text is its number.
    for min_documents in (config.min_documents, *([] if shape["analyzer"] == "codes" else [1])):
        vectorizer = _vectorizer(shape, min_df=min_documents, max_features=config.max_terms)
        try:
            vectorizer.fit(documents)
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
        analyzer=list if shape["analyzer"] == "codes" else shape["analyzer"],
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


def _terms(vectorizer: TfidfVectorizer) -> list[str]:
    """Known terms in the order of their columns."""
    return sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)


def _shape(vectorizer: TfidfVectorizer) -> dict[str, Any]:
    return {
        "analyzer": "codes" if vectorizer.analyzer is list else vectorizer.analyzer,
        "ngram_range": list(vectorizer.ngram_range),
        "sublinear_tf": vectorizer.sublinear_tf,
    }
