"""Tiny data that the tests of features, models and releases share: 300 tickets of 3 classes that can be told apart."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from s3_server import S3Server

from tickets.config import EncoderConfig, FeaturesConfig, SearchConfig
from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.temperature import Temperature
from tickets.decide.thresholds import Threshold
from tickets.features.encoder import prepare_encoder
from tickets.features.state import Features, FeatureState, select_fields
from tickets.models import linear
from tickets.models.family import Examples, Limits, family
from tickets.models.labels import Labels
from tickets.models.text_head import TextHead
from tickets.models.triage import Member, TargetModel, TriageModel
from tickets.schema import arrow_schema
from tickets.storage import Storage

NUM_ROWS, NUM_TRAIN = 300, 200
NAMES = ("billing", "login", "outage")
TOPICS = (["invoice", "charge", "refund", "paid"], ["password", "login", "reset", "token"], ["down", "slow", "error"])
COMMON = ["please", "help", "my", "account", "the", "page", "again", "since", "today", "with", "über", "问题"]
FAMILIES = ("linear", "catboost", "xgboost", "dnn")


@pytest.fixture(scope="session")
def codes() -> np.ndarray:
    """int64 [300], the class of each row: half of them 0, a fifth 2."""
    return np.random.default_rng(1).choice(3, size=NUM_ROWS, p=[0.5, 0.3, 0.2])


@pytest.fixture(scope="session")
def table(codes: np.ndarray) -> pa.Table:
    """300 tickets with every column of the contract; text, product and affected users tell of the class."""
    rng = np.random.default_rng(2)
    columns: dict[str, list[Any]] = {
        "ticket_id": [f"T{row}" for row in range(NUM_ROWS)],
        "subject": [_subject(rng, code) for code in codes],
        "description": [" ".join(rng.choice(COMMON, 6)) if rng.random() < 0.9 else None for _ in codes],
        "product": [_mostly(rng, ("API", "Cloud", "Sync")[code], ("API", "Cloud", "Sync", None)) for code in codes],
        "channel": rng.choice(["email", "phone", "chat"], NUM_ROWS).tolist(),
        "language": rng.choice(["en", "de"], NUM_ROWS).tolist(),
        "affected_users": [None if rng.random() < 0.2 else float(rng.lognormal(code)) for code in codes],
        "account_age_days": rng.integers(0, 2000, NUM_ROWS).astype(float).tolist(),
        "weekend_ticket": (rng.random(NUM_ROWS) < 0.3).tolist(),
        "category": [NAMES[code] for code in codes],
        "priority": rng.choice(["high", "low"], NUM_ROWS).tolist(),
        "resolution": [f"{NAMES[code]} was fixed" for code in codes],
        "resolution_time_hours": [float(code) for code in codes],
    }
    absent: list[Any] = [None] * NUM_ROWS
    return pa.table({field.name: columns.get(field.name, absent) for field in arrow_schema()}, schema=arrow_schema())


def _subject(rng: np.random.Generator, code: int) -> str:
    topic = TOPICS[code] if rng.random() < 0.85 else TOPICS[rng.integers(3)]
    return " ".join([*rng.choice(topic, 2), *rng.choice(COMMON, 4)])


def _mostly(rng: np.random.Generator, usual: str, others: tuple[str | None, ...]) -> str | None:
    return usual if rng.random() < 0.6 else others[rng.integers(len(others))]


@pytest.fixture(scope="session")
def vectors(codes: np.ndarray) -> np.ndarray:
    """float32 [300, 8], unit vectors that lean towards their class."""
    made = np.random.default_rng(3).normal(size=(NUM_ROWS, 8)).astype(np.float32)
    made[np.arange(NUM_ROWS), codes] += 1
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def state(table: pa.Table) -> FeatureState:
    """Fitted on the first 200 tickets, for a model that predicts category and priority at creation."""
    config = FeaturesConfig()
    return FeatureState.fit(table.slice(0, NUM_TRAIN), select_fields(config, (), ("category", "priority")), config)


@pytest.fixture(scope="session")
def features(state: FeatureState, table: pa.Table, vectors: np.ndarray) -> Features:
    """Of all 300 tickets."""
    return state.transform(table, vectors)


@pytest.fixture(scope="session")
def limits() -> Limits:
    """Short fits: 40 trees, 6 epochs."""
    return Limits(num_classes=3, boosting_rounds=40, epochs=6, patience_steps=3)


@pytest.fixture(scope="session")
def text_head(features: Features, codes: np.ndarray, limits: Limits) -> linear.Linear:
    """The text head, fitted on the first 200 tickets."""
    first = np.arange(NUM_TRAIN)
    return linear.fit_head(Examples(features.take(first), codes[first]), limits)


@pytest.fixture(scope="session")
def examples(features: Features, codes: np.ndarray, text_head: linear.Linear, limits: Limits) -> Examples:
    """All 300 tickets; the text head of each of the first 200 saw the other half of these."""
    rows = np.arange(NUM_ROWS)
    head = text_head.predict(features)
    for half in (0, 1):
        seen, unseen = (rows[(rows % 2 == side) & (rows < NUM_TRAIN)] for side in (half, 1 - half))
        model = linear.fit_head(Examples(features.take(seen), codes[seen]), limits)
        head[unseen] = model.predict(features.take(unseen))
    return Examples(features, codes, head.astype(np.float32))


@pytest.fixture(scope="session")
def train(examples: Examples) -> Examples:
    """The first 200 tickets."""
    return examples.take(np.arange(NUM_TRAIN))


@pytest.fixture(scope="session")
def valid(examples: Examples) -> Examples:
    """The last 100 tickets."""
    return examples.take(np.arange(NUM_TRAIN, NUM_ROWS))


@pytest.fixture(scope="session")
def first_params() -> Callable[[str], dict[str, float]]:
    """The settings that a family's first trial would use, with a narrow network."""

    def of(family_name: str) -> dict[str, float]:
        params = SearchConfig().first(family_name)
        return {**params, "hidden": 32} if family_name == "dnn" else params

    return of


