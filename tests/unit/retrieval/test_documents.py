from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tickets.errors import ModelError
from tickets.retrieval.corpus import Corpus
from tickets.retrieval.documents import Documents, build_documents, document_schema, is_resolved
from tickets.retrieval.resolutions import find_fixes, find_outcomes
from tickets.text import fingerprint


def test_texts_and_resolutions_are_stored_masked(corpus: Corpus) -> None:
    document = corpus.documents.take([0])[0]
    assert document.text == "Cannot log in, the password reset mail to [email] never arrives"
    assert document.resolution == "Reset the mail address, call [phone]"
    assert document.text_print == fingerprint(document.text)


def test_a_document_tells_its_ticket(corpus: Corpus) -> None:
    late, first = corpus.documents.take([6, 0])
    assert (late.ticket_id, late.created_at, late.labels) == (
        "T6",
        "2025-01-07T00:00:00+00:00",
        {"category": "billing"},
    )
    assert (first.resolution_code, first.fix, first.helped) == ("CONFIG", "CONFIG / login", True)
    assert (late.helped, late.fix_helped, late.fix_tried) == (None, 0, 0)


def test_success_is_counted_per_fix_over_known_outcomes(corpus: Corpus) -> None:
    counts = {document.fix: (document.fix_helped, document.fix_tried) for document in corpus.documents.take(range(8))}
    assert counts == {
        "CONFIG / login": (1, 1),
        "PATCH / login": (0, 1),
        "REPAIR / sync": (1, 1),
        "REPAIR / billing": (2, 2),
        "WORKAROUND / billing": (0, 0),
        None: (0, 0),
    }
    assert corpus.documents.success_rate() == pytest.approx(4 / 5)


def test_what_the_customer_said_goes_before_points(past: pa.Table) -> None:
    assert find_outcomes(past) == [True, False, True, True, True, True, None, True]
    assert find_outcomes(past.select(["ticket_id"])) == [None] * 8


def test_a_fix_is_its_code_and_the_most_specific_label(past: pa.Table) -> None:
    with_subcategory = past.append_column("subcategory", pa.array(["Reset", *[None] * 7]))
    assert find_fixes(with_subcategory, {})[:2] == ["CONFIG / Reset", "PATCH / login"]
    only_codes = past.select(["ticket_id", "resolution_code"])
    assert find_fixes(only_codes, {"topic": ["a"] * 8})[:3] == ["CONFIG / a", "PATCH / a", None]
    assert find_fixes(only_codes, {}, ("DUPLICATE",))[6:] == ["WORKAROUND", None]


def test_without_codes_equal_resolutions_are_one_fix(past: pa.Table) -> None:
    fixes = find_fixes(past.drop_columns(["resolution_code"]), {})
    assert fixes[4] == fixes[5]
    assert len({fixes[row] for row in (0, 1, 3, 4, 6)}) == 5
    assert fixes[2] is None


def test_resolved_means_a_resolution_or_its_code(past: pa.Table) -> None:
    assert is_resolved(past).tolist() == [True, True, False, True, True, True, True, True]
    blank = pa.table({"ticket_id": ["a", "b"], "resolution": [" ", "done"]})
    assert is_resolved(blank).tolist() == [False, True]


def test_a_source_of_texts_and_labels_alone_counts_as_resolved(past: pa.Table) -> None:
    assert is_resolved(past.select(["ticket_id", "category"])).all()
    nulls = pa.table({"ticket_id": ["a"], "resolution": pa.nulls(1, pa.string())})
    assert is_resolved(nulls).tolist() == [True]


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"product": "API"}, [0, 1, 6]),
        ({"product": ["API", "Web"], "language": ("zh", "de")}, [2, 6]),
        ({"product": "nothing has this"}, []),
        ({"product": []}, []),
    ],
)
def test_filters_keep_what_has_the_values(corpus: Corpus, filters: dict[str, str | list[str]], rows: list[int]) -> None:
    assert np.flatnonzero(corpus.documents.allowed(filters)).tolist() == rows


def test_an_unknown_filter_names_the_known_ones(corpus: Corpus) -> None:
    with pytest.raises(ModelError, match="filter 'colour'; allowed: product, language, category"):
        corpus.documents.allowed({"colour": "red"})


def test_the_columns_are_those_of_the_schema(past: pa.Table) -> None:
    table = build_documents(past, ["x"] * 8, {"topic": ["a"] * 8})
    assert table.schema.equals(document_schema(["topic"], ["product", "language", "category"]))
    assert Documents(table).targets == ("topic",)


@pytest.mark.parametrize("num_rows", [0, 1, 8])
def test_a_saved_store_answers_as_before(past: pa.Table, num_rows: int, tmp_path: Path) -> None:
    labels = ["a", None, *"bcdefg"][:num_rows]
    kept = Documents(build_documents(past.slice(0, num_rows), ["x"] * num_rows, {"topic": labels}))
    kept.save(tmp_path / "documents.arrow")
    loaded = Documents.load(tmp_path / "documents.arrow")
    rows = range(num_rows)
    assert (len(loaded), loaded.take(rows), loaded.targets) == (num_rows, kept.take(rows), ("topic",))
    assert loaded.allowed({"product": "API"}).tolist() == kept.allowed({"product": "API"}).tolist()
    assert loaded.success_rate() == kept.success_rate()
    assert loaded.rows_of("T0").tolist() == list(rows)[:1]
