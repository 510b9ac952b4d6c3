"""The thresholds that one set of calibration rows shows. It does not know which rows these were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tickets.decide.thresholds import Threshold


@dataclass(frozen=True, slots=True)
class Rules:
    """From which confidences on answers are automated and suggested."""

    automate: Threshold | None = None
    """None where no threshold keeps the precision that was asked for."""
    suggest: Threshold | None = None
    """None where no threshold keeps the precision that was asked for."""
    ladder: tuple[Threshold, ...] = ()
    """Thresholds for other precisions that may be asked for without a new calibration, the lowest precision first."""

    def asking(self, precision: float) -> Rules:
        """With the next rung of the ladder at or above another precision; above the top rung nothing is automated."""
        rung = next((rung for rung in self.ladder if rung.precision >= precision), None)
        return replace(self, automate=rung)

    def suggesting(self) -> Rules:
        """Without automation."""
        return replace(self, automate=None)

    def to_json(self) -> dict[str, Any]:
        """The fields as values that JSON holds."""
        return {
            "automate": self.automate and self.automate.to_json(),
            "suggest": self.suggest and self.suggest.to_json(),
            "ladder": [rung.to_json() for rung in self.ladder],
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Rules:
        """The inverse of `to_json`."""
        automate, suggest = (state[name] and Threshold.from_json(state[name]) for name in ("automate", "suggest"))
        return cls(automate, suggest, tuple(Threshold.from_json(rung) for rung in state["ladder"]))
