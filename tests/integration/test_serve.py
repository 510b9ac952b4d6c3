"""The graph on a running cluster, asked over HTTP: every route, the same answers as the batch job, swaps, kills."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from running import BIN, REPOSITORY, Head, Ran, free_ports

from tickets.release import list_releases, read_champion
from tickets.storage import Storage

PARTS = ("encoder", "classifier", "retriever", "reranker", "anomaly")
TICKET = {"subject": "Backup fails", "description": "The nightly backup fails since the update, error E1234."}


@dataclass(frozen=True)
class Graph:
    """A deployed graph: where it answers, and how it is deployed again."""

    url: str
    deploy: Callable[..., Ran]

    def ask(self, path: str, content: Any = None) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers of an answer."""
        body = None if content is None else json.dumps(content).encode()
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        with closing(connection):
            with suppress(BrokenPipeError, ConnectionResetError):  # what is too large is answered before all was sent
                connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            found: Any = answer.read()
            with suppress(json.JSONDecodeError):
                found = json.loads(found)
            return answer.status, found, dict(answer.headers)

    def triage(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """The answer to a ticket that has to be answered."""
        status, answer, _ = self.ask("/v1/triage", ticket)
        assert status == 200, answer
        found: dict[str, Any] = answer
        return found


@pytest.fixture(scope="module")
def graph(head: Head, root: Path, on_head: Callable[..., Ran], trained: Ran) -> Iterator[Graph]:
    """The champion, every part a process of its own, on the head."""
    (port,) = free_ports(1)
    settings = ("serve=local", f"serve.port={port}", "serve.deadlines.encoder=20", "serve.deadlines.classifier=20")

    def deploy(*more: str) -> Ran:
        ran = on_head("serve", *settings, *more)
        assert ran.code == 0, ran.output
        return ran

    deploy()
    yield Graph(f"http://127.0.0.1:{port}", deploy)
    down = [str(BIN / "serve"), "shutdown", "-y", "--address", head.dashboard]
    subprocess.run(down, env=head.environment, capture_output=True, check=True)


@pytest.fixture(scope="module")
def unseen(root: Path) -> list[dict[str, Any]]:
    """Tickets that no model has seen."""
    return [json.loads(line) for line in (root / "simulated/raw/unseen.jsonl").read_text().splitlines()]


def _replicas() -> dict[str, int]:
    """Deployment → process id of its only replica, or of one of them."""
    return dict(_processes())


def _pids() -> set[int]:
    """Process ids of all replicas."""
    return {pid for _, pid in _processes()}


def _processes() -> Iterator[tuple[str, int]]:
    for process in psutil.process_iter(["cmdline"]):
        title = " ".join(process.info["cmdline"] or ())
        if title.startswith("ray::ServeReplica:tickets:"):
            yield title.split(":")[4].split()[0].split(".")[0], process.pid  # at work its method's name follows


@contextmanager
def _load(graph: Graph, ticket: dict[str, Any], num_clients: int = 2) -> Iterator[list[tuple[int, Any]]]:
    """Clients that ask all the time; gives (status, answer) of everything that came back."""
    answers: list[tuple[int, Any]] = []
    end = threading.Event()

    def client() -> None:
        while not end.is_set():
            status, answer, _ = graph.ask("/v1/triage", ticket)
            answers.append((status, answer))

    clients = [threading.Thread(target=client) for _ in range(num_clients)]
    for one in clients:
        one.start()
    try:
        yield answers
    finally:
        end.set()
        for one in clients:
            one.join()


def test_every_route_answers(graph: Graph, unseen: list[dict[str, Any]], root: Path) -> None:
    answer = graph.triage(unseen[0])
    assert answer["ticket_id"] == unseen[0]["ticket_id"]
    assert answer["degraded"] == []
    assert list(answer["labels"]) == ["category", "priority", "severity"]
    assert answer["similar"]
    status, kept, _ = graph.ask(f"/v1/predictions/{answer['prediction_id']}")
    assert (status, kept["answer"]) == (200, answer)
    status, batch, _ = graph.ask("/v1/triage/batch", {"tickets": [*unseen, {}, TICKET]})
    assert status == 200
    assert ["answer" in item for item in batch["answers"]] == [True, True, True, False, True]
    status, found, _ = graph.ask("/v1/search", {"text": "backup fails", "k": 3})
    assert (status, len(found["results"])) == (200, 3)
    status, release, _ = graph.ask("/v1/release")
    assert release["release"] == read_champion(Storage(str(root)), "simulated")["release"]
    assert graph.ask("/healthz")[:2] == (200, {"status": "ok"})
    assert graph.ask("/readyz")[0] == 200


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/v1/triage", {}, 422),
        ("/v1/triage", {"subject": 7}, 422),
        ("/v1/triage", {"subject": "x" * 1_000_001}, 413),
        ("/v1/triage/batch", {"tickets": []}, 422),
        ("/v1/triage/batch", {"tickets": [{}] * 65}, 413),
        ("/v1/search", {"text": "x", "filters": {"nothing": "y"}}, 422),
        ("/v1/predictions/none", None, 404),
        ("/v1/nothing", None, 404),
    ],
)
def test_what_is_wrong_is_told_as_a_problem(graph: Graph, path: str, content: Any, status: int) -> None:
    found, problem, headers = graph.ask(path, content)
    assert found == status
    assert problem["status"] == status
    assert problem["request_id"] == {name.lower(): value for name, value in headers.items()}["x-request-id"]


