from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tickets.errors import StorageError
from tickets.snapshots import has_snapshot, list_snapshots, load_snapshot, read_parts, read_table, write_snapshot
from tickets.storage import Storage

SCHEMA = pa.schema([("id", pa.string()), ("number", pa.float64())])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))


def _part(*numbers: float) -> pa.Table:
    return pa.table({"id": [f"T{number}" for number in numbers], "number": numbers}, schema=SCHEMA)


def _visible(storage: Storage, name: str) -> list[str]:
    return list_snapshots(storage, name)


def test_a_snapshot_is_read_as_it_was_written(storage: Storage) -> None:
    written = write_snapshot(storage, "acme/offline", [_part(1, 2), _part(3)], SCHEMA, {"note": ["x"]})
    assert (written.num_rows, len(written.parts)) == (3, 2)
    assert load_snapshot(storage, "acme/offline") == written
    assert read_table(storage, written).equals(pa.concat_tables([_part(1, 2), _part(3)]))
    assert [part.num_rows for part in read_parts(storage, written)] == [2, 1]
    assert read_table(storage, written, ["number"]).column_names == ["number"]


def test_parts_are_cast_to_the_schema(storage: Storage) -> None:
    whole = pa.table({"id": ["T1"], "number": pa.array([1], pa.int32())})
    assert read_table(storage, write_snapshot(storage, "acme/t", [whole], SCHEMA, {})).schema == SCHEMA


def test_the_newest_is_the_default_and_the_others_stay(storage: Storage) -> None:
    first = write_snapshot(storage, "acme/t", [_part(1)], SCHEMA, {})
    second = write_snapshot(storage, "acme/t", [_part(2)], SCHEMA, {})
    assert first.id < second.id
    assert load_snapshot(storage, "acme/t") == second
    assert load_snapshot(storage, "acme/t", first.id) == first
    assert read_table(storage, first)["number"].to_pylist() == [1.0]


def test_the_digest_follows_the_rows(storage: Storage) -> None:
    digests = [write_snapshot(storage, "acme/t", [_part(number)], SCHEMA, {}).digest for number in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_an_empty_snapshot_keeps_its_columns(storage: Storage) -> None:
    table = read_table(storage, write_snapshot(storage, "acme/t", [], SCHEMA, {}))
    assert (table.num_rows, table.schema) == (0, SCHEMA)


@pytest.mark.parametrize("has_former", [False, True])
def test_tables_that_fail_leave_what_was_there(storage: Storage, has_former: bool) -> None:
    former = write_snapshot(storage, "acme/t", [_part(1)], SCHEMA, {}) if has_former else None

    def tables() -> Iterator[pa.Table]:
        yield _part(2)
        raise RuntimeError("the export broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        write_snapshot(storage, "acme/t", tables(), SCHEMA, {})
    assert has_snapshot(storage, "acme/t") is has_former
    assert _visible(storage, "acme/t") == ([former.id] if former else [])
    if former:
        assert load_snapshot(storage, "acme/t") == former
        assert read_table(storage, former).num_rows == 1


def test_a_part_of_other_columns_is_no_snapshot(storage: Storage) -> None:
    with pytest.raises(ValueError, match="schema"):
        write_snapshot(storage, "acme/t", [_part(1), pa.table({"other": [1]})], SCHEMA, {})
    assert not has_snapshot(storage, "acme/t")
    assert _visible(storage, "acme/t") == []


def test_a_folder_that_lacks_its_manifest_is_no_snapshot(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    former = write_snapshot(storage, "acme/t", [_part(1)], SCHEMA, {})

    def fail(self: Storage, key: str, content: bytes, private: bool = False) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space left"):
        patch.setattr(Storage, "write_bytes", fail)
        write_snapshot(storage, "acme/t", [_part(2)], SCHEMA, {})
    assert load_snapshot(storage, "acme/t") == former


@pytest.mark.parametrize("snapshot_id", [None, "20200101T000000000000-abcdef01"])
def test_a_snapshot_that_is_not_there_is_named(storage: Storage, snapshot_id: str | None) -> None:
    assert not has_snapshot(storage, "acme/offline")
    wanted = f"acme/offline/{snapshot_id}.json: no such file" if snapshot_id else "acme/offline: there is no such table"
    with pytest.raises(StorageError, match=wanted):
        load_snapshot(storage, "acme/offline", snapshot_id)


@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_damaged_part_is_named(storage: Storage, damage: str) -> None:
    snapshot = write_snapshot(storage, "acme/t", [_part(1), _part(2)], SCHEMA, {})
    part = storage.local_path(snapshot.parts[1].key)
    content = part.read_bytes()
    part.unlink()
    if damage != "gone":
        part.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no Parquet at all")
    with pytest.raises(StorageError, match=rf"{part.name}: (cannot be read|no such file)"):
        read_table(storage, snapshot)
