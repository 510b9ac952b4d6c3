from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.random import Generator

from tickets.schema import Field, Kind, Stage
from tickets.text import normalise
from tickets.train.leaks import Candidate, FieldTie, Use, find_ties
from tickets.train.sample import Sample

ROWS = 300


def _sample(codes: Any) -> Sample:
    """Rows whose texts are all different."""
    return Sample.of([f"label {code}" for code in codes], [f"text {row}" for row in range(len(codes))], 5)


def _tie(values: Any, codes: Any, kind: Kind = Kind.CATEGORICAL, use: Use = "input") -> FieldTie | None:
    """What is found of one field of the given values."""
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([pa.array(values)])
    stage = Stage.CLOSED if use == "later" else Stage.CREATION
    candidate = Candidate.of(Field("planted", kind, stage), use, column)
    assert candidate is not None
    ties = find_ties([candidate], _sample(codes))
    return ties[0] if ties else None


def _planted(kind: str, codes: np.ndarray, rng: Generator) -> tuple[Any, Kind]:
    """A field that gives the label away, in one of many disguises."""
    rows = range(len(codes))
    return {
        "copy": ([f"R{code * 7}" for code in codes], Kind.CATEGORICAL),
        "finer": ([f"q{code}-{rng.integers(3)}" for code in codes], Kind.CATEGORICAL),
        "noisy copy": ([f"R{code if rng.random() < 0.96 else 9}" for code in codes], Kind.CATEGORICAL),
        "number": ((codes * 10 + rng.random(len(codes))).tolist(), Kind.NUMBER),
        "code": (codes.astype(float).tolist(), Kind.NUMBER),
        "flag": ([bool(code) for code in codes], Kind.FLAG),
        "prefix of an id": ([f"{'ABCDE'[codes[row]]}-{row}" for row in rows], Kind.ID),
        "end of an id": ([f"{rng.integers(10**6)}/q{codes[row]}" for row in rows], Kind.ID),
        "label in an id": ([f"{rng.integers(10**6)}-x{rng.integers(99)}-LABEL_{codes[row]}" for row in rows], Kind.ID),
        "order of an id": ([f"T-{codes[row] * 1000 + row}" for row in rows], Kind.ID),
        "time": (pa.chunked_array([pa.array(codes * 10**7 + np.arange(len(codes)), pa.timestamp("ms"))]), Kind.TIME),
        "list": ([["seen", f"t{code}"] for code in codes], Kind.LIST),
        "text": ([f"Dear all, this is a LABEL_{code}!" for code in codes], Kind.TEXT),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("copy", "finer", "noisy copy", "number", "code", "time", "list", "text"),
        *("prefix of an id", "end of an id", "label in an id", "order of an id"),
    ],
)
@pytest.mark.parametrize("num_labels", [2, 5])
def test_a_planted_leak_is_found_and_named(kind: str, num_labels: int) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(num_labels, size=ROWS)
    values, of = _planted(kind, codes, rng)
    tie = _tie(values, codes, of)
    assert tie is not None
    assert tie.suspected
    assert tie.share > 0.9
    assert '"planted"' in tie.finding


def test_a_flag_can_leak_too() -> None:
    codes = np.random.default_rng(2).integers(2, size=ROWS)
    tie = _tie(*_planted("flag", codes, np.random.default_rng(0))[:1], codes, Kind.FLAG)
    assert tie is not None
    assert (tie.suspected, tie.relation) == (True, "copy")


