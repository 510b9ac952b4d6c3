"""How a triage desk labels a ticket: the one definition that both the draws and the ceilings follow.

It draws nothing, and it does not know how often an issue type or a customer occurs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tickets.data.simulate.issues import CATEGORIES, CATEGORY_OF, SUBCATEGORIES

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TIERS: Final = ("free", "starter", "professional", "premium", "enterprise")
IMPACTS: Final = ("low", "medium", "high", "critical")
ENVIRONMENTS: Final = ("production", "staging", "test", "development", "sandbox")
USER_BINS: Final = ((1, 10), (11, 100), (101, 1_000), (1_001, 20_000))
"""Bounds, both included, of the numbers of affected users that triage tells apart."""
PRIORITIES: Final = ("low", "medium", "high", "critical")
SEVERITIES: Final = ("P0", "P1", "P2", "P3", "P4")

ENVIRONMENT_SHARES: Final = np.array([0.6, 0.14, 0.1, 0.1, 0.06])
IMPACT_SHARES: Final = np.array([0.3, 0.35, 0.23, 0.12])
USER_SHARES: Final = np.array([0.34, 0.36, 0.2, 0.1])
INCIDENT_IMPACT_SHARES: Final = np.array([0.08, 0.27, 0.4, 0.25])
INCIDENT_USER_SHARES: Final = np.array([0.14, 0.33, 0.35, 0.18])
SEVERITY_SHARES: Final = np.array([0.06, 0.14, 0.4, 0.28, 0.12])
"""Severity is drawn from these shares whatever the ticket says: nothing predicts it."""

OWNER_SHARE: Final = 0.65
"""How often a shared issue type is filed under its owner rather than under its rival."""
SLIP: Final = np.array([0.08, 0.2, 0.2, 0.2, 0.2])
"""By environment, how often triage sets the priority one step beside the rule."""

SUBCATEGORY_CATEGORY: Final[Ints] = np.array([CATEGORIES.index(CATEGORY_OF[name]) for name in SUBCATEGORIES])
"""Position of each subcategory's category."""
CATEGORY_SUBCATEGORIES: Final[Ints] = np.argsort(SUBCATEGORY_CATEGORY, kind="stable").reshape(len(CATEGORIES), -1)
"""Positions of each category's subcategories: shape (5, 5)."""


def ruled_priority(tier: Ints, impact: Ints, environment: Ints, users_bin: Ints, urgency: Ints) -> Ints:
    """The priority that the rule gives, before slips and wrong labels.

    Impact and reach count together: a pressing type takes the larger of the two, a type that can wait the smaller.
    Outside production no more than the type's urgency counts. The two upper tiers are lifted by a step where
    anything is at stake. No single field, and no sum over fields, follows this rule.

    Args:
        tier: Position in `TIERS`; like the others, of a shape that broadcasts.
        impact: Position in `IMPACTS`.
        environment: Position in `ENVIRONMENTS`.
        users_bin: Position in `USER_BINS`.
        urgency: 0, 1 or 2.

    Returns:
        Positions in `PRIORITIES`.
    """
    reach = np.where(urgency >= 1, np.maximum(impact, users_bin), np.minimum(impact, users_bin))
    stake = np.where(environment == 0, reach, np.minimum(reach, urgency))
    lift = (tier >= TIERS.index("premium")) & (stake >= 1)
    priority: Ints = np.minimum(stake + lift, len(PRIORITIES) - 1)
    return priority


def wrong_category_matrix() -> Floats:
    """P(wrong label | right label) over subcategories, shape (25, 25): uniform over the other categories' ones."""
    other = SUBCATEGORY_CATEGORY[:, None] != SUBCATEGORY_CATEGORY[None, :]
    odds: Floats = other / other.sum(axis=1, keepdims=True)
    return odds


def slipped_priority_matrix() -> Floats:
    """P(label | ruled label) over priorities after a slip, shape (4, 4): one step up or down, where there is one."""
    neighbour = np.eye(len(PRIORITIES), k=1) + np.eye(len(PRIORITIES), k=-1)
    odds: Floats = neighbour / neighbour.sum(axis=1, keepdims=True)
    return odds
