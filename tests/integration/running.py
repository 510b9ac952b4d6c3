"""Running jobs as a user would, and a Ray head of one's own for them."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TINY = ("simulate.rows=700", "simulate.incidents=2", "simulate.days=60", "simulate.other_languages=0")
"""A history small enough that every job takes seconds."""


@dataclass(frozen=True)
class Head:
    """A running Ray head: how jobs reach it, and the environment that lets them in."""

    address: str
    dashboard: str
    environment: dict[str, str]


@dataclass(frozen=True)
class Ran:
    """A job that ended: exit code, what it printed, and the reports it wrote."""

    code: int
    output: str
    reports: list[dict[str, Any]]

    @property
    def report(self) -> dict[str, Any]:
        (only,) = self.reports
        return only


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on, outside the range that Ray gives its workers."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def clean_environment() -> dict[str, str]:
    """This process's environment without what would steer a job."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TICKETS_ROOT"))}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0"}


def run_job(
    name: str, root: Path, *arguments: str, environment: dict[str, str] | None = None, cwd: Path = REPOSITORY
) -> Ran:
    """Run `python jobs/<name>.py` and gather the reports that it wrote."""
    before = _reports(root)
    ran = subprocess.run(
        [sys.executable, str(REPOSITORY / "jobs" / f"{name}.py"), *arguments],
        env={**(environment or clean_environment()), "TICKETS_ROOT": str(root)},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    new = sorted(_reports(root) - before)
    return Ran(ran.returncode, ran.stdout + ran.stderr, [json.loads(path.read_text()) for path in new])


def _reports(root: Path) -> set[Path]:
    return set(root.glob("*/runs/*/*/report.json"))


@contextmanager
def ray_head(work_dir: Path) -> Iterator[Head]:
    """`ray start --head`, ended with every process it started."""
    token = work_dir / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    environment = {**clean_environment(), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    port, dashboard, client = free_ports(3)
    command = [
        *(str(BIN / "ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}"),
        *("--num-cpus=2", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
        *(f"--ray-client-server-port={client}", "--disable-usage-stats"),
    ]
    log = (work_dir / "head.log").open("wb")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True)
    running = Head(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", environment)
    try:
        _wait_until_ready(running, process)
        yield running
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.terminate()
        _, alive = psutil.wait_procs(family, timeout=10)
        for member in alive:
            member.kill()
        process.wait(10)
        log.close()


def _wait_until_ready(running: Head, process: subprocess.Popen[bytes]) -> None:
    """Ask for the list of jobs, which needs the whole head, until it answers."""
    command = [str(BIN / "ray"), "job", "list", "--address", running.dashboard]
    for _ in range(40):
        asked = subprocess.run(command, env=running.environment, capture_output=True, text=True)
        if asked.returncode == 0:
            return
        assert process.poll() is None, "the Ray head ended by itself"
    raise AssertionError(f"the Ray head did not become ready: {asked.stderr[-2000:]}")
