"""Ingestion as jobs: killed at any moment, on S3 with a server that stumbles, and what a team lead reads of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIEnvironment

import fsspec
import pytest
from running import REPOSITORY, TINY, clean_environment, run_job
from s3_server import S3Server

from tickets.events import Published
from tickets.journal import read_events
from tickets.release import list_releases
from tickets.snapshots import load_snapshot, read_head, read_table
from tickets.storage import Storage

TABLES = ("bronze", "quarantine", "offline", "online")
NUM_FILES = 6


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server().running() as server:
        yield server


def _content(root: str) -> dict[str, list[str]]:
    """Table → its rows as sorted lines, without the time of reading."""
    storage, content = Storage(root), {}
    for name in TABLES:
        rows = read_table(storage, load_snapshot(storage, f"simulated/{name}")).to_pylist()
        lines = [json.dumps({**row, "ingested_at": None}, default=str, sort_keys=True) for row in rows]
        content[name] = sorted(lines)
    return content


def _write_export(root: Path) -> None:
    """A simulated export in several files, one of them with a broken line."""
    assert run_job("simulate", root, *TINY).code == 0
    raw = root / "simulated/raw"
    lines = (raw / "simulated.jsonl").read_bytes().splitlines(keepends=True)
    (raw / "simulated.jsonl").unlink()
    (raw / "parts").mkdir()
    for number in range(NUM_FILES):
        broken = b'{"ticket_id": "half\n' if number == 2 else b""
        (raw / f"parts/{number}.jsonl").write_bytes(b"".join(lines[number::NUM_FILES]) + broken)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from tickets.online import embedded

    root = tmp_path_factory.mktemp("whole")
    _write_export(root)
    ran = run_job("ingest", root, "source.path=raw/parts/*.jsonl")
    assert ran.code == 0, ran.output
    yield root
    embedded.stop(root)


def _kill_when(root: Path, num_parts: int) -> None:
    """Start an ingestion and kill its whole family as soon as so many parts are written."""
    command = [sys.executable, str(REPOSITORY / "jobs/ingest.py"), "source.path=raw/parts/*.jsonl"]
    environment = {**clean_environment(), "TICKETS_ROOT": str(root)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and len(list(root.glob("simulated/data/2*/*.parquet"))) < num_parts:
        os.sched_yield()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


HEAVY = [pytest.param(point, marks=pytest.mark.heavy) for point in (1, 3, 6, 12, 15, 18, 21, 24, 27)]


@pytest.mark.parametrize("num_parts", [9, *HEAVY])
def test_a_killed_ingestion_shows_nothing_and_is_finished_by_the_next(
    uninterrupted: Path, tmp_path: Path, num_parts: int
) -> None:
    from tickets.online import embedded

    _write_export(tmp_path)
    _kill_when(tmp_path, num_parts)
    head = read_head(Storage(str(tmp_path)), "simulated")
    if head.version:  # it was faster than the kill: then all of it is there
        assert _content(str(tmp_path)) == _content(str(uninterrupted))
    ran = run_job("ingest", tmp_path, "source.path=raw/parts/*.jsonl")
    embedded.stop(tmp_path)
    assert ran.code == 0, ran.output
    assert _content(str(tmp_path)) == _content(str(uninterrupted))
    assert not list((tmp_path / "simulated/staged").glob("*.json"))


def test_reports_are_written_for_people(uninterrupted: Path) -> None:
    for job, page, figures_of in (("check", "quality page", "quality"), ("analyze", "page", "analytics")):
        ran = run_job(job, uninterrupted)
        assert ran.code == 0, ran.output
        html = Path(ran.report["made"][page]).read_text()
        assert "Content-Security-Policy" in html
        assert "<script" not in html
        figures = json.loads(Path(ran.report["made"][figures_of]).read_text())
        assert figures
    refused = run_job("check", uninterrupted, "quality.limits={unreadable: 0}")
    assert refused.code == 3
    assert "unreadable" in refused.output
    listed = run_job("snapshots", uninterrupted)
    assert listed.code == 0
    assert listed.report["result"]["not_needed"] == 0
    published = [
        event for event in read_events(Storage(str(uninterrupted)), "simulated") if isinstance(event, Published)
    ]
    assert {event.what for event in published} == set(TABLES)


def test_a_refused_row_is_exported_repaired_and_taken_back(uninterrupted: Path, tmp_path: Path) -> None:
    from tickets.online import embedded

    root = tmp_path / "root"
    shutil.copytree(uninterrupted, root, ignore=shutil.ignore_patterns("server.json"))
    exported = run_job("quarantine", root, f"quarantine.export={tmp_path}/refused.jsonl")
    assert exported.code == 0, exported.output
    (line,) = [json.loads(text) for text in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert line["original"] == '{"ticket_id": "half\n'
    row: dict[str, Any] = {"ticket_id": "repaired", "subject": "half", "created_at": "2025-01-07T08:00:00Z"}
    text = json.dumps({"quarantine_id": line["quarantine_id"], "row": row})
    (tmp_path / "repaired.jsonl").write_text(text)
    ran = run_job("quarantine", root, "source.path=raw/parts/*.jsonl", f"quarantine.repaired={tmp_path}/repaired.jsonl")
    embedded.stop(root)
    assert ran.code == 0, ran.output
    assert ran.report["result"]["quarantined"] == 0
    assert '"ticket_id": "repaired"' in "".join(_content(str(root))["offline"])


def test_a_release_is_made_on_s3_though_the_server_stumbles(s3: S3Server, tmp_path: Path) -> None:
    given = {
        "AWS_ENDPOINT_URL": s3.url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "planted-secret-5521",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    asked = [0]

    def stumble(environ: WSGIEnvironment) -> str | None:
        asked[0] += 1
        return "503 Slow Down" if asked[0] % 23 == 0 else None

    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir("tickets-test")
        s3.faults.append(stumble)
        root = "s3://tickets-test/some/prefix"
        environment = {**clean_environment(), **given, "TICKETS_ROOT": root, "XDG_STATE_HOME": str(tmp_path / "state")}

        def run(name: str, *arguments: str) -> str:
            command = [sys.executable, str(REPOSITORY / f"jobs/{name}.py"), *arguments]
            ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert "planted-secret-5521" not in ran.stdout + ran.stderr
            return ran.stdout

        run("simulate", *TINY)
        sweep = ("sweep=tiny", "sweep.num_trials=1", "model=linear", "source.targets=[priority]")
        assert f"{root}/simulated/releases/" in run("train", *sweep)
        run("stop")
        s3.faults.clear()
        storage = Storage(root)
        assert read_table(storage, load_snapshot(storage, "simulated/offline")).num_rows == 700
        assert len(list_releases(storage, "simulated")) == 1
        assert not (tmp_path / "s3:").exists()
