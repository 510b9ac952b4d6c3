"""Who writes and who answers: organisations, their customers, and agents. It does not know any ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tickets.data.simulate.triage import TIERS, Floats, Ints

REGIONS: Final = ("EU", "NA", "LATAM", "APAC", "MEA")
TENANTS: Final = ("north", "south")
SPECIALIZATIONS: Final = ("general", "enterprise", "database", "api", "security", "performance")
NUM_AGENTS: Final = 48

_TIER_SHARES: Final = (0.18, 0.24, 0.26, 0.18, 0.14)
_REGION_SHARES: Final = (0.38, 0.3, 0.14, 0.12, 0.06)
_TIER_VALUES: Final = (0.0, 90.0, 600.0, 2_400.0, 11_000.0)
_ROWS_PER_ORGANISATION: Final = 25


@dataclass(frozen=True, slots=True)
class Population:
    """Arrays over organisations, then over agents."""

    tier: Ints
    """Position in `TIERS`."""
    region: Ints
    """Position in `REGIONS`."""
    tenant: Ints
    """Position in `TENANTS`."""
    share: Floats
    """Share of the tickets that an organisation writes; sums to 1."""
    num_customers: Ints
    """Customers of an organisation, at least two."""
    first_customer: Ints
    """Number of its first customer."""
    age_days: Ints
    """Days for which it has been a customer when the history starts."""
    monthly_value: Floats
    """What it pays a month."""
    specialization: Ints
    """Position in `SPECIALIZATIONS` of each agent."""
    experience_months: Ints
    """Experience of each agent."""

    def tier_shares(self) -> Floats:
        """Share of the tickets that come from each tier, shape (5,)."""
        shares: Floats = np.bincount(self.tier, weights=self.share, minlength=len(TIERS)).astype(float)
        return shares


def build_population(rows: int, rng: np.random.Generator) -> Population:
    """Draw a population that fits a history of so many tickets."""
    size = int(np.clip(rows // _ROWS_PER_ORGANISATION, 12, 4_000))
    tier = rng.choice(len(TIERS), size=size, p=_TIER_SHARES)
    weight = rng.gamma(1.5, size=size) * (1.0 + 0.3 * tier)
    num_customers = rng.integers(2, 9, size=size)
    return Population(
        tier=tier,
        region=rng.choice(len(REGIONS), size=size, p=_REGION_SHARES),
        tenant=rng.integers(len(TENANTS), size=size),
        share=weight / weight.sum(),
        num_customers=num_customers,
        first_customer=np.cumsum(num_customers) - num_customers,
        age_days=rng.integers(20, 2_500, size=size),
        monthly_value=np.round(np.array(_TIER_VALUES)[tier] * rng.lognormal(0.0, 0.4, size=size), 2),
        specialization=np.arange(NUM_AGENTS) % len(SPECIALIZATIONS),
        experience_months=rng.integers(2, 120, size=NUM_AGENTS),
    )