def test_replica_and_batch_job_agree(
    graph: Graph, unseen: list[dict[str, Any]], on_head: Callable[..., Ran], tmp_path: Path
) -> None:
    output = tmp_path / "answers.parquet"
    ran = on_head("predict", "data.raw_file=raw/unseen.jsonl", f"predict.output={output}")
    assert ran.code == 0, ran.output
    rows = {row["ticket_id"]: row for row in pq.read_table(output).to_pylist()}
    for ticket in unseen:
        row = rows[ticket["ticket_id"]]
        for target, label in graph.triage(ticket)["labels"].items():
            assert label["label"] == row[target]
            assert label["probability"] == pytest.approx(row[f"{target}_confidence"], abs=1e-6)
            assert (label["action"], label["reason"]) == (row[f"{target}_decision"], row[f"{target}_reason"])
            top = json.loads(row[f"{target}_top"])
            assert {of["label"]: of["probability"] for of in label["top"]} == pytest.approx(top, abs=1e-6)


def test_a_policy_changes_without_a_restart(graph: Graph) -> None:
    before, processes = graph.ask("/v1/release")[1], _replicas()
    assert set(processes) == {"ingress", *PARTS}
    graph.deploy("serve.policy.name=careful", "serve.policy.automate=false")
    after = graph.ask("/v1/release")[1]
    assert after["policy"]["id"].startswith("careful-")
    assert all(of["automate"] is None for of in after["targets"].values())
    assert _replicas() == processes
    graph.deploy("serve.policy.name=default")
    assert graph.ask("/v1/release")[1] == before


def test_a_new_champion_is_taken_under_load_and_fails_no_request(
    graph: Graph, root: Path, on_head: Callable[..., Ran]
) -> None:
    old, processes = graph.ask("/v1/release")[1]["release"], _replicas()
    ran = on_head("index", "retrieval.corpus=all")
    assert ran.code == 0, ran.output
    new = read_champion(Storage(str(root)), "simulated")["release"]
    assert new != old
    assert new in list_releases(Storage(str(root)), "simulated")
    card = Storage(str(root)).read_json(f"simulated/releases/{new}/card.json")
    assert card["audit"], "the notes of the run that fitted the model are those of this release too"
    assert "jobs/promote.py" not in ran.output
    with _load(graph, TICKET) as answers:
        graph.deploy()
        assert graph.triage(TICKET)["release"] == new
    assert Counter(status for status, _ in answers) == {200: len(answers)}
    assert {answer["release"] for _, answer in answers} <= {old, new}
    assert answers[0][1]["release"] == old
    assert _replicas() == processes


def test_a_killed_part_gives_no_wrong_answer(graph: Graph) -> None:
    expected = graph.triage(TICKET)["labels"]
    with _load(graph, TICKET) as answers:
        for part in PARTS:
            _wait_until(lambda part=part: part in _replicas())
            killed = _replicas()[part]
            os.kill(killed, signal.SIGKILL)
            _wait_until(lambda part=part, killed=killed: _replicas().get(part, killed) != killed)
            _wait_until(lambda: graph.ask("/readyz")[0] == 200)
    for status, answer in answers:
        assert status in (200, 503), answer
        if status == 200:
            for target, label in answer["labels"].items():
                assert label["label"] == expected[target]["label"]
                assert label["probability"] == pytest.approx(expected[target]["probability"], abs=1e-6)
                assert label["action"] != "automate" or not answer["degraded"]
    assert any(answer["degraded"] for status, answer in answers if status == 200)


