"""The same tickets answered by several releases: rows that none of them learned from.

A release keeps its answers to its own test rows (`save_answers`): where these hold all the compared rows no model is
loaded. It does not know what is made of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.errors import RefusedError
from tickets.features.state import join_text
from tickets.models.triage import Answer
from tickets.release import Release, open_release
from tickets.snapshots import load_snapshot, read_table, write_snapshot
from tickets.storage import Storage
from tickets.train.report import automated_rows
from tickets.train.split import TEST
from tickets.train.vectors import EncoderRef, encode_texts

_PROBABILITIES: Final = "_probabilities"
_AUTOMATED: Final = "_automated"


@dataclass(frozen=True)
class Given:
    """What a release says of n tickets for one target.

    Attributes:
        probabilities: float64 [n, k], calibrated, columns in the order of the release's closed list.
        automated: bool [n], whether the answer may be acted on.
    """

    probabilities: np.ndarray
    automated: np.ndarray


@dataclass(frozen=True)
class PairedRows:
    """Tickets that none of some releases of one bucket learned from.

    Attributes:
        storage: The root.
        releases: All those that answer.
        offline: Id of the snapshot that the tickets are read from, the newest of those that the releases were made of.
        table: Their columns, n rows.
    """

    storage: Storage
    releases: tuple[Release, ...]
    offline: str
    table: pa.Table

    @classmethod
    def of(cls, storage: Storage, releases: Sequence[Release]) -> PairedRows:
        """The test rows of any release that are in no other split of any.

        Raises:
            RefusedError: There is none.
        """
        bucket = releases[0].manifest.bucket
        offline = max(release.manifest.data["offline"] for release in releases)
        splits = [_read_splits(storage, release) for release in releases]
        tests, learned = set[str](), set[str]()
        for table in splits:
            is_test = pc.equal(table["split"], TEST)
            tests |= set(table["ticket_id"].filter(is_test).to_pylist())
            learned |= set(table["ticket_id"].filter(pc.invert(is_test)).to_pylist())
        table = read_table(storage, load_snapshot(storage, f"{bucket}/offline", offline))
        rows = table.filter(pc.is_in(table["ticket_id"], value_set=pa.array(sorted(tests - learned), pa.string())))
        if not rows.num_rows:
            names = ", ".join(release.id for release in releases)
            raise RefusedError(f"no test row is new to all of {names}: each learned from what tests another")
        return cls(storage, tuple(releases), offline, rows)

    def answers(self, connect: Callable[[], object]) -> dict[str, dict[str, Given]]:
        """Release id → target → answers to all rows.

        Args:
            connect: Starts or joins Ray; called where a release has to answer anew.

        Raises:
            ReleaseError: A file of a release that has to answer is missing or was changed.
        """
        found = {release.id: self._kept(release) for release in self.releases}
        asked = [release for release in self.releases if found[release.id] is None]
        if asked:
            connect()
            found |= self._ask(asked)
        return {id_: answers for id_, answers in found.items() if answers is not None}

    def _kept(self, release: Release) -> dict[str, Given] | None:
        """What the release answered when it was judged; None where that does not cover the rows as they are now."""
        data = release.manifest.data
        if data.get("answers") is None or data["offline"] != self.offline:
            return None
        saved = read_table(self.storage, load_snapshot(self.storage, _table(release), data["answers"]))
        at = pc.index_in(self.table["ticket_id"], value_set=saved["ticket_id"].combine_chunks())
        if at.null_count:
            return None
        rows = saved.take(at)
        return {
            target: Given(_matrix(rows[target + _PROBABILITIES], len(names)), np.asarray(rows[target + _AUTOMATED]))
            for target, names in release.manifest.targets.items()
        }

    def _ask(self, releases: Sequence[Release]) -> dict[str, dict[str, Given]]:
        """One Ray task per release; vectors of texts are computed here, once."""
        import ray

        table, task, pending = ray.put(self.table), ray.remote(_answer), {}
        for release in releases:
            encoder, manifest = EncoderRef.of(release), release.manifest
            names = [name for name in release.load_selection().text if name in self.table.column_names]
            texts = join_text(self.table, names)
            vectors = encode_texts(self.storage, encoder.vectors_name(manifest.bucket), encoder, texts)
            pending[release.id] = task.remote(self.storage.root, manifest.bucket, release.id, table, vectors)
        return {id_: ray.get(reference) for id_, reference in pending.items()}


def save_answers(storage: Storage, bucket: str, ticket_ids: pa.ChunkedArray, answers: Sequence[Answer]) -> str:
    """Keep a release's answers to its test rows: ids and numbers, no text.

    Args:
        storage: The root.
        bucket: Folder under it.
        ticket_ids: n ids.
        answers: One per target, to n tickets each.

    Returns:
        The id of the snapshot that holds them, for the manifest's `data["answers"]`.
    """
    columns: dict[str, Any] = {"ticket_id": ticket_ids}
    for answer in answers:
        columns[answer.target + _PROBABILITIES] = pa.array(list(answer.probabilities), pa.list_(pa.float64()))
        columns[answer.target + _AUTOMATED] = pa.array(automated_rows(answer))
    table = pa.table(columns)
    return write_snapshot(storage, f"{bucket}/answers", [table], table.schema, {}).id


def _answer(root: str, bucket: str, release_id: str, table: pa.Table, vectors: np.ndarray) -> dict[str, Given]:
    model = open_release(Storage(root), bucket, release_id).load_model()
    answers = model.answer(model.complete(table), vectors)
    return {answer.target: Given(answer.probabilities, automated_rows(answer)) for answer in answers}


def _read_splits(storage: Storage, release: Release) -> pa.Table:
    manifest = release.manifest
    return read_table(storage, load_snapshot(storage, f"{manifest.bucket}/splits", manifest.data["splits"]))


def _table(release: Release) -> str:
    return f"{release.manifest.bucket}/answers"


def _matrix(column: pa.ChunkedArray, num_columns: int) -> np.ndarray:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: np.ndarray = flat.reshape(len(column), num_columns)
    return matrix
