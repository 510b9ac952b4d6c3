"""What the tests of the transformer share: a tiny encoder, the rows of two targets, and a network trained on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from tiny_bert import write_tiny_bert

from tickets.config import EncoderConfig, FinetuneConfig
from tickets.features.encoder import find_transformer
from tickets.features.state import Features
from tickets.models import transformer_loop
from tickets.models.transformer import Shape
from tickets.models.transformer_network import Network, build_network
from tickets.models.transformer_rows import Rows
from tickets.models.transformer_state import State

NUM_TRAIN = 200


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, features: Features) -> EncoderConfig:
    """A random BERT of two layers that knows the words of the 300 tickets."""
    return write_tiny_bert(tmp_path_factory.mktemp("bert") / "model", " ".join(features.texts).split())


@pytest.fixture(scope="session")
def tuning() -> FinetuneConfig:
    """Few passes at a high rate: a random encoder has all to learn."""
    return FinetuneConfig(
        epochs=4, encoder_rate=3e-3, head_rate=1e-2, batch_rows=16, max_tokens=24, precision="fp32", dropout=0.0
    )


@pytest.fixture(scope="session")
def two_labels(codes: np.ndarray, table: pa.Table) -> np.ndarray:
    """int64 [300, 2]: the category, and whether the product is the API; a tenth of the latter has no label."""
    product = np.array([value == "API" for value in table["product"].to_pylist()], dtype=np.int64)
    product[::10] = -1
    return np.stack([codes, product], axis=1)


@pytest.fixture(scope="session")
def shape(features: Features, tuning: FinetuneConfig) -> Shape:
    """Of a network with two targets."""
    return Shape.of(features.take(np.arange(NUM_TRAIN)), {"category": 3, "is_api": 2}, tuning.max_tokens)


@pytest.fixture(scope="session")
def tuning_rows(
    features: Features, two_labels: np.ndarray, shape: Shape, tiny_encoder: EncoderConfig
) -> tuple[Rows, Rows]:
    """The first 200 tickets, and the others."""
    folder, _ = find_transformer(tiny_encoder)
    parts = np.arange(NUM_TRAIN), np.arange(NUM_TRAIN, len(features))
    first, last = (Rows.build(features.take(part), two_labels[part], shape, folder) for part in parts)
    return first, last


@pytest.fixture(scope="session")
def new_network(tiny_encoder: EncoderConfig, shape: Shape, tuning: FinetuneConfig) -> Callable[..., Network]:
    """Makes an untrained network, the same one each time."""

    def made(attention: str = "sdpa") -> Network:
        torch.manual_seed(0)
        return build_network(tiny_encoder, shape, tuning, attention)

    return made


@pytest.fixture(scope="session")
def trained_state(
    new_network: Callable[..., Network], tuning_rows: tuple[Rows, Rows], shape: Shape, tuning: FinetuneConfig
) -> State:
    """After the last pass."""
    cpu = torch.device("cpu")
    *_, state = transformer_loop.train(new_network(), *tuning_rows, shape.num_labels, tuning, cpu, 0)
    return state


@pytest.fixture(scope="session")
def transformer_dir(tiny_encoder: EncoderConfig) -> Path:
    """Folder of the tiny encoder's transformer."""
    return find_transformer(tiny_encoder)[0]
