"""The root in an S3 bucket, over HTTP: the same promises as a folder, also where the server answers badly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from wsgiref.types import WSGIEnvironment

import pyarrow as pa
import pytest
from s3_server import S3Server

from tickets.errors import ConflictError, StorageError
from tickets.snapshots import commit, load_snapshot, read_head, read_table, save_snapshot, write_part, write_snapshot
from tickets.storage import Storage, find_exports, open_export

SCHEMA = pa.schema([("id", pa.string()), ("number", pa.float64())])


@pytest.fixture
def storage(s3_root: str) -> Storage:
    return Storage(s3_root)


def _rows(*numbers: float) -> pa.Table:
    return pa.table({"id": [f"T{number}" for number in numbers], "number": numbers}, schema=SCHEMA)


def _folder(place: Path, **files: bytes) -> Path:
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def test_what_is_written_is_read_listed_and_deleted(storage: Storage) -> None:
    assert not storage.exists("a/b.json")
    assert storage.list_keys("a") == []
    storage.write_json("a/b.json", {"x": 1})
    storage.write_bytes("a/c/d", b"1")
    assert storage.read_json("a/b.json") == {"x": 1}
    assert storage.list_keys("a") == ["b.json", "c"]
    assert storage.exists("a/c")
    storage.delete("a")
    assert not storage.exists("a")
    storage.delete("a")
    for read in (storage.read_bytes, storage.open_file, storage.fetch):
        with pytest.raises(StorageError, match=r"s3://.*a/b\.json: no such file"):
            read("a/b.json")


def test_a_large_object_travels_in_parts_and_is_read_by_ranges(storage: Storage, s3: S3Server, tmp_path: Path) -> None:
    content = bytes(range(256)) * (450 * 1024)  # 115 MB: more than one PUT of the client takes
    (tmp_path / "large").write_bytes(content)
    storage.adopt_file(tmp_path / "large", "large")
    assert not (tmp_path / "large").exists()
    assert sum(method == "PUT" for method, path in s3.requests if path.endswith("/large")) > 1
    with storage.open_file("large") as file:
        file.seek(100_000_000)
        assert file.read(4) == content[100_000_000:100_000_004]


def test_swap_replaces_only_what_the_caller_last_saw(storage: Storage) -> None:
    storage.swap_json("pointer", None, {"turn": 0})
    with pytest.raises(ConflictError, match="expected None"):
        storage.swap_json("pointer", None, {"turn": 9})
    storage.swap_json("pointer", {"turn": 0}, {"turn": 1})
    with pytest.raises(ConflictError):
        storage.swap_json("pointer", {"turn": 0}, {"turn": 2})
    assert storage.read_json("pointer") == {"turn": 1}


def test_of_writers_that_race_exactly_one_wins(storage: Storage) -> None:
    num_writers, seen = 4, None
    barrier = Barrier(num_writers)

    def swap(writer: int, turn: int) -> bool:
        barrier.wait()
        try:
            Storage(storage.root).swap_json("pointer", seen, {"turn": turn, "writer": writer})
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(num_writers) as pool:
        for turn in range(5):
            won = list(pool.map(swap, range(num_writers), [turn] * num_writers))
            assert sum(won) == 1
            seen = storage.read_json("pointer")
            assert seen == {"turn": turn, "writer": won.index(True)}


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
def test_a_server_that_stumbles_is_asked_again(storage: Storage, s3: S3Server, method: str) -> None:
    left = [2]

    def stumble(environ: WSGIEnvironment) -> str | None:
        if environ["REQUEST_METHOD"] != method or not left[0]:
            return None
        left[0] -= 1
        return "503 Slow Down" if left[0] else "500 Internal Server Error"

    s3.faults.append(stumble)
    storage.write_json("a", 1)
    storage.swap_json("a", 1, 2)
    assert storage.read_json("a") == 2
    assert not left[0]


def test_an_answer_that_is_lost_after_the_write_is_no_conflict(storage: Storage, s3: S3Server) -> None:
    storage.write_json("pointer", "old")
    writer = Storage(storage.root)
    puts = [0]

    def lose_answer(environ: WSGIEnvironment) -> str | None:
        if environ["REQUEST_METHOD"] != "PUT":
            return None
        puts[0] += 1
        if puts[0] > 1:
            return None
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        s3.faults.remove(lose_answer)
        writer.write_bytes("pointer", b'"new"')  # the first request reached the server, its answer did not come back
        s3.faults.append(lose_answer)
        environ["CONTENT_LENGTH"] = "0"
        assert body
        return "500 Internal Server Error"

    s3.faults.append(lose_answer)
    storage.swap_json("pointer", "old", "new")
    assert storage.read_json("pointer") == "new"


def test_an_upload_that_breaks_off_leaves_nothing_to_read(storage: Storage, s3: S3Server) -> None:
    former = write_snapshot(storage, "acme/offline", [_rows(1)], SCHEMA, {})
    s3.faults.append(lambda environ: "403 Forbidden" if environ["REQUEST_METHOD"] == "PUT" else None)
    with pytest.raises(OSError, match="planted"):
        write_snapshot(storage, "acme/offline", [_rows(2)], SCHEMA, {})
    s3.faults.clear()
    assert load_snapshot(storage, "acme/offline") == former
    assert read_table(storage, former).num_rows == 1


def test_a_folder_is_adopted_once_and_fetched_for_use(storage: Storage, s3: S3Server, tmp_path: Path) -> None:
    key, digest = storage.adopt_dir(_folder(tmp_path / "one", a=b"1", b=b"2"), "models")
    assert storage.list_keys(key) == ["a", "b"]
    num_requests = len([1 for method, _ in s3.requests if method == "PUT"])
    assert storage.adopt_dir(_folder(tmp_path / "two", a=b"1", b=b"2"), "models") == (key, digest)
    assert len([1 for method, _ in s3.requests if method == "PUT"]) == num_requests
    elsewhere = storage.fetch(key)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["a", "b"]
    (elsewhere / "a").unlink()
    (elsewhere / "b").unlink()
    elsewhere.rmdir()
    assert (storage.fetch(key) / "a").read_bytes() == b"1"


def test_snapshots_share_parts_and_move_together(storage: Storage) -> None:
    part = write_part(storage, "acme", "2026-01", _rows(1, 2))
    assert write_part(storage, "acme", "2026-01", _rows(1, 2)) == part
    head = read_head(storage, "acme")
    bronze, offline = (save_snapshot(storage, f"acme/{name}", [part], {}) for name in ("bronze", "offline"))
    with pytest.raises(StorageError, match="no such table"):
        load_snapshot(storage, "acme/offline")
    commit(storage, "acme", head, [bronze, offline])
    assert load_snapshot(storage, "acme/bronze").parts == load_snapshot(storage, "acme/offline").parts
    with pytest.raises(ConflictError):
        commit(storage, "acme", head, [bronze])


def test_exports_are_found_and_read_there(storage: Storage) -> None:
    storage.write_bytes("raw/a.jsonl", b'{"x": 1}\n')
    storage.write_bytes("raw/b.jsonl", b'{"x": 2}\n')
    found = find_exports(f"{storage.root}/raw/*.jsonl")
    assert found == [f"{storage.root}/raw/a.jsonl", f"{storage.root}/raw/b.jsonl"]
    with open_export(found[1]) as file:
        assert file.read() == b'{"x": 2}\n'
