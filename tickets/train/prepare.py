"""Rows ready to learn from: the offline tickets with their text, sentence vectors and split.

It does not know how vectors are computed and kept (`vectors.py`), nor models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from tickets import logs
from tickets.config import TicketsConfig
from tickets.data.mapping import own_fields
from tickets.data.sources import find_files_at
from tickets.errors import ModelError
from tickets.events import DataUse
from tickets.features.encoder import prepare_encoder
from tickets.features.state import Selection, join_text, select_fields
from tickets.models.labels import label_values
from tickets.release import FORMAT_VERSION, list_releases
from tickets.snapshots import Snapshot, list_snapshots, load_snapshot, read_part, read_table
from tickets.storage import Storage, open_export
from tickets.train.split import SPLITS, choose_split, split_rows
from tickets.train.vectors import EncoderRef, drop_vectors, encode_texts, text_key


@dataclass(frozen=True)
class Dataset:
    """Tickets to learn from, n rows.

    Attributes:
        snapshot: The offline snapshot they come from.
        table: Their columns.
        selection: The fields a model may read.
        texts: What was encoded, one per row.
        vectors: float32 [n, d].
        splits: str [n], the split of each row.
        split_kind: How they were cut.
        split_note: What a person should know of that; empty where it is nothing.
        encoder: What encoded them.
        ceilings: Target → best accuracy that any model can reach, where it is known.
    """

    snapshot: Snapshot
    table: pa.Table
    selection: Selection
    texts: list[str]
    vectors: np.ndarray
    splits: np.ndarray
    split_kind: str
    split_note: str
    encoder: EncoderRef
    ceilings: dict[str, float]

    def labels(self, target: str) -> list[str | None]:
        """A target's values as text."""
        return label_values(self.table, target)

    def uses(self, storage: Storage) -> list[DataUse]:
        """What each split reads, for the record of the run."""
        columns = {field.name: str(field.type) for field in self.table.schema}
        name, uri = self.snapshot.name, storage.uri(self.snapshot.key)
        counts = {split: int((self.splits == split).sum()) for split in SPLITS}
        return [
            DataUse(
                f"{name} ({split})", self.snapshot.digest, uri, columns, count, {"split": split, "cut": self.split_kind}
            )
            for split, count in counts.items()
        ]


def read_training_table(
    storage: Storage, snapshot: Snapshot, config: TicketsConfig, targets: Sequence[str]
) -> tuple[pa.Table, Selection]:
    """The snapshot's columns that learning the targets needs, and the fields that a model may read.

    Raises:
        StageError: The configuration asks for a field that is not known at its stage.
        ModelError: A target has no value in any ticket.
    """
    selection = select_fields(config.features, own_fields(config.source), targets)
    needed = dict.fromkeys([*selection.columns, *targets, "ticket_id", "created_at", "given_split", "language"])
    table = read_table(storage, snapshot, list(needed))
    empty = [name for name in targets if table[name].null_count == table.num_rows]
    if empty:
        raise ModelError(
            f"no ticket has a value for the target {', '.join(empty)}; map it in source.fields, or choose among: "
            + ", ".join(name for name in table.column_names if table[name].null_count < table.num_rows)
        )
    return table, selection


def prepare(storage: Storage, snapshot: Snapshot, config: TicketsConfig, work_dir: Path) -> Dataset:
    """Read, split and encode. Needs a running Ray.

    Args:
        storage: The root.
        snapshot: Offline tickets.
        config: All settings.
        work_dir: Folder where the command runs, for a relative `source.truth`.

    Raises:
        SourceError: The split leaves nothing to train on.
    """
    ceilings = _ceilings(storage, config, work_dir)
    table, selection = read_training_table(storage, snapshot, config, config.source.targets)
    texts = join_text(table, selection.text)
    split, note = choose_split(config.source.split, table)
    if note:
        logs.get("ml").warning("{}", note)
    splits = split_rows(split, table, texts, label_values(table, config.source.targets[0]))
    encoder = EncoderRef(*prepare_encoder(config.encoder, storage))
    vectors = encode_texts(storage, encoder.vectors_name(config.bucket), encoder, texts)
    return Dataset(snapshot, table, selection, texts, vectors, splits, split.kind, note, encoder, ceilings)


def _ceilings(storage: Storage, config: TicketsConfig, work_dir: Path) -> dict[str, float]:
    if config.source.truth is None or config.data.raw_file is not None:
        return {}  # the truth is that of `source.path`
    found = find_files_at(config.source.truth, [storage.uri(config.bucket), str(work_dir)])[1]
    if not found:
        logs.get("ml").warning("source.truth={} is not there: reports show no ceiling", config.source.truth)
        return {}
    with open_export(found[0]) as file:
        ceilings: dict[str, float] = orjson.loads(file.read())["ceilings"]
    return ceilings


def forget_texts(storage: Storage, config: TicketsConfig) -> int:
    """Drop the vectors of texts that no version of the tickets holds any more, and of encoders that no release pins.

    Returns:
        How many vectors went.
    """
    bucket, offline = config.bucket, f"{config.bucket}/offline"
    manifests = [storage.read_json(f"{bucket}/releases/{id_}/manifest.json") for id_ in list_releases(storage, bucket)]
    readable = [of for of in manifests if of.get("format_version") == FORMAT_VERSION]  # nothing reads the others
    encoders = {of["parts"]["encoder"]["key"] for of in readable}
    joined = {config.features.text, *(tuple(of["config"]["features"]["text"]) for of in readable)}
    versions = [load_snapshot(storage, offline, id_) for id_ in list_snapshots(storage, offline)]
    keys = set[str]()
    for part in {part.key: part for version in versions for part in version.parts}.values():
        table = read_part(storage, part)
        for names in joined:
            texts = join_text(table, [name for name in names if name in table.column_names])
            keys |= set(map(text_key, texts))
    used = [EncoderRef.at(key).vectors_name(bucket) for key in encoders]
    return drop_vectors(storage, bucket, keys, used, 3600 * config.snapshots.older_than_h)
