from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.testclient import TestClient
from tiny_world import Served, World

from serve_app import api
from tickets.config import PolicyConfig
from tickets.errors import ConfigError
from tickets.features.request import build_table, read_ticket

TICKET = {
    **{"ticket_id": "N1", "subject": "invoice charge refund please", "product": "API", "channel": "email"},
    **{"language": "en", "affected_users": 2, "account_age_days": 700, "weekend_ticket": False},
}


@pytest.fixture
def client(served: Served) -> Any:
    with served() as client:
        yield client


def _triage(client: TestClient, **fields: Any) -> Any:
    return client.post("/v1/triage", json={**TICKET, **fields})


def test_an_answer_has_all_that_is_documented(client: TestClient, world: World) -> None:
    answer = _triage(client).json()
    api.TriageAnswer.model_validate(answer)
    assert set(answer) == set(api.TriageAnswer.model_fields)
    assert answer["release"] == world.release.id
    assert list(answer["labels"]) == ["category", "priority"]
    category = answer["labels"]["category"]
    assert category["label"] == "billing"
    assert category["probability"] == category["top"][0]["probability"]
    assert sum(of["probability"] for of in category["top"]) == pytest.approx(1, abs=1e-6)
    assert answer["similar"]
    assert all(similar["why"] for similar in answer["similar"])
    assert answer["suggestion"]["resolution"] == "billing was fixed"
    assert answer["anomaly"]["volume"]["count"] >= 1
    assert answer["degraded"] == []
    assert set(answer["milliseconds"]) == {"encoder", "classifier", "retriever", "reranker", "anomaly", "total"}


def test_a_replica_answers_like_a_batch_job(client: TestClient, world: World) -> None:
    model, encoder = world.release.load_model(), world.release.load_encoder()
    tickets = [
        TICKET,
        {"subject": "password reset"},
        {"description": "slow", "affected_users": 3, "weekend_ticket": True},
    ]
    for ticket in tickets:
        table = build_table([read_ticket(ticket, model.state.selection)], model.state.selection)
        answers = model.answer(table, encoder.encode(model.state.texts(table)))
        shown = client.post("/v1/triage", json=ticket).json()["labels"]
        for answer in answers:
            decision, label = answer.decisions[0], shown[answer.target]
            assert (label["label"], label["action"], label["reason"]) == (
                decision.label,
                decision.action,
                decision.reason,
            )
            assert [of["probability"] for of in label["top"]] == pytest.approx([p for _, p in decision.top], abs=1e-6)


def test_together_or_alone_the_answer_is_the_same(client: TestClient) -> None:
    tickets = [{**TICKET, "subject": f"{word} please"} for word in ("invoice", "password", "slow", "paid", "token")]
    together = client.post("/v1/triage/batch", json={"tickets": tickets}).json()["answers"]
    for item, ticket in zip(together, tickets, strict=True):
        alone = client.post("/v1/triage", json=ticket).json()
        for target, label in alone["labels"].items():
            assert item["answer"]["labels"][target]["probability"] == pytest.approx(label["probability"], abs=1e-6)
        assert [of["ticket_id"] for of in item["answer"]["similar"]] == [of["ticket_id"] for of in alone["similar"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"ticket_id": "T1"}, None),
        ({"subject": "", "description": "  "}, None),
        ({"resolution": "closed fields are never read"}, None),
        ({"subject": 5}, "subject"),
        ({"subject": ["a"]}, "subject"),
        ({"subject": "x", "affected_users": "many"}, "affected_users"),
        ({"subject": "x", "weekend_ticket": "perhaps"}, "weekend_ticket"),
        ({"subject": "x", "created_at": "yesterday"}, "created_at"),
    ],
)
def test_a_bad_ticket_is_refused_by_field(client: TestClient, body: dict[str, Any], field: str | None) -> None:
    answer = client.post("/v1/triage", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["request_id"] == answer.headers["x-request-id"]
    if field is None:
        assert "nothing to read; allowed: a value in any of subject" in problem["detail"]
    else:
        assert {of["field"].split(".")[0] for of in problem["errors"]} == {field}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b'{"subject": "\\ud800"}'])
def test_a_body_that_is_no_ticket_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/triage", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["status"] == answer.status_code


