"""The gate between challenger and champion: both answer the same rows, and the challenger must not be worse.

It does not move the pointer (`jobs/promote.py` does), or know how answers are compared (`compare.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tickets.config import CompareConfig, PromoteConfig
from tickets.decide.draws import FEWEST_GROUPS
from tickets.errors import RefusedError
from tickets.release import Release
from tickets.storage import Storage
from tickets.train.compare import compare_releases
from tickets.train.comparison import TargetTable


@dataclass(frozen=True)
class Comparison:
    """One target on rows that neither release learned from.

    Attributes:
        target: Its name.
        num_rows: Rows compared.
        num_texts: Different texts among them; rows of one text are one observation.
        champion: Accuracy of the champion.
        challenger: Accuracy of the challenger.
        gain: Mean gain of the challenger, paired by row, with its interval, as `jobs/compare.py` shows it.
        low: Lower end.
        high: Upper end.
    """

    target: str
    num_rows: int
    num_texts: int
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
    storage: Storage,
    champion: Release,
    challenger: Release,
    config: CompareConfig,
    connect: Callable[[], object],
) -> list[Comparison]:
    """Let both releases answer the test rows that neither learned from.

    Args:
        storage: The root.
        champion: The release to beat.
        challenger: The release that wants its place.
        config: Confidence and draws of the intervals.
        connect: Starts or joins Ray; called where kept answers do not suffice.

    Raises:
        RefusedError: The challenger lacks a target of the champion, or no row is left to compare on.
    """
    lacking = set(champion.manifest.targets) - set(challenger.manifest.targets)
    if lacking:
        raise RefusedError(f"{challenger.id} has no model for {', '.join(sorted(lacking))}, which the champion answers")
    pair = sorted((champion, challenger), key=lambda release: release.id)
    (found,) = compare_releases(storage, pair, config.model_copy(update={"baseline": champion.id}), connect)
    if found.unpaired:
        raise RefusedError(found.unpaired)
    asked = [table for table in found.tables if table.target in champion.manifest.targets and table.num_rows]
    if not asked:
        raise RefusedError(f"no test row of {challenger.id} has a label and is new to the champion {champion.id}")
    return [_comparison(table, champion.id, challenger.id) for table in asked]


def check(comparisons: list[Comparison], config: PromoteConfig) -> None:
    """Refuse a challenger that may lose more than allowed on any target, or of which too few rows tell.

    Raises:
        RefusedError: Names the targets, the losses and the limit.
    """
    few = [f"{of.target} ({of.num_texts})" for of in comparisons if of.num_texts < FEWEST_GROUPS]
    if few:
        raise RefusedError(
            f"compared on fewer than {FEWEST_GROUPS} different texts, which tell nothing: {', '.join(few)}; "
            "promote.force=true moves the champion all the same"
        )
    worse = [str(of) for of in comparisons if of.low < -config.max_loss]
    if worse:
        raise RefusedError(f"may lose more than promote.max_loss={config.max_loss}: " + "; ".join(worse))


def _comparison(table: TargetTable, champion: str, challenger: str) -> Comparison:
    rows = {row.release: row for row in table.rows}
    before, after = (rows[id_].figures["accuracy"]["value"] for id_ in (champion, challenger))
    gain = rows[challenger].differences["accuracy"]
    num_rows, num_texts = table.num_rows or 0, table.num_texts or 0
    return Comparison(table.target, num_rows, num_texts, before, after, gain.value, gain.joint_low, gain.joint_high)
