"""The gate between challenger and champion: both answer the same rows, and the challenger must not be worse.

It does not move the pointer (`jobs/promote.py` does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tickets.config import PromoteConfig
from tickets.decide.metrics import paired_bootstrap
from tickets.errors import RefusedError
from tickets.models.labels import Labels, label_values
from tickets.release import Release
from tickets.storage import Storage
from tickets.train.paired import Given, PairedRows


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


def compare(
    storage: Storage, champion: Release, challenger: Release, connect: Callable[[], object]
) -> list[Comparison]:
    """Let both releases answer the test rows that neither learned from.

    Args:
        storage: The root.
        champion: The release to beat.
        challenger: The release that wants its place.
        connect: Starts or joins Ray; called where kept answers do not suffice.

    Raises:
        RefusedError: The challenger lacks a target of the champion, or no row is left to compare on.
    """
    lacking = set(champion.manifest.targets) - set(challenger.manifest.targets)
    if lacking:
        raise RefusedError(f"{challenger.id} has no model for {', '.join(sorted(lacking))}, which the champion answers")
    rows = PairedRows.of(storage, (champion, challenger))
    answers = rows.answers(connect)
    comparisons = []
    for target in champion.manifest.targets:
        values = label_values(rows.table, target)
        labelled = np.array([value is not None for value in values])
        before, after = (
            _hits(release.manifest.targets[target], answers[release.id][target], values)[labelled]
            for release in (champion, challenger)
        )
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


def _hits(names: Sequence[str], given: Given, values: Sequence[str | None]) -> np.ndarray:
    """1.0 where a row's label was hit; float64 [n]."""
    hits: np.ndarray = given.probabilities.argmax(axis=1) == Labels(tuple(names)).encode(values)
    return hits.astype(float)