def test_a_killed_ingress_comes_back_and_answers_the_same(graph: Graph) -> None:
    expected = graph.triage(TICKET)["labels"]
    killed = _replicas()["ingress"]
    os.kill(killed, signal.SIGKILL)
    _wait_until(lambda: _replicas().get("ingress", killed) != killed)
    _wait_until(lambda: graph.ask("/readyz")[0] == 200)
    assert graph.triage(TICKET)["labels"] == expected


def test_serve_deploy_takes_what_the_job_wrote(graph: Graph, head: Head, tmp_path: Path) -> None:
    written = tmp_path / "serve.yaml"
    processes = _replicas()
    ran = graph.deploy("serve.policy.name=written", f"serve.write_config={written}")
    assert ran.report["made"]["config"] == str(written)
    command = [str(BIN / "serve"), "deploy", str(written), "--address", head.dashboard]
    subprocess.run(command, env=head.environment, cwd=REPOSITORY, capture_output=True, check=True)
    _wait_until(lambda: graph.triage(TICKET)["policy"].startswith("written"))
    assert _replicas() == processes
    graph.deploy()  # nobody names a policy: the one that runs stays
    assert graph.triage(TICKET)["policy"].startswith("written")
    graph.deploy("serve.policy.name=default")
    assert graph.triage(TICKET)["policy"].startswith("default")


def test_fused_answers_like_composed(graph: Graph, unseen: list[dict[str, Any]]) -> None:
    composed = [graph.triage(ticket) for ticket in unseen]
    graph.deploy("serve.layout=fused", "serve.replicas.ingress=2")
    assert set(_replicas()) == {"ingress"}
    for ticket, expected in zip(unseen, composed, strict=True):
        answer = graph.triage(ticket)
        assert [of["ticket_id"] for of in answer["similar"]] == [of["ticket_id"] for of in expected["similar"]]
        assert answer["suggestion"] == expected["suggestion"]
        for target, label in answer["labels"].items():
            assert label["probability"] == pytest.approx(expected["labels"][target]["probability"], abs=1e-6)
            assert label["action"] == expected["labels"][target]["action"]


def test_two_fused_processes_count_the_arrivals_of_both_and_of_the_dead(graph: Graph) -> None:
    def counts(num: int = 8) -> set[int]:
        """What the volume is, says whoever answers; a ticket that is asked about again counts no more."""
        known = {**TICKET, "ticket_id": "shared-0"}
        return {graph.triage(known)["anomaly"]["volume"]["count"] for _ in range(num)}

    before = _pids()
    assert len(before) == 2
    for number in range(12):
        graph.triage({**TICKET, "ticket_id": f"shared-{number}"})
    _wait_until(lambda: len(counts()) == 1)
    (everything,) = counts(1)
    assert everything >= 12
    os.kill(min(before), signal.SIGKILL)
    _wait_until(lambda: len(_pids() - {min(before)}) == 2 and graph.ask("/readyz")[0] == 200)
    _wait_until(lambda: counts() == {everything})


def test_serve_build_describes_the_graph(root: Path, trained: Ran, tmp_path: Path) -> None:
    built = tmp_path / "serve.yaml"
    command = [str(BIN / "serve"), "build", "serve_app.app:app", "-o", str(built)]
    environment = {**os.environ, "TICKETS_ROOT": str(root)}
    ran = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True)
    assert ran.returncode != 0
    assert "serve_app.app:app needs DATA__BUCKET" in ran.stdout + ran.stderr
    environment["DATA__BUCKET"] = "simulated"
    ran = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "import_path: serve_app.app:app" in built.read_text()
    assert all(f"name: {name}" in built.read_text() for name in ("ingress", *PARTS))


def _wait_until(is_so: Callable[[], bool]) -> None:
    """Ask until it is so."""
    for _ in range(600):
        with suppress(OSError):
            if is_so():
                return
        threading.Event().wait(0.2)
    raise AssertionError("the graph did not come back")
