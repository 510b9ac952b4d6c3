"""A tiny release, and the graph over it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from starlette.testclient import TestClient
from tiny_world import BUCKET, Served, World, on_vectors, publish

from serve_app.coalesce import Call
from serve_app.ingress import build_service_api, local_calls
from serve_app.part import Place
from serve_app.parts import PARTS
from serve_app.service import TriageService
from tickets.config import PolicyConfig, ServeConfig
from tickets.features.encoder import Encoder
from tickets.models.family import Limits
from tickets.models.triage import TriageModel


@pytest.fixture(scope="session")
def encoded_table(table: pa.Table) -> pa.Table:
    """The 300 tickets with times half an hour apart."""
    times = pa.array([datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=30 * row) for row in range(300)])
    at = table.schema.get_field_index("created_at")
    return table.set_column(at, "created_at", times.cast(table.schema.field("created_at").type))


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    triage_model: TriageModel,
    encoded_table: pa.Table,
    codes: np.ndarray,
    encoder_dir: Path,
    limits: Limits,
) -> World:
    """A linear model of `category` and `priority` on real sentence vectors, with corpus and baselines."""
    place = Place(str(encoder_dir.parents[1]), BUCKET)
    texts = triage_model.state.texts(encoded_table)
    vectors = Encoder(encoder_dir).encode(texts)
    model = on_vectors(triage_model, encoded_table, vectors, codes, limits)
    release = publish(place.storage, model, encoder_dir, encoded_table, texts, vectors)
    parts = {name: part(place) for name, part in PARTS.items()}
    for part in parts.values():
        part.hold(release.id)
    return World(release, place, parts)


@pytest.fixture(scope="session")
def served_module(world: World) -> Served:
    """`served`, for a fixture that lives longer than a test."""
    return _served(world)


@pytest.fixture
def served(world: World) -> Served:
    """Serves the release in this process: settings of the graph, and calls that stand in for parts."""
    return _served(world)


def _served(world: World) -> Served:
    @contextmanager
    def serve(
        calls: dict[str, Call] | None = None, policy: PolicyConfig | None = None, **settings: Any
    ) -> Iterator[TestClient]:
        config = ServeConfig.model_validate(settings)
        service = TriageService(world.place, config, {**local_calls(world.parts), **(calls or {})})
        asyncio.run(service.use(world.release.id, policy or PolicyConfig()))
        api = build_service_api(service, world.place, config)
        with TestClient(
            api, base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False
        ) as client:
            yield client

    return serve
