"""A real MLflow server over HTTP that keeps artefacts in S3: from a sweep to a loaded champion."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from s3_server import S3Server
from tiny_release import HashEncoder, publish_tiny

from tickets.answering import Answerer
from tickets.config import MlflowConfig
from tickets.events import DataUse, TrialRecord
from tickets.features.state import Features, FeatureState
from tickets.registry import SWEEP_TAG, build_tracker, track
from tickets.release import Release
from tickets.storage import Storage

TRIAL = TrialRecord("t1", "linear", "category", {"c": 0.3}, [{"step": 1, "nll": 0.5}], "running", None, 1.0)
SCORES = {"category": {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95}, "nll": 0.3}}


@pytest.fixture
def server(s3: S3Server, tmp_path: Path) -> Iterator[str]:
    """Its address; clients write artefacts to the bucket themselves."""
    fsspec.filesystem("s3").mkdir("artefacts")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(str(Path(sys.executable).parent / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"),
        *("--no-serve-artifacts", "--default-artifact-root", "s3://artefacts/runs"),
    ]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", process, tmp_path / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        log.close()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            with urlopen(f"{url}/health", timeout=10):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server ended by itself: {log.read_text()[-2000:]}")


def test_a_run_its_trials_and_its_release_are_there_and_the_champion_answers(
    server: str,
    s3: S3Server,
    s3_root: str,
    state: FeatureState,
    features: Features,
    table: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Release, "load_encoder", lambda self: HashEncoder())
    monkeypatch.delenv("TICKETS_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    release = publish_tiny(Storage(s3_root), state, features, table["category"].to_pylist())
    config = MlflowConfig(tracking_uri=server)
    uses = [DataUse("acme/offline (train)", "5e" * 32, f"{s3_root}/acme/offline/1.json", {"a": "string"}, 9, {})]
    for status in ("running", "finished"):  # the first process was interrupted, the second one resumes
        tracker = build_tracker(config, tmp_path, "tickets-acme")
        with track(tracker, "train", {"seed": 0}, {SWEEP_TAG: "s1"}) as run:
            run.log_inputs(uses)
            run.log_trial(replace(TRIAL, status=status))
    run.log_release("tickets-acme", release, "champion", {"release": release.id}, SCORES)
    assert capfd.readouterr() == ("", ""), "a job prints its own lines alone"

    import mlflow

    client = mlflow.MlflowClient(server)
    experiment = client.get_experiment_by_name("tickets-acme")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [of for of in runs if "family" not in of.data.tags]
    (trial,) = [of for of in runs if "family" in of.data.tags]
    assert [of.info.status for of in (parent, trial)] == ["FINISHED", "FINISHED"]
    assert trial.data.metrics == {"nll": 0.5, "seconds": 1.0}
    assert parent.data.metrics["category/accuracy/value"] == 0.9
    assert [of.dataset.name for of in parent.inputs.dataset_inputs] == ["acme/offline (train)"]
    stored = [path for method, path in s3.requests if method == "PUT" and path.startswith("/artefacts/runs/")]
    assert {path.rsplit("/", 1)[-1] for path in stored} >= {"report.json", "MLmodel", "release.json", "manifest.json"}

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    mlflow.set_tracking_uri(server)
    try:
        loaded: Any = mlflow.pyfunc.load_model("models:/tickets-acme@champion")
    finally:
        mlflow.set_tracking_uri(None)
    columns = [name for name in loaded.metadata.get_input_schema().input_names() if name in table.column_names]
    tickets = table.select(columns).slice(0, 10)
    expected = Answerer(release).answer(tickets)[1][0]
    found = loaded.predict(tickets.to_pandas())
    assert found["category"].tolist() == [decision.label for decision in expected.decisions]
    assert np.stack(found["category_probabilities"]) == pytest.approx(expected.probabilities)
    by_hand = loaded.predict([{"subject": "password reset", "affected_users": 3, "weekend_ticket": True, "unknown": 1}])
    assert by_hand["category"][0] in release.manifest.targets["category"]
    assert loaded.predict(loaded.input_example)["category_decision"].tolist() == ["review"]
