"""The embedded server: one per root, outliving its starter, ended on request, never mistaken for another process."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from tickets.errors import OnlineStoreError
from tickets.online import embedded


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    embedded.stop(tmp_path)


def record(root: Path) -> dict[str, float]:
    content: dict[str, float] = json.loads((root / "online" / "server.json").read_bytes())
    return content


def write_record(root: Path, pid: int, started_at: float) -> None:
    (root / "online").mkdir()
    (root / "online" / "server.json").write_text(json.dumps({"pid": pid, "port": 1, "started_at": started_at}))


def test_one_server_is_started_found_and_stopped(root: Path) -> None:
    assert embedded.find(root) is None
    address = embedded.start(root)
    assert embedded.find(root) == embedded.start(root) == address
    with Redis(host=address.host, port=address.port, protocol=2) as client:
        assert client.ping()

    process = psutil.Process(int(record(root)["pid"]))
    (listening,) = [item for item in process.net_connections() if item.status == psutil.CONN_LISTEN]
    assert (listening.laddr.ip, listening.laddr.port) == ("127.0.0.1", address.port)
    assert stat.S_IMODE((root / "online").stat().st_mode) == 0o700

    assert embedded.stop(root)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert embedded.find(root) is None
    assert not embedded.stop(root)


def test_two_starters_at_once_get_the_same_server_which_outlives_them(root: Path) -> None:
    command = [sys.executable, "-m", "tickets.online.embedded", "start", str(root)]
    starters = [subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {starter.communicate(timeout=120)[0].strip() for starter in starters}
    assert printed == {str(embedded.find(root))}
    servers = [
        process.pid for process in psutil.process_iter(["cmdline"]) if str(root) in (process.info["cmdline"] or [])
    ]
    assert servers == [record(root)["pid"]]


def test_a_process_that_took_over_the_id_is_neither_found_nor_ended(root: Path) -> None:
    write_record(root, os.getpid(), psutil.Process().create_time() - 60)
    assert embedded.find(root) is None
    assert not embedded.stop(root)
    assert not (root / "online" / "server.json").exists()


def test_a_process_that_is_gone_is_not_found(root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        started_at = psutil.Process(gone.pid).create_time()
        gone.wait()
    write_record(root, gone.pid, started_at)
    assert embedded.find(root) is None


def test_a_record_cut_short_is_no_server(root: Path) -> None:
    (root / "online").mkdir()
    (root / "online" / "server.json").write_text("")
    assert embedded.find(root) is None


def test_stopping_an_unused_root_leaves_it_alone(tmp_path: Path) -> None:
    assert not embedded.stop(tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_a_failed_start_names_the_log(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OnlineStoreError, match=r"did not start .*server\.log"):
        embedded.start(root)


def test_a_server_that_cannot_be_recorded_is_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "online" / "server.json").mkdir(parents=True)
    command = [sys.executable, "-m", "tickets.online.embedded", "serve", str(tmp_path)]
    # The server would hold the pipes open: that this returns says that it is gone.
    finished = subprocess.run(command, capture_output=True, timeout=60)
    assert finished.returncode == 1
    assert b"server.json" in finished.stderr


def test_the_command_line_tells_whether_a_server_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert embedded.main(["status", str(root)]) == 1
    assert embedded.main(["stop", str(root)]) == 0
    assert capsys.readouterr().out == "not running\nnot running\n"
