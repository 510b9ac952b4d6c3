"""The MLflow mirror, on a sqlite database of its own. The database is made once: its tables take seconds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import create_autospec

import pytest
from loguru import logger

from tickets.config import MlflowConfig
from tickets.registry import MlflowTracker, NullTracker, Tracker, TrialRecord, build_tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "it_service"
TRIAL = TrialRecord(
    trial_id="a1b2_00001",
    family="linear",
    target="category",
    params={"c": 0.3, "vector_weight": 1},
    history=[{"step": 1, "f1": 0.5}, {"step": 2, "f1": 0.75}],
    status="finished",
    error=None,
    seconds=2.5,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The storage's root; the working folder is another, empty one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def tracker(root: Path) -> Tracker:
    return build_tracker(MlflowConfig(), root, EXPERIMENT)


@pytest.fixture(scope="module")
def client(root: Path, tracker: Tracker) -> MlflowClient:
    tracker.start_run("first", {}, {})
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow/mlflow.db")


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """The messages of the scope `ml` at WARNING or above."""
    seen: list[str] = []
    sink = logger.add(
        lambda line: seen.append(line.record["message"]),
        level="WARNING",
        filter=lambda record: record["extra"].get("scope") == "ml",
    )
    yield seen
    logger.remove(sink)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken but does not listen, so that every connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def children(client: MlflowClient, run_id: str) -> list[Run]:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"))


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    build_tracker(MlflowConfig(), tmp_path / "root", EXPERIMENT)
    assert not list(tmp_path.iterdir())


def test_disabled_mirrors_nothing_and_answers_all_the_same(tmp_path: Path) -> None:
    tracker = build_tracker(MlflowConfig(enabled=False), tmp_path / "root", EXPERIMENT)
    assert isinstance(tracker, NullTracker)
    run_id = tracker.start_run("sweep", {"a": 1}, {})
    tracker.log_trial(run_id, TRIAL)
    tracker.log_metrics(run_id, {"f1": 0.5})
    tracker.log_json(run_id, "report", {})
    tracker.finish_run(run_id, "FINISHED")
    tracker.set_alias("tickets", "champion", "r1")
    assert (run_id, tracker.register("tickets", "file:///r1", run_id, {}, "champion")) == ("", "")
    assert not list(tmp_path.iterdir())


def test_parent_run_keeps_params_tags_metrics_and_artefacts(
    tracker: Tracker, client: MlflowClient, root: Path, warnings: list[str]
) -> None:
    run_id = tracker.start_run("train", {"seed": 0, "families": ("linear", "dnn")}, {"bucket": "it_service"})
    tracker.log_metrics(run_id, {"f1": 0.5, "unknown": None, "undefined": float("nan")})
    tracker.log_json(run_id, "report", {"accuracy": 0.5})
    tracker.finish_run(run_id, "FAILED")

    run = client.get_run(run_id)
    assert run.data.params == {"seed": "0", "families": "('linear', 'dnn')"}
    assert run.data.metrics == {"f1": 0.5}
    assert run.data.tags["bucket"] == "it_service"
    assert (run.info.run_name, run.info.status) == ("train", "FAILED")
    (report,) = (root / "mlflow" / "artifacts").glob(f"{run_id}/**/report.json")
    assert json.loads(report.read_text()) == {"accuracy": 0.5}
    assert not warnings


def test_trial_is_a_run_below_the_sweep(tracker: Tracker, client: MlflowClient) -> None:
    run_id = tracker.start_run("sweep", {}, {})
    tracker.log_trial(run_id, TRIAL)

    (run,) = children(client, run_id)
    assert run.data.params == {"c": "0.3", "vector_weight": "1"}
    assert run.data.metrics == {"f1": 0.75, "seconds": 2.5}
    assert {"trial_id": "a1b2_00001", "family": "linear", "target": "category"}.items() <= run.data.tags.items()
    assert [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "f1")] == [
        (1, 0.5),
        (2, 0.75),
    ]
    assert run.info.end_time - run.info.start_time >= 2_500


@pytest.mark.parametrize(
    ("status", "error", "run_status", "stopped_early"),
    [
        ("finished", None, "FINISHED", "false"),
        ("stopped", None, "FINISHED", "true"),
        ("failed", "out of memory", "FAILED", "false"),
    ],
)
def test_trial_closes_with_its_status(
    tracker: Tracker,
    client: MlflowClient,
    status: str,
    error: str | None,
    run_status: str,
    stopped_early: str,
) -> None:
    run_id = tracker.start_run("sweep", {}, {})
    tracker.log_trial(run_id, replace(TRIAL, status=status, error=error))
    (run,) = children(client, run_id)
    assert (run.info.status, run.data.tags["stopped_early"]) == (run_status, stopped_early)
    assert run.data.tags.get("error") == error


def test_resumed_sweep_doubles_nothing(root: Path, client: MlflowClient, warnings: list[str]) -> None:
    run_ids = set()
    for history in (TRIAL.history[:1], TRIAL.history):  # the second process tells the first one's step again
        tracker = build_tracker(MlflowConfig(), root, EXPERIMENT)
        run_id = tracker.start_run("sweep", {"seed": 0}, {"sweep_id": "resumed"})
        tracker.log_trial(run_id, replace(TRIAL, history=history))
        run_ids.add(run_id)

    assert run_ids == {run_id}
    (run,) = children(client, run_id)
    assert [point.value for point in client.get_metric_history(run.info.run_id, "f1")] == [0.5, 0.75]
    assert client.get_run(run_id).info.status == "RUNNING"
    assert not warnings


def test_more_than_one_request_holds(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("sweep", {}, {f"tag_{index}": "x" for index in range(130)})
    history = [{"step": step, "loss": float(step)} for step in range(1_200)]
    tracker.log_trial(run_id, replace(TRIAL, params={f"p{index}": index for index in range(250)}, history=history))

    (run,) = children(client, run_id)
    assert len(run.data.params) == 250
    assert run.data.metrics["loss"] == 1_199.0
    assert client.get_run(run_id).data.tags["tag_129"] == "x"
    assert not warnings


def test_long_values_are_cut_with_a_mark(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("train", {"config": "x" * 9_000, "short": "x"}, {"note": "y" * 9_000})
    run = client.get_run(run_id)
    assert run.data.params["config"].endswith("x [shortened]")
    assert run.data.tags["note"].endswith("y [shortened]")
    assert run.data.params["short"] == "x"
    assert not warnings


@pytest.mark.parametrize("uri", ["file:///srv/releases/{}", "/srv/releases/{}", "s3://bucket/releases/{}"])
def test_release_is_one_version_with_its_alias(tracker: Tracker, client: MlflowClient, uri: str) -> None:
    release_id = f"r-{uri[:2].strip('/')}"
    run_id = tracker.start_run("train", {}, {})
    versions = [
        tracker.register("releases", uri.format(release_id), run_id, {"release_id": release_id}, "challenger")
        for _ in range(2)
    ]
    assert versions[0] == versions[1] != ""
    version = client.get_model_version_by_alias("releases", "challenger")
    assert str(version.version) == versions[0]
    assert (version.source, version.run_id) == (uri.format(release_id), run_id)
    assert version.tags == {"release_id": release_id, "release_uri": uri.format(release_id)}


def test_alias_moves_to_the_release_that_is_asked_for(tracker: Tracker, client: MlflowClient) -> None:
    first, second = (
        tracker.register("moving", f"file:///srv/{release_id}", "", {"release_id": release_id}, "champion")
        for release_id in ("r1", "r2")
    )
    assert str(client.get_model_version_by_alias("moving", "champion").version) == second
    tracker.set_alias("moving", "champion", "r1")
    assert str(client.get_model_version_by_alias("moving", "champion").version) == first


def test_alias_of_an_unregistered_release_warns_and_stays(
    tracker: Tracker, client: MlflowClient, warnings: list[str]
) -> None:
    version = tracker.register("staying", "file:///srv/r1", "", {"release_id": "r1"}, "champion")
    tracker.set_alias("staying", "champion", "r9")
    (warning,) = warnings
    assert "'r9'" in warning
    assert "'staying'" in warning
    assert str(client.get_model_version_by_alias("staying", "champion").version) == version


def test_one_failed_call_does_not_end_the_mirror(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    tracker.log_metrics("0" * 32, {"f1": 0.5})
    run_id = tracker.start_run("train", {}, {})
    assert len(warnings) == 1
    assert client.get_run(run_id).info.status == "RUNNING"


def test_server_that_is_gone_costs_one_warning_and_no_exception(
    closed_port: int, tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = MlflowTracker(f"http://s3cret@127.0.0.1:{closed_port}", EXPERIMENT, tmp_path / "mlflow")
    run_id = tracker.start_run("train", {}, {})
    tracker.log_trial(run_id, TRIAL)
    tracker.finish_run(run_id, "FINISHED")
    assert (run_id, tracker.register("gone", "s3://b/r1", run_id, {"release_id": "r1"}, "champion")) == ("", "")

    (warning,) = warnings
    assert f"http://127.0.0.1:{closed_port}" in warning
    assert "s3cret" not in warning
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0", "what the user chose stays"
    assert not list(tmp_path.iterdir())


def test_server_that_goes_away_later_is_asked_once(
    root: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    tracker = build_tracker(MlflowConfig(), root, EXPERIMENT)
    run_id = tracker.start_run("train", {}, {})
    asked = []

    def refuse(_: MlflowClient, run_id: str, **entities: object) -> None:
        asked.append(run_id)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(MlflowClient, "log_batch", refuse)
    tracker.log_metrics(run_id, {"f1": 0.5})
    tracker.log_metrics(run_id, {"f1": 0.6})
    assert asked == [run_id]
    assert len(warnings) == 1


def test_no_run_no_mirror(root: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def refuse(*_: object, **__: object) -> None:
        raise MlflowException("forbidden")

    monkeypatch.setattr(MlflowClient, "create_run", refuse)
    tracker = build_tracker(MlflowConfig(), root, EXPERIMENT)
    run_id = tracker.start_run("train", {}, {})
    tracker.log_metrics(run_id, {"f1": 0.5})
    assert run_id == ""
    assert len(warnings) == 1


def test_working_folder_and_global_state_are_left_alone(
    tracker: Tracker, client: MlflowClient, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_id = tracker.start_run("train", {}, {})
    tracker.log_json(run_id, "manifest", {})
    tracker.register("quiet", "file:///srv/r1", run_id, {"release_id": "r1"}, "champion")
    import mlflow

    assert not list(Path.cwd().iterdir())
    assert str(root) not in mlflow.get_tracking_uri()
    assert mlflow.active_run() is None
    assert capfd.readouterr() == ("", "")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_server_is_given_a_pointer_instead_of_a_local_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    server = create_autospec(MlflowClient, instance=True)
    server.search_model_versions.return_value = []
    monkeypatch.setattr("mlflow.MlflowClient", lambda tracking_uri: server)
    tracker = MlflowTracker("http://mlflow.example:5000", EXPERIMENT, tmp_path)
    for uri in ("file:///srv/r1", "s3://bucket/r1"):
        tracker.register("releases", uri, "run1", {"release_id": "r1"}, "challenger")

    sources = [call.args[1] for call in server.create_model_version.call_args_list]
    assert sources == ["runs:/run1/release_pointer.json", "s3://bucket/r1"]
    pointer = {"release_id": "r1", "release_uri": "file:///srv/r1"}
    server.log_dict.assert_called_once_with("run1", pointer, "release_pointer.json")


def test_import_is_light_and_changes_nothing() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import tickets.registry; "
        "print('mlflow' in sys.modules, before == os.environ)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
