"""How unusual a new ticket is, with the reasons. It does not know how labels are predicted or neighbours found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tickets.anomaly.arrivals import ArrivalWindow, epoch_s
from tickets.anomaly.baselines import NO_NOVELTY, NO_VOLUME, Baselines
from tickets.config.anomaly import AnomalyConfig


@dataclass(frozen=True, slots=True)
class VolumeScore:
    """How many tickets of a class came lately, beside how many usually do."""

    label: str
    window_s: int
    count: int
    expected: float
    p_value: float
    """Probability of so many tickets or more, where nothing is unusual."""
    is_unusual: bool


@dataclass(frozen=True, slots=True)
class NoveltyScore:
    """How near the nearest past ticket is, beside how near it usually is."""

    similarity: float
    """Cosine."""
    share_as_far: float
    """Share of past tickets that were at least as far from their nearest."""
    is_unusual: bool


@dataclass(frozen=True, slots=True)
class AnomalyScores:
    """What is unusual about a ticket."""

    volume: VolumeScore | None
    novelty: NoveltyScore | None
    is_unusual: bool
    why: tuple[str, ...]
    """Clauses for a person: one for each part that is unusual, and one for each that could not be scored."""


class AnomalyScorer:
    """Scores tickets as they arrive; threads may share it.

    Args:
        baselines: What was usual.
        nearest: Cosine of a vector, float32 [d], and the nearest past ticket's; None where there is no past ticket.
        config: The window, and when to call a score unusual.
        arrivals: What was counted before, so that new baselines do not forget it; None starts at zero.
    """

    def __init__(
        self,
        baselines: Baselines,
        nearest: Callable[[np.ndarray], float | None],
        config: AnomalyConfig,
        arrivals: ArrivalWindow | None = None,
    ) -> None:
        self._baselines = baselines
        self._nearest = nearest
        self._config = config
        # Not `or`: a window without arrivals is false.
        self._arrivals = ArrivalWindow(config.window_s, config.max_arrivals) if arrivals is None else arrivals

    def score(
        self,
        ticket: Mapping[str, Any],
        probabilities: Mapping[str, float],
        vector: np.ndarray | None,
        now: datetime,
        record: bool = True,
    ) -> AnomalyScores:
        """Score one ticket.

        Args:
            ticket: Its fields; one that comes again under the same `ticket_id` within the window counts once.
            probabilities: By label of the baselines' target; the ticket counts to the most probable one.
            vector: float32 [d], the sentence vector, if it has one.
            now: When it arrived, with a time zone.
            record: Count the ticket; a health check does not.

        Raises:
            ModelError: `now` has no time zone, or the cosine is not finite.
        """
        epoch_s(now)  # refused even where nothing is counted
        volume, about_volume = self._volume(ticket, probabilities, now, record)
        novelty, about_novelty = self._novelty(vector)
        return AnomalyScores(
            volume,
            novelty,
            any(part is not None and part.is_unusual for part in (volume, novelty)),
            tuple(clause for clause in (about_volume, about_novelty) if clause),
        )

    def _volume(
        self, ticket: Mapping[str, Any], probabilities: Mapping[str, float], now: datetime, record: bool
    ) -> tuple[VolumeScore | None, str | None]:
        baseline, config = self._baselines.volume, self._config
        if baseline is None:
            return None, f"volume is not scored: {NO_VOLUME}"
        if not probabilities:
            return None, f"volume is not scored: the ticket has no predicted {self._baselines.target}"
        label = max(probabilities, key=probabilities.__getitem__)
        if record:
            ticket_id = ticket.get("ticket_id")
            self._arrivals.add(label, now, None if ticket_id is None else str(ticket_id))
        count = self._arrivals.count(label, now)
        expected, p_value = baseline.surprise(label, count, now - timedelta(seconds=config.window_s), now)
        is_unusual = count >= config.min_tickets and p_value <= config.volume_alarm
        score = VolumeScore(label, config.window_s, count, expected, p_value, is_unusual)
        return score, _volume_clause(score) if is_unusual else None

    def _novelty(self, vector: np.ndarray | None) -> tuple[NoveltyScore | None, str | None]:
        baseline = self._baselines.novelty
        if baseline is None:
            return None, f"novelty is not scored: {NO_NOVELTY}"
        if vector is None:
            return None, "novelty is not scored: the ticket has no vector"
        similarity = self._nearest(vector)
        if similarity is None:
            return None, "novelty is not scored: there is no past ticket to compare with"
        similarity = float(similarity)  # an index answers in its own number type, which JSON does not hold
        share = baseline.share_as_far(1 - similarity)
        score = NoveltyScore(similarity, share, share <= self._config.novelty_alarm)
        return score, _novelty_clause(score) if score.is_unusual else None


def _volume_clause(score: VolumeScore) -> str:
    usual = f"{score.expected:.1f}" if score.expected >= 0.1 else "fewer than 0.1"
    chance = f"p = {score.p_value:.4f}" if score.p_value >= 0.0001 else "p < 0.0001"
    minutes = f"{score.window_s / 60:g}"
    return f"{score.count} tickets of {score.label} in the last {minutes} minutes where {usual} are usual ({chance})"


def _novelty_clause(score: NoveltyScore) -> str:
    nearer = math.floor(1000 * (1 - score.share_as_far)) / 10  # never rounded up to all of them
    return f"farther from its nearest past ticket than {nearer:.1f} % of past tickets were from theirs"
