"""Services that the benchmark starts, loads, watches and stops. It does not know what the figures mean."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tickets.errors import TicketsError

JOBS = Path(__file__).parent
_START_S = 240.0


class ServiceError(TicketsError):
    """A service that does not come up."""


@dataclass(frozen=True)
class Running:
    """A service that answers.

    Attributes:
        url: Where.
        headers: What every request carries.
        process: Its root process.
    """

    url: str
    headers: dict[str, str]
    process: psutil.Process

    def cpu_seconds(self) -> dict[str, float]:
        """Part → CPU seconds that its processes have used so far."""
        used: dict[str, float] = defaultdict(float)
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used[_part_of(process)] += times.user + times.system
        return dict(used)

    def memory_bytes(self) -> int:
        """Memory of all its processes, pages that several share counted once (PSS)."""
        total = 0
        for process in self._family():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
        return total

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def service(name: str, root: str, bucket: str, release_id: str, log_dir: Path) -> Iterator[Running]:
    """Start a service on a port of its own, and stop it with everything that it started.

    Args:
        name: `plain`, or a profile of the graph.
        root: The storage root.
        bucket: Folder under it.
        release_id: Release that answers.
        log_dir: Folder for what it prints.

    Raises:
        ServiceError: It does not come up; names the file with what it printed.
    """
    port = _free_port()
    key = secrets.token_urlsafe(16)
    keys_file = log_dir / "keys"
    keys_file.unlink(missing_ok=True)
    keys_file.touch(mode=0o600)
    keys_file.write_text(key)
    given = {"TICKETS_ROOT": root, "TICKETS_BUCKET": bucket, "TICKETS_RELEASE": release_id}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    path = os.pathsep.join(filter(None, (str(JOBS), os.environ.get("PYTHONPATH"))))
    environment |= given | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    with (log_dir / f"{name}.log").open("wb") as log:
        command = _command(name, port, bucket, release_id, keys_file)
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        running = Running(
            f"http://127.0.0.1:{port}",
            {"X-API-Key": key, "Content-Type": "application/json"},
            psutil.Process(process.pid),
        )
        try:
            _wait_until_up(running, process, log_dir / f"{name}.log")
            yield running
        finally:
            _stop(process)
            keys_file.unlink()


def _command(name: str, port: int, bucket: str, release_id: str, keys_file: Path) -> list[str]:
    if name == "plain":
        options = [
            "--factory",
            f"--port={port}",
            f"--workers={os.cpu_count()}",
            "--no-access-log",
            "--log-level=warning",
        ]
        return [sys.executable, "-m", "uvicorn", *options, "_plain:create"]
    settings = [f"serve={name}", f"serve.port={port}", f"data.bucket={bucket}", f"release={release_id}"]
    return [sys.executable, str(JOBS / "serve.py"), *settings, f"serve.keys_file={keys_file}"]


def _wait_until_up(running: Running, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_S
    path = "/healthz"
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(running.url + path, timeout=5):
            return
        time.sleep(0.2)
    raise ServiceError(f"{running.url} did not come up; see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = (
        [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        if process.poll() is None
        else []
    )
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(60)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def _part_of(process: psutil.Process) -> str:
    """Whose work a process does: the name of its deployment, or what of Ray it is."""
    title = " ".join(process.cmdline()[:2])
    if "ServeReplica" in title:
        return title.split("::")[1].split(":")[-1].split()[0] if "::" in title else title
    if "ProxyActor" in title or "HAProxy" in title or "haproxy" in title:
        return "proxy"
    if "uvicorn" in " ".join(process.cmdline()) or "multiprocessing" in title or "spawn" in " ".join(process.cmdline()):
        return "service"
    return "ray"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port: int = opened.getsockname()[1]
    return port
