"""Search by words: BM25 over tokens of any language. It does not know fields, and has no list of stop words.

BM25 weighs a word that most documents hold next to nothing (Robertson and Zaragoza, 2009, "The Probabilistic Relevance
Framework: BM25 and Beyond"); scores are those of Lucene, computed by bm25s when the index is built.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets.text import normalise

_MARKS: Final = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
"""Signs on letters, and scripts whose letters carry them: parts of words, though not word characters to `re`."""
_UNSPACED: Final = re.compile(
    # Scripts without spaces between words: Thai to Tibetan, Burmese, Khmer, kana, ideographs.
    "([\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]+)"
)
_RUN: Final = re.compile(rf"[\w{_MARKS}]+(?:[-./:][\w{_MARKS}]+)*")
_PIECE: Final = re.compile(rf"(?:[^\W_]|[{_MARKS}])+")
_IDENTIFIER: Final = re.compile(r"[\d_]")
_MAX_IDENTIFIER: Final = 64  # characters; a longer one is a dump, not a code


def tokenize(text: str) -> list[str]:
    """Words, codes and characters, after NFKC and case folding.

    A code such as `ORA-00942` is one token beside its pieces. A script that has no spaces gives each character and each
    pair of neighbours (Nie, Gao, Zhang and Zhou, 2000, "On the Use of Words and N-grams for Chinese Information
    Retrieval").
    """
    tokens: list[str] = []
    for at, part in enumerate(_UNSPACED.split(normalise(text))):
        tokens.extend(_characters(part) if at % 2 else _words(part))
    return tokens


def _characters(part: str) -> Iterator[str]:
    yield from part
    yield from map("".join, pairwise(part))


def _words(part: str) -> Iterator[str]:
    for run in _RUN.findall(part):
        pieces = _PIECE.findall(run)
        yield from pieces
        if len(pieces) > 1 and len(run) <= _MAX_IDENTIFIER and _IDENTIFIER.search(run):
            yield run


class LexicalIndex:
    """Texts by row, as BM25 scores of their terms.

    Args:
        bm25: The bm25s index; None where no text has any term.
        num_rows: Texts.
        stemmer: Snowball language; None: terms are tokens.
    """

    def __init__(self, bm25: Any | None, num_rows: int, stemmer: str | None) -> None:
        self._bm25 = bm25
        self._num_rows = num_rows
        self._stemmer = stemmer

    @classmethod
    def build(cls, texts: Sequence[str], stemmer: str | None = None) -> LexicalIndex:
        """Index texts.

        Args:
            texts: One per row; empty ones are never found.
            stemmer: Snowball language.
        """
        import bm25s

        vocabulary: dict[str, int] = {}  # in the order of the texts, so that equal texts give equal files
        ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in _terms(text, stemmer)] for text in texts]
        if not vocabulary:
            return cls(None, len(texts), stemmer)
        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG, and the root logger to print
        bm25 = bm25s.BM25(method="lucene", backend="numpy")
        bm25.index((ids, vocabulary), create_empty_token=False, show_progress=False)
        return cls(bm25, len(texts), stemmer)

    def __len__(self) -> int:
        return self._num_rows

    def terms(self, text: str) -> list[str]:
        """What a text is found by: its tokens, or their stems."""
        return _terms(text, self._stemmer)

    def search(self, text: str, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The rows that share the most telling terms with a text. A term counts once, however often the text has it.

        Args:
            text: The query.
            k: Most rows to find.
            allowed: bool [n], the rows that may be found; None: all.

        Returns:
            Rows, int64, and BM25 scores above 0, float32, the highest first and equal ones by row.
        """
        vocabulary = self._bm25.vocab_dict if self._bm25 is not None else {}
        known = [vocabulary[term] for term in dict.fromkeys(self.terms(text)) if term in vocabulary]
        if self._bm25 is None or not known:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        scores = self._bm25.get_scores_from_ids(known, weight_mask=allowed)
        rows = np.flatnonzero(scores > 0)
        if len(rows) > k:  # with all that tie for the last place, so that the cut does not depend on the partition
            rows = rows[scores[rows] >= np.partition(scores[rows], -k)[-k]]
        order = np.lexsort((rows, -scores[rows]))[:k]
        return rows[order], scores[rows[order]]

    def save(self, folder: Path) -> None:
        """Write `words.json` and, where there are terms, the arrays and the vocabulary of bm25s: no pickle."""
        folder.mkdir(parents=True)
        content = {"num_rows": self._num_rows, "stemmer": self._stemmer, "has_terms": self._bm25 is not None}
        (folder / "words.json").write_text(json.dumps(content), encoding="utf-8")
        if self._bm25 is not None:
            self._bm25.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Map what `save` wrote into memory."""
        import bm25s

        content = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        bm25 = bm25s.BM25.load(folder, mmap=True, show_progress=False) if content["has_terms"] else None
        return cls(bm25, content["num_rows"], content["stemmer"])


def _terms(text: str, stemmer: str | None) -> list[str]:
    tokens = tokenize(text)
    if stemmer is None:
        return tokens
    import Stemmer

    stems: list[str] = Stemmer.Stemmer(stemmer).stemWords(tokens)  # made anew: a stemmer is not safe between threads
    return stems
