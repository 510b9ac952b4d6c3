"""The sentence vectors of a bucket's texts: computed once by a pool of Ray actors, and kept beside the data.

They are a cache: a table per encoder, of a text's digest and its vector, to whose end new parts are put. What is lost
of it is computed again. It does not know tickets or models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets import logs
from tickets.errors import ConflictError, StorageError
from tickets.features.encoder import Encoder
from tickets.release import Release
from tickets.snapshots import (
    UNDATED,
    Part,
    commit,
    has_snapshot,
    load_snapshot,
    read_head,
    read_part,
    save_snapshot,
    write_part,
)
from tickets.storage import Storage

PART_ROWS: Final = 8_192
"""Texts after which what was computed is kept: a job that is killed loses no more."""

_FOLDER: Final = "vectors"
_TRIES: Final = 20


@dataclass(frozen=True)
class EncoderRef:
    """An exported encoder: its key under the root and its digest."""

    key: str
    digest: str

    @classmethod
    def of(cls, release: Release) -> EncoderRef:
        """The encoder that a release pins."""
        return cls.at(release.manifest.parts["encoder"].key)

    @classmethod
    def at(cls, key: str) -> EncoderRef:
        """The encoder of a key, whose last part is its digest."""
        return cls(key, key.rsplit("/", 1)[-1])

    def vectors_name(self, bucket: str) -> str:
        """Where the vectors that it computed for a bucket are kept."""
        return f"{bucket}/{_FOLDER}/{self.digest[:16]}"


def encode_texts(storage: Storage, name: str, encoder: EncoderRef, texts: Sequence[str]) -> np.ndarray:
    """Sentence vectors of texts; those that the vector table `name` holds are not computed again.

    Needs a running Ray where any is missing.

    Returns:
        float32 [n, d], row by row the vector of the text.
    """
    keys = [text_key(text) for text in texts]
    vectors = _read(storage, name, set(keys))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
    if missing:
        with logs.timed(logs.get("ml"), "encode", rows=len(missing)):
            for rows in _encode(storage.fetch(encoder.key), missing):
                _append(storage, name, _write(storage, name, rows))
                vectors |= _by_key(rows)
    return np.stack([vectors[key] for key in keys])


def text_key(text: str) -> str:
    """Under what a text's vector is kept. Not the normalised text: an encoder may see case and white space."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def drop_vectors(
    storage: Storage, bucket: str, keys: Collection[str], used: Collection[str], older_than_s: float
) -> int:
    """Drop the vectors of all but some texts, and the tables of all but some encoders.

    A younger part stays, because a job may be at work with it; a job that finds a part gone computes it again.

    Args:
        storage: The root.
        bucket: Folder under it.
        keys: `text_key` of each text whose vector stays.
        used: Names of the tables that stay, as `EncoderRef.vectors_name` gives them.
        older_than_s: Age in seconds from which on a part may go.

    Returns:
        How many vectors went.
    """
    wanted = pa.array(sorted(keys), pa.string())
    names = [f"{bucket}/{table}" for table in read_head(storage, bucket).tables if table.startswith(f"{_FOLDER}/")]
    gone: dict[str, int] = {}
    for name in names:
        gone |= _drop(storage, name, wanted if name in used else wanted[:0], older_than_s)
    for key in gone.keys() - {part.key for name in names for part in _parts(storage, name)}:
        storage.delete(key)  # older versions of a table may list it, but nobody reads these
    return sum(gone.values())


def _drop(storage: Storage, name: str, wanted: pa.Array, older_than_s: float) -> dict[str, int]:
    """Replace every old part that holds other keys by one without them; replaced parts → vectors that went."""
    kept: dict[str, list[Part]] = {}
    gone: dict[str, int] = {}
    for part in _parts(storage, name):
        if storage.age_s(part.key) >= older_than_s:
            rows = read_part(storage, part)
            rows = rows.filter(pc.is_in(rows["print"], value_set=wanted))
            if rows.num_rows < part.num_rows:
                gone[part.key] = part.num_rows - rows.num_rows
                kept[part.key] = [_write(storage, name, rows)] if rows.num_rows else []
    if kept:
        _change(storage, name, lambda parts: [new for part in parts for new in kept.get(part.key, [part])])
    return gone


def _read(storage: Storage, name: str, keys: Collection[str]) -> dict[str, np.ndarray]:
    """Key → float32 [d], of the keys that are kept; one part in memory at a time."""
    wanted = pa.array(sorted(keys), pa.string())
    vectors: dict[str, np.ndarray] = {}
    for part in _parts(storage, name):
        try:
            is_wanted = pc.is_in(read_part(storage, part, ["print"])["print"], value_set=wanted)
            if pc.any(is_wanted).as_py():
                vectors |= _by_key(read_part(storage, part).filter(is_wanted))
        except StorageError as error:  # `drop_vectors` was at work meanwhile
            logs.get("ml").info("vectors are computed again: {}", error.message)
    return vectors


def _parts(storage: Storage, name: str) -> tuple[Part, ...]:
    return load_snapshot(storage, name).parts if has_snapshot(storage, name) else ()


def _write(storage: Storage, name: str, rows: pa.Table) -> Part:
    return write_part(storage, name.split("/", 1)[0], UNDATED, rows)


def _append(storage: Storage, name: str, new: Part) -> None:
    _change(storage, name, lambda parts: [*parts, new] if new not in parts else list(parts))


def _change(storage: Storage, name: str, change: Callable[[Sequence[Part]], list[Part]]) -> None:
    """Show readers other parts of a table; what another job did to it meanwhile stays."""
    bucket = name.split("/", 1)[0]
    for tries_left in reversed(range(_TRIES)):
        head = read_head(storage, bucket)
        snapshot = save_snapshot(storage, name, change(_parts(storage, name)), {})
        try:
            commit(storage, bucket, head, [snapshot])
            return
        except ConflictError:
            if not tries_left:
                raise


def _encode(encoder_dir: Path, texts: Mapping[str, str]) -> Iterator[pa.Table]:
    """The vectors of texts, in tables of at least `PART_ROWS` rows and one of the rest."""
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
    batches: Any = encoded.iter_batches(batch_size=None, batch_format="pyarrow")
    return gather_parts(_to_table(batch["print"], _matrix(batch["vector"])) for batch in batches)


def gather_parts(batches: Iterable[pa.Table], least_rows: int = PART_ROWS) -> Iterator[pa.Table]:
    """Batches, put together to tables of at least so many rows and one of the rest."""
    held: list[pa.Table] = []
    for batch in batches:
        held.append(batch)
        if sum(of.num_rows for of in held) >= least_rows:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


class _EncodeTexts:
    """One actor of the pool."""

    def __init__(self, encoder_dir: str) -> None:
        self._encoder = Encoder(Path(encoder_dir))

    def __call__(self, batch: pa.Table) -> pa.Table:
        return _to_table(batch["print"], self._encoder.encode(batch["text"].to_pylist()))


def _to_table(keys: pa.ChunkedArray, vectors: np.ndarray) -> pa.Table:
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1])
    return pa.table({"print": keys, "vector": column})


def _by_key(table: pa.Table) -> dict[str, np.ndarray]:
    return dict(zip(table["print"].to_pylist(), _matrix(table["vector"]), strict=True))


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: np.ndarray = flat.reshape(len(column), -1)
    return matrix
