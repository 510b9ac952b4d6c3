from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from tickets.config import FeaturesConfig
from tickets.features.words import Words

CORPUS = ["the invoice is wrong", "the invoice is late", "我的订单没有到", "我的订单 has arrived", "über 😀 cost", ""]
CODES = [["code:ora-00942", "code:ora-#"], ["code:ora-00942", "level:error", "level:error"], [], [], ["once"], []]
STRANGE = ["", "zzz qqq", "the 订单", "😀", "INVOICE invoice Invoice", "a" * 5000]


@pytest.fixture(scope="module")
def words() -> Words:
    return _fit(CORPUS, FeaturesConfig())


def _fit(texts: list[str], config: FeaturesConfig) -> Words:
    return Words.fit(texts, [[]] * len(texts), config)


def _rows(words: Words, texts: list[str]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    return words.transform(texts, [[]] * len(texts))


def _same(one: Words, other: Words, texts: list[str]) -> bool:
    pairs = zip(_rows(one, texts), _rows(other, texts), strict=True)
    return all(
        left.shape == right.shape
        and all(np.array_equal(getattr(left, part), getattr(right, part)) for part in ("data", "indices", "indptr"))
        for left, right in pairs
    )


def test_rows_are_unit_length_float32_or_empty(words: Words) -> None:
    for rows in _rows(words, [*CORPUS, *STRANGE]):
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
    for together, alone in zip(_rows(words, texts), zip(*(_rows(words, [t]) for t in texts), strict=True), strict=True):
        assert (together != sparse.vstack(alone)).nnz == 0


def test_a_term_that_too_few_texts_hold_is_dropped() -> None:
    kept, chars = _rows(_fit(CORPUS, FeaturesConfig(min_documents=2, word_ngrams=(1, 1))), ["wrong", "invoice"])
    assert kept[0].nnz == 0 < kept[1].nnz
    assert chars[1].nnz > 0


def test_rare_terms_are_kept_where_there_are_no_others() -> None:
    words, _ = _rows(_fit(["alpha", "beta"], FeaturesConfig(min_documents=2)), ["alpha", "beta", "gamma"])
    np.testing.assert_allclose(words.toarray(), [[1, 0], [0, 1], [0, 0]])


def test_the_most_frequent_terms_are_kept() -> None:
    words, chars = _rows(_fit(CORPUS, FeaturesConfig(max_terms=3)), CORPUS)
    assert words.shape[1] == chars.shape[1] == 3


def test_single_characters_are_words() -> None:
    words, _ = _rows(_fit(["error 5", "error 7", "5 退"], FeaturesConfig(min_documents=1)), ["5", "退"])
    assert all(words[row].nnz for row in (0, 1))


@pytest.mark.parametrize("texts", [[], ["", ""], ["  \n"]])
def test_without_any_text_there_are_no_terms(texts: list[str], tmp_path: Path) -> None:
    words = _fit(texts, FeaturesConfig())
    assert [rows.shape for rows in _rows(words, ["something", ""])] == [(2, 0), (2, 0)]
    words.save(tmp_path)
    assert _same(words, Words.load(tmp_path), ["something", ""])


def test_only_one_analyzer_may_find_terms(tmp_path: Path) -> None:
    words = _fit(["!!! ???", "!!!"], FeaturesConfig())
    terms, chars = _rows(words, ["!!!"])
    assert terms.shape[1] == 0 < chars.nnz
    words.save(tmp_path)
    assert _same(words, Words.load(tmp_path), ["!!! what ???"])


def test_no_texts_have_no_rows(words: Words) -> None:
    widths = [rows.shape[1] for rows in _rows(words, CORPUS)]
    assert [rows.shape for rows in _rows(words, [])] == [(0, width) for width in widths]


def test_one_text_is_enough() -> None:
    words, _ = _rows(_fit(["only one text"], FeaturesConfig()), ["one"])
    assert words.nnz == 1


def test_codes_stand_behind_the_words_with_a_length_of_their_own(tmp_path: Path) -> None:
    words = Words.fit(CORPUS, CODES, FeaturesConfig())
    rows, _ = words.transform(CORPUS[:3], [["code:ora-00942", "once", "unheard of"], ["level:error"], []])
    width = _rows(_fit(CORPUS, FeaturesConfig()), CORPUS)[0].shape[1]
    assert rows.shape[1] == width + 1, "one code stands in two texts"
    np.testing.assert_allclose(rows[:, width:].toarray(), [[0.5], [0], [0]])
    assert (rows[:, :width] != _rows(words, CORPUS[:3])[0][:, :width]).nnz == 0
    words.save(tmp_path)
    loaded, _ = Words.load(tmp_path).transform(CORPUS[:3], CODES[:3])
    assert (loaded != words.transform(CORPUS[:3], CODES[:3])[0]).nnz == 0


def test_codes_that_too_few_texts_hold_are_dropped_even_where_there_are_no_others() -> None:
    words = Words.fit(["a b", "a c"], [["id:1"], ["id:2"]], FeaturesConfig())
    assert words.transform(["a"], [["id:1"]])[0].shape == words.transform(["a"], [[]])[0].shape == (1, 1)
