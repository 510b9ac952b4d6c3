from __future__ import annotations

from pathlib import Path

import pytest

from tickets.errors import StorageError
from tickets.multirun import Multirun, Point, load_multirun
from tickets.storage import Storage


def test_a_record_grows_with_its_points(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    multirun = Multirun(id="20260101T000000-aaaaaa", job="train")
    for status in ("ok", "failed"):
        multirun.points.append(Point(overrides=["model.seed=0"], status=status, bucket="acme", run_id="r", seconds=1.5))
        multirun.save(storage)
    assert load_multirun(storage, "latest") == multirun
    assert load_multirun(storage, multirun.id).points[1].status == "failed"


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with pytest.raises(StorageError, match="multirun 'latest'"):
        load_multirun(storage, "latest")
    storage.write_json("multirun/20260101T000000-aaaaaa/points.json", {"id": "x"})
    storage.write_json("multirun/releases/r1/manifest.json", {})  # a bucket of that name
    with pytest.raises(StorageError, match="its record was changed"):
        load_multirun(storage, "latest")
