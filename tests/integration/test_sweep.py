"""A sweep that is cut off, with a trial that fails, and the run that takes it up."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from running import REPOSITORY, Head, Ran, clean_environment

pytestmark = [pytest.mark.cluster, pytest.mark.heavy]

TRAIN = (
    *("model=dnn", "source.targets=[category]", "data.bucket=resumed", "audit.max_rows=50", "card.behaviour_rows=0"),
    "audit.stop_on_noise=false",  # fifty tickets may say too little
    *("sweep=tiny", "sweep.num_trials=3", "sweep.max_concurrent=1", "sweep.reduction_factor=1.001"),
    # A dropout above 1 is refused by torch: the first trial fails, and only that one.
    "search.dnn.dropout={low: 0.0, high: 1.001, first: 1.001}",
)


def test_a_killed_sweep_is_taken_up_with_its_finished_trials(
    head: Head, root: Path, on_head: Callable[..., Ran]
) -> None:
    arguments = [*TRAIN, f"source.path={root}/simulated/raw/simulated.jsonl"]
    _run_until("category dnn: trial 2/3", arguments, {**head.environment, "RAY_ADDRESS": head.address}, root)
    (before,) = root.glob("resumed/runs/train/*/sweeps/category-dnn")
    kept = {path.name: path.read_bytes() for path in before.glob("trial-*.json")}
    records = [orjson.loads(content) for content in kept.values()]
    assert sorted(record["status"] for record in records) == ["failed", "finished"]
    assert [record["error"] is not None for record in records] == [record["nll"] is None for record in records]

    ran = on_head("train", *arguments, "resume=latest")
    assert ran.code == 0, ran.output
    assert "category dnn: 1 of 3 trials were made before" in ran.output
    assert [of["target"] for of in ran.report["result"]["audit"]] == ["category"]  # of the run that was killed
    after = {path.name: path.read_bytes() for path in before.glob("trial-*.json")}
    assert kept.items() <= after.items()
    statuses = sorted(orjson.loads(content)["status"] for content in after.values())
    assert statuses == ["failed", "failed", "finished", "finished"]  # what failed was tried again
    assert "dropout probability has to be between 0 and 1" in b"".join(kept.values()).decode()
    assert set(ran.report["result"]["chosen"]["category"]["families"]) == {"dnn", "linear"}
    assert "resume=latest" not in " ".join(ran.report["next"])
    finished = {of["trial_id"] for of in map(orjson.loads, after.values()) if of["status"] == "finished"}
    _is_mirrored_once(root, before.parents[1].name, finished)

    nothing_left = on_head("train", *arguments, "resume=latest")
    assert nothing_left.code == 2
    assert "resume=latest: no run to take up" in nothing_left.output


def test_a_trial_gets_the_share_of_a_gpu_that_it_asked_for_and_uses_it(tmp_path: Path) -> None:
    script = REPOSITORY / "tests/integration/granted.py"
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], env=clean_environment(), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = orjson.loads((tmp_path / "found.json").read_bytes())
    with_gpu = {"CPU": 1.0, "GPU": 0.5}
    assert found == {
        "linear auto": {"granted": {"CPU": 1.0}, "device": "none", "share": 1.0},
        "catboost auto": {"granted": with_gpu, "device": "GPU", "share": 0.5},
        "xgboost auto": {"granted": with_gpu, "device": "cuda", "share": 0.5},
        "dnn auto": {"granted": with_gpu, "device": "cuda", "share": 0.5},
        "dnn cpu": {"granted": {"CPU": 1.0}, "device": "cpu", "share": 1.0},
    }


def _run_until(line_part: str, arguments: list[str], environment: dict[str, str], root: Path) -> None:
    """Run the main job until it prints something, then kill it."""
    job = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "jobs/train.py"), *arguments],
        env={**environment, "TICKETS_ROOT": str(root)},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert job.stdout is not None
    printed: list[str] = []
    try:
        for line in job.stdout:
            printed.append(line)
            if line_part in line:
                return
        raise AssertionError(f"the job ended without {line_part!r}: {''.join(printed)}")
    finally:
        job.send_signal(signal.SIGKILL)
        job.wait()


def _is_mirrored_once(root: Path, run_id: str, finished: set[str]) -> None:
    """MLflow shows one finished run, that of the run that was killed, and each trial once."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("tickets-resumed")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "trial_id" not in run.data.tags]
    assert (parent.data.tags["sweep_id"], parent.info.status) == (run_id, "FINISHED")
    trials = [run.data.tags["trial_id"] for run in runs if "trial_id" in run.data.tags]
    assert len(trials) == len(set(trials))
    assert finished <= set(trials)
