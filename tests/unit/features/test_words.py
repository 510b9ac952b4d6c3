from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from tickets.config import FeaturesConfig
from tickets.features.words import Words

CORPUS = ["the invoice is wrong", "the invoice is late", "我的订单没有到", "我的订单 has arrived", "über 😀 cost", ""]
STRANGE = ["", "zzz qqq", "the 订单", "😀", "INVOICE invoice Invoice", "a" * 5000]


@pytest.fixture(scope="module")
def words() -> Words:
    return Words.fit(CORPUS, FeaturesConfig())


def _same(one: Words, other: Words, texts: list[str]) -> bool:
    pairs = zip(one.transform(texts), other.transform(texts), strict=True)
    return all(
        left.shape == right.shape
        and all(np.array_equal(getattr(left, part), getattr(right, part)) for part in ("data", "indices", "indptr"))
        for left, right in pairs
    )


def test_rows_are_unit_length_float32_or_empty(words: Words) -> None:
    for rows in words.transform([*CORPUS, *STRANGE]):
        assert isinstance(rows, sparse.csr_matrix)
        assert rows.dtype == np.float32
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        assert np.all(np.isclose(lengths, 1, atol=1e-6) | (lengths == 0))
        assert lengths[0] > 0
        assert lengths[5] == 0


def test_save_and_load_change_no_bit(words: Words, tmp_path: Path) -> None:
    words.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["words.json", "words.npz"]
    loaded = Words.load(tmp_path)
    assert _same(words, loaded, [*CORPUS, *STRANGE])
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    for name in ("words.json", "words.npz"):
        assert (again / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_text_alone_reads_as_among_others(words: Words) -> None:
    texts = [*CORPUS, *STRANGE]
    for together, alone in zip(
        words.transform(texts), zip(*(words.transform([t]) for t in texts), strict=True), strict=True
    ):
        assert (together != sparse.vstack(alone)).nnz == 0


def test_a_term_that_too_few_texts_hold_is_dropped() -> None:
    kept, chars = Words.fit(CORPUS, FeaturesConfig(min_documents=2, word_ngrams=(1, 1))).transform(["wrong", "invoice"])
    assert kept[0].nnz == 0 < kept[1].nnz
    assert chars[1].nnz > 0


def test_rare_terms_are_kept_where_there_are_no_others() -> None:
    words, _ = Words.fit(["alpha", "beta"], FeaturesConfig(min_documents=2)).transform(["alpha", "beta", "gamma"])
    np.testing.assert_allclose(words.toarray(), [[1, 0], [0, 1], [0, 0]])


def test_the_most_frequent_terms_are_kept() -> None:
    words, chars = Words.fit(CORPUS, FeaturesConfig(max_terms=3)).transform(CORPUS)
    assert words.shape[1] == chars.shape[1] == 3


def test_single_characters_are_words() -> None:
    words, _ = Words.fit(["error 5", "error 7", "5 退"], FeaturesConfig(min_documents=1)).transform(["5", "退"])
    assert all(words[row].nnz for row in (0, 1))


@pytest.mark.parametrize("texts", [[], ["", ""], ["  \n"]])
def test_without_any_text_there_are_no_terms(texts: list[str], tmp_path: Path) -> None:
    words = Words.fit(texts, FeaturesConfig())
    assert [rows.shape for rows in words.transform(["something", ""])] == [(2, 0), (2, 0)]
    words.save(tmp_path)
    assert _same(words, Words.load(tmp_path), ["something", ""])


def test_only_one_analyzer_may_find_terms(tmp_path: Path) -> None:
    words = Words.fit(["!!! ???", "!!!"], FeaturesConfig())
    terms, chars = words.transform(["!!!"])
    assert terms.shape[1] == 0 < chars.nnz
    words.save(tmp_path)
    assert _same(words, Words.load(tmp_path), ["!!! what ???"])


def test_no_texts_have_no_rows(words: Words) -> None:
    widths = [rows.shape[1] for rows in words.transform(CORPUS)]
    assert [rows.shape for rows in words.transform([])] == [(0, width) for width in widths]


def test_one_text_is_enough() -> None:
    words, _ = Words.fit(["only one text"], FeaturesConfig()).transform(["one"])
    assert words.nnz == 1
