"""The online store against the embedded server, and against a scripted one where the server has to misbehave."""

import json
import socketserver
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from pydantic import SecretStr
from redis import Redis

from tickets import logs
from tickets.config import RedisConfig
from tickets.errors import OnlineStoreError
from tickets.online import OnlineStore, connect, connection, embedded, store

MONDAY = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
PASSWORD = "pw-planted-7781"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("root")
    yield root
    embedded.stop(root)


@pytest.fixture
def online(root: Path) -> Iterator[OnlineStore]:
    online = connect(RedisConfig(pipeline_rows=2, ttl_s=1000), root)
    yield online
    online.close()


@pytest.fixture
def server(root: Path) -> Iterator[Redis]:
    address = embedded.start(root)
    with Redis(host=address.host, port=address.port, protocol=2) as client:
        yield client


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def log_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    monkeypatch.setattr(connection, "BACKOFF_S", 0.0)
    logs.setup(tmp_path, "INFO", human=False)
    yield lambda: [json.loads(line) for line in (tmp_path / "data.jsonl").read_text().splitlines()]
    logger.remove()


def ticket(number: int, **fields: Any) -> dict[str, Any]:
    return {"ticket_id": f"T-{number}", "created_at": MONDAY + timedelta(hours=number), **fields}


@contextmanager
def scripted_server(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Serve the Redis protocol on a free port: `answer` maps a command's name to a reply, or None to hang up."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while header := self.rfile.readline():
                name, *_ = [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2] for _ in range(int(header[1:]))]
                reply = b"+OK\r\n" if name == b"CLIENT" else answer(name)
                if reply is None:
                    return
                self.wfile.write(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as scripted:
        scripted.daemon_threads = True
        threading.Thread(target=scripted.serve_forever, args=(0.01,), daemon=True).start()
        yield scripted.server_address[1]
        scripted.shutdown()


def test_a_ticket_comes_back_with_its_times_as_text(online: OnlineStore, bucket: str) -> None:
    summer = datetime(2025, 7, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    row = ticket(1, resolved_at=summer, subject='Überlauf\n"x" 漢', tags=["a", None], score=float("nan"), extra=None)
    assert online.publish(bucket, "s1", [row]) == 1
    assert online.read(bucket, "T-1") == {
        "ticket_id": "T-1",
        "created_at": "2025-03-03T10:00:00.000Z",
        "resolved_at": "2025-07-01T10:00:00.123Z",
        "subject": 'Überlauf\n"x" 漢',
        "tags": ["a", None],
        "score": None,
        "extra": None,
    }


def test_a_time_without_a_zone_is_utc(online: OnlineStore, bucket: str) -> None:
    online.publish(bucket, "s1", [{"ticket_id": "T", "created_at": datetime(2025, 1, 1)}])
    assert online.latest(bucket, 1)[0]["created_at"] == "2025-01-01T00:00:00.000Z"


def test_latest_is_newest_first_and_ends_with_what_has_no_time(online: OnlineStore, bucket: str) -> None:
    rows = [ticket(2), ticket(5), {"ticket_id": "old", "created_at": None}, ticket(-9), ticket(3)]
    assert online.publish(bucket, "s1", iter(rows)) == 5
    assert [row["ticket_id"] for row in online.latest(bucket, 9)] == ["T-5", "T-3", "T-2", "T--9", "old"]
    assert [row["ticket_id"] for row in online.latest(bucket, 2)] == ["T-5", "T-3"]
    assert online.latest(bucket, 0) == []
    assert online.count(bucket) == 5


def test_more_documents_than_one_round_trip_reads(online: OnlineStore, bucket: str) -> None:
    online.publish(bucket, "s1", (ticket(number) for number in range(230)))
    assert [row["ticket_id"] for row in online.latest(bucket, 225)] == [f"T-{number}" for number in range(229, 4, -1)]


def test_of_two_rows_with_one_id_the_later_stays(online: OnlineStore, bucket: str) -> None:
    assert online.publish(bucket, "s1", [ticket(1, subject="first"), ticket(2), ticket(1, subject="second")]) == 2
    found = online.read(bucket, "T-1")
    assert found is not None
    assert found["subject"] == "second"
    assert online.count(bucket) == 2


def test_an_unknown_bucket_or_ticket_is_simply_absent(online: OnlineStore, bucket: str) -> None:
    assert (online.read(bucket, "T-1"), online.latest(bucket, 3), online.count(bucket)) == (None, [], 0)
    online.publish(bucket, "s1", [ticket(1)])
    assert online.read(bucket, "T-2") is None


def test_publishing_replaces_what_readers_see(online: OnlineStore, bucket: str) -> None:
    online.publish(bucket, "s1", [ticket(1), ticket(2), ticket(3)])
    online.publish(bucket, "s2", [ticket(3, subject="new"), ticket(4)])
    assert online.count(bucket) == 2
    assert online.read(bucket, "T-1") is None
    assert [row.get("subject") for row in online.latest(bucket, 9)] == [None, "new"]


def test_publishing_a_snapshot_again_forgets_its_earlier_rows(online: OnlineStore, bucket: str) -> None:
    online.publish(bucket, "s1", [ticket(1), ticket(2)])
    online.publish(bucket, "s1", [ticket(2)])
    assert [row["ticket_id"] for row in online.latest(bucket, 9)] == ["T-2"]


def test_readers_keep_the_old_snapshot_until_the_new_one_is_whole(online: OnlineStore, bucket: str) -> None:
    seen: list[list[str]] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(5, 9):
            yield ticket(number)
            seen.append([row["ticket_id"] for row in online.latest(bucket, 9)])
        raise RuntimeError("the source broke")

    online.publish(bucket, "s1", [ticket(1)])
    with pytest.raises(RuntimeError, match="the source broke"):
        online.publish(bucket, "s2", rows())
    assert seen == [["T-1"]] * 4
    assert [row["ticket_id"] for row in online.latest(bucket, 9)] == ["T-1"]


def test_every_key_expires_and_a_displaced_snapshot_soon(online: OnlineStore, server: Redis, bucket: str) -> None:
    numbers = range(5)
    for snapshot_id in ("s1", "s2"):
        online.publish(bucket, snapshot_id, [ticket(number) for number in numbers])
    keys = {key.decode() for key in server.scan_iter(match=f"tickets:{bucket}:*")}
    old = {f"tickets:{bucket}:s1:T-{number}" for number in numbers} | {f"tickets:{bucket}:recent:s1"}
    new = {f"tickets:{bucket}:s2:T-{number}" for number in numbers} | {f"tickets:{bucket}:recent:s2"}
    assert keys == old | new | {f"tickets:{bucket}:current"}
    assert all(0 < server.ttl(key) <= store.GRACE_S for key in old)
    assert all(store.GRACE_S < server.ttl(key) <= 1000 for key in keys - old)


def test_a_ticket_may_be_called_like_a_part_of_a_key(online: OnlineStore, bucket: str) -> None:
    names = ["recent", "current", "a:b", "*"]
    online.publish(bucket, "s1", [ticket(0) | {"ticket_id": name} for name in names])
    assert all((online.read(bucket, name) or {}).get("ticket_id") == name for name in names)
    assert online.count(bucket) == 4


def test_a_value_that_json_lacks_is_named_by_its_type(online: OnlineStore, bucket: str) -> None:
    with pytest.raises(TypeError, match="not JSON serializable: object"):
        online.publish(bucket, "s1", [ticket(1, thing=object())])


def test_publishing_is_logged(online: OnlineStore, bucket: str, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    online.publish(bucket, "s1", [ticket(1), ticket(2)])
    (line,) = log_lines()
    assert line["seconds"] > 0
    assert {key: line[key] for key in ("scope", "operation", "prefix", "rows", "attempt")} == {
        "scope": "data",
        "operation": "online.publish",
        "prefix": f"tickets:{bucket}:s1:",
        "rows": 2,
        "attempt": 1,
    }
    assert line["bytes"] == 2 * len('{"ticket_id":"T-1","created_at":"2025-03-03T10:00:00.000Z"}')


def test_a_round_trip_is_repeated_after_a_broken_connection(
    tmp_path: Path, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    replies = iter([None, None, b"+PONG\r\n"])
    with scripted_server(lambda name: next(replies)) as port:
        connect(RedisConfig(host="127.0.0.1", port=port), tmp_path).close()
    (line,) = log_lines()
    assert (line["operation"], line["level"], line["attempt"]) == ("online.ping", "DEBUG", 3)


def test_a_server_that_is_gone_is_named_with_the_command(
    tmp_path: Path, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    with scripted_server(lambda name: b"+PONG\r\n") as port:
        online = connect(RedisConfig(host="127.0.0.1", port=port), tmp_path)
        online.close()
    with pytest.raises(OnlineStoreError, match=rf"127\.0\.0\.1:{port}: GET failed: ConnectionError"):
        online.count("b")
    assert log_lines()[-1]["attempt"] == connection.NUM_RETRIES + 1


def test_a_refused_command_is_named_without_the_ticket(tmp_path: Path) -> None:
    refusal = b"-ERR unknown command 'JSON.SET', with args beginning with: 'tickets:b:s1:T-1' '$' '{private'\r\n"
    rows = [ticket(1, subject="private")]
    replies = {b"PING": b"+PONG\r\n", b"JSON.SET": refusal, b"EXPIRE": b":0\r\n"}
    with scripted_server(replies.get) as port:
        online = connect(RedisConfig(host="127.0.0.1", port=port), tmp_path)
        with pytest.raises(OnlineStoreError, match=r"JSON\.SET failed: .*unknown command 'JSON\.SET'") as caught:
            online.publish("b", "s1", rows)
        online.close()
    assert "private" not in "".join(traceback.format_exception(caught.value))


def test_the_password_is_in_no_error_and_no_log(tmp_path: Path, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    refusal = f"-WRONGPASS invalid username-password pair {PASSWORD}\r\n".encode()
    with scripted_server(lambda name: refusal) as port:
        config = RedisConfig(host="127.0.0.1", port=port, password=SecretStr(PASSWORD))
        with pytest.raises(OnlineStoreError, match="PING failed: AuthenticationError") as caught:
            connect(config, tmp_path)
        logs.get("data").opt(exception=caught.value).error(f"cannot go on: {PASSWORD}")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert len(log_lines()) == 2
    assert PASSWORD not in (tmp_path / "data.jsonl").read_text()
