"""Rows ready to learn from: the offline tickets with their text, sentence vectors and split.

Vectors are computed by a pool of Ray actors, once per text, and kept beside the data. It does not know models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tickets import logs
from tickets.config import TicketsConfig
from tickets.data.mapping import own_fields
from tickets.data.sources import find_files_at
from tickets.errors import ModelError
from tickets.events import DataUse
from tickets.features.encoder import Encoder, prepare_encoder
from tickets.features.state import Selection, join_text, select_fields
from tickets.models.labels import label_values
from tickets.release import Release
from tickets.snapshots import Snapshot, has_snapshot, load_snapshot, read_table, write_snapshot
from tickets.storage import Storage, open_export
from tickets.train.split import SPLITS, choose_split, split_rows


@dataclass(frozen=True)
class EncoderRef:
    """An exported encoder: its key under the root and its digest."""

    key: str
    digest: str

    @classmethod
    def of(cls, release: Release) -> EncoderRef:
        """The encoder that a release pins."""
        key = release.manifest.parts["encoder"].key
        return cls(key, key.rsplit("/", 1)[-1])

    def vectors_name(self, bucket: str) -> str:
        """Where the vectors that it computed for a bucket are kept."""
        return f"{bucket}/vectors/{self.digest[:16]}"


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
    split = choose_split(config.source.split, table)
    splits = split_rows(split, table, texts, label_values(table, config.source.targets[0]))
    encoder = EncoderRef(*prepare_encoder(config.encoder, storage))
    vectors = encode_texts(storage, encoder.vectors_name(config.bucket), encoder, texts)
    return Dataset(snapshot, table, selection, texts, vectors, splits, split.kind, encoder, ceilings)


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


def encode_texts(storage: Storage, name: str, encoder: EncoderRef, texts: Sequence[str]) -> np.ndarray:
    """Sentence vectors of texts; those that the vector table `name` holds are not computed again.

    Returns:
        float32 [n, d], row by row the vector of the text.
    """
    prints = [_key(text) for text in texts]
    known = _known_vectors(storage, name)
    missing = {print_: text for print_, text in zip(prints, texts, strict=True) if print_ not in known}
    if missing:
        with logs.timed(logs.get("ml"), "encode", rows=len(missing)):
            known |= _encode(storage.fetch(encoder.key), missing)
        _save_vectors(storage, name, known)
    return np.stack([known[print_] for print_ in prints])


def _key(text: str) -> str:
    """Under what a text's vector is kept. Not the normalised text: an encoder may see case and white space."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _encode(encoder_dir: Path, texts: dict[str, str]) -> dict[str, np.ndarray]:
    import ray

    rows = pa.table({"print": list(texts), "text": list(texts.values())})
    num_actors = max(int(ray.cluster_resources().get("CPU", 1)), 1)
    blocks = [rows.slice(start, 256) for start in range(0, len(rows), 256)]
    encoded = ray.data.from_arrow(blocks).map_batches(
        _EncodeTexts,
        fn_constructor_args=(str(encoder_dir),),
        batch_format="pyarrow",
        batch_size=64,
        num_cpus=0.5,
        compute=ray.data.ActorPoolStrategy(size=min(num_actors, len(blocks))),
    )
    vectors: dict[str, np.ndarray] = {}
    batch: Any
    for batch in encoded.iter_batches(batch_size=None, batch_format="pyarrow"):
        vectors |= zip(batch["print"].to_pylist(), _matrix(batch["vector"]), strict=True)
    return vectors


class _EncodeTexts:
    """One actor of the pool."""

    def __init__(self, encoder_dir: str) -> None:
        self._encoder = Encoder(Path(encoder_dir))

    def __call__(self, batch: pa.Table) -> pa.Table:
        vectors = self._encoder.encode(batch["text"].to_pylist())
        return pa.table({"print": batch["print"], "vector": _column(vectors)})


def _known_vectors(storage: Storage, name: str) -> dict[str, np.ndarray]:
    if not has_snapshot(storage, name):
        return {}
    table = read_table(storage, load_snapshot(storage, name))
    return dict(zip(table["print"].to_pylist(), _matrix(table["vector"]), strict=True))


def _save_vectors(storage: Storage, name: str, vectors: dict[str, np.ndarray]) -> None:
    column = _column(np.stack(list(vectors.values())))
    table = pa.table({"print": list(vectors), "vector": column})
    write_snapshot(storage, name, [table], table.schema, {})


def _column(vectors: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1])


def _matrix(column: Any) -> np.ndarray:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: np.ndarray = flat.reshape(len(column), -1)
    return matrix
