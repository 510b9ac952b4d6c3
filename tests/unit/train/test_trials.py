"""Records of trials as files: what a killed sweep leaves, and which trial is the best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tickets.config import SearchConfig, SweepConfig
from tickets.errors import ModelError
from tickets.events import TrialRecord
from tickets.models.family import Limits
from tickets.train.sweep import sweep
from tickets.train.trials import TrialLog, best_of, settings

RECORD = TrialRecord(
    trial_id="a_00001",
    family="dnn",
    target="category",
    params={"hidden": 64, "dropout": 0.1, "note": "text"},
    history=[{"step": 1.0, "nll": 0.9}, {"step": 2.0, "nll": 0.7}],
    status="finished",
    error=None,
    seconds=1.5,
    nll=0.7,
)
FAILED = replace(RECORD, trial_id="a_00002", status="failed", error="Traceback\n  …\nValueError: no\n", nll=None)


def test_records_come_back_in_the_order_of_their_end(tmp_path: Path) -> None:
    log = TrialLog(tmp_path / "sweep")
    records = [replace(RECORD, trial_id=name, nll=loss) for name, loss in (("b", 0.7), ("a", 0.9), ("c", None))]
    for record in records:
        log.write_record(record)
    assert TrialLog(tmp_path / "sweep").read_records() == records


def test_what_was_half_written_is_no_record(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    log.write_record(RECORD)
    (tmp_path / ".trial-b.json").write_bytes(b'{"trial_id": "b", "fam')
    assert log.read_records() == [RECORD]


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert TrialLog(tmp_path / "sweep").folder.stat().st_mode & 0o777 == 0o700


def test_an_outcome_comes_back(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    log.save_outcome("a", 20, np.array([[0.25, 0.75]]))
    length, validation = log.load_outcome("a")
    assert length == 20
    np.testing.assert_array_equal(validation, [[0.25, 0.75]])


def test_a_sweep_is_done_once_its_best_is_written(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    assert not log.is_done(1)
    log.write_done(RECORD, 4)
    assert log.is_done(4)
    assert log.is_done(3)
    assert log.read_records() == []  # it is no trial


@pytest.mark.parametrize(("num_trials", "goes_on"), [(1, False), (2, False), (3, True)])
def test_a_sweep_that_was_done_goes_on_where_more_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_trials: int, goes_on: bool
) -> None:
    log = TrialLog(tmp_path / "category-dnn")
    log.write_record(RECORD)  # one of two: the time was over
    log.save_outcome(RECORD.trial_id, 20, np.array([[0.25, 0.75]]))
    log.write_done(RECORD, 2)
    searched: list[str] = []
    monkeypatch.setattr("tickets.train.sweep._watch", lambda *given: SimpleNamespace(records=given[4]))
    monkeypatch.setattr("tickets.train.sweep._search", lambda name, *_: searched.append(name))
    limits, config = Limits(2, 10, 1, 1), SweepConfig(num_trials=num_trials)
    found = sweep("dnn", "category", None, limits, config, SearchConfig(), tmp_path, lambda _: None)
    assert searched == ["dnn"] * goes_on
    assert found.length == 20
    assert log.is_done(num_trials)


def test_the_best_is_the_finished_trial_with_the_least_loss() -> None:
    stopped = replace(RECORD, trial_id="s", status="stopped", nll=0.1)
    diverged = replace(RECORD, trial_id="d", nll=None)
    better = replace(RECORD, trial_id="b", nll=0.6)
    assert best_of([FAILED, stopped, RECORD, better, diverged], "dnn") == better


@pytest.mark.parametrize(
    ("records", "reason"),
    [([FAILED], "none of 1 trials finished: ValueError: no"), ([], "none finished within the time budget")],
    ids=["failed", "no time"],
)
def test_a_sweep_without_a_finished_trial_says_why(records: list[TrialRecord], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        best_of(records, "dnn")


def test_settings_are_numbers() -> None:
    assert settings(RECORD) == {"hidden": 64, "dropout": 0.1}
