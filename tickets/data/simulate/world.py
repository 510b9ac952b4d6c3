"""What is true for one whole simulation: shares, drift, incidents, success rates. It does not know single tickets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from tickets.config import SimulateConfig
from tickets.data.simulate.dice import stream
from tickets.data.simulate.fixes import NUM_FIXES
from tickets.data.simulate.issues import ISSUES, SUDDEN
from tickets.data.simulate.population import Population, build_population
from tickets.data.simulate.triage import Floats, Ints
from tickets.errors import ConfigError
from tickets.schema import VALUE_SETS

Bools = npt.NDArray[np.bool_]

PRODUCTS: Final[tuple[str, ...]] = VALUE_SETS["product"]
DAY_S: Final = 86_400

_DRIFT_AT: Final = 0.6  # early enough for a split by time to have some of it in its training rows
_NUM_NEW_ISSUES: Final = 4
_NUM_GROWING_ISSUES: Final = 6
_RATES: Final = (0.88, 0.58, 0.28)
_WEEK: Final = np.array([1.25, 1.2, 1.1, 1.1, 1.0, 0.3, 0.25])
_HOURS: Final = np.array([2, 1, 1, 1, 1, 2, 4, 8, 14, 17, 16, 14, 11, 14, 15, 13, 11, 8, 6, 5, 4, 4, 3, 3]) / 10.0
_GROWTH: Final = 0.3  # from the first day to the last


@dataclass(frozen=True, slots=True)
class Incident:
    """A burst of tickets about one cause."""

    issue: int
    product: int
    start_s: int
    end_s: int
    num_tickets: int


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a product and when it came out."""

    name: str
    released_s: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything that holds for all tickets of one configuration. Times are epoch seconds."""

    start_s: int
    end_s: int
    drift_s: int
    """From here on `issue_shares[1]` and `product_shares[1]` hold; a midnight."""
    hour_shares: Floats
    """Share of the background tickets in each hour of the history; sums to 1."""
    shared: Bools
    """Issue types that two teams share, shape (num issues,)."""
    new: Bools
    """Issue types that occur from the drift day on only."""
    issue_shares: Floats
    """P(issue type) of background tickets before and after the drift, shape (2, num issues)."""
    product_shares: Floats
    """P(product) before and after the drift, shape (2, num products)."""
    drift_product: int
    versions: tuple[tuple[Version, ...], ...]
    """By product, in the order of release."""
    incidents: tuple[Incident, ...]
    success: Floats
    """P(a fix helps), shape (num issues, NUM_FIXES)."""
    population: Population

    @property
    def num_incident_tickets(self) -> int:
        """Tickets that belong to an incident."""
        return sum(incident.num_tickets for incident in self.incidents)

    @property
    def drift_share(self) -> float:
        """Share of the background tickets that come after the drift."""
        return float(self.hour_shares[(self.drift_s - self.start_s) // 3_600 :].sum())


def build_world(config: SimulateConfig) -> World:
    """Draw what is true of the whole simulation.

    Raises:
        ConfigError: The history is too small for its incidents.
    """
    if config.rows < 4 * config.incidents:
        raise ConfigError(
            f"simulate.incidents: {config.incidents} do not fit into {config.rows} rows; allowed: rows // 4 at most"
        )
    rng = stream(config.seed, 0)
    start = datetime(config.start.year, config.start.month, config.start.day, tzinfo=UTC)
    start_s, drift_s, end_s = (
        int((start + timedelta(days=days)).timestamp()) for days in (0, int(config.days * _DRIFT_AT), config.days)
    )
    shared = _choose(rng, np.arange(len(ISSUES)), round(config.ambiguity * len(ISSUES)))
    plain = np.flatnonzero(~shared)
    new = _choose(rng, plain, min(_NUM_NEW_ISSUES, len(plain) // 2))
    shares = _issue_shares(rng, shared, new)
    drift_product = int(rng.integers(len(PRODUCTS)))
    return World(
        start_s=start_s,
        end_s=end_s,
        drift_s=drift_s,
        hour_shares=_hour_shares(start, config.days),
        shared=shared,
        new=new,
        issue_shares=shares,
        product_shares=_product_shares(rng, drift_product),
        drift_product=drift_product,
        versions=_versions(rng, drift_product, (start_s, drift_s, end_s)),
        incidents=_incidents(rng, config, (start_s, drift_s, end_s), shared, shares),
        success=_success(rng),
        population=build_population(config.rows, rng),
    )


def _choose(rng: np.random.Generator, among: Ints, size: int) -> Bools:
    chosen = np.zeros(len(ISSUES), dtype=bool)
    chosen[rng.permutation(among)[:size]] = True
    return chosen


def _issue_shares(rng: np.random.Generator, shared: Bools, new: Bools) -> Floats:
    """Shares before and after the drift; shared types hold the same mass in both, so that ceilings do not move."""
    before = rng.gamma(3.0, size=len(ISSUES))
    after = before * np.where(_choose(rng, np.flatnonzero(~new), _NUM_GROWING_ISSUES), 3.0, 1.0)
    before[new] = 0.0
    shares = np.stack([before, after])
    for group in (shared, ~shared):
        if group.any():
            shares[:, group] *= group.mean() / shares[:, group].sum(axis=1, keepdims=True)
    return shares


def _product_shares(rng: np.random.Generator, drift_product: int) -> Floats:
    before = rng.gamma(6.0, size=len(PRODUCTS))
    after = before.copy()
    after[drift_product] *= 1.8
    return np.stack([before / before.sum(), after / after.sum()])


def _hour_shares(start: datetime, days: int) -> Floats:
    weekdays = (start.weekday() + np.arange(days)) % 7
    growth = 1.0 + _GROWTH * np.arange(days) / days
    weights = np.outer(_WEEK[weekdays] * growth, _HOURS).ravel()
    shares: Floats = weights / weights.sum()
    return shares


def _versions(
    rng: np.random.Generator, drift_product: int, times: tuple[int, int, int]
) -> tuple[tuple[Version, ...], ...]:
    start_s, drift_s, end_s = times
    products = []
    for product in range(len(PRODUCTS)):
        major, minor = int(rng.integers(1, 5)), int(rng.integers(0, 8))
        old_s = start_s - int(rng.integers(150, 300)) * DAY_S
        recent_s = start_s - int(rng.integers(5, 90)) * DAY_S
        versions = [Version(f"{major}.{minor}.0", old_s), Version(f"{major}.{minor + 1}.0", recent_s)]
        if product == drift_product:
            versions.append(Version(f"{major + 1}.0.0", drift_s))
        else:
            versions.append(Version(f"{major}.{minor + 2}.0", int(rng.integers(start_s, end_s))))
        products.append(tuple(versions))
    return tuple(products)


def _incidents(
    rng: np.random.Generator,
    config: SimulateConfig,
    times: tuple[int, int, int],
    shared: Bools,
    shares: Floats,
) -> tuple[Incident, ...]:
    """One incident in each of as many equal parts of the history, so that no two overlap."""
    start_s, drift_s, end_s = times
    sudden = np.array([issue.problem in SUDDEN for issue in ISSUES])
    incidents: list[Incident] = []
    for number in range(config.incidents):
        part_s = (end_s - start_s) / config.incidents
        begin_s = int(start_s + part_s * (number + rng.uniform(0.05, 0.5)))
        length_s = min(rng.uniform(2.0, 10.0) * 3_600, 0.4 * part_s)
        share = min(rng.uniform(0.006, 0.015), 0.25 / config.incidents)
        occurring = sudden & (shares[int(begin_s >= drift_s)] > 0)
        unshared = occurring & ~shared  # a shared cause would lower the ceiling for as long as the burst lasts
        incidents.append(
            Incident(
                issue=_unused(rng, np.flatnonzero(unshared if unshared.any() else occurring), incidents),
                product=int(rng.integers(len(PRODUCTS))),
                start_s=begin_s,
                end_s=begin_s + int(length_s),
                num_tickets=max(2, round(config.rows * share)),
            )
        )
    return tuple(incidents)


def _unused(rng: np.random.Generator, candidates: Ints, incidents: list[Incident]) -> int:
    used = {incident.issue for incident in incidents}
    fresh = [int(issue) for issue in candidates if issue not in used]
    return int(rng.choice(fresh or candidates.tolist()))


def _success(rng: np.random.Generator) -> Floats:
    """A good, a fair and a poor fix per issue type: what works for one object may fail for another."""
    order = np.argsort(rng.random((len(ISSUES), NUM_FIXES)), axis=1)
    return np.round(np.array(_RATES)[order] + rng.uniform(-0.08, 0.08, size=order.shape), 3)
