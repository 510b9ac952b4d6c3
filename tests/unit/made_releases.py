"""Releases without models: a table of tickets, splits of it, and answers that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tickets.decide.policy import Action, Decision
from tickets.models.triage import Answer
from tickets.release import PARTS, Part, Release, publish_release
from tickets.snapshots import Snapshot, write_snapshot
from tickets.storage import Storage
from tickets.train.paired import save_answers

NUM_TICKETS, NUM_TEST = 400, 300
LABELS = ("billing", "login", "outage")
Answers = dict[str, tuple[Sequence[str], np.ndarray]]


class World:
    """A root with buckets of 400 tickets, of which the last 300 are test rows by default.

    Attributes:
        storage: The root.
        truth: str [400], the label of each ticket.
    """

    def __init__(self, root: Path) -> None:
        self.storage = Storage(str(root))
        self.truth = np.random.default_rng(0).choice(LABELS, NUM_TICKETS)
        self._offline: dict[str, Snapshot] = {}

    def tickets(self, bucket: str = "acme", **columns: Any) -> Snapshot:
        """Write the tickets of a bucket; another version of them where columns are given."""
        table = pa.table(
            {
                "ticket_id": [f"T{row}" for row in range(NUM_TICKETS)],
                "subject": [f"text {row}" for row in range(NUM_TICKETS)],
                "category": self.truth.tolist(),
                **columns,
            }
        )
        self._offline[bucket] = write_snapshot(self.storage, f"{bucket}/offline", [table], table.schema, {})
        return self._offline[bucket]

    def probabilities(self, accuracy: float, seed: int = 0) -> np.ndarray:
        """float64 [300, 3]: of the test rows so many right, the same ones for the same seed."""
        return self.answering(self.truth[-NUM_TEST:], LABELS, accuracy, seed)

    def answering(self, truth: Sequence[str], names: Sequence[str], accuracy: float, seed: int) -> np.ndarray:
        """As `probabilities`, for other rows and labels; what is not among these is answered wrongly."""
        is_right = np.random.default_rng(seed).permutation(len(truth)) < accuracy * len(truth)
        rows = np.full((len(truth), len(names)), 0.1 / max(len(names) - 1, 1))
        for row, label in enumerate(truth):
            at = names.index(label) if label in names else 0
            rows[row, at if is_right[row] else (at + 1) % len(names)] = 0.9
        return rows / rows.sum(axis=1, keepdims=True)

    def publish(
        self,
        accuracy: float = 0.8,
        bucket: str = "acme",
        seed: int = 0,
        splits: Sequence[str] | None = None,
        targets: Answers | None = None,
        keep: bool = True,
        config: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
    ) -> Release:
        """Publish a release that answers its test rows so."""
        offline = self._offline.get(bucket) or self.tickets(bucket)
        splits = splits or ["train"] * (NUM_TICKETS - NUM_TEST) + ["test"] * NUM_TEST
        ids = pa.array([f"T{row}" for row in range(NUM_TICKETS)])
        table = pa.table({"ticket_id": ids, "split": pa.array(list(splits))})
        tested = [id_ for id_, split in zip(ids.to_pylist(), splits, strict=True) if split == "test"]
        answers = targets or {"category": (LABELS, self.probabilities(accuracy, seed))}
        kept = None
        if keep:
            given = [Answer(name, rows, [_decided(row) for row in rows]) for name, (_, rows) in answers.items()]
            kept = save_answers(self.storage, bucket, pa.chunked_array([tested]), given)
        return publish_release(
            self.storage,
            bucket,
            {name: Part(key=f"{bucket}/{name}", files={}, num_bytes=2**20) for name in PARTS},
            {name: list(names) for name, (names, _) in answers.items()},
            "run",
            {
                "offline": offline.id,
                "digest": offline.digest,
                "split": "time",
                "split_note": "",
                "splits": write_snapshot(self.storage, f"{bucket}/splits", [table], table.schema, {}).id,
                "answers": kept,
                **(data or {}),
            },
            {"test": {name: _scores(accuracy) for name in answers}},
            {
                "features": {"text": ["subject"]},
                "decide": {"automate_precision": 0.95},
                "model": {"families": ["linear"], "seed": seed},
                **(config or {}),
            },
        )


def _decided(row: np.ndarray) -> Decision:
    return Decision(Action.AUTOMATE if row.max() > 0.8 else Action.REVIEW, "x", float(row.max()), (), "")


def _scores(accuracy: float) -> dict[str, Any]:
    figures: dict[str, Any] = dict.fromkeys(("weighted_f1", "macro_f1", "nll", "brier", "ece"), accuracy)
    interval = {"low": accuracy - 0.1, "high": accuracy + 0.1}
    automation = {"coverage": 0.5, "num_rows": 150, "precision": 0.96, "low": 0.9, "high": 0.99}
    return {**figures, "accuracy": {"value": accuracy, **interval}, "automation": automation, "num_rows": NUM_TEST}


def no_ray() -> object:
    """What is handed in to start Ray where it must not be started."""
    raise AssertionError("Ray was asked for")
