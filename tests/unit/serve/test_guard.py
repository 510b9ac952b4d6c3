from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from serve_app.guard import Guard, read_keys
from tickets.errors import ConfigError

KEY = "correct horse"

JSON = {"Content-Type": "application/json"}


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"size": len(await request.body()), "id": request.scope["request_id"]})


def _client(keys: tuple[str, ...] = (), peer: str = "127.0.0.1", base: str = "http://localhost:8000") -> TestClient:
    app = Starlette(routes=[Route(path, _echo, methods=["GET", "POST"]) for path in ("/v1/x", "/big", "/healthz")])
    digests = [hashlib.sha256(key.encode()).digest() for key in keys]
    return TestClient(Guard(app, digests, 100, {"/big": 1000}), base_url=base, client=(peer, 50_000))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1"])
def test_without_keys_loopback_is_answered(peer: str) -> None:
    assert _client(peer=peer).get("/v1/x").status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.168.1.4", "8.8.8.8", "fe80::1", "testclient"])
def test_without_keys_others_are_refused(peer: str) -> None:
    answer = _client(peer=peer).get("/v1/x")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "loopback" in answer.json()["detail"]


def test_without_keys_a_foreign_host_name_is_refused() -> None:
    assert _client(base="http://evil.example:8000").get("/v1/x").status_code == 403
    assert _client(base="http://127.0.0.1").get("/v1/x").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"X-API-Key": KEY}, 200),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"Authorization": f"bearer {KEY}"}, 200),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"Authorization": "Bearer "}, 401),
    ],
)
def test_with_keys_only_a_key_opens(headers: dict[str, str], status: int) -> None:
    answer = _client(keys=("other", KEY), peer="8.8.8.8", base="http://support.example").get("/v1/x", headers=headers)
    assert answer.status_code == status


def test_health_needs_no_key() -> None:
    assert _client(keys=(KEY,), peer="8.8.8.8").get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "size", "status"), [("/v1/x", 99, 200), ("/v1/x", 100, 413), ("/big", 999, 200), ("/big", 1000, 413)]
)
def test_a_body_that_reaches_the_limit_is_refused(path: str, size: int, status: int) -> None:
    answer = _client().post(path, content=b"x" * size, headers=JSON)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["size"] == size


def test_a_body_without_a_length_is_counted_as_it_comes() -> None:
    def chunks() -> Any:
        yield from [b"x" * 60] * 5

    assert _client().post("/v1/x", content=chunks(), headers=JSON).status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "application/merge-patch+json"}, 200),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_body_that_is_no_plain_json_is_refused_by_its_form(headers: dict[str, str], status: int) -> None:
    assert _client().post("/v1/x", content=b"{}", headers=headers).status_code == status


@pytest.mark.parametrize(("given", "is_kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("", False)])
def test_a_request_has_an_id(given: str, is_kept: bool) -> None:
    answer = _client().get("/v1/x", headers={"X-Request-ID": given})
    assert answer.headers.get_list("x-request-id") == [answer.json()["id"]]
    assert (answer.json()["id"] == given) is is_kept
    assert answer.json()["id"]


def test_a_refusal_has_an_id_too() -> None:
    answer = _client(peer="8.8.8.8").get("/v1/x", headers={"X-Request-ID": "mine"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine"


def test_a_missing_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "serve.keys"
    (digest,) = read_keys(path, make=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert hashlib.sha256(path.read_text().strip().encode()).digest() == digest
    assert read_keys(path, make=True) == [digest]


def test_a_key_file_must_be_there_private_and_not_empty(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with pytest.raises(ConfigError, match="no such file"):
        read_keys(path)
    path.write_text("k\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read it; allowed: mode 600"):
        read_keys(path)
    path.chmod(0o600)
    path.write_text("\n \n")
    with pytest.raises(ConfigError, match="no key in it"):
        read_keys(path)
