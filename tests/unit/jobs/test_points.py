"""A multirun of a job that does nothing but fail where it should, in one process as a user would start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PROBE = """
import sys
sys.path.insert(0, "jobs")
from _entry import run_job
from tickets.errors import ModelError, RefusedError
from tickets.events import Trained

def main(job):
    seed = job.config.simulate.seed
    if seed == 1:
        raise ModelError("no label")
    if seed == 2:
        raise RefusedError("the gate said no")
    job.emit(Trained(release=f"r{seed}", uri="somewhere", role="champion"))
    job.report.result = {"release": f"r{seed}"}
    job.report.next = [job.command("promote")]

run_job("probe", main)
"""


def _run(root: Path, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "TICKETS_ROOT": str(root), **(environment or {})},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def ran(root: Path) -> subprocess.CompletedProcess[str]:
    return _run(root, "-m", "simulate.seed=0,1,2,many,3", "sweep=tiny", "redis.password=s3cret")


def test_a_point_that_fails_is_noted_and_the_others_go_on(root: Path, ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 1, ran.stderr
    (record,) = (root / "multirun").glob("*/points.json")
    points = json.loads(record.read_text())["points"]
    assert [(point["overrides"], point["status"], point["release"]) for point in points] == [
        (["simulate.seed=0"], "ok", "r0"),
        (["simulate.seed=1"], "failed", None),
        (["simulate.seed=2"], "refused", None),
        (["simulate.seed=many"], "wrong", None),
        (["simulate.seed=3"], "ok", "r3"),
    ]
    assert points[1]["error"] == "no label"
    assert "simulate.seed='many'" in points[3]["error"]
    assert points[0]["bucket"] == "simulated"
    assert (root / "simulated/runs/probe" / points[0]["run_id"] / "report.json").exists()
    assert (record.parent / "multirun.yaml").exists()


def test_each_point_and_all_of_them_say_what_to_do_next(root: Path, ran: subprocess.CompletedProcess[str]) -> None:
    assert "python jobs/promote.py simulate.seed=3 sweep=tiny\n" in ran.stdout
    summary = ran.stdout[ran.stdout.index("multirun 2") :]
    assert "5 points" in summary
    assert "simulate.seed=1     failed" in summary
    (record,) = (root / "multirun").glob("*/points.json")
    assert summary.endswith(f"next:\n  python jobs/compare.py sweep=tiny compare.multirun={record.parent.name}\n")
    assert "s3cret" not in ran.stdout + ran.stderr + record.read_text()


def test_what_cannot_be_composed_starts_nothing(tmp_path: Path) -> None:
    ran = _run(tmp_path, "-m", "model=linear,nothing")
    assert ran.returncode == 2
    assert not list(tmp_path.glob("*/runs"))
    assert ran.stderr.count("\n") == 1


def test_a_wrong_point_is_graver_than_a_refused_one(tmp_path: Path) -> None:
    assert _run(tmp_path, "--multirun", "simulate.seed=many,2").returncode == 2


def test_a_remote_root_leaves_nothing_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    import _entry

    folder = Path(_entry._multirun_dir("s3://bucket/prefix", "ID"))
    assert folder.is_relative_to(tmp_path / "tickets")
    assert folder.parts[-2:] == ("multirun", "ID")
