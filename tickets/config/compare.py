"""Settings of `jobs/compare.py`. It does not know how releases are compared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tickets.config.base import Config, Probability


class CompareConfig(Config):
    """Which releases are put side by side, and how. With none of `releases`, `multirun` and `last`: all releases of the
    bucket whose models were trained on the newest one's data."""

    releases: tuple[str, ...] = ()
    """Ids, `champion` or `latest`; `BUCKET/ID` for one of another bucket."""
    multirun: str | None = None
    """A multirun whose releases are compared: its id, or `latest`."""
    last: Annotated[int, Field(ge=2)] | None = None
    """How many of the bucket's newest releases."""
    baseline: str = "best"
    """What the others are compared with: `best` (by `metric`, on the compared rows), or one of the releases, by its
    id, `champion` or `latest`."""
    metric: Literal["accuracy", "weighted_f1", "macro_f1", "nll", "brier"] = "accuracy"
    """Figure that decides which is best."""
    confidence: Probability = 0.95
    """Confidence of every interval, and of all joint intervals of one figure together."""
    resamples: Annotated[int, Field(ge=200)] = 2_000
    """Draws of the bootstrap."""

    @model_validator(mode="after")
    def _one_choice(self) -> CompareConfig:
        given = [name for name in ("releases", "multirun", "last") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"allowed: one of releases, multirun and last, got {' and '.join(given)}")
        return self
