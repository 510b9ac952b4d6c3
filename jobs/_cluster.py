"""Joining or starting Ray, for every job: quiet, with a token, without a call home. It does not know the jobs."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from tickets import logs
from tickets.config import RayConfig, ServeConfig

_THROUGHPUT: Final = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    # Else a stop waits half a minute for connections that nobody has.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    # Long tickets travel by value between processes.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 2**20),
}
"""What a Ray must be started with to serve through HAProxy in throughput mode (`docs/serving.md`)."""


def connect(config: RayConfig, log_dir: Path, log_level: str, serve: ServeConfig | None = None) -> tuple[int, str]:
    """Join the cluster that `RAY_ADDRESS` names, or start Ray in this process; workers log where the job does.

    Args:
        config: What a Ray that is started here offers.
        log_dir: Folder of the log files.
        log_level: Least severe level that is shown.
        serve: The graph that a Ray which is started here is to serve.

    Returns:
        Number of living nodes, and the address of the dashboard (empty where there is none).
    """
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        _require_token()
        # Ray Data provokes an error line of the core for every pool of actors; a cluster of its own keeps its level.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        if serve is not None and serve.throughput:
            os.environ.update(_THROUGHPUT)
    _quieten()
    import ray  # reads its settings from the environment now, once

    if ray.is_initialized():
        _warn_of_another(config)

    def log_in_worker() -> None:
        logs.setup(log_dir, log_level, human=False)

    environment = {"worker_process_setup_hook": log_in_worker}
    if address:
        context = ray.init(
            address=address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env=environment,
        )
    else:
        context = ray.init(
            address="local",
            ignore_reinit_error=True,  # the points of a multirun share one
            num_cpus=config.num_cpus,
            num_gpus=config.num_gpus,
            include_dashboard=config.dashboard or serve is not None,
            log_to_driver=False,  # what a worker has to say comes back as a result or an error
            logging_level=logging.WARNING,
            runtime_env=environment,
        )
    url = context.dashboard_url
    return sum(node["Alive"] for node in ray.nodes()), f"http://{url}" if url else ""


def _warn_of_another(config: RayConfig) -> None:
    """The points of a multirun share the Ray that the first one started, whatever a later one asks for."""
    import ray

    there = ray.cluster_resources()
    for key, asked, kind in (("num_cpus", config.num_cpus, "CPU"), ("num_gpus", config.num_gpus, "GPU")):
        if asked is not None and asked != there.get(kind, 0):
            logs.get("ml").warning(
                "ray.{}={}: Ray was started before with {:g}, which stays", key, asked, there.get(kind, 0)
            )


def _require_token() -> None:
    """Make Ray ask for a token, and make one that its owner alone can read; Ray's own would be for everybody."""
    if "RAY_AUTH_MODE" in os.environ or "RAY_AUTH_TOKEN" in os.environ:
        return
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    if path.stat().st_uid == os.getuid():
        path.chmod(0o600)
    os.environ["RAY_AUTH_MODE"] = "token"


def _quieten() -> None:
    """What Ray says at every start and of every plan is no news; progress bars are for a terminal."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C ends the job, not just the sweep it is in
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    os.environ.setdefault("RAY_DATA_LOG_LEVEL", "WARNING")
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
