"""Settings of the anomaly baselines and of when a ticket is called unusual. It does not know how either is computed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tickets.config.base import Config, PositiveInt, Probability


class AnomalyConfig(Config):
    """What is usual, and what is not."""

    window_s: PositiveInt = 3600
    """Arrivals of the last so many seconds are counted together."""
    volume_alarm: Probability = 0.001
    """Chance of so many tickets in a window from which on their volume is called unusual. It holds for a window that
    ends at any moment: one that ends at a ticket is fuller, so of the tickets a larger share is called."""
    min_tickets: PositiveInt = 3
    """Fewer tickets in a window are never an unusual volume, however rare their class."""
    max_arrivals: PositiveInt = 100_000
    """Arrivals that a window remembers; beyond, the oldest is forgotten and counts turn out too low."""
    history_weeks: PositiveInt = 52
    """Latest weeks of history that usual volume is learned from, so that it follows a desk that grows."""
    smoothing_weeks: Annotated[float, Field(gt=0.0)] = 1.0
    """Weeks of the flat rate that each hour of the week is smoothed with, and weeks of the class's share of the
    overall weekly shape that each hour of a class is smoothed with."""
    novelty_alarm: Probability = 0.01
    """Share of past tickets that were at least as far from their nearest from which on a ticket is called novel. The
    smallest share that n past tickets can show is 1 / (n + 1): 0.01 takes 99 of them."""
