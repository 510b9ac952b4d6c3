"""Settings of `jobs/benchmark.py`. It does not know what is measured, or how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tickets.config.base import Config, PositiveInt
from tickets.config.train import FamilyName

Service = Literal["plain", "local", "cluster", "fused"]


class BenchmarkConfig(Config):
    """What is measured beside what, in one run."""

    suite: Literal["serve", "ingest", "sweep", "models"] = "serve"
    """`serve`: the graph over HTTP in its profiles, beside a plain service of the same classes. `ingest`: raw tickets
    to published tables, beside pandas, pyarrow and polars that only convert. `sweep`: the search of settings at equal
    time, beside random search and scikit-learn's halving. `models`: what fits and predictions of `model.families`
    cost."""
    services: tuple[Service, ...] = ("plain", "local", "cluster", "fused", "plain")
    """What is measured, in this order; `plain` is FastAPI and uvicorn with one worker per core. It stands at both ends
    so that a machine that grew slower meanwhile is seen."""
    clients: tuple[PositiveInt, ...] = (1, 8, 16)
    """Closed loops: so many clients, each of which asks again as soon as it was answered."""
    rates: tuple[Annotated[float, Field(gt=0.0)], ...] = (10.0, 30.0)
    """Open loops: so many tickets a second, whether or not earlier ones were answered."""
    rows: tuple[PositiveInt, ...] = (100_000,)
    """Sizes of the export that is ingested."""
    repeats: PositiveInt = 3
    """Runs of each contender, of which the median counts."""
    family: FamilyName = "xgboost"
    """Family whose settings are searched."""
    seeds: PositiveInt = 5
    """Seeds of each search."""
    search_s: Annotated[float, Field(gt=0.0)] = 40.0
    """Length of each search."""
    seconds: Annotated[float, Field(gt=0.0)] = 10.0
    """Length of each loop."""
    tickets: PositiveInt = 400
    """Different tickets that are asked, the newest of the offline table."""
