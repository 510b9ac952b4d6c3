"""A release that is made in a second: one linear model of `category`, and an encoder that costs nothing."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tickets.config.train import LinearSpace
from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.temperature import Temperature
from tickets.features.state import Features, FeatureState
from tickets.models.family import Examples, Limits, family
from tickets.models.labels import Labels
from tickets.models.triage import Member, TargetModel, TriageModel
from tickets.release import Release, publish_release, save_part
from tickets.storage import Storage


class HashEncoder:
    """float32 [n, 8], unit vectors that follow from the bytes of the texts alone."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As the sentence encoder."""
        made = np.stack([np.random.default_rng(zlib.crc32(text.encode())).normal(size=8) for text in texts])
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def publish_tiny(storage: Storage, state: FeatureState, features: Features, names: Sequence[str]) -> Release:
    """A release whose model was fitted on the given labels; what stands for its other parts is empty."""
    model = _fit(state, features, names)
    parts = {name: save_part(storage, "acme", name, _nothing) for name in ("encoder", "corpus", "baselines")}
    parts["model"] = save_part(storage, "acme", "model", model.save)
    labels = {target.name: list(target.labels.names) for target in model.targets}
    return publish_release(storage, "acme", parts, labels, "run", {"offline": "1"}, {}, {})


def _fit(state: FeatureState, features: Features, names: Sequence[str]) -> TriageModel:
    labels = Labels.fit(names, 1)
    params = {"c": LinearSpace().c.first, "vector_weight": LinearSpace().vector_weight.first}
    rows = Examples(features, labels.encode(names))
    linear = Member("linear", family("linear").refit(params, rows, Limits(len(labels), 10, 2, 2), 1.0), 1.0)
    policy = TargetPolicy(labels.names, None, None, Support(frozenset(), frozenset(), frozenset()))
    return TriageModel(state, [TargetModel("category", labels, (linear,), None, Temperature(1.0), policy)])


def _nothing(folder: Path) -> None:
    (folder / "nothing").write_text("")
