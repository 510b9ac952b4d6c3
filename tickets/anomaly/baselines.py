"""What was usual in the past, as one artefact of a release. It does not know new tickets (`scorer.py`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
from numpy.typing import ArrayLike

from tickets.anomaly.novelty import MIN_ROWS, NoveltyBaseline
from tickets.anomaly.volume import VolumeBaseline
from tickets.config.anomaly import AnomalyConfig
from tickets.errors import ModelError

FORMAT_VERSION: Final = 1
"""Version of the file; another one is refused."""
NO_VOLUME: Final = "no past tickets with a time and a label lie an hour or more apart"
"""Why there is no volume baseline."""
NO_NOVELTY: Final = f"fewer than {MIN_ROWS} past tickets were compared with their nearest"
"""Why there is no novelty baseline."""

_FILE: Final = "baselines.json"


@dataclass(frozen=True)
class Baselines:
    """What was usual in the past.

    Attributes:
        volume: Arrivals; None for the reason `NO_VOLUME`.
        novelty: Distances from the nearest ticket; None for the reason `NO_NOVELTY`.
        target: The target whose labels the arrivals are counted by.
    """

    volume: VolumeBaseline | None
    novelty: NoveltyBaseline | None
    target: str

    @classmethod
    def fit(
        cls,
        created_at: pa.Array | pa.ChunkedArray,
        labels: Sequence[str | None],
        distances: ArrayLike,
        target: str,
        config: AnomalyConfig,
    ) -> Baselines:
        """Learn from the training history.

        Args:
            created_at: n timestamps, null where a ticket has none.
            labels: n labels of the target, None where a ticket has none.
            distances: float[m], 1 - cosine of held-out tickets and their nearest past one.
            target: Its name.
            config: How volume is smoothed.

        Raises:
            ModelError: The columns do not fit each other, or a distance is not finite.
        """
        return cls(VolumeBaseline.fit(created_at, labels, config), NoveltyBaseline.fit(distances), target)

    def save(self, folder: Path) -> None:
        """Write `baselines.json`."""
        content = {
            "format_version": FORMAT_VERSION,
            "target": self.target,
            "volume": self.volume and self.volume.to_json(),
            "novelty": self.novelty and self.novelty.to_json(),
        }
        (folder / _FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Baselines:
        """Read what `save` wrote.

        Raises:
            ModelError: The file has another format version.
        """
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        if content.get("format_version") != FORMAT_VERSION:
            raise ModelError(
                f"{folder / _FILE}: format_version {content.get('format_version')!r}; allowed: {FORMAT_VERSION}"
            )
        return cls(
            content["volume"] and VolumeBaseline.from_json(content["volume"]),
            content["novelty"] and NoveltyBaseline.from_json(content["novelty"]),
            content["target"],
        )
