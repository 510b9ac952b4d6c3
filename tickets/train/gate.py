"""The gate between challenger and champion: both answer the same rows, and the challenger must not be worse.

It does not move the pointer (`jobs/promote.py` does).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config import PromoteConfig
from tickets.decide.metrics import paired_bootstrap
from tickets.errors import RefusedError
from tickets.models.labels import MISSING, label_values
from tickets.release import Release
from tickets.snapshots import load_snapshot, read_table
from tickets.storage import Storage
from tickets.train.prepare import EncoderRef, encode_texts
from tickets.train.split import TEST


@dataclass(frozen=True)
class Comparison:
    """One target on rows that neither release learned from.

    Attributes:
        target: Its name.
        num_rows: Rows compared.
        champion: Accuracy of the champion.
        challenger: Accuracy of the challenger.
        gain: Mean gain of the challenger, paired by row, with its interval.
        low: Lower end.
        high: Upper end.
    """

    target: str
    num_rows: int
    champion: float
    challenger: float
    gain: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.target}: accuracy {self.champion:.3f} → {self.challenger:.3f} on {self.num_rows} rows, "
            f"gain {self.gain:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        )


def compare(storage: Storage, champion: Release, challenger: Release) -> list[Comparison]:
    """Let both releases answer the challenger's test rows that the champion did not learn from.

    Raises:
        RefusedError: The challenger lacks a target of the champion, or no row is left to compare on.
    """
    lacking = set(champion.manifest.targets) - set(challenger.manifest.targets)
    if lacking:
        raise RefusedError(f"{challenger.id} has no model for {', '.join(sorted(lacking))}, which the champion answers")
    table = _common_rows(storage, champion, challenger)
    right = {release.id: _right_answers(storage, release, table) for release in (champion, challenger)}
    comparisons = []
    for target in champion.manifest.targets:
        labelled = np.array([value is not None for value in label_values(table, target)])
        before, after = (right[release.id][target][labelled].astype(float) for release in (champion, challenger))
        if len(before):
            interval = paired_bootstrap(after, before)
            comparisons.append(Comparison(target, len(before), before.mean(), after.mean(), *interval))
    if not comparisons:
        raise RefusedError(f"no test row of {challenger.id} has a label and is new to the champion {champion.id}")
    return comparisons


def check(comparisons: list[Comparison], config: PromoteConfig) -> None:
    """Refuse a challenger that may lose more than allowed on any target.

    Raises:
        RefusedError: Names the targets, the losses and the limit.
    """
    worse = [str(of) for of in comparisons if of.low < -config.max_loss]
    if worse:
        raise RefusedError(f"may lose more than promote.max_loss={config.max_loss}: " + "; ".join(worse))


def _common_rows(storage: Storage, champion: Release, challenger: Release) -> pa.Table:
    data = challenger.manifest.data
    bucket = challenger.manifest.bucket
    splits = {
        release.id: read_table(storage, load_snapshot(storage, f"{bucket}/splits", release.manifest.data["splits"]))
        for release in (champion, challenger)
    }
    tests = _ids(splits[challenger.id], pc.equal(splits[challenger.id]["split"], TEST))
    learned = _ids(splits[champion.id], pc.not_equal(splits[champion.id]["split"], TEST))
    table = read_table(storage, load_snapshot(storage, f"{bucket}/offline", data["offline"]))
    wanted = pa.array(sorted(tests - learned), pa.string())
    return table.filter(pc.is_in(table["ticket_id"], value_set=wanted))


def _ids(table: pa.Table, mask: Any) -> set[str]:
    return set(table["ticket_id"].filter(mask).to_pylist())


def _right_answers(storage: Storage, release: Release, table: pa.Table) -> dict[str, np.ndarray]:
    """Target → whether each row's label was hit; bool [n]."""
    model = release.load_model()
    tickets = model.complete(table)
    encoder = EncoderRef.of(release)
    vectors = encode_texts(storage, encoder.vectors_name(release.manifest.bucket), encoder, model.state.texts(tickets))
    right = {}
    for answer in model.answer(tickets, vectors):
        codes = model.target(answer.target).labels.encode(label_values(tickets, answer.target))
        right[answer.target] = (answer.probabilities.argmax(axis=1) == codes) & (codes > MISSING)
    return right
