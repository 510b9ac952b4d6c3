"""A tiny release with everything that the graph needs: how it is made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.testclient import TestClient

from serve_app.part import Part, Place
from tickets.anomaly.baselines import Baselines
from tickets.config import AnomalyConfig, RetrievalConfig, SearchConfig
from tickets.models.family import Examples, Limits, family
from tickets.models.triage import TriageModel
from tickets.release import Release, pin_part, publish_release, save_part
from tickets.retrieval.corpus import Corpus
from tickets.storage import Storage

BUCKET = "acme"


@dataclass(frozen=True)
class World:
    """A release on disk, and its parts as functions."""

    release: Release
    place: Place
    parts: dict[str, Part[Any]]


Served = Callable[..., AbstractContextManager[TestClient]]


def on_vectors(
    model: TriageModel, table: pa.Table, vectors: np.ndarray, codes: np.ndarray, limits: Limits
) -> TriageModel:
    features = model.state.transform(table, vectors)
    space, targets = SearchConfig().linear, []
    for target in model.targets:
        labels = target.labels.encode(table[target.name].to_pylist())
        fitted = family("linear").refit(
            {name: getattr(space, name).first for name in type(space).model_fields},
            Examples(features, labels),
            replace(limits, num_classes=len(target.labels)),
            1.0,
        )
        member = replace(target.members[0], family="linear", classifier=fitted, weight=1.0)
        targets.append(replace(target, members=(member,), head=None))
    return TriageModel(model.state, targets)


def publish(
    storage: Storage, model: TriageModel, encoder_dir: Path, table: pa.Table, texts: list[str], vectors: np.ndarray
) -> Release:
    """A release of a model with the corpus and the baselines of its tickets."""
    labels = {target.name: table[target.name].to_pylist() for target in model.targets}
    corpus = Corpus.build(table, texts, vectors, labels, RetrievalConfig())
    first = model.targets[0].name
    distances = np.linspace(0.0, 0.6, 200)
    baselines = Baselines.fit(table["created_at"], labels[first], distances, first, AnomalyConfig())
    return publish_release(
        storage,
        BUCKET,
        {
            "model": save_part(storage, BUCKET, "model", model.save),
            "encoder": pin_part(storage, f"encoders/{encoder_dir.name}"),
            "corpus": save_part(storage, BUCKET, "corpus", corpus.save),
            "baselines": save_part(storage, BUCKET, "baselines", baselines.save),
        },
        {target.name: list(target.labels.names) for target in model.targets},
        "run",
        {"offline": "x", "splits": "y"},
        {"test": {}},
        {"retrieval": RetrievalConfig().model_dump(mode="json"), "anomaly": AnomalyConfig().model_dump(mode="json")},
    )
