"""Sentence vectors that are computed once, kept in parts, and dropped with their texts; without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tickets.config import TicketsConfig
from tickets.release import FORMAT_VERSION
from tickets.schema import arrow_schema
from tickets.snapshots import load_snapshot, read_head, write_snapshot
from tickets.storage import Storage
from tickets.train import vectors
from tickets.train.prepare import forget_texts
from tickets.train.vectors import EncoderRef, drop_vectors, encode_texts, gather_parts, text_key

ENCODER = EncoderRef.at("encoders/0123456789abcdef0123")
NAME = ENCODER.vectors_name("acme")


def _vector(text: str) -> list[float]:
    return [float(len(text)), float(sum(map(ord, text)))]


def _table(texts: Mapping[str, str]) -> pa.Table:
    column = pa.array([_vector(text) for text in texts.values()], pa.list_(pa.float32(), 2))
    return pa.table({"print": list(texts), "vector": column})


class _Encoder:
    """Stands for the pool of actors: a part for each text, and a list of what was computed."""

    def __init__(self) -> None:
        self.computed: list[str] = []
        self.before_each: Callable[[str], None] = lambda _: None

    def __call__(self, folder: Path, texts: Mapping[str, str]) -> Iterator[pa.Table]:
        for key, text in texts.items():
            self.before_each(text)
            self.computed.append(text)
            yield _table({key: text})


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> _Encoder:
    fake = _Encoder()
    monkeypatch.setattr(vectors, "_encode", fake)
    return fake


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def _encode(storage: Storage, *texts: str) -> list[list[float]]:
    found: list[list[float]] = encode_texts(storage, NAME, ENCODER, texts).tolist()
    return found


def _files(storage: Storage) -> set[str]:
    return {f"acme/data/undated/{name}" for name in storage.list_keys("acme/data/undated")}


def test_each_text_is_computed_once_and_rows_keep_their_order(storage: Storage, encoder: _Encoder) -> None:
    assert _encode(storage, "b", "a", "b", "") == [_vector(text) for text in ("b", "a", "b", "")]
    assert encoder.computed == ["b", "a", ""]
    assert _encode(storage, "a", "ccc", "b") == [_vector(text) for text in ("a", "ccc", "b")]
    assert encoder.computed == ["b", "a", "", "ccc"]


def test_what_is_new_is_put_behind_what_is_kept(storage: Storage, encoder: _Encoder) -> None:
    _encode(storage, "a", "b")
    before = load_snapshot(storage, NAME).parts
    _encode(storage, "b", "c")
    after = load_snapshot(storage, NAME).parts
    assert after[:2] == before
    assert [part.num_rows for part in after] == [1, 1, 1]


def test_of_what_is_not_asked_for_no_vector_is_read(
    storage: Storage, encoder: _Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _encode(storage, "a", "b", "c")
    whole: list[str] = []
    read = vectors.read_part

    def watch(storage: Storage, part: Any, columns: Any = None) -> pa.Table:
        whole.extend([part.key] if columns is None else [])
        return read(storage, part, columns)

    monkeypatch.setattr(vectors, "read_part", watch)
    _encode(storage, "b")
    assert whole == [load_snapshot(storage, NAME).parts[1].key]


def test_a_job_that_is_killed_leaves_what_it_had_computed(storage: Storage, encoder: _Encoder) -> None:
    def fail(text: str) -> None:
        if text == "c":
            raise KeyboardInterrupt

    encoder.before_each = fail
    with pytest.raises(KeyboardInterrupt):
        _encode(storage, "a", "b", "c", "d")
    encoder.before_each = lambda _: None
    _encode(storage, "a", "b", "c", "d")
    assert encoder.computed == ["a", "b", "c", "d"]


def test_two_jobs_at_once_keep_the_vectors_of_both(storage: Storage, encoder: _Encoder) -> None:
    def other_job(text: str) -> None:
        if text == "a":
            _encode(storage, "x", "y")

    encoder.before_each = other_job
    _encode(storage, "a", "b", "x")
    rows = load_snapshot(storage, NAME).num_rows
    assert rows == 4  # x was computed by both, to the same part
    encoder.computed.clear()
    _encode(storage, "a", "b", "x", "y")
    assert encoder.computed == []


def test_parts_are_as_large_as_asked_but_for_the_last() -> None:
    batches = [pa.table({"at": [at] * 3}) for at in range(5)]
    assert [part.num_rows for part in gather_parts(batches, 5)] == [6, 6, 3]
    assert pa.concat_tables(gather_parts(batches, 5)) == pa.concat_tables(batches)
    assert list(gather_parts([], 5)) == []


def test_vectors_of_other_texts_go_and_those_of_other_encoders(storage: Storage, encoder: _Encoder) -> None:
    _encode(storage, "a", "b")
    encode_texts(storage, "acme/vectors/old", ENCODER, ["c"])
    files = _files(storage)
    assert drop_vectors(storage, "acme", {text_key("a")}, [NAME], older_than_s=3_600) == 0  # all are young
    assert _files(storage) == files
    assert drop_vectors(storage, "acme", {text_key("a")}, [NAME], older_than_s=0) == 2
    assert _files(storage) == {part.key for part in load_snapshot(storage, NAME).parts}
    assert load_snapshot(storage, "acme/vectors/old").num_rows == 0
    encoder.computed.clear()
    _encode(storage, "a", "b")
    assert encoder.computed == ["b"]


def test_a_part_is_written_anew_without_the_texts_that_went(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_encode", lambda _, texts: iter([_table(texts)]))
    _encode(storage, "a", "b", "c")
    assert drop_vectors(storage, "acme", {text_key("a"), text_key("c")}, [NAME], older_than_s=0) == 1
    monkeypatch.setattr(vectors, "_encode", lambda *_: pytest.fail("nothing is missing"))
    assert _encode(storage, "c", "a") == [_vector("c"), _vector("a")]


def test_what_goes_while_it_is_read_is_computed_again(storage: Storage, encoder: _Encoder) -> None:
    _encode(storage, "a", "b")
    storage.delete(load_snapshot(storage, NAME).parts[0].key)
    assert _encode(storage, "a", "b") == [_vector("a"), _vector("b")]
    assert encoder.computed == ["a", "b", "a"]


def test_texts_of_kept_versions_stay_as_any_readable_release_joins_them(storage: Storage, encoder: _Encoder) -> None:
    for rows in ([{"ticket_id": "1", "subject": "old"}], [{"ticket_id": "1", "subject": "new", "description": "d"}]):
        table = pa.Table.from_pylist(rows, schema=arrow_schema())
        write_snapshot(storage, "acme/offline", [table], table.schema, {})
    manifest = {
        "format_version": FORMAT_VERSION,
        "parts": {"encoder": {"key": ENCODER.key}},
        "config": {"features": {"text": ["subject"]}},
    }
    storage.write_json("acme/releases/r2/manifest.json", manifest)
    storage.write_json("acme/releases/r1/manifest.json", {"format_version": 1})
    _encode(storage, "old", "new", "new\nd", "deleted")
    source = {"name": "acme", "targets": ["category"]}
    young = TicketsConfig.model_validate({"source": source})
    assert forget_texts(storage, young) == 0
    assert (
        forget_texts(storage, TicketsConfig.model_validate({"source": source, "snapshots": {"older_than_h": 0}})) == 1
    )
    encoder.computed.clear()
    _encode(storage, "old", "new", "new\nd", "deleted")
    assert encoder.computed == ["deleted"]
    assert f"vectors/{ENCODER.digest[:16]}" in read_head(storage, "acme").tables
