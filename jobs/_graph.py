"""Putting the Serve graph onto Ray, moving it to another release or policy, asking it, and taking it down.

Everything goes through Serve's config, as `serve deploy` does, because only that changes a running graph in place.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from _entry import Job

from tickets import logs
from tickets.config import PolicyConfig, ServeConfig
from tickets.errors import ConfigError, TicketsError

APP: Final = "tickets"
"""Name of the Serve application."""
_START_S: Final = 300.0
_MOVE_S: Final = 120.0


_NOT_OF_PROCESSES: Final = {"policy", "port", "write_config", "try_file", "try_tickets"}
"""Settings that no process of the graph reads when it starts: a change of them restarts nothing."""
PAGES: Final = {"answers": "/v1/triage", "documentation": "/docs", "ready": "/readyz"}
"""What to open or ask, and where."""


class GraphError(TicketsError):
    """The graph did not come up, or did not take what it was given."""


def policy_to_use(job: Job, client: Client) -> PolicyConfig:
    """The policy that was asked for; where nobody asked, the one that a running graph answers by, else the default."""
    asked = [word.lstrip("+") for word in job.typed] + [name.lower().replace("__", ".") for name in os.environ]
    policy = job.config.serve.policy
    if policy != PolicyConfig() or any(word.startswith("serve.policy") for word in asked):
        return policy
    try:
        running = client.get("/v1/release")["policy"]
    except (OSError, ValueError):  # nothing answers there yet
        return policy
    return PolicyConfig.model_validate({key: value for key, value in running.items() if key != "id"})


def deploy_config(root: str, bucket: str, release_id: str, config: ServeConfig, policy: PolicyConfig) -> dict[str, Any]:
    """What `serve deploy` takes.

    What may change while the graph runs (release, policy) stands in `user_config` alone: a change of `args` would
    restart every process, and a champion that cannot be opened would keep another release from being served.
    """
    settings = config.model_dump(mode="json", exclude=_NOT_OF_PROCESSES)
    args = {"root": root, "bucket": bucket, "release": None, "serve": settings}
    user_configs: dict[str, dict[str, Any]] = {name: {"release": release_id} for name in _deployments(config)}
    user_configs["ingress"]["policy"] = policy.model_dump(mode="json")
    return {
        "proxy_location": "EveryNode" if config.throughput else "HeadOnly",
        "http_options": {"host": config.host, "port": config.port, "request_timeout_s": 60},
        "applications": [
            {
                "name": APP,
                "route_prefix": "/",
                "import_path": "serve_app.app:build",
                "args": args,
                "runtime_env": _code(),
                "deployments": [{"name": name, "user_config": of} for name, of in user_configs.items()],
            }
        ],
    }


def deploy(dashboard_url: str, config: dict[str, Any]) -> None:
    """Apply a config and wait until every deployment runs.

    Raises:
        ConfigError: Serve runs, and listens elsewhere or serves other applications, which would end.
        GraphError: It did not come up; says what Serve says.
    """
    from ray import serve
    from ray.dashboard.modules.serve.sdk import ServeSubmissionClient
    from ray.serve.schema import ApplicationStatus

    client = ServeSubmissionClient(dashboard_url)
    _compare(client.get_serve_details(), config)
    logs.get("api").info("starting {} processes", len(config["applications"][0]["deployments"]))
    client.deploy_applications(config)
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        found = serve.status().applications.get(APP)
        if found is not None and found.status == ApplicationStatus.RUNNING:
            return
        if found is not None and found.status == ApplicationStatus.DEPLOY_FAILED:
            raise GraphError(f"the graph was not deployed: {found.message.strip().splitlines()[-1]}")
        time.sleep(0.2)
    raise GraphError(f"the graph is not up after {_START_S:.0f} s: {serve.status().applications}")


def _compare(details: dict[str, Any], config: dict[str, Any]) -> None:
    """Look at what runs before it is changed.

    Raises:
        ConfigError: Serve listens elsewhere, or serves other applications, which would end.
    """
    running = details.get("applications") or {}
    if not running:
        return
    if others := sorted(set(running) - {APP}):
        raise ConfigError(
            f"the cluster serves {', '.join(others)} too, which would end; `serve shutdown` ends them on purpose"
        )
    there, asked = details["http_options"], config["http_options"]
    if there["port"] != asked["port"]:
        raise ConfigError(
            f"serve.port={asked['port']}: Serve listens on {there['host']}:{there['port']}; allowed: that port, or "
            "another one after `serve shutdown`"
        )
    deployed = (running[APP].get("deployed_app_config") or {}).get("args") or {}
    wanted = config["applications"][0]["args"]
    if deployed and deployed != wanted:
        before, after = deployed.get("serve") or {}, wanted["serve"]
        changed = [f"serve.{key}" for key in after if before.get(key) != after[key]]
        changed += [key for key in ("root", "bucket") if deployed.get(key) != wanted[key]]
        logs.get("api").warning("every process starts again, because of {}", ", ".join(changed))


class Client:
    """Asks a running graph over HTTP.

    Args:
        config: Where it listens.
        root: The storage root, below which its keys are.
    """

    def __init__(self, config: ServeConfig, root: Path) -> None:
        host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host
        self.url = f"http://{host}:{config.port}"
        self._headers = {"Content-Type": "application/json"}
        if config.keys_file:
            self._headers["X-API-Key"] = (root / config.keys_file).read_text().split()[0]

    def get(self, path: str) -> dict[str, Any]:
        """The JSON at a path.

        Raises:
            OSError: It cannot be reached, or answers with an error.
        """
        return self._open(urllib.request.Request(self.url + path, headers=self._headers))

    def post(self, path: str, content: Any) -> dict[str, Any]:
        """The JSON answer to a JSON question.

        Raises:
            GraphError: It answers with an error; says which.
            OSError: It cannot be reached.
        """
        try:
            return self._open(urllib.request.Request(self.url + path, json.dumps(content).encode(), self._headers))
        except urllib.error.HTTPError as error:
            raise GraphError(f"{path}: {error.code} {error.read(500).decode(errors='replace')}") from None

    def wait_for(self, release_id: str, policy: dict[str, Any]) -> None:
        """Wait until a release answers under a policy.

        Raises:
            GraphError: It was refused, or is not taken in time.
        """
        until, answering = time.monotonic() + _MOVE_S, None
        while time.monotonic() < until:
            try:
                answering = self.get("/v1/release")
            except OSError:  # HAProxy learns of new processes a moment after they run
                answering = None
            if answering and answering["release"] == release_id and policy.items() <= answering["policy"].items():
                return
            if answering and (answering["refused"] or "").startswith(f"{release_id}:"):
                raise GraphError(f"the graph goes on with {answering['release']}; refused {answering['refused']}")
            time.sleep(0.2)
        raise GraphError(f"{release_id} does not answer after {_MOVE_S:.0f} s; last seen: {answering}")

    def _open(self, request: urllib.request.Request) -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: dict[str, Any] = json.loads(answer.read())
        return content


@contextmanager
def running(job: Job) -> Iterator[str]:
    """A Ray with dashboard; one that was started here ends with the graph, a running cluster keeps it.

    Yields:
        Address of the dashboard.
    """
    dashboard = job.connect(serve=True)
    from ray import serve  # only now: importing Ray reads the environment that `connect` prepares

    for number in (signal.SIGINT, signal.SIGTERM):  # both a clean stop, also where a script started this job
        signal.signal(number, signal.default_int_handler)
    try:
        yield dashboard
    finally:
        if not os.environ.get("RAY_ADDRESS"):
            serve.delete(APP)  # what is in work is answered
            serve.shutdown()


def stay(job: Job) -> None:
    """Where Ray was started here: say what to open, and stay until Ctrl-C."""
    if os.environ.get("RAY_ADDRESS"):
        return
    width = max(map(len, job.report.made))
    lines = [f"  {what:<{width}}  {where}" for what, where in job.report.made.items()]
    job.tell("\n".join(["serving; Ctrl-C ends it", *lines, f"try: {job.report.next[0]}"]))
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    job.report.made, job.report.next = {}, [job.command("serve")]


def example(client: Client, config: ServeConfig) -> str:
    """A command line that asks about a ticket."""
    key = f" -H 'X-API-Key: KEY' # a line of {config.keys_file}" if config.keys_file else ""
    ticket = json.dumps({"subject": "Nightly sync stops", "description": "It stops after ten minutes, error E1234."})
    return f"curl {client.url}/v1/triage -H 'Content-Type: application/json' -d '{ticket}'{key}"


def _deployments(config: ServeConfig) -> list[str]:
    from serve_app.parts import PARTS

    return ["ingress", *(PARTS if config.layout == "composed" else ())]


def _code() -> dict[str, Any]:
    """Where the graph's code comes from: the package that was submitted with this job, else what is installed."""
    import ray

    if not ray.is_initialized():  # a file is written; asking for the context would start a Ray, or wait for an old one
        return {}
    submitted = ray.get_runtime_context().runtime_env.get("working_dir")
    return {"working_dir": submitted} if submitted else {}