def test_a_leak_that_is_seldom_filled_is_found_where_it_is() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(4, size=ROWS)
    filled = rng.random(ROWS) < 0.2
    tie = _tie([f"R{code}" if yes else None for code, yes in zip(codes, filled, strict=True)], codes)
    assert tie is not None
    assert tie.suspected
    assert tie.share < 0.5
    assert tie.filled_share == 1.0
    assert f"of the {filled.sum()} rows where it is filled" in tie.finding


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_leak_and_tells_next_to_nothing(seed: int) -> None:
    """Of 200 fields of noise none is suspected; a few show a faint gain by chance."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(3, size=100)
    columns: list[tuple[Any, Kind]] = [
        ([f"v{value}" for value in rng.integers(size, size=100)], Kind.CATEGORICAL) for size in (2, 4, 10, 30, 60)
    ]
    columns += [(rng.lognormal(size=100).tolist(), Kind.NUMBER), (rng.poisson(2.0, size=100).tolist(), Kind.NUMBER)]
    columns += [([f"T-{row}" for row in rng.permutation(100)], Kind.ID), ((rng.random(100) < 0.3).tolist(), Kind.FLAG)]
    columns += [([f"some words {value}" for value in rng.integers(50, size=100)], Kind.TEXT)]
    fields = [Field(f"field{at}", kind, Stage.CREATION) for at, (_, kind) in enumerate(columns)]
    found = [
        Candidate.of(field, "input", pa.chunked_array([pa.array(values)]))
        for field, (values, _) in zip(fields, columns, strict=True)
    ]
    ties = find_ties([candidate for candidate in found if candidate], _sample(codes))
    assert not any(tie.suspected or tie.relation for tie in ties)
    assert len(ties) <= 3
    assert all(tie.share < 0.4 for tie in ties)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("unread", "models do not read it"),
        ("target", "it is a target too"),
        ("later", "known at stage closed only"),
    ],
)
def test_what_models_do_not_read_is_named_but_not_suspected(use: Use, words: str) -> None:
    codes = np.random.default_rng(5).integers(4, size=ROWS)
    tie = _tie([f"R{code}" for code in codes], codes, use=use)
    assert tie is not None
    assert (tie.suspected, tie.relation) == (False, "copy")
    assert words in tie.finding


def test_a_hierarchy_is_named_both_ways() -> None:
    rng = np.random.default_rng(6)
    fine = rng.integers(12, size=ROWS)
    coarse = fine // 4
    finer = _tie([f"sub{code}" for code in fine], coarse, use="target")
    coarser = _tie([f"cat{code}" for code in coarse], fine)
    assert finer is not None
    assert (finer.relation, finer.suspected) == ("finer", False)
    assert coarser is not None
    assert (coarser.relation, coarser.suspected) == ("coarser", False)
    assert coarser.finding.startswith('each label belongs to one value of "planted", as a subcategory belongs')


def test_a_hundred_rows_show_a_hierarchy_and_ids_do_not() -> None:
    rng = np.random.default_rng(7)
    fine = rng.integers(25, size=100)
    tie = _tie([f"sub{code}" for code in fine], fine // 5)
    assert tie is not None
    assert tie.relation == "finer"
    assert _tie([f"T{row}" for row in rng.permutation(100)], fine // 5, Kind.ID) is None


def test_a_word_of_the_label_here_and_there_is_no_leak() -> None:
    """`card` stands in many texts of other labels, and seldom in its own."""
    rng = np.random.default_rng(8)
    codes = rng.integers(3, size=ROWS)
    texts = [f"my label {rng.integers(3)} is lost" for _ in codes]
    tie = _tie(texts, codes, Kind.TEXT)
    assert tie is None or not tie.suspected


def test_texts_that_list_every_label_give_nothing_away() -> None:
    codes = np.random.default_rng(9).integers(3, size=ROWS)
    tie = _tie(["choose: label 0, label 1, label 2"] * ROWS, codes, Kind.TEXT)
    assert tie is None or not tie.suspected


def test_a_text_that_models_read_is_no_leak_by_its_values() -> None:
    codes = np.random.default_rng(10).integers(3, size=ROWS)
    assert _tie([f"template {'abc'[code]}" for code in codes], codes, Kind.TEXT) is None
    unread = _tie([f"template {'abc'[code]}" for code in codes], codes, Kind.TEXT, use="unread")
    assert unread is not None
    assert unread.relation == "copy"


def test_suspected_fields_come_first() -> None:
    rng = np.random.default_rng(11)
    codes = rng.integers(4, size=ROWS)
    copy = pa.chunked_array([pa.array([f"R{code}" for code in codes])])
    field = Field("later_copy", Kind.CATEGORICAL, Stage.CLOSED), Field("the_leak", Kind.CATEGORICAL, Stage.CREATION)
    candidates = [Candidate.of(field[0], "later", copy), Candidate.of(field[1], "input", copy)]
    ties = find_ties([of for of in candidates if of], _sample(codes))
    assert [tie.field for tie in ties] == ["the_leak", "later_copy"]


def test_columns_that_say_nothing_are_no_candidates() -> None:
    field = Field("planted", Kind.CATEGORICAL, Stage.CREATION)
    for empty in (pa.nulls(3), pa.array([None, "", " "]), pa.array([float("nan")] * 3), pa.array([[], None, []])):
        assert Candidate.of(field, "input", pa.chunked_array([empty])) is None


def test_values_count_without_case_and_space() -> None:
    assert normalise(" Billing\n") == "billing"
    codes = np.array([0, 1] * 30)
    spelled = [
        [" Billing", "ACCESS"][code] if row % 4 < 2 else ["billing ", "access"][code] for row, code in enumerate(codes)
    ]
    tie = _tie(spelled, codes)
    assert tie is not None
    assert tie.relation == "copy"


def test_the_only_field_there_is_is_no_leak_because_nothing_tells_more() -> None:
    """Rows that agree in it have different labels, so that it takes all that identical inputs allow."""
    rng = np.random.default_rng(12)
    codes = rng.integers(2, size=2000)
    tie = _tie([f"v{code if rng.random() < 0.8 else 1 - code}" for code in codes], codes)
    assert tie is not None
    assert not tie.suspected
    assert tie.share == pytest.approx(0.6, abs=0.08)
