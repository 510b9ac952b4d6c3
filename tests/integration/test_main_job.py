"""The main job on tiny data, and what can be done with the release it makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import orjson
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from running import REPOSITORY, TINY, Head, Ran, run_job

pytestmark = pytest.mark.cluster


def test_the_report_says_what_was_made(trained: Ran, root: Path) -> None:
    result = trained.report["result"]
    assert trained.report["status"] == "ok"
    assert result["role"] == "champion"
    assert result["ingest"]["rows_in"] == result["ingest"]["bronze"] + result["ingest"]["quarantined"] == 700
    assert {audit["target"]: audit["verdict"] for audit in result["audit"]}["category"] == "learnable"
    families = result["chosen"]["category"]["families"]
    assert set(families) == {"linear", "catboost", "xgboost", "dnn"}
    assert set(result["chosen"]["priority"]["families"]) == {"linear"}
    scores = result["test"]["category"]
    assert scores["accuracy"]["value"] > scores["majority_floor"]
    assert 0.5 < scores["ceiling"] < 1
    assert sum(result["rows"].values()) == 700
    config = orjson.loads((root / "simulated/runs/train" / trained.report["run_id"] / "config.json").read_bytes())
    assert config["sweep"]["num_trials"] == 2


def test_a_card_lies_beside_the_release(trained: Ran, root: Path) -> None:
    folder = root / "simulated/releases" / trained.report["result"]["release"]
    assert trained.report["made"]["card page"] == str(folder / "card.html")
    card = orjson.loads((folder / "card.json").read_bytes())
    assert card["release"] == folder.name
    assert list(card["targets"]) == ["category", "priority", "severity"]
    assert [of["target"] for of in card["audit"]] == ["category", "priority", "severity"]
    category = card["targets"]["category"]
    assert category["scores"] == trained.report["result"]["test"]["category"]
    families = category["families"]
    assert all(of["trial_s"] > 0 for of in families.values())
    kept = [of for of in families.values() if of["weight"]]
    assert kept
    assert all(of["fit_s"] > 0 and of["num_bytes"] > 0 and of["cost_ms"] > 0 for of in kept)
    assert sum(sum(of["num_trials"].values()) for of in families.values()) == len(category["trials"]) == 8
    assert max(of["labels"]["num_rows"] for of in category["behaviour"]) == 20
    assert "severity" in (folder / "card.md").read_text()
    assert (folder / "card.html").read_bytes().startswith(b"<!doctype html>")


def test_the_run_is_mirrored(trained: Ran, root: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow/mlflow.db")
    version = client.get_model_version_by_alias("tickets-simulated", "champion")
    assert version.tags["release_id"] == trained.report["result"]["release"]
    experiment = client.get_experiment_by_name("tickets-simulated")
    runs = client.search_runs([experiment.experiment_id])
    families = sorted(run.data.tags["family"] for run in runs if "family" in run.data.tags)
    assert families == sorted(2 * ["linear", "catboost", "xgboost", "dnn"])
    assert any(run.data.tags.get("stopped_early") == "true" for run in runs)  # ASHA ended a trial before its time
    (parent,) = [run for run in runs if "family" not in run.data.tags]
    assert parent.info.status == "FINISHED"
    inputs = {of.dataset.name for of in parent.inputs.dataset_inputs}
    assert inputs == {f"simulated/offline ({split})" for split in ("train", "validation", "calibration", "test")}
    assert parent.data.params["sweep.num_trials"] == "2"
    assert not (REPOSITORY / "mlruns").exists()


def test_the_latest_tickets_are_online(trained: Ran, root: Path) -> None:
    from tickets.config import RedisConfig
    from tickets.online import connect

    store = connect(RedisConfig(), root)
    assert store.count("simulated") == 700
    (newest,) = store.latest("simulated", 1)
    assert newest["created_at"].endswith("Z")


def test_logs_are_json_lines_by_scope(trained: Ran, root: Path) -> None:
    lines = [orjson.loads(line) for line in (root / "logs/data.jsonl").read_bytes().splitlines()]
    writes = [line for line in lines if line.get("operation") == "storage.write"]
    assert writes
    assert all({"key", "bytes", "seconds", "attempt"} <= set(line) for line in writes)
    assert any(line.get("operation") == "online.publish" and line["rows"] == 700 for line in lines)
    assert (root / "logs/ml.jsonl").exists()


def test_any_file_is_scored_with_decisions_and_mlflow_loads_what_scored_it(
    trained: Ran, root: Path, on_head: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = tmp_path / "new.jsonl"
    lines = (root / "simulated/raw/unseen.jsonl").read_bytes().splitlines()
    unseen.write_bytes(b"\n".join([*lines, b"{broken", b'{"subject": "only a subject"}']))
    output = tmp_path / "answers.csv"
    ran = on_head("predict", f"data.raw_file={unseen}", f"predict.output={output}")
    assert ran.code == 0, ran.output
    answers = pcsv.read_csv(output).to_pylist()
    assert len(answers) == 4
    release = trained.report["result"]["release"]
    labels = orjson.loads((root / f"simulated/releases/{release}/manifest.json").read_bytes())["targets"]
    for answer in answers:
        assert answer["category"] in labels["category"]
        assert answer["category_decision"] in ("automate", "suggest", "review")
        assert 0 < answer["category_confidence"] <= 1
        assert answer["release"] == release
        assert answer["source_file"] == "new.jsonl"
    assert sorted(answer["source_row"] for answer in answers) == [0, 1, 2, 4]
    assert ran.report["result"] == {"release": release, "tickets": 4, "refused": 1}
    assert ran.report["next"] == [f"python jobs/evaluate.py predict.output={output} data.raw_file=LABELLED_FILE"]
    refused = pq.read_table(tmp_path / "answers.refused.parquet").to_pylist()
    assert [row["original"] for row in refused] == [b"{broken\n"]
    assert "review" in ran.output or "suggest" in ran.output

    champion = _champion_of_mlflow(root, monkeypatch)
    found = champion.predict([*map(orjson.loads, lines), {"subject": "only a subject"}])
    by_row = sorted(answers, key=lambda answer: answer["source_row"])
    for target in ("category", "priority", "severity"):
        assert found[target].tolist() == [answer[target] for answer in by_row]
        confidences = [answer[f"{target}_confidence"] for answer in by_row]
        assert found[f"{target}_confidence"].tolist() == pytest.approx(confidences)


def _champion_of_mlflow(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import mlflow

    monkeypatch.delenv("TICKETS_ROOT", raising=False)
    mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow/mlflow.db")
    try:
        return mlflow.pyfunc.load_model("models:/tickets-simulated@champion")
    finally:
        mlflow.set_tracking_uri(None)


def test_an_export_without_a_usable_row_makes_nothing(root: Path, on_head: Callable[..., Ran]) -> None:
    (root / "empty.csv").write_text("subject;description\na;b\n")
    ran = on_head("ingest", f"source.path={root}/empty.csv", "data.bucket=useless")
    assert ran.code == 1
    assert "no usable row among 1: no usable field (1); check source.delimiter" in ran.output
    assert not (root / "useless/head.json").exists()


def test_a_changed_byte_is_refused(trained: Ran, root: Path, on_head: Callable[..., Ran]) -> None:
    manifest = root / f"simulated/releases/{trained.report['result']['release']}/manifest.json"
    part = root / orjson.loads(manifest.read_bytes())["parts"]["model"]["key"] / "model.json"
    original = part.read_bytes()
    part.write_bytes(original + b" ")
    try:
        ran = on_head("predict", "data.raw_file=raw/unseen.jsonl")
    finally:
        part.write_bytes(original)
    assert ran.code == 1
    assert f"{part} was changed; refused" in ran.output
    assert "Traceback" not in ran.output


def test_a_release_is_judged_on_a_labelled_file(trained: Ran, root: Path, on_head: Callable[..., Ran]) -> None:
    ran = on_head("evaluate")
    assert ran.code == 0, ran.output
    targets = ran.report["result"]["targets"]
    assert set(targets) == {"category", "priority", "severity"}
    assert targets["category"]["num_rows"] > 600


def test_a_second_release_is_a_challenger_and_the_gate_decides(
    trained: Ran, root: Path, on_head: Callable[..., Ran]
) -> None:
    champion = trained.report["result"]["release"]
    assert run_job("promote", root).code == 3  # the champion is the only release
    small = ("sweep=tiny", "model=linear", "source.targets=[category]", "mlflow.enabled=false", "card.behaviour_rows=0")
    lacking = on_head("train", *small)
    assert lacking.code == 0, lacking.output
    assert lacking.report["result"]["role"] == "challenger"
    assert lacking.report["result"]["ingest"]["reused"] is True
    refused = on_head("promote")
    assert refused.code == 3
    assert "has no model for priority, severity" in refused.output
    pointer = orjson.loads((root / "simulated/champion.json").read_bytes())
    assert pointer["release"] == champion


def test_training_on_noise_is_refused_before_any_sweep(trained: Ran, root: Path, on_head: Callable[..., Ran]) -> None:
    """Severity is drawn whatever the ticket says."""
    before = set((root / "simulated/releases").iterdir())
    ran = on_head("train", "sweep=tiny", "model=linear", "source.targets=[severity]", "mlflow.enabled=false")
    assert (ran.code, ran.report["status"]) == (3, "refused"), ran.output
    assert "severity: no tie to text and fields was found" in ran.output
    assert "audit.stop_on_noise=false" in ran.output
    assert [audit["verdict"] for audit in ran.report["result"]["audit"]] == ["noise"]
    run_dir = root / "simulated/runs/train" / ran.report["run_id"]
    assert b"Target: severity" in (run_dir / "audit.html").read_bytes()
    assert orjson.loads((run_dir / "audit.json").read_bytes())["targets"][0]["target"] == "severity"
    assert set((root / "simulated/releases").iterdir()) == before


def test_without_a_cluster_ray_is_started_and_own_groups_are_read_from_outside(tmp_path: Path) -> None:
    """The third and the fourth way to run: no `RAY_ADDRESS`, and `--config-dir` from a folder of one's own."""
    texts = [
        (f"card {verb} in {place}", verb) for verb in ("lost", "stolen", "blocked") for place in map(str, range(60))
    ]
    (tmp_path / "data").mkdir()
    rows = "\n".join(f'"{text}",{label}' for text, label in texts)
    (tmp_path / "data" / "mails.csv").write_text(f"body,team\n{rows}\n")
    (tmp_path / "conf" / "source").mkdir(parents=True)
    (tmp_path / "conf" / "source" / "mails.yaml").write_text(
        "name: mails\npath: data/mails.csv\nfields: {description: body}\ntargets: [team]\nvalue_sets: none\n"
    )
    arguments = ("--config-dir", "conf", "source=mails", "model=linear", "sweep=tiny", "mlflow.enabled=false")
    try:
        ran = run_job("train", tmp_path / "root", *arguments, cwd=tmp_path)
        assert ran.code == 0, ran.output
        assert ran.report["bucket"] == "mails"
        assert ran.report["result"]["test"]["team"]["accuracy"]["value"] == 1.0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "data", "root"]
    finally:
        from tickets.online import embedded

        embedded.stop(tmp_path / "root")


