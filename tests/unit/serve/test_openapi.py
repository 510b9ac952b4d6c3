"""Questions generated from the documentation: every field of every route with values of every kind, never a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from tiny_world import Served

from serve_app.errors import Problem

ODD: tuple[Any, ...] = (
    None,
    "",
    " \x00\u2028𝔘",
    "x" * 300,
    -1,
    10**30,
    1e308,
    True,
    [],
    [[1, None]],
    {"a": {"b": [1]}},
)
CODES = {200, 400, 404, 413, 422, 415}


@pytest.fixture(scope="module")
def client(served_module: Served) -> Iterator[TestClient]:
    with served_module(log={"enabled": False}) as client:
        yield client


def _bodies(documented: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(path, body) with one field of one route set to one odd value, the others as in the example."""
    for path, methods in documented["paths"].items():
        if "post" not in methods:
            continue
        name = methods["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        schema = documented["components"]["schemas"][name]
        yield from ((path, value) for value in ODD)
        for field in (*schema["properties"], "a field that nobody knows"):
            yield from ((path, {**schema["examples"][0], field: value}) for value in ODD)


def test_no_question_makes_a_failure(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()
    asked: dict[int, int] = {}
    for path, body in _bodies(documented):
        answer = client.post(path, json=body)
        assert answer.status_code in CODES, (path, body, answer.text)
        if answer.status_code != 200:
            assert Problem.model_validate(answer.json()).status == answer.status_code
            assert str(answer.status_code) in documented["paths"][path]["post"]["responses"]
        asked[answer.status_code] = asked.get(answer.status_code, 0) + 1
    assert asked[200] > 100
    assert asked[422] > 100


@pytest.mark.parametrize(
    "part", ["", "%00", "..%2F..%2Fetc%2Fpasswd", "x" * 2000, "20260101T000000-00000000-000000001"]
)
def test_no_id_makes_a_failure(client: TestClient, part: str) -> None:
    assert client.get(f"/v1/predictions/{part}").status_code == 404
