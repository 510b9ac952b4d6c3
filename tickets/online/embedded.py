"""The embedded server of the online store: one process per root that speaks the Redis protocol, with JSON.

It does not know tickets or keys. It serves one machine's owner: it listens on loopback only and asks for no
password, so whoever can log in to the machine can read it; where that is too much, or where several machines
share the root, configure a real Redis. It keeps everything in memory and forgets it when it ends.

Its folder `<root>/online/` (mode 0700) holds `server.json` (process and port), `server.log` and a lock file.

    python -m tickets.online.embedded start|stop|status ROOT
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import psutil

import tickets
from tickets.errors import OnlineStoreError

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 5.0
_HOST: Final = "127.0.0.1"
_CLOCK_SLACK_S: Final = 2.0
"""How far two readings of a process's start time may differ: they shift when the system's clock is corrected."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Server:
    """What `server.json` says; the start time tells the process from a later one with the same id."""

    pid: int
    port: int
    started_at: float  # seconds since the epoch

    def is_running(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) <= _CLOCK_SLACK_S
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def find(root: Path) -> Address | None:
    """Return where the server of this root listens, or None if none is running."""
    server = _load(root)
    return Address(_HOST, server.port) if server is not None and server.is_running() else None


def start(root: Path) -> Address:
    """Return where the server of this root listens, after starting it if none is running.

    The server outlives this process. Callers that start at the same time get the same server.

    Raises:
        OnlineStoreError: The server did not come up; the message names its log.
    """
    with _locked(root):
        address = find(root)
        if address is None:
            _launch(root)
            address = find(root)
    if address is None:
        raise OnlineStoreError(f"embedded server of {root} ended at once; see {_log_path(root)}")
    return address


def stop(root: Path) -> bool:
    """End the server of this root and wait for its exit; returns whether one was running.

    Raises:
        OnlineStoreError: The process survived even SIGKILL.
    """
    if not _state_dir(root).exists():
        return False
    with _locked(root):
        server = _load(root)
        was_running = server is not None and server.is_running()
        if server is not None and was_running:
            _end(server)
        _record_path(root).unlink(missing_ok=True)
    return was_running


def _end(server: _Server) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(server.pid, number)
        except ProcessLookupError:
            return  # it ended by itself in between
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while server.is_running() and time.monotonic() < deadline:
            time.sleep(0.01)  # it is no child of this process, so nothing reports its end
        if not server.is_running():
            return
    raise OnlineStoreError(f"embedded server (process {server.pid}) does not end; allowed: up to {STOP_TIMEOUT_S} s")


def _launch(root: Path) -> None:
    """Run `serve` in a session of its own; it exits with 0 once the server it leaves behind can be reached."""
    package_dir = str(Path(tickets.__file__).parent.parent)
    paths = [package_dir, *filter(None, [os.environ.get("PYTHONPATH")])]
    with _log_path(root).open("wb") as log:
        try:
            subprocess.run(
                [sys.executable, "-m", "tickets.online.embedded", "serve", str(root.absolute())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                cwd=_state_dir(root),  # the folder in which a job runs may be deleted under the server
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                timeout=START_TIMEOUT_S,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise OnlineStoreError(f"embedded server of {root} did not start ({error}); see {log.name}") from error


def _serve(root: Path) -> None:
    """Bind a free port, leave a child behind that serves it, and write down where it is.

    The port is bound and the record written before this process exits, which is how the caller knows that the
    server is ready. The child is no child of the caller, so a caller that stays never holds a zombie.
    """
    from fakeredis import TcpFakeServer

    server = TcpFakeServer((_HOST, 0))
    server.daemon_threads = True
    # A pipeline is answered in many small writes, each of which would else wait some 40 ms for the reader's ACK.
    handler: Any = server.RequestHandlerClass
    handler.disable_nagle_algorithm = True
    pid = os.fork()
    if pid == 0:
        # Nothing is to be saved, so a signal may end the process by itself: no handler, nothing to wait for.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        server.serve_forever()
        return
    try:
        _save(root, _Server(pid, server.server_address[1], psutil.Process(pid).create_time()))
    except OSError:
        os.kill(pid, signal.SIGKILL)  # nobody could find it, or end it
        raise


def _state_dir(root: Path) -> Path:
    return root / "online"


def _record_path(root: Path) -> Path:
    return _state_dir(root) / "server.json"


def _log_path(root: Path) -> Path:
    return _state_dir(root) / "server.log"


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the root's lock, which only one process at a time can; creates the state folder."""
    folder = _state_dir(root)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _save(root: Path, server: _Server) -> None:
    draft = _record_path(root).with_suffix(".new")
    draft.write_bytes(orjson.dumps(asdict(server)))
    draft.replace(_record_path(root))


def _load(root: Path) -> _Server | None:
    try:
        return _Server(**orjson.loads(_record_path(root).read_bytes()))
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError:
        return None  # emptied by a power failure, which no server has survived


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, which for `status` is 1 where no server is running."""
    parser = argparse.ArgumentParser(
        prog="python -m tickets.online.embedded", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("action", choices=("start", "stop", "status", "serve"), help="serve is what start runs")
    parser.add_argument("root", type=Path, help="folder under which everything is kept")
    asked = parser.parse_args(arguments)
    root: Path = asked.root.expanduser()
    if asked.action == "serve":
        _serve(root)
        return 0
    if asked.action == "stop":
        sys.stdout.write("stopped\n" if stop(root) else "not running\n")
        return 0
    address = start(root) if asked.action == "start" else find(root)
    sys.stdout.write(f"{address or 'not running'}\n")
    return 0 if address else 1


if __name__ == "__main__":
    raise SystemExit(main())
