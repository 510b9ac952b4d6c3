"""The MLflow mirror, on a sqlite database of its own. The database is made once: its tables take seconds."""

from __future__ import annotations

import copy
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from tickets.config import MlflowConfig
from tickets.events import DataUse, TrialRecord
from tickets.registry import MlflowTracker, NullTracker, ReleaseFacts, Tracker, build_tracker, track
from tickets.schema import Kind

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


def facts(release_id: str, uri: str = "/srv/manifest.json") -> ReleaseFacts:
    manifest = {
        "bucket": "acme",
        "run_id": "r",
        "data": {"offline": "20260101"},
        "targets": {"category": ["billing", "login"]},
    }
    return ReleaseFacts(release_id, uri, "/srv", manifest, "d1", {"subject": Kind.TEXT, "language": Kind.CATEGORICAL})


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
    tracker.log_inputs(run_id, [])
    tracker.log_trial(run_id, TRIAL)
    tracker.log_metrics(run_id, {"f1": 0.5})
    tracker.log_json(run_id, "report", {})
    tracker.finish_run(run_id, "FINISHED")
    tracker.set_alias("tickets", "champion", "r1")
    assert (run_id, tracker.register("tickets", facts("r1"), run_id, {}, "champion")) == ("", "")
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
    tracker.finish_run(run_id, "FINISHED")

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
    tracker.finish_run(run_id, "FINISHED")
    (run,) = children(client, run_id)
    assert (run.info.status, run.data.tags["stopped_early"]) == (run_status, stopped_early)
    assert run.data.tags.get("error") == error


def test_of_an_error_the_mirror_sees_the_masked_last_line(tracker: Tracker, client: MlflowClient) -> None:
    run_id = tracker.start_run("sweep", {}, {})
    trace = "Traceback (most recent call last):\n  text = 'a ticket'\nValueError: token=abc of a.person@example.com\n"
    tracker.log_trial(run_id, replace(TRIAL, status="failed", error=trace))
    tracker.finish_run(run_id, "FINISHED")
    (run,) = children(client, run_id)
    assert run.data.tags["error"] == "ValueError: token=[secret] of [email]"


def test_resumed_sweep_doubles_nothing(root: Path, client: MlflowClient, warnings: list[str]) -> None:
    run_ids = set()
    for history in (TRIAL.history[:1], TRIAL.history):  # the second process tells the first one's step again
        tracker = build_tracker(MlflowConfig(), root, EXPERIMENT)
        run_id = tracker.start_run("sweep", {"seed": 0}, {"sweep_id": "resumed"})
        assert client.get_run(run_id).info.status == "RUNNING"
        tracker.log_trial(run_id, replace(TRIAL, history=history))
        tracker.finish_run(run_id, "KILLED")
        run_ids.add(run_id)

    assert run_ids == {run_id}
    (run,) = children(client, run_id)
    assert [point.value for point in client.get_metric_history(run.info.run_id, "f1")] == [0.5, 0.75]
    assert client.get_run(run_id).info.status == "KILLED"
    assert not warnings


