from __future__ import annotations

import bz2
import fcntl
import gzip
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, current_thread, main_thread
from typing import IO

import pyarrow as pa
import pytest

from tickets.errors import ConflictError, StorageError
from tickets.storage import Storage, digest_dir, digest_files, find_exports, open_export
from tickets.storage.files import LocalFiles


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))


def _folder(place: Path, **files: bytes) -> Path:
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def test_what_is_written_is_read_and_listed(storage: Storage) -> None:
    storage.write_bytes("a/b.bin", b"\x00\xff")
    storage.write_json("a/c.json", {"z": 1, "a": [None, "é"]})
    assert storage.read_bytes("a/b.bin") == b"\x00\xff"
    assert storage.read_json("a/c.json") == {"z": 1, "a": [None, "é"]}
    assert storage.list_keys("a") == ["b.bin", "c.json"]
    assert storage.list_keys("nothing") == []
    assert (storage.exists("a"), storage.exists("a/b.bin"), storage.exists("a/x")) == (True, True, False)


def test_the_same_document_is_the_same_bytes(storage: Storage) -> None:
    storage.write_json("a", {"x": 1, "y": 2})
    storage.write_json("b", {"y": 2, "x": 1})
    assert storage.read_bytes("a") == storage.read_bytes("b")


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_write_that_fails_leaves_the_old_bytes_and_no_draft(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    storage.write_bytes("pointer", b"old")
    genuine = getattr(Path, step)

    def fail(path: Path, argument: object) -> None:
        if step == "write_bytes":
            genuine(path, b"ne")  # the disk is full half way
        raise OSError("no space left")

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(OSError, match="no space left"):
        storage.write_bytes("pointer", b"new")
    assert storage.read_bytes("pointer") == b"old"
    assert storage.list_keys("") == ["pointer"]


@pytest.mark.parametrize("key", ["nothing/here.json", "folder", "file/below"])
def test_reading_what_is_no_file_names_the_path(storage: Storage, key: str) -> None:
    storage.write_bytes("folder/file", b"")
    storage.write_bytes("file", b"")
    with pytest.raises(StorageError) as caught:
        storage.read_bytes(key)
    assert str(storage.local_path(key)) in caught.value.message


def test_reading_broken_json_names_the_path(storage: Storage) -> None:
    storage.write_bytes("x.json", b'{"a":')
    with pytest.raises(StorageError, match=r"x\.json: not valid JSON"):
        storage.read_json("x.json")


def test_swap_replaces_only_what_the_caller_last_saw(storage: Storage) -> None:
    storage.swap_json("pointer", None, {"release": 1})
    storage.swap_json("pointer", {"release": 1}, {"release": 2})
    for stale in (None, {"release": 1}):
        with pytest.raises(ConflictError, match="pointer was changed by another writer"):
            storage.swap_json("pointer", stale, {"release": 3})
    assert storage.read_json("pointer") == {"release": 2}


def test_of_writers_that_race_exactly_one_wins(storage: Storage) -> None:
    num_writers, num_rounds = 2, 20
    barrier = Barrier(num_writers)

    def swap(writer: int, expected: object, content: object) -> bool:
        barrier.wait(timeout=30)
        try:
            storage.swap_json("pointer", expected, content)
        except ConflictError:
            return False
        return True

    seen: object = None
    with ThreadPoolExecutor(num_writers) as pool:
        for turn in range(num_rounds):
            contents = [{"turn": turn, "writer": writer} for writer in range(num_writers)]
            won = list(pool.map(swap, range(num_writers), [seen] * num_writers, contents))
            assert sorted(won) == [False, True]
            seen = storage.read_json("pointer")
            assert seen == contents[won.index(True)]


def test_who_comes_while_another_swaps_has_to_wait(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine_lock, genuine_write = fcntl.flock, LocalFiles.write
    waits_or_done, late = Event(), ThreadPoolExecutor(1)
    outcomes: list[Future[None]] = []

    def lock(file: IO[str], operation: int) -> None:
        if current_thread() is not main_thread():
            waits_or_done.set()
        genuine_lock(file, operation)

    def write(self: LocalFiles, key: str, content: bytes) -> None:
        if content == b'"first"':  # the first writer has compared and is about to write
            outcomes.append(late.submit(storage.swap_json, "pointer", None, "second"))
            outcomes[0].add_done_callback(lambda _: waits_or_done.set())
            assert waits_or_done.wait(timeout=30)
        genuine_write(self, key, content)

    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(LocalFiles, "write", write)
    storage.swap_json("pointer", None, "first")
    with late, pytest.raises(ConflictError):
        outcomes[0].result(timeout=30)
    assert storage.read_json("pointer") == "first"


def test_adopting_moves_a_folder_to_the_place_its_content_names(storage: Storage, tmp_path: Path) -> None:
    key, digest = storage.adopt_dir(_folder(tmp_path / "new", a=b"1", b=b"2"), "models")
    assert key == f"models/{digest[:32]}"
    assert digest == digest_dir(storage.local_path(key))
    assert storage.list_keys(key) == ["a", "b"]
    assert not (tmp_path / "new").exists()


def test_adopting_an_equal_folder_keeps_the_one_that_is_there(storage: Storage, tmp_path: Path) -> None:
    first = storage.adopt_dir(_folder(tmp_path / "one", a=b"1"), "models")
    inode = storage.local_path(first[0]).stat().st_ino
    assert storage.adopt_dir(_folder(tmp_path / "two", a=b"1"), "models") == first
    assert storage.local_path(first[0]).stat().st_ino == inode
    assert storage.adopt_dir(_folder(tmp_path / "three", a=b"3"), "models")[0] != first[0]


def test_adopting_into_a_folder_that_was_changed_is_refused(storage: Storage, tmp_path: Path) -> None:
    key, _ = storage.adopt_dir(_folder(tmp_path / "one", a=b"1"), "models")
    (storage.local_path(key) / "a").write_bytes(b"changed")
    with pytest.raises(StorageError, match="its content was changed"):
        storage.adopt_dir(_folder(tmp_path / "two", a=b"1"), "models")


def test_a_scratch_folder_is_gone_afterwards(storage: Storage) -> None:
    with storage.scratch_dir("work") as scratch:
        (scratch / "file").write_bytes(b"1")
        assert scratch.parent == storage.local_path("work")
    assert storage.list_keys("work") == []
    with pytest.raises(ZeroDivisionError), storage.scratch_dir("work") as scratch:
        (scratch / "file").write_bytes(b"1")
        _ = 1 // 0
    assert storage.list_keys("work") == []


def test_an_adopted_scratch_folder_stays(storage: Storage) -> None:
    with storage.scratch_dir("models") as scratch:
        (scratch / "file").write_bytes(b"1")
        key, _ = storage.adopt_dir(scratch, "models")
    assert storage.read_bytes(f"{key}/file") == b"1"


def test_a_digest_changes_with_a_byte_or_a_name_and_with_nothing_else(tmp_path: Path) -> None:
    folders = [
        _folder(tmp_path / "same", a=b"1", b=b"2"),
        _folder(tmp_path / "byte", a=b"1", b=b"3"),
        _folder(tmp_path / "name", a=b"1", c=b"2"),
        _folder(tmp_path / "swapped", a=b"2", b=b"1"),
        _folder(tmp_path / "fewer", a=b"1"),
    ]
    nested = _folder(tmp_path / "nested", a=b"1")
    _folder(nested / "deep", b=b"2")
    digests = [digest_dir(folder) for folder in [*folders, nested]]
    assert len(set(digests)) == len(digests)
    assert digest_dir(_folder(tmp_path / "again", b=b"2", a=b"1")) == digests[0]
    assert list(digest_files(nested)) == ["a", "deep/b"]


def test_exports_are_found_by_file_folder_and_glob(tmp_path: Path) -> None:
    _folder(tmp_path / "in", **{"b.csv": b"", "a.csv": b"", "c.json": b""})
    _folder(tmp_path / "in" / "deep", **{"d.csv": b""})
    place = str(tmp_path / "in")
    assert find_exports(f"{place}/a.csv") == [f"{place}/a.csv"]
    assert find_exports(place) == [f"{place}/{name}" for name in ("a.csv", "b.csv", "c.json", "deep/d.csv")]
    assert find_exports(f"{place}/*.csv") == [f"{place}/a.csv", f"{place}/b.csv"]
    assert find_exports(f"{place}/*") == [f"{place}/{name}" for name in ("a.csv", "b.csv", "c.json")]
    assert find_exports(f"{place}/x*") == find_exports(f"{place}/none") == []
    assert find_exports(f"file://{place}/*.json") == [f"file://{place}/c.json"]


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    _folder(tmp_path / "in", **{"export[1].csv": b"", "export1.csv": b""})
    assert find_exports(f"{tmp_path}/in/export[1].csv") == [f"{tmp_path}/in/export[1].csv"]
    assert find_exports(f"{tmp_path}/in/export[0-9].csv") == [f"{tmp_path}/in/export1.csv"]


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".zst", _zstd)])
def test_an_export_is_unpacked_by_its_ending(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"content")
    (tmp_path / f"x.csv{ending}").write_bytes(packed)
    with open_export(str(tmp_path / f"x.csv{ending}")) as stream:
        assert stream.read() == b"content"
    with open_export(str(tmp_path / f"x.csv{ending}"), unpack=False) as stream:
        assert stream.read() == packed
