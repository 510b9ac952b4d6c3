from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest

from tickets.predictions import PredictionLog
from tickets.storage import Storage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


@pytest.fixture
def log(storage: Storage) -> Iterator[PredictionLog]:
    """A log that writes only when it is told to."""
    made = PredictionLog(storage, "acme", flush_s=3600, flush_rows=1000)
    made.start()
    yield made
    made.close()


def _append(log: PredictionLog, now: datetime = NOON, **fields: Any) -> str:
    prediction_id = log.new_id(now)
    log.append(prediction_id, {"prediction_id": prediction_id, **fields})
    return prediction_id


def _objects(storage: Storage) -> list[Path]:
    return sorted(storage.work_dir.glob("acme/predictions/*/*.jsonl"))


def test_an_answer_is_found_before_and_after_it_is_written(log: PredictionLog, storage: Storage) -> None:
    wanted = [_append(log, label=str(number)) for number in range(3)]
    assert _objects(storage) == []
    assert [log.find(prediction_id)["label"] for prediction_id in wanted] == ["0", "1", "2"]
    log.flush()
    assert len(_objects(storage)) == 1
    assert [log.find(prediction_id)["label"] for prediction_id in wanted] == ["0", "1", "2"]


def test_another_process_finds_what_was_written(log: PredictionLog, storage: Storage) -> None:
    wanted = _append(log, label="x")
    other = PredictionLog(storage, "acme", 3600, 1000)
    assert other.find(wanted) is None
    log.flush()
    assert other.find(wanted) == {"prediction_id": wanted, "label": "x"}


@pytest.mark.parametrize("unknown", ["", "x", "20260301T120000-00000000-000000009", "../../etc/passwd", "2026-1-2"])
def test_an_unknown_id_is_nothing(log: PredictionLog, unknown: str) -> None:
    _append(log)
    log.flush()
    assert log.find(unknown) is None


def test_closing_writes_what_waits(storage: Storage) -> None:
    log = PredictionLog(storage, "acme", 3600, 1000)
    log.start()
    ids = [_append(log) for _ in range(25)]
    log.close()
    (path,) = _objects(storage)
    assert [orjson.loads(line)["prediction_id"] for line in path.read_bytes().splitlines()] == ids


def test_a_full_batch_is_written_without_being_told(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()
    genuine = Storage.write_bytes

    def write(self: Storage, key: str, content: bytes) -> None:
        genuine(self, key, content)
        written.set()

    monkeypatch.setattr(Storage, "write_bytes", write)
    log = PredictionLog(storage, "acme", flush_s=3600, flush_rows=5)
    log.start()
    for _ in range(5):
        _append(log)
    assert written.wait(timeout=30)
    log.close()
    assert sum(len(path.read_bytes().splitlines()) for path in _objects(storage)) == 5


def test_what_cannot_be_written_waits_and_is_written_later(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    log = PredictionLog(storage, "acme", 3600, 1000)
    wanted = _append(log)
    with monkeypatch.context() as full:

        def refuse(self: Storage, key: str, content: bytes) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(Storage, "write_bytes", refuse)
        with pytest.raises(OSError, match="No space left"):
            log.flush()
    assert log.find(wanted) is not None
    log.flush()
    assert len(_objects(storage)) == 1


def test_days_are_folders_in_utc(log: PredictionLog, storage: Storage) -> None:
    east = timezone(timedelta(hours=9))
    wanted = [_append(log, datetime(2026, 3, 2, 3, tzinfo=east)), _append(log, NOON + timedelta(days=1))]
    log.flush()
    assert [path.parent.name for path in _objects(storage)] == ["20260301", "20260302"]
    assert all(log.find(prediction_id) for prediction_id in wanted)


def test_threads_lose_nothing_and_share_no_id(storage: Storage) -> None:
    log = PredictionLog(storage, "acme", flush_s=3600, flush_rows=7)
    log.start()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: _append(log), range(400)))
    log.close()
    lines = [line for path in _objects(storage) for line in path.read_bytes().splitlines()]
    assert len(set(ids)) == 400
    assert sorted(orjson.loads(line)["prediction_id"] for line in lines) == sorted(ids)


def test_a_record_is_changed_before_it_is_kept(storage: Storage) -> None:
    log = PredictionLog(storage, "acme", 3600, 1000, lambda record: orjson.dumps({**record, "text": "[masked]"}))
    wanted = _append(log, text="secret")
    assert log.find(wanted)["text"] == "[masked]"
    log.flush()
    assert b"secret" not in _objects(storage)[0].read_bytes()
