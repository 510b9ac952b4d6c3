"""A planted history: two classes whose hourly counts are negative binomial around known weekly rates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DISPERSION = 0.3
NUM_WEEKS = 52


@dataclass(frozen=True)
class Planted:
    """A history and the truth behind it."""

    rates: dict[str, np.ndarray]
    """float64 [168] by class, tickets per hour from Monday 00:00 UTC."""
    created_at: pa.Array
    labels: list[str]

    def counts(self, name: str, num_weeks: int, rng: np.random.Generator) -> np.ndarray:
        """Counts of as many weeks of hours, drawn anew."""
        means = np.tile(self.rates[name], num_weeks)
        return rng.poisson(means * rng.gamma(1 / DISPERSION, DISPERSION, len(means)))


@pytest.fixture(scope="session")
def planted() -> Planted:
    """52 weeks from Monday, 1 January 2024: 5 tickets an hour by day, less at night and much less at weekends."""
    hour = np.arange(168)
    busy = np.where((hour % 24 >= 8) & (hour % 24 < 18), 5.0, 1.0) * np.where(hour >= 120, 0.2, 1.0)
    rates = {"often": busy, "seldom": busy / 10}
    empty = Planted(rates, pa.array([], pa.timestamp("ms", tz="UTC")), [])
    rng = np.random.default_rng(11)
    moments, labels = [], []
    for name in rates:
        counts = empty.counts(name, NUM_WEEKS, rng)
        hours = np.repeat(np.arange(len(counts)), counts) + rng.random(counts.sum())
        moments += (MONDAY.timestamp() + hours * 3600).tolist()
        labels += [name] * len(hours)
    milliseconds = [int(moment * 1000) for moment in moments]
    return Planted(rates, pa.array(milliseconds, pa.timestamp("ms", tz="UTC")), labels)
