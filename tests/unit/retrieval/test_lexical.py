from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tickets.retrieval.corpus import Corpus
from tickets.retrieval.lexical import LexicalIndex, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Login FAILS, a b", ["login", "fails", "a", "b"]),
        ("ORA-00942", ["ora", "00942", "ora-00942"]),
        ("sync_engine v2.3", ["sync", "engine", "sync_engine", "v2", "3", "v2.3"]),
        ("well-known", ["well", "known"]),
        ("Straße ＡＢＣ", ["strasse", "abc"]),
        ("数据丢", ["数", "据", "丢", "数据", "据丢"]),
        ("API失败", ["api", "失", "败", "失败"]),
        ("हिन्दी", ["हिन्दी"]),
        ("... -- !", []),
        ("", []),
    ],
)
def test_words_codes_and_characters_are_tokens(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("ORA-00942", 1),
        ("error ora-00942 again", 1),
        ("PASSWORT VERGESSEN", 2),
        ("数据", 3),
        ("我的发票在哪里", 6),
        ("importe de la factura", 5),
    ],
)
def test_each_language_is_found_by_its_words(corpus: Corpus, query: str, row: int) -> None:
    rows, scores = corpus.lexical.search(query, 3)
    assert rows[0] == row
    assert (scores > 0).all()


def test_only_allowed_rows_with_a_shared_word_are_found(corpus: Corpus) -> None:
    allowed = np.array([False, *[True] * 6, False])
    assert corpus.lexical.search("invoice amount", 10, allowed)[0].tolist() == [4]
    assert corpus.lexical.search("invoice", 10, np.zeros(8, dtype=bool))[0].tolist() == []


def test_ties_come_in_the_order_of_rows_wherever_the_cut_is() -> None:
    index = LexicalIndex.build(["same word"] * 5 + ["other"])
    for k in range(1, 8):
        assert index.search("word", k)[0].tolist() == list(range(min(k, 5)))


def test_a_repeated_word_counts_once(corpus: Corpus) -> None:
    np.testing.assert_array_equal(
        corpus.lexical.search("invoice wrong", 8)[1], corpus.lexical.search("invoice wrong wrong", 8)[1]
    )


@pytest.mark.parametrize("texts", [(), ("", "..."), ("one",)])
@pytest.mark.parametrize("query", ["unknown words", "", "..."])
def test_nothing_in_common_finds_nothing(texts: tuple[str, ...], query: str) -> None:
    rows, scores = LexicalIndex.build(texts).search(query, 3)
    assert (rows.tolist(), scores.tolist()) == ([], [])


def test_a_stemmer_joins_the_forms_of_a_word() -> None:
    texts = ["refunded invoices", "something else"]
    assert LexicalIndex.build(texts).search("refund the invoice", 2)[0].tolist() == []
    assert LexicalIndex.build(texts, "english").search("refund the invoice", 2)[0].tolist() == [0]


@pytest.mark.parametrize("texts", [(), ("",), ("Login fails", "同步失败", "Refunds")])
def test_a_saved_index_answers_as_before(texts: tuple[str, ...], tmp_path: Path) -> None:
    kept = LexicalIndex.build(texts, "english")
    kept.save(tmp_path / "words")
    loaded = LexicalIndex.load(tmp_path / "words")
    assert len(loaded) == len(texts)
    for query in ("login", "失败", "refund"):
        for before, after in zip(kept.search(query, 3), loaded.search(query, 3), strict=True):
            np.testing.assert_array_equal(before, after)
    assert {path.suffix for path in (tmp_path / "words").iterdir()} <= {".json", ".npy"}


def test_equal_texts_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        LexicalIndex.build(["Login fails", "同步失败"]).save(tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
