"""What a comparison of releases found. It does not know how it was found or how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tickets.decide.contest import Difference

SHOWN: Final = ("accuracy", "weighted_f1", "macro_f1", "nll", "brier", "ece", "automation")
"""Figures of each release, as `tickets.decide.metrics.score` names them."""


@dataclass(frozen=True)
class Entrant:
    """One release.

    Attributes:
        release: Its id.
        name: What sets it apart from the others, with its id where that is not enough.
        setting: The same without seeds; empty where only seeds, or nothing, differ.
        seeds: Its seeds, where they differ; empty where they do not.
        asked_precision: What its automated labels were to keep.
        model_bytes: Size of its model.
    """

    release: str
    name: str
    setting: str
    seeds: str
    asked_precision: float
    model_bytes: int


@dataclass(frozen=True)
class Row:
    """One release in the table of a target.

    Attributes:
        release: Its id.
        figures: Those of `SHOWN`.
        differences: Figure → what it has more than the baseline; empty for the baseline itself.
        verdict: `baseline`, `better`, `worse` or `not told apart`, by the joint interval of the deciding figure; empty
            where rows are not the same.
    """

    release: str
    figures: Mapping[str, Any]
    differences: Mapping[str, Difference]
    verdict: str


@dataclass(frozen=True)
class TargetTable:
    """One target.

    Attributes:
        target: Its name.
        num_rows: Labelled rows, the same for all; None where each release is judged on its own test rows.
        num_texts: Different texts among them.
        num_known: Rows whose label every release has in its closed list: on these the NLL is taken.
        baseline: The release that the others are compared with.
        num_pairs: Pairs that the joint intervals hold for.
        rows: The best first.
    """

    target: str
    num_rows: int | None
    num_texts: int | None
    num_known: int | None
    baseline: str | None
    num_pairs: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Spread:
    """One setting with several seeds, each release on its own test rows.

    Attributes:
        target: The target.
        setting: What they have in common and others have not; `all` where there is nothing else.
        num_runs: Releases with different seeds.
        figures: Figure → `mean`, `sd` (n - 1), `low` and `high`, the smallest and the largest.
    """

    target: str
    setting: str
    num_runs: int
    figures: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class BucketComparison:
    """The releases of one bucket.

    Attributes:
        bucket: Its name.
        metric: Figure that decides.
        confidence: Of every interval, and of all joint ones of one figure together.
        unpaired: Why the figures are each release's own, on rows that are not the same; None where they are the same.
        entrants: The releases, the oldest first.
        tables: One per target.
        spreads: Settings with several seeds.
    """

    bucket: str
    metric: str
    confidence: float
    unpaired: str | None
    entrants: tuple[Entrant, ...]
    tables: tuple[TargetTable, ...]
    spreads: tuple[Spread, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    def better_than(self, champion: str | None) -> str | None:
        """The best release by the first target that has rows; None where rows are not the same, and where the champion
        is compared and not surely worse."""
        table = next((table for table in self.tables if table.baseline), None)
        if table is None:
            return None
        best, verdicts = table.rows[0], {row.release: row.verdict for row in table.rows}
        is_told = champion not in verdicts or verdicts[champion] == "worse"
        is_told |= table.baseline == champion and best.verdict == "better"
        return best.release if is_told else None

    def name_of(self, release: str) -> str:
        """What sets a release apart."""
        return next(entrant.name for entrant in self.entrants if entrant.release == release)
