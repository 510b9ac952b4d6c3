"""Stand-ins for the tests of model cards: an encoder, and answers that are known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tickets.card.judged import Judged
from tickets.decide.policy import Action


def encode(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors that depend on the text alone."""
    seeds = (int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts)
    made = np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds]).astype(np.float32)
    vectors: np.ndarray = made / np.linalg.norm(made, axis=1, keepdims=True)
    return vectors


def with_answers(judged: Judged, truth: Sequence[int], predicted: Sequence[int], automated: Sequence[bool]) -> Judged:
    """Rows with given truths, answers of the confidence 0.9, and actions."""
    num_rows = len(truth)
    probabilities = np.full((num_rows, 3), 0.05)
    probabilities[np.arange(num_rows), predicted] = 0.9
    actions = np.array([Action.AUTOMATE if acted else Action.REVIEW for acted in automated], dtype=object)
    return replace(
        judged,
        rows=np.arange(num_rows),
        truth=np.array(truth),
        probabilities=probabilities,
        actions=actions,
        languages=["en"] * num_rows,
        patterns=judged.patterns[:1] * num_rows,
        ids=[f"T{row}" for row in range(num_rows)],
    )