def test_multirun_makes_a_release_per_point(root: Path, on_head: Callable[..., Ran], trained: Ran) -> None:
    ran = on_head(
        "train", "--multirun", "model=xgboost,dnn", "sweep=tiny", "source.targets=[category]",
        "mlflow.enabled=false", "audit.max_rows=50", "audit.stop_on_noise=false", "card.behaviour_rows=0",
        "data.bucket=multirun",
        f"source.path={root}/simulated/raw/simulated.jsonl", f"source.truth={root}/simulated/raw/simulated.truth.json",
    )  # fmt: skip
    assert ran.code == 0, ran.output
    families = [sorted(report["result"]["chosen"]["category"]["families"]) for report in ran.reports]
    assert sorted(families) == [["dnn", "linear"], ["linear", "xgboost"]]
    assert [report["result"]["ingest"]["reused"] for report in ran.reports] == [False, True]
    assert len(list((root / "multirun/releases").iterdir())) == 2

    compared = run_job("compare", root, "compare.multirun=latest")  # from kept answers, without Ray
    assert compared.code == 0, compared.output
    (bucket,) = compared.report["result"]["buckets"]
    assert (bucket["bucket"], bucket["unpaired"]) == ("multirun", None)
    (table,) = bucket["tables"]
    own = {of["result"]["release"]: of["result"]["test"]["category"] for of in ran.reports}
    for row in table["rows"]:
        scores = own[row["release"]]
        assert table["num_rows"] == scores["num_rows"]
        assert row["figures"]["accuracy"]["value"] == scores["accuracy"]["value"]
        assert row["figures"]["nll"] == pytest.approx(scores["nll"])
    assert sum(row["verdict"] == "baseline" for row in table["rows"]) == 1
    assert "model=dnn" in ran.output[ran.output.index("multirun 2") :]


