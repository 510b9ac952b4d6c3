"""A training's own folder: what may be taken up, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tickets.config import SourceConfig, TicketsConfig
from tickets.errors import ConfigError
from tickets.snapshots import Snapshot, write_snapshot
from tickets.storage import Storage
from tickets.train.resume import begin, take_up

SOURCE = SourceConfig(name="mine", path="tickets.csv", targets=("category",))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


@pytest.fixture
def snapshot(storage: Storage) -> Snapshot:
    table = pa.table({"ticket_id": ["1"]})
    return write_snapshot(storage, "mine/offline", [table], table.schema, {})


def _config(**sections: Any) -> TicketsConfig:
    return TicketsConfig(source=SOURCE, **sections)


def _cut_off(storage: Storage, snapshot: Snapshot, run_id: str, config: TicketsConfig | None = None) -> None:
    with begin(storage, "mine", run_id, snapshot, config or _config()):
        pass


def test_the_last_run_that_was_cut_off_is_taken_up(storage: Storage, snapshot: Snapshot) -> None:
    for run_id in ("20260101T000000-a", "20260102T000000-b"):
        _cut_off(storage, snapshot, run_id)
    with begin(storage, "mine", "20260103T000000-c", snapshot, _config()) as work:
        work.finish("release-1")
    newer = pa.table({"ticket_id": ["1", "2"]})
    write_snapshot(storage, "mine/offline", [newer], newer.schema, {})
    with take_up(storage, "mine", "latest", _config()) as work:
        assert work.run_id == "20260102T000000-b"
        assert work.snapshot == snapshot  # the tickets that its trials learned from, not the newest
        assert work.folder.stat().st_mode & 0o777 == 0o700
    with take_up(storage, "mine", "20260101T000000-a", _config()) as work:
        assert work.run_id == "20260101T000000-a"
        assert work.sweep_targets is None


def test_what_the_audit_advised_is_remembered(storage: Storage, snapshot: Snapshot) -> None:
    with begin(storage, "mine", "20260101T000000-a", snapshot, _config(), ("category",)):
        pass
    with take_up(storage, "mine", "latest", _config()) as work:
        assert work.sweep_targets == ("category",)


@pytest.mark.parametrize("asked", ["latest", "20260103T000000-c", "other"])
def test_there_is_nothing_to_take_up(storage: Storage, snapshot: Snapshot, asked: str) -> None:
    with begin(storage, "mine", "20260103T000000-c", snapshot, _config()) as work:
        work.finish("release-1")
    with (
        pytest.raises(ConfigError, match=f"resume={asked}: no run to take up; allowed: none: bucket 'mine'"),
        take_up(storage, "mine", asked, _config()),
    ):
        pass


def test_the_runs_that_can_be_taken_up_are_named(storage: Storage, snapshot: Snapshot) -> None:
    _cut_off(storage, snapshot, "20260101T000000-a")
    with (
        pytest.raises(ConfigError, match="allowed: latest, 20260101T000000-a"),
        take_up(storage, "mine", "20260101", _config()),
    ):
        pass


def test_a_run_that_is_still_at_work_is_left_alone(storage: Storage, snapshot: Snapshot) -> None:
    with (
        begin(storage, "mine", "20260101T000000-a", snapshot, _config()),
        pytest.raises(ConfigError, match="run 20260101T000000-a is still at work"),
        take_up(storage, "mine", "latest", _config()),
    ):
        pass


def test_a_setting_on_which_trials_rest_must_be_the_same(storage: Storage, snapshot: Snapshot) -> None:
    _cut_off(storage, snapshot, "20260101T000000-a")
    changed = _config(features={"stage": "closed"}, search={"dnn": {"hidden": {"low": 8, "high": 9, "first": 8}}})
    with (
        pytest.raises(
            ConfigError, match=r"features.stage was 'creation', is 'closed'; search.dnn.hidden.first was 256"
        ),
        take_up(storage, "mine", "latest", changed),
    ):
        pass


def test_what_does_not_change_a_trial_may_differ(storage: Storage, snapshot: Snapshot) -> None:
    _cut_off(storage, snapshot, "20260101T000000-a")
    freer = _config(
        sweep={"num_trials": 50, "max_concurrent": 1, "accelerator": "cpu", "time_budget_s": 5.0},
        model={"families": ("linear",)},
        decide={"automate_precision": 0.9},
    )
    with take_up(storage, "mine", "latest", freer) as work:
        assert work.run_id == "20260101T000000-a"