def test_more_than_one_request_holds(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("sweep", {}, {f"tag_{index}": "x" for index in range(130)})
    history = [{"step": step, "loss": float(step)} for step in range(1_200)]
    tracker.log_trial(run_id, replace(TRIAL, params={f"p{index}": index for index in range(250)}, history=history))
    tracker.finish_run(run_id, "FINISHED")

    (run,) = children(client, run_id)
    assert len(run.data.params) == 250
    assert run.data.metrics["loss"] == 1_199.0
    assert client.get_run(run_id).data.tags["tag_129"] == "x"
    assert not warnings


def test_names_that_mlflow_refuses_are_mended(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("train", {"source.values.queue.R&D + IT": "x", "a//b": 1, "k" * 300: 2}, {})
    tracker.log_metrics(run_id, {"queue/patterns/text+numbers/accuracy": 0.5, "größe/f1": 0.25})
    run = client.get_run(run_id)
    assert run.data.params == {"source.values.queue.R_D _ IT": "x", "a__b": "1", "k" * 250: "2"}
    assert run.data.metrics == {"queue/patterns/text_numbers/accuracy": 0.5, "größe/f1": 0.25}
    assert not warnings


def test_long_values_are_cut_with_a_mark(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("train", {"config": "x" * 9_000, "short": "x"}, {"note": "y" * 9_000})
    run = client.get_run(run_id)
    assert run.data.params["config"].endswith("x [shortened]")
    assert run.data.tags["note"].endswith("y [shortened]")
    assert run.data.params["short"] == "x"
    assert not warnings


def test_curve_grows_while_the_trial_runs(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("sweep", {}, {})
    history: list[dict[str, float]] = []
    for step in range(1, 4):
        history.append({"step": step, "nll": 1 / step})
        tracker.log_trial(run_id, replace(TRIAL, history=history, status="running"))
    assert isinstance(tracker, MlflowTracker)
    tracker._background.wait(60)

    (run,) = children(client, run_id)
    assert (run.info.status, run.data.metrics) == ("RUNNING", {"nll": 1 / 3})
    tracker.log_trial(run_id, replace(TRIAL, history=[*history, {"step": 4, "nll": 0.25}]))
    tracker.finish_run(run_id, "FINISHED")
    (run,) = children(client, run_id)
    assert run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "nll")] == [1, 2, 3, 4]
    assert not warnings


def test_point_of_a_running_trial_is_one_request(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = build_tracker(MlflowConfig(), root, EXPERIMENT)
    assert isinstance(tracker, MlflowTracker)
    run_id = tracker.start_run("sweep", {}, {})
    calls: list[str] = []
    client = tracker._open()
    for name in ("log_batch", "create_run", "search_runs", "set_terminated", "update_run"):
        monkeypatch.setattr(client, name, _counted(getattr(client, name), name, calls))
    for length in (1, 2):
        calls.clear()
        tracker.log_trial(run_id, replace(TRIAL, history=TRIAL.history[:length], status="running"))
        tracker._background.wait(60)
    assert calls == ["log_batch"]
    calls.clear()
    tracker.log_trial(run_id, TRIAL)
    tracker._background.wait(60)
    assert calls == ["log_batch", "set_terminated"]


def _counted(method: Callable[..., Any], name: str, calls: list[str]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return method(*args, **kwargs)

    return call


def test_copy_of_a_tracker_in_use_connects_by_itself(tracker: Tracker, client: MlflowClient) -> None:
    run_id = tracker.start_run("sweep", {}, {"sweep_id": "copied"})
    tracker.log_trial(run_id, TRIAL)
    assert b"MlflowTracker" in pickle.dumps(tracker)  # as Tune does with what its callbacks hold
    copied = copy.copy(tracker)
    assert copied.start_run("sweep", {}, {"sweep_id": "copied"}) == run_id


def test_trial_that_never_ended_is_closed_with_its_run(tracker: Tracker, client: MlflowClient) -> None:
    run_id = tracker.start_run("sweep", {}, {})
    tracker.log_trial(run_id, replace(TRIAL, status="running"))
    tracker.finish_run(run_id, "FAILED")
    (run,) = children(client, run_id)
    assert run.info.status == "KILLED"


def test_runs_of_a_killed_process_are_closed_by_the_next_and_opened_again_when_resumed(
    root: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: gone.pid)
        killed = build_tracker(MlflowConfig(), root, EXPERIMENT)
        run_id = killed.start_run("sweep", {}, {"sweep_id": "killed"})
    killed.log_trial(run_id, replace(TRIAL, status="running"))
    assert isinstance(killed, MlflowTracker)
    killed._background.wait(60)

    other = build_tracker(MlflowConfig(), root, EXPERIMENT)
    alive = other.start_run("sweep", {}, {})
    assert [client.get_run(id_).info.status for id_ in (run_id, alive)] == ["KILLED", "RUNNING"]
    assert [run.info.status for run in children(client, run_id)] == ["KILLED"]

    resumed = build_tracker(MlflowConfig(), root, EXPERIMENT)
    assert resumed.start_run("sweep", {}, {"sweep_id": "killed"}) == run_id
    assert client.get_run(run_id).info.status == "RUNNING"
    resumed.log_trial(run_id, TRIAL)
    resumed.finish_run(run_id, "FINISHED")
    assert [run.info.status for run in children(client, run_id)] == ["FINISHED"]


def test_run_says_how_its_block_ended(tracker: Tracker, client: MlflowClient) -> None:
    ended = {}
    for error in (None, ValueError(), KeyboardInterrupt()):
        with suppress(ValueError, KeyboardInterrupt), track(tracker, "train", {"a": {"b": 1}}, {}) as run:
            ended[type(error)] = run._run_id
            if error:
                raise error
    statuses = [client.get_run(run_id).info.status for run_id in ended.values()]
    assert statuses == ["FINISHED", "FAILED", "KILLED"]
    assert client.get_run(ended[ValueError]).data.params == {"a.b": "1"}


def test_data_is_an_input_of_its_run(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("train", {}, {})
    uses = [
        DataUse(f"acme/offline ({split})", "5e" * 32, uri, {"subject": "string"}, 70, {"split": split, "cut": "time"})
        for split, uri in (("train", "/srv/root/1.json"), ("test", "s3://bucket/1.json"))
    ]
    for _ in range(2):  # a resumed run tells it again
        tracker.log_inputs(run_id, uses)
    inputs = {of.dataset.name: of for of in client.get_run(run_id).inputs.dataset_inputs}
    assert set(inputs) == {"acme/offline (train)", "acme/offline (test)"}
    train, test = inputs["acme/offline (train)"], inputs["acme/offline (test)"]
    assert ("5e" * 32).startswith(train.dataset.digest)
    assert [of.dataset.source_type for of in (train, test)] == ["local", "s3"]
    assert json.loads(test.dataset.source) == {"uri": "s3://bucket/1.json"}
    assert json.loads(train.dataset.schema)["mlflow_colspec"][0]["name"] == "subject"
    assert json.loads(train.dataset.profile) == {"num_rows": 70}
    tags = {tag.key: tag.value for tag in train.tags}
    assert tags == {"mlflow.data.context": "train", "split": "train", "cut": "time"}
    assert not warnings


def test_release_is_one_version_with_its_alias(tracker: Tracker, client: MlflowClient, warnings: list[str]) -> None:
    run_id = tracker.start_run("train", {}, {})
    release = facts("r-one", "s3://bucket/acme/releases/r-one/manifest.json")
    versions = [tracker.register("releases", release, run_id, {"category.accuracy": "0.9"}, "challenger") for _ in "ab"]
    assert versions[0] == versions[1] != ""
    version = client.get_model_version_by_alias("releases", "challenger")
    assert str(version.version) == versions[0]
    assert (version.source, version.run_id) == (f"runs:/{run_id}/model", run_id)
    assert version.tags == {
        "release_id": "r-one",
        "release_uri": release.uri,
        "digest": "d1",
        "bucket": "acme",
        "run": "r",
        "offline": "20260101",
        "targets": "category",
        "category.accuracy": "0.9",
    }
    assert not warnings


def test_model_has_a_signature_and_an_example_and_no_pickle(tracker: Tracker, root: Path) -> None:
    from mlflow.models import Model

    run_id = tracker.start_run("train", {}, {})
    tracker.register("described", facts("r-described"), run_id, {}, "challenger")
    (folder,) = (root / "mlflow" / "artifacts" / run_id).glob("**/model")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["MLmodel", "data/manifest.json", "data/release.json", "input_example.json"]
    model = Model.load(str(folder))
    assert model.signature.inputs.input_names() == ["subject", "language"]
    assert model.signature.outputs.input_names()[:3] == ["category", "category_confidence", "category_decision"]
    assert model.load_input_example(str(folder)).columns.tolist() == ["subject", "language"]
    assert model.metadata["labels"] == {"category": ["billing", "login"]}
    assert model.metadata["kinds"] == {"subject": "text", "language": "categorical"}
    pointer = json.loads((folder / "data" / "release.json").read_text())
    assert pointer == {"id": "r-described", "digest": "d1", "root": "/srv", "bucket": "acme"}


def test_alias_moves_to_the_release_that_is_asked_for(tracker: Tracker, client: MlflowClient) -> None:
    run_id = tracker.start_run("train", {}, {})
    first, second = (
        tracker.register("moving", facts(release_id), run_id, {}, "champion") for release_id in ("r1", "r2")
    )
    assert str(client.get_model_version_by_alias("moving", "champion").version) == second
    tracker.set_alias("moving", "champion", "r1")
    assert str(client.get_model_version_by_alias("moving", "champion").version) == first


def test_alias_of_an_unregistered_release_warns_and_stays(
    tracker: Tracker, client: MlflowClient, warnings: list[str]
) -> None:
    run_id = tracker.start_run("train", {}, {})
    version = tracker.register("staying", facts("r1"), run_id, {}, "champion")
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
    assert (run_id, tracker.register("gone", facts("r1"), run_id, {}, "champion")) == ("", "")

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
    tracker.register("quiet", facts("r1"), run_id, {}, "champion")
    import mlflow

    assert not list(Path.cwd().iterdir())
    assert str(root) not in mlflow.get_tracking_uri()
    assert mlflow.active_run() is None
    assert capfd.readouterr() == ("", "")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_import_is_light_and_changes_nothing() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import tickets.registry; "
        "print('mlflow' in sys.modules, before == os.environ)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
