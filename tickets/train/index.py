"""What a release knows of the past beside its model: the corpus of past tickets and the anomaly baselines.

It does not know how past tickets are searched, or what becomes of the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets import logs
from tickets.anomaly.baselines import Baselines
from tickets.config import TicketsConfig
from tickets.config.parse import dump
from tickets.features.state import join_text
from tickets.models.labels import label_values
from tickets.models.triage import TriageModel
from tickets.release import Part, Release, publish_release, save_part
from tickets.retrieval.corpus import Corpus
from tickets.retrieval.documents import FILTER_FIELDS, is_resolved
from tickets.retrieval.retriever import learn
from tickets.snapshots import Snapshot, load_snapshot, read_table
from tickets.storage import Storage
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.vectors import EncoderRef, encode_texts

_OF_FIXES: Final = ("resolution", "resolution_code", "resolution_helpful", "satisfaction_score")


@dataclass(frozen=True)
class Index:
    """What was made of past tickets.

    Attributes:
        corpus: Resolved tickets that can be found.
        baselines: Usual arrivals, and usual distances.
        figures: What was measured of the search on validation tickets, JSON-able.
    """

    corpus: Corpus
    baselines: Baselines
    figures: dict[str, Any]

    def save(self, storage: Storage, bucket: str) -> dict[str, Part]:
        """Save both as parts of a release."""
        return {
            "corpus": save_part(storage, bucket, "corpus", self.corpus.save),
            "baselines": save_part(storage, bucket, "baselines", self.baselines.save),
        }

    def __str__(self) -> str:
        lines = [f"past tickets: {len(self.corpus)}"]
        if self.figures["num_queries"]:
            measured = ", ".join(
                f"{name} {self.figures[name]['hit_rate_at_5']:.2f} / {self.figures[name]['mrr_at_10']:.2f}"
                for name in ("dense", "keywords", "fused")
            )
            lines.append(
                f"found for {self.figures['num_queries']} validation tickets (hit rate at 5 / reciprocal rank): "
                f"{measured}; share of meaning {self.figures['dense_weight']:.2f}"
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class History:
    """Tickets of a snapshot, n rows, with what is known of their fixes.

    Attributes:
        table: Their columns.
        texts: The text of each, as the model reads it.
        labels: Target → n labels, the most important target first.
    """

    table: pa.Table
    texts: list[str]
    labels: dict[str, list[str | None]]

    @classmethod
    def read(cls, storage: Storage, snapshot: Snapshot, model: TriageModel) -> History:
        """The snapshot's columns that an index needs."""
        wanted = ["ticket_id", "created_at", *_OF_FIXES, *FILTER_FIELDS, *model.state.selection.text]
        columns = list(dict.fromkeys([*wanted, *(target.name for target in model.targets)]))
        table = model.complete(read_table(storage, snapshot, columns))
        labels = {target.name: label_values(table, target.name) for target in model.targets}
        return cls(table, join_text(table, model.state.selection.text), labels)

    def chosen(self, rows: np.ndarray, vectors: np.ndarray) -> tuple[pa.Table, list[str], np.ndarray, dict[str, Any]]:
        """Table, texts, vectors (float32 [n, d]) and labels of the rows that a mask, bool [n], chooses."""
        labels = {target: _take(values, rows) for target, values in self.labels.items()}
        return self.table.filter(pa.array(rows)), _take(self.texts, rows), vectors[rows], labels


def build_index(history: History, splits: np.ndarray, vectors: np.ndarray, config: TicketsConfig) -> Index:
    """Index past tickets, and learn from the validation tickets how to search them and how far is usual.

    Args:
        history: The tickets, n rows; they are compared by its first target.
        splits: str [n], the split of each; empty where it has none.
        vectors: float32 [n, d], of the texts that the model reads.
        config: `retrieval` and `anomaly`.
    """
    held = is_resolved(history.table) & np.array([bool(text.strip()) for text in history.texts], dtype=bool)
    is_past = (splits == TRAIN) | (splits == "")  # a ticket without a split came later, and judges nothing
    if config.retrieval.corpus == "train":
        held &= is_past
    with logs.timed(logs.get("ml"), "index.build", rows=int(held.sum())):
        corpus = Corpus.build(*history.chosen(held, vectors), config.retrieval)
    with logs.timed(logs.get("ml"), "index.learn"):
        learned = learn(corpus, *history.chosen(splits == VALIDATION, vectors))
    first = next(iter(history.labels))
    past = is_past if config.retrieval.corpus == "train" else np.ones(len(splits), dtype=bool)
    times, names = history.table["created_at"].filter(pa.array(past)), _take(history.labels[first], past)
    baselines = Baselines.fit(times, names, 1 - learned.nearest, first, config.anomaly)
    return Index(learned.corpus, baselines, learned.figures)


def rebuild(storage: Storage, base: Release, config: TicketsConfig, run_id: str) -> tuple[Release, Index]:
    """A release with the model of another one, and corpus and baselines from the tickets of today. Needs a running Ray.

    Args:
        storage: The root.
        base: Whose model and encoder the new release pins.
        config: `retrieval` and `anomaly`.
        run_id: The run that makes it.
    """
    bucket, model = base.manifest.bucket, base.load_model()
    snapshot = load_snapshot(storage, f"{bucket}/offline")
    history, encoder = History.read(storage, snapshot, model), EncoderRef.of(base)
    vectors = encode_texts(storage, encoder.vectors_name(bucket), encoder, history.texts)
    index = build_index(history, splits_of(storage, base, history.table), vectors, config)
    manifest = base.manifest
    release = publish_release(
        storage,
        bucket,
        {**manifest.parts, **index.save(storage, bucket)},
        manifest.targets,
        run_id,
        {**manifest.data, "corpus": snapshot.id, "trained_by": manifest.trained_by},
        {**manifest.metrics, "retrieval": index.figures},
        {**manifest.config, **{name: dump(config)[name] for name in ("retrieval", "anomaly")}},
    )
    return release, index


def splits_of(storage: Storage, base: Release, table: pa.Table) -> np.ndarray:
    """The split of each ticket when the release's model was made; empty for a ticket that came later."""
    saved = read_table(storage, load_snapshot(storage, f"{base.manifest.bucket}/splits", base.manifest.data["splits"]))
    at = pc.index_in(table["ticket_id"], value_set=saved["ticket_id"].combine_chunks())
    return np.array(pc.fill_null(saved["split"].take(at), "").to_pylist(), dtype=object)


def _take(values: list[Any], chosen: np.ndarray) -> list[Any]:
    return [value for value, is_chosen in zip(values, chosen, strict=True) if is_chosen]
