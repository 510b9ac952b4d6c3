"""The deployment that HTTP reaches: a thin shell around the service and its routes.

With handles its parts are deployments of their own; without them they live in this process (`layout: fused`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from ray.serve.handle import DeploymentHandle

from serve_app.answering import masked_line
from serve_app.coalesce import Call
from serve_app.guard import read_keys, refuse_open_door
from serve_app.part import Part, Place
from serve_app.parts import PARTS, part_args
from serve_app.routes import build_api
from serve_app.service import TriageService
from tickets import logs
from tickets.config import PolicyConfig, ServeConfig
from tickets.predictions import PredictionLog

_HERE: Final = ("classifier", "retriever", "reranker", "anomaly")
"""Parts that hold Python's lock while they work, some milliseconds at most."""


class Ingress:
    """Takes requests.

    Args:
        place: Where releases lie.
        config: Settings of the graph.
        handles: Part name → the handle of its deployment; none: the parts live here.
    """

    def __init__(self, place: Place, config: ServeConfig, **handles: DeploymentHandle[Any]) -> None:
        logs.setup(place.storage.local_path("logs"), "INFO", human=False)
        refuse_open_door(config)  # here once more: this process has the cluster's environment, the builder may not
        self._place = place
        self._config = config
        parts = {} if handles else PARTS
        self._parts = {name: part(*part_args(name, place, config)) for name, part in parts.items()}
        calls = {name: remote_call(handle) for name, handle in handles.items()}
        self._service = TriageService(place, config, calls or local_calls(self._parts))

    async def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Take another release or policy (`user_config`) without a restart.

        Raises:
            ReleaseError: The first release cannot be loaded.
            ConfigError: The first policy names a target that it does not have.
        """
        for part in self._parts.values():
            await asyncio.to_thread(part.reconfigure, config)
        await self._service.use(config["release"], PolicyConfig.model_validate(config["policy"]))

    def check_health(self) -> None:
        """In the fused layout the parts live here; Ray Serve replaces this process where one of them fails."""
        for part in self._parts.values():
            part.check_health()

    def __serve_build_asgi_app__(self) -> FastAPI:
        return build_service_api(self._service, self._place, self._config)


def build_service_api(service: TriageService, place: Place, config: ServeConfig) -> FastAPI:
    """The application of a service, with its keys and its log.

    Raises:
        ConfigError: The file of keys is missing, empty, or others may read it.
    """
    kept = config.log
    log = PredictionLog(place.storage, place.bucket, kept.flush_s, kept.flush_rows, masked_line)
    keys = read_keys(place.storage.local_path(config.keys_file)) if config.keys_file else []
    return build_api(service, config, log if kept.enabled else None, keys)


def remote_call(handle: DeploymentHandle[Any]) -> Call:
    """A part in another process as a function of a release id and items."""

    async def call(release_id: str, items: list[Any]) -> list[Any]:
        answers: list[Any] = await handle.remote(release_id, items)
        return answers

    return call


def local_calls(parts: Mapping[str, Part[Any]]) -> dict[str, Call]:
    """Parts of this process as such functions.

    A thread of its own costs a part about a millisecond of CPU, and gains it something only where it leaves Python's
    lock (the encoder), or has to load a release first. The others work here and now.
    """

    def local_call(name: str, part: Part[Any]) -> Call:
        async def call(release_id: str, items: list[Any]) -> list[Any]:
            if name in _HERE and part.holds(release_id):
                return part(release_id, items)
            return await asyncio.to_thread(part, release_id, items)

        return call

    return {name: local_call(name, part) for name, part in parts.items()}