@pytest.fixture(scope="session")
def triage_model(
    state: FeatureState,
    table: pa.Table,
    train: Examples,
    text_head: linear.Linear,
    limits: Limits,
    first_params: Callable[[str], dict[str, float]],
) -> TriageModel:
    """A model of `category` that mixes all four families, and of `priority`, which is linear and never automated."""
    lengths = {"linear": 3.0, "catboost": 20.0, "xgboost": 20.0, "dnn": 4.0}
    fitted = {name: family(name).refit(first_params(name), train, limits, lengths[name]) for name in FAMILIES}
    shares = dict(zip(FAMILIES, (0.4, 0.3, 0.2, 0.1), strict=True))
    members = tuple(Member(name, fitted[name], shares[name]) for name in FAMILIES)
    patterns = frozenset(state.patterns(table))
    support = Support(frozenset(NAMES), frozenset({"en", "de"}), patterns)
    policy = TargetPolicy(NAMES, _threshold(0.6), _threshold(0.4), support)
    category = TargetModel("category", Labels(NAMES), members, TextHead(text_head), Temperature(0.8), policy)

    levels = Labels(("high", "low"))
    urgent = replace(train, labels=levels.encode(table["priority"].to_pylist())[: len(train)])
    model = family("linear").refit(first_params("linear"), urgent, replace(limits, num_classes=2), 1.0)
    unsure = TargetPolicy(levels.names, None, _threshold(0.5), support)
    member = (Member("linear", model, 1.0),)
    return TriageModel(state, [category, TargetModel("priority", levels, member, None, Temperature(1.5), unsure)])


def _threshold(value: float) -> Threshold:
    return Threshold(value=value, precision=0.9, coverage=0.5, hits=100, total=100, low=0.97)


@pytest.fixture(scope="session")
def encoder_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged sentence encoder, exported once in int8; `<root>/encoders/<digest>`."""
    storage = Storage(str(tmp_path_factory.mktemp("root")))
    key, _ = prepare_encoder(EncoderConfig(), storage)
    return storage.local_path(key)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server on loopback, for the whole run."""
    with S3Server().running() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Server]:
    """That server, with the environment that leads there and no fault planted."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    s3_server.requests.clear()
    yield s3_server
    s3_server.faults.clear()


@pytest.fixture
def s3_root(s3: S3Server) -> str:
    """A root in a new bucket."""
    bucket = f"b{uuid.uuid4().hex[:16]}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/some/prefix"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets; skips where there is none."""
    folder = os.environ.get("TICKETS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TICKETS_DATA names no folder of real data sets")
    return Path(folder)