@pytest.mark.parametrize(
    "entrypoint",
    [
        pytest.param(["--", "python", "jobs/train.py"], id="python"),
        pytest.param(["jobs/train.py"], id="file", marks=pytest.mark.heavy),
    ],
)
def test_a_submitted_job_runs_from_its_package(
    head: Head, root: Path, trained: Ran, tmp_path: Path, entrypoint: list[str]
) -> None:
    folder = tmp_path / "clone"
    for part in ("jobs", "conf", "tickets"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    changed = folder / "tickets/train/publish.py"
    changed.write_text(changed.read_text().replace("scored once", "scored by the package"))
    settings = orjson.dumps({"env_vars": {"TICKETS_ROOT": str(root), "DATA__BUCKET": "submitted"}}).decode()
    arguments = [
        "model=linear", "sweep=tiny", "mlflow.enabled=false", "source.targets=[category]", "audit.max_rows=50",
        f"source.path={root}/simulated/raw/simulated.jsonl", f"source.truth={root}/simulated/raw/simulated.truth.json",
        "card.behaviour_rows=0", "audit.stop_on_noise=false",
    ]  # fmt: skip
    command = [
        "ray",
        "job",
        "submit",
        "--address",
        head.dashboard,
        "--working-dir",
        ".",
        "--runtime-env-json",
        settings,
    ]
    ran = subprocess.run(
        [*command, *entrypoint, *arguments], cwd=folder, env=head.environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "scored by the package" in ran.stdout
    assert list((root / "submitted/releases").iterdir())


def test_a_job_without_the_token_is_turned_away(head: Head) -> None:
    with pytest.raises(HTTPError) as raised:
        urlopen(f"{head.dashboard}/api/jobs/", timeout=60)
    assert raised.value.code == 401


def test_wrong_runs_have_their_exit_codes(root: Path) -> None:
    wrong = run_job("train", root, "sweep.num_trails=3")
    assert wrong.code == 2
    assert wrong.output.count("\n") == 1
    assert "did you mean num_trials" in wrong.output
    mistyped = run_job("train", root, "sweep.num_trials=many")
    assert mistyped.code == 2
    assert mistyped.output.count("\n") == 1
    assert "sweep.num_trials='many'" in mistyped.output
    nowhere = run_job("simulate", Path("/proc/nowhere"))
    assert nowhere.code == 2
    assert nowhere.output.startswith("configuration error: storage.root=/proc/nowhere: cannot be written to")
    missing = run_job("train", root, "source=nothing")
    assert missing.code == 2
    assert "simulated" in missing.output
    failed = run_job("predict", root, "data.bucket=empty")
    assert failed.code == 1
    assert "bucket 'empty' has no champion" in failed.output
    assert failed.report["status"] == "failed"


def test_a_planted_secret_is_found_nowhere(tmp_path: Path) -> None:
    secret = "pl4nted-s3cret"
    (tmp_path / "conf" / "source").mkdir(parents=True)
    (tmp_path / "conf" / "source" / "mine.yaml").write_text(
        f"# @package _global_\nsource: {{name: mine}}\nredis: {{password: {secret}-yaml, host: 127.0.0.1, port: 1}}\n"
    )
    (tmp_path / ".env").write_text(f"REDIS_PASSWORD={secret}-dotenv\n")
    runs = [
        run_job("simulate", tmp_path / "root", *TINY, f"redis.password={secret}-line", cwd=tmp_path),
        run_job("simulate", tmp_path / "root", *TINY, "--multirun", "simulate.seed=1,2", cwd=tmp_path),
        run_job("simulate", tmp_path / "root", *TINY, "--config-dir", "conf", "source=mine", "-m", cwd=tmp_path),
        run_job("simulate", tmp_path / "root", f"redis.pasword={secret}", cwd=tmp_path),
        run_job("stop", tmp_path / "root", cwd=tmp_path),
    ]
    assert [ran.code for ran in runs] == [0, 0, 0, 2, 0]
    assert not any(secret in ran.output for ran in runs)
    files = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_a_local_root_is_refused_on_several_nodes(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, 'jobs')\nimport _cluster\n_cluster.connect = lambda *_: (2, '')\n"
        "from _entry import run_job\nrun_job('probe', lambda job: job.connect())\n"
    )
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "TICKETS_ROOT": str(tmp_path)}
    refused = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert refused.returncode == 2
    assert f"storage.root={tmp_path}" in refused.stderr
    assert "storage.shared=true" in refused.stderr
    shared = subprocess.run([*command, "storage.shared=true"], cwd=REPOSITORY, env=environment, capture_output=True)
    assert shared.returncode == 0
