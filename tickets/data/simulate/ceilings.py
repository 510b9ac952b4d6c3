"""The best accuracy that any model can reach on simulated tickets, in closed form. It draws no ticket.

Triage sees the issue type and the fields of the creation stage, then labels at random with known odds. Whoever knows
the same things can do no better than to name the likeliest label each time.
"""

from __future__ import annotations

import numpy as np

from tickets.config import SimulateConfig
from tickets.data.simulate.facts import OWNER, RIVAL, URGENCY
from tickets.data.simulate.issues import CATEGORIES, SUBCATEGORIES
from tickets.data.simulate.triage import (
    ENVIRONMENT_SHARES,
    ENVIRONMENTS,
    IMPACT_SHARES,
    IMPACTS,
    INCIDENT_IMPACT_SHARES,
    INCIDENT_USER_SHARES,
    OWNER_SHARE,
    PRIORITIES,
    SEVERITY_SHARES,
    SLIP,
    SUBCATEGORY_CATEGORY,
    TIERS,
    USER_BINS,
    USER_SHARES,
    Floats,
    ruled_priority,
    slipped_priority_matrix,
    wrong_category_matrix,
)
from tickets.data.simulate.world import World, build_world


def ceilings(config: SimulateConfig) -> dict[str, float]:
    """The expected accuracy of the best possible model, by target.

    With z the issue type, n the label noise, T(s | z) the odds of the team (1 for the owner of a plain type;
    0.65 and 0.35 for owner and rival of a shared one) and W(t | s) uniform over the subcategories of the other
    categories:

        P(t | z)          = (1 - n) T(t | z) + n sum_s T(s | z) W(t | s)
        subcategory       = sum_z P(z) max_t P(t | z)
        category          = sum_z P(z) max_c sum_(t in c) P(t | z)

    With x the tier, impact, environment, bin of affected users and urgency of the issue type, r(x) the ruled
    priority, e(x) the odds of a slip and N(p | r) uniform over the neighbours of r:

        S(p | x)          = (1 - e(x)) [p = r(x)] + e(x) N(p | r(x))
        P(p | x)          = (1 - n) S(p | x) + n (1 - S(p | x)) / 3
        priority          = sum_x P(x) max_p P(p | x)

    Severity depends on nothing, so that its ceiling is the share of its most frequent value. P(z) and P(x) mix the
    background before the drift, the background after it, and every incident, by their expected numbers of tickets.

    Args:
        config: The simulation's settings; the draws that hold for the whole of it are repeated here.

    Returns:
        Target → accuracy, in [0, 1], for category, subcategory, priority and severity.

    Raises:
        ConfigError: The history is too small for its incidents.
    """
    world = build_world(config)
    subcategory = subcategory_odds(world, config.label_noise)
    category = subcategory @ (SUBCATEGORY_CATEGORY[:, None] == np.arange(len(CATEGORIES)))
    background, incident = _issue_odds(world, config)
    issue = background + incident
    priority = priority_odds(config.label_noise).max(axis=-1)
    return {
        "category": float(issue @ category.max(axis=1)),
        "subcategory": float(issue @ subcategory.max(axis=1)),
        "priority": float((_case_odds(world, background, incident) * priority).sum()),
        "severity": float(SEVERITY_SHARES.max()),
    }


def subcategory_odds(world: World, noise: float) -> Floats:
    """P(subcategory label | issue type), shape (num issues, 25)."""
    shape = (len(OWNER), len(SUBCATEGORIES))
    owner, rival = np.zeros(shape), np.zeros(shape)
    owner[np.arange(len(OWNER)), OWNER] = 1.0
    rival[np.arange(len(RIVAL)), RIVAL] = 1.0
    by_owner = np.where(world.shared, OWNER_SHARE, 1.0)[:, None]
    team = by_owner * owner + (1.0 - by_owner) * rival
    return (1.0 - noise) * team + noise * team @ wrong_category_matrix()


def priority_odds(noise: float) -> Floats:
    """P(priority label | tier, impact, environment, bin of users, urgency), shape (5, 4, 5, 4, 3, 4)."""
    cases = np.indices((len(TIERS), len(IMPACTS), len(ENVIRONMENTS), len(USER_BINS), URGENCY.max() + 1))
    ruled = ruled_priority(*cases)
    slip = SLIP[cases[2]][..., None]
    kept = np.eye(len(PRIORITIES))[ruled]
    filed = (1.0 - slip) * kept + slip * slipped_priority_matrix()[ruled]
    odds: Floats = (1.0 - noise) * filed + noise * (1.0 - filed) / (len(PRIORITIES) - 1)
    return odds


def _issue_odds(world: World, config: SimulateConfig) -> tuple[Floats, Floats]:
    """P(issue type, background) and P(issue type, incident), which sum to 1 together; shape (num issues,) each."""
    incident = np.zeros(len(OWNER))
    for burst in world.incidents:
        incident[burst.issue] += burst.num_tickets / config.rows
    after = world.drift_share
    mixture = (1.0 - after) * world.issue_shares[0] + after * world.issue_shares[1]
    return (1.0 - incident.sum()) * mixture, incident


def _case_odds(world: World, background: Floats, incident: Floats) -> Floats:
    """P(tier, impact, environment, bin of users, urgency), shape (5, 4, 5, 4, 3)."""
    parts = ((background, IMPACT_SHARES, USER_SHARES), (incident, INCIDENT_IMPACT_SHARES, INCIDENT_USER_SHARES))
    odds = np.zeros(())
    for issue, impact, users in parts:
        urgency = np.bincount(URGENCY, weights=issue)
        odds = odds + np.einsum(
            "t,i,e,u,g->tieug", world.population.tier_shares(), impact, ENVIRONMENT_SHARES, users, urgency
        )
    return odds