def test_numbers_that_are_none_are_refused(client: TestClient) -> None:
    for value in ("NaN", "Infinity", "1e999"):
        body = f'{{"subject": "x", "affected_users": {value}}}'
        answer = client.post("/v1/triage", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, value


def test_unknown_fields_are_kept(client: TestClient) -> None:
    answer = _triage(client, queue={"name": "north", "n": [1, None]}).json()
    kept = client.get(f"/v1/predictions/{answer['prediction_id']}").json()
    assert kept["ticket"] == {**TICKET, "queue": {"name": "north", "n": [1, None]}}
    assert kept["answer"] == answer
    api.KeptPrediction.model_validate(kept)


def test_what_is_kept_is_masked(client: TestClient) -> None:
    prediction = _triage(
        client, description="write to jane@example.com", note={"jane@example.com": 4111111111111111}
    ).json()
    kept = client.get(f"/v1/predictions/{prediction['prediction_id']}")
    assert "jane@example.com" not in kept.text
    assert "4111111111111111" not in kept.text
    assert "[email]" in kept.json()["ticket"]["description"]


def test_an_unknown_prediction_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/predictions/20260101T000000-00000000-000000001").status_code == 404


def test_a_clean_stop_loses_no_prediction(served: Served, world: World) -> None:
    with served(log={"flush_s": 3600}) as client:
        ids = [_triage(client).json()["prediction_id"] for _ in range(3)]
    lines = [
        json.loads(line)["prediction_id"]
        for path in world.place.storage.work_dir.glob("acme/predictions/*/*.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    assert set(ids) <= set(lines)


def test_large_bodies_are_refused(client: TestClient) -> None:
    answer = _triage(client, description="x" * 1_000_000)
    assert answer.status_code == 413
    batch = client.post("/v1/triage/batch", json={"tickets": [{"subject": "x" * 1_000_000}, TICKET]}).json()["answers"]
    assert batch[0]["error"]["status"] == 413
    assert "answer" in batch[1]
    assert client.post("/v1/triage/batch", json={"tickets": [TICKET] * 65}).status_code == 413


def test_in_a_batch_each_ticket_has_its_own_error(client: TestClient) -> None:
    tickets = [TICKET, {}, "no ticket", {"subject": "x", "affected_users": "many"}, TICKET]
    answers = client.post("/v1/triage/batch", json={"tickets": tickets}).json()["answers"]
    assert [item["index"] for item in answers] == list(range(5))
    assert [item["error"]["status"] if "error" in item else 200 for item in answers] == [200, 422, 422, 422, 200]
    assert answers[3]["error"]["errors"][0]["field"] == "affected_users"
    assert client.post("/v1/triage/batch", json={"tickets": []}).status_code == 422
    assert client.post("/v1/triage/batch", json={"tickets": [TICKET], "more": 1}).status_code == 422


def test_search_finds_and_filters(client: TestClient) -> None:
    found = client.post("/v1/search", json={"text": "password reset", "k": 5}).json()
    api.SearchAnswer.model_validate(found)
    assert len(found["results"]) == 5
    assert found["results"][0]["labels"]["category"] == "login"
    german = client.post("/v1/search", json={"text": "password", "filters": {"language": "de"}, "k": 50}).json()
    everything = client.post("/v1/search", json={"text": "password", "k": 50}).json()
    assert 0 < len(german["results"]) <= len(everything["results"])
    wrong = client.post("/v1/search", json={"text": "x", "filters": {"colour": "red"}})
    assert wrong.status_code == 422
    assert "colour" in wrong.json()["detail"]
    assert client.post("/v1/search", json={"text": "", "k": 5}).status_code == 422
    assert client.post("/v1/search", json={"text": "x", "k": 0}).status_code == 422


def test_the_release_tells_what_answers(client: TestClient, world: World) -> None:
    release = client.get("/v1/release").json()
    api.ReleaseAnswer.model_validate(release)
    assert release["release"] == world.release.id
    assert list(release["targets"]) == ["category", "priority"]
    assert release["targets"]["category"]["by_label"] == {}
    assert release["refused"] is None


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    before = _triage(client).json()["anomaly"]["volume"]["count"]
    assert client.get("/readyz").json()["status"] == "ready"
    assert _triage(client, ticket_id="N2").json()["anomaly"]["volume"]["count"] == before + 1


async def _fails(release_id: str, items: list[Any]) -> list[Any]:
    raise ConnectionError("gone")


async def _hangs(release_id: str, items: list[Any]) -> list[Any]:
    await asyncio.sleep(3600)
    return []


BROKEN = pytest.mark.parametrize("broken", [_fails, _hangs])
SHORT = {"deadlines": dict.fromkeys(("retriever", "reranker", "anomaly"), 0.2)}


@BROKEN
@pytest.mark.parametrize("part", ["retriever", "reranker", "anomaly"])
def test_a_part_that_fails_has_a_fallback_and_nothing_is_automated(served: Served, part: str, broken: Any) -> None:
    with served() as client:
        whole = _triage(client).json()
    assert whole["labels"]["category"]["action"] == "automate"
    with served({part: broken}, **SHORT) as client:
        answer = _triage(client).json()
        assert client.get("/readyz").status_code == 503
    assert answer["degraded"] == [part]
    assert answer["labels"]["category"]["label"] == whole["labels"]["category"]["label"]
    assert answer["labels"]["category"]["action"] == "suggest"
    assert "fallback" in answer["labels"]["category"]["reason"]
    assert (answer["anomaly"] is None) is (part == "anomaly")
    assert answer["similar"]
    if part == "retriever":
        assert all(similar["similarity"] is None for similar in answer["similar"])


@BROKEN
@pytest.mark.parametrize("part", ["encoder", "classifier"])
def test_without_vector_or_labels_there_is_no_answer(served: Served, part: str, broken: Any) -> None:
    with served({part: broken}, deadlines={"encoder": 0.2, "classifier": 0.2}) as client:
        answer = _triage(client)
        found = client.post("/v1/search", json={"text": "password reset"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert part in answer.json()["detail"]
    assert found.status_code == 200
    assert found.json()["degraded"] == (["encoder"] if part == "encoder" else [])


def test_more_than_is_taken_is_refused(served: Served) -> None:
    with served({"encoder": _hangs}, max_pending=2, deadlines={"encoder": 0.3}) as client:
        items = client.post("/v1/triage/batch", json={"tickets": [TICKET] * 6}).json()["answers"]
    details = [item["error"]["detail"] for item in items]
    assert sum("encoder did not answer" in detail for detail in details) == 2
    assert sum("2 tickets are in work" in detail for detail in details) == 4


@pytest.mark.parametrize(
    "policy",
    [
        PolicyConfig(automate=False),
        PolicyConfig.model_validate({"targets": {"category": {"automate": False}}}),
        PolicyConfig.model_validate({"targets": {"category": {"precision": 0.999}}}),
    ],
)
def test_a_policy_can_forbid_automation(served: Served, policy: PolicyConfig) -> None:
    with served() as client:
        before = _triage(client).json()
    with served(policy=policy) as client:
        after = _triage(client).json()
    assert before["labels"]["category"]["action"] == "automate"
    assert after["labels"]["category"]["action"] == "suggest"
    assert before["policy"] != after["policy"]


def test_every_example_of_the_documentation_runs(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()
    ran = 0
    for path, methods in documented["paths"].items():
        for method, operation in methods.items():
            if "requestBody" not in operation:
                continue
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            for example in documented["components"]["schemas"][name]["examples"]:
                assert client.request(method, path, json=example).status_code == 200, (path, example)
                ran += 1
    assert ran == 3


def test_another_method_or_path_is_a_problem_too(client: TestClient) -> None:
    for answer, status in ((client.get("/v1/triage"), 405), (client.post("/v1/none", json={}), 404)):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def _nested(levels: int) -> Any:
    return [_nested(levels - 1)] if levels else "x"


@pytest.mark.parametrize("value", [_nested(40), {"deep": _nested(300)}, ["\ud800"], {"\ud800": 1}, "\ud800"])
def test_a_value_that_cannot_be_kept_is_refused(client: TestClient, value: Any) -> None:
    body = json.dumps({**TICKET, "field": value})
    answer = client.post("/v1/triage", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    batch = client.post(
        "/v1/triage/batch", content=f'{{"tickets": [{body}]}}', headers={"Content-Type": "application/json"}
    )
    assert batch.json()["answers"][0]["error"]["status"] == 422
    assert _triage(client).status_code == 200


def test_many_wrong_fields_give_a_short_answer(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"text": "x", **{f"unknown{number}": 1 for number in range(5_000)}})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000
    assert (
        client.post("/v1/search", json={"text": "x", "filters": dict.fromkeys(map(str, range(50)), "y")}).status_code
        == 422
    )
    assert client.post("/v1/search", json={"text": "  "}).status_code == 422


def test_a_health_check_is_no_arrival(client: TestClient, world: World) -> None:
    before = _triage(client, ticket_id=None).json()["anomaly"]["volume"]["count"]
    for _ in range(5):
        world.parts["anomaly"].check_health()
    assert _triage(client, ticket_id=None).json()["anomaly"]["volume"]["count"] == before + 1


def test_the_documentation_needs_no_network_and_no_key(served: Served, world: World) -> None:
    path = world.place.storage.local_path("test.keys")
    path.write_text("a key")
    path.chmod(0o600)
    with served(keys_file="test.keys") as client:
        page = client.get("/docs")
        assert page.status_code == 200
        assert "https://" not in page.text
        assert client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200
        assert client.get("/openapi.json").status_code == 200
        assert _triage(client).status_code == 401
        assert client.post("/v1/triage", json=TICKET, headers={"X-API-Key": "a key"}).status_code == 200


def test_a_policy_for_an_unknown_target_is_refused(served: Served) -> None:
    policy = PolicyConfig.model_validate({"targets": {"categroy": {"automate": False}}})
    with (
        pytest.raises(ConfigError, match="'categroy' is no target; allowed: category, priority"),
        served(policy=policy),
    ):
        pass
