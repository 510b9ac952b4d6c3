"""The facts of every ticket before a word is written: what, when, who, and how triage labels it. No text.

All draws are vectorised. Rows stand in the order of creation; the unseen tickets, which come after the history's end,
stand last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tickets.config import SimulateConfig
from tickets.data.simulate.dice import stream
from tickets.data.simulate.issues import CATEGORIES, ISSUES, SUBCATEGORIES
from tickets.data.simulate.population import Population
from tickets.data.simulate.triage import (
    CATEGORY_SUBCATEGORIES,
    ENVIRONMENT_SHARES,
    IMPACT_SHARES,
    INCIDENT_IMPACT_SHARES,
    INCIDENT_USER_SHARES,
    OWNER_SHARE,
    PRIORITIES,
    SEVERITY_SHARES,
    SLIP,
    SUBCATEGORY_CATEGORY,
    USER_BINS,
    USER_SHARES,
    Floats,
    Ints,
    ruled_priority,
)
from tickets.data.simulate.world import DAY_S, Bools, World

URGENCY: Final[Ints] = np.array([issue.urgency for issue in ISSUES])
OWNER: Final[Ints] = np.array([SUBCATEGORIES.index(issue.owner) for issue in ISSUES])
RIVAL: Final[Ints] = np.array([SUBCATEGORIES.index(issue.rival) for issue in ISSUES])

ABSENT: Final = -1
"""Marks that a ticket belongs to no incident, or repeats no other."""

_LATEST_VERSION_SHARE: Final = 0.75
_REPEAT_SHARE: Final = 0.08
_REPEAT_WINDOW_S: Final = 10 * DAY_S
_SIMILAR_WINDOW_S: Final = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Facts:
    """One array per fact, all of length rows + unseen. Codes are positions in the tuples that their comments name."""

    created_s: Ints  # epoch seconds, ascending
    issue: Ints  # ISSUES
    incident: Ints  # World.incidents, or ABSENT
    repeats: Ints  # row of the earlier ticket that this one reports again, or ABSENT
    organisation: Ints  # Population
    customer: Ints  # number of the customer
    product: Ints  # PRODUCTS
    version: Ints  # World.versions of the product
    environment: Ints  # ENVIRONMENTS
    impact: Ints  # IMPACTS
    users_bin: Ints  # USER_BINS
    affected_users: Ints
    num_similar: Ints  # tickets of the same issue type in the 30 days before
    num_previous: Ints  # earlier tickets of the same customer
    subcategory: Ints  # SUBCATEGORIES, as labelled
    wrong_category: Bools  # the label was set to another category
    priority: Ints  # PRIORITIES, as labelled
    wrong_priority: Bools  # the label was set to another priority
    severity: Ints  # SEVERITIES, pure noise

    def rows(self) -> list[Row]:
        """The same facts, ticket by ticket."""
        return [Row(*values) for values in zip(*(getattr(self, name).tolist() for name in Row._fields), strict=True)]


class Row(NamedTuple):
    """The facts of one ticket, named as in `Facts`."""

    created_s: int
    issue: int
    incident: int
    repeats: int
    organisation: int
    customer: int
    product: int
    version: int
    environment: int
    impact: int
    affected_users: int
    num_similar: int
    num_previous: int
    subcategory: int
    wrong_category: bool
    priority: int
    severity: int


def draw_facts(config: SimulateConfig, world: World) -> Facts:
    """Draw the facts of `config.rows` tickets and of `config.unseen` later ones."""
    rng = stream(config.seed, 1)
    created_s, incident = _arrivals(config, world, rng)
    size = len(created_s)
    in_burst = incident != ABSENT
    after = (created_s >= world.drift_s).astype(np.int64)
    causes = np.array([burst.issue for burst in world.incidents] or [0])
    products = np.array([burst.product for burst in world.incidents] or [0])
    issue = np.where(in_burst, causes[incident], _by_period(rng, world.issue_shares, after))
    product = np.where(in_burst, products[incident], _by_period(rng, world.product_shares, after))
    organisation = rng.choice(len(world.population.share), size=size, p=world.population.share)
    repeats = _repeats(rng, created_s, issue, in_burst)
    organisation, product = (_copied(codes, repeats) for codes in (organisation, product))
    customer = _customers(rng, world.population, organisation, repeats)
    environment = rng.choice(len(ENVIRONMENT_SHARES), size=size, p=ENVIRONMENT_SHARES)
    impact = _by_period(rng, np.stack([IMPACT_SHARES, INCIDENT_IMPACT_SHARES]), in_burst.astype(np.int64))
    users_bin = _by_period(rng, np.stack([USER_SHARES, INCIDENT_USER_SHARES]), in_burst.astype(np.int64))
    subcategory, wrong_category = _label_subcategory(rng, issue, world.shared, config.label_noise)
    ruled = ruled_priority(world.population.tier[organisation], impact, environment, users_bin, URGENCY[issue])
    priority, wrong_priority = _label_priority(rng, ruled, environment, config.label_noise)
    return Facts(
        created_s=created_s,
        issue=issue,
        incident=incident,
        repeats=repeats,
        organisation=organisation,
        customer=customer,
        product=product,
        version=_versions(rng, world, product, created_s),
        environment=environment,
        impact=impact,
        users_bin=users_bin,
        affected_users=_affected_users(rng, users_bin),
        num_similar=_num_similar(created_s, issue),
        num_previous=_num_earlier(customer),
        subcategory=subcategory,
        wrong_category=wrong_category,
        priority=priority,
        wrong_priority=wrong_priority,
        severity=rng.choice(len(SEVERITY_SHARES), size=size, p=SEVERITY_SHARES),
    )


def _arrivals(config: SimulateConfig, world: World, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Times of creation, ascending, and the incident of each ticket."""
    num_background = config.rows - world.num_incident_tickets
    hours = rng.choice(len(world.hour_shares), size=num_background, p=world.hour_shares)
    times = [world.start_s + hours * 3_600 + rng.integers(0, 3_600, size=num_background)]
    numbers = [np.full(num_background, ABSENT)]
    for number, burst in enumerate(world.incidents):
        into = rng.beta(1.3, 2.5, size=burst.num_tickets)  # most people write soon after it begins
        times.append(burst.start_s + (into * (burst.end_s - burst.start_s)).astype(np.int64))
        numbers.append(np.full(burst.num_tickets, number))
    times.append(world.end_s + rng.integers(0, DAY_S, size=config.unseen))
    numbers.append(np.full(config.unseen, ABSENT))
    created_s = np.concatenate(times)
    order = np.argsort(created_s, kind="stable")
    return created_s[order], np.concatenate(numbers)[order]


def _by_period(rng: np.random.Generator, shares: Floats, period: Ints) -> Ints:
    """One code per row, drawn from the shares (periods, codes) of the row's period."""
    draws = np.stack([rng.choice(shares.shape[1], size=len(period), p=row) for row in shares])
    return draws[period, np.arange(len(period))]


def _repeats(rng: np.random.Generator, created_s: Ints, issue: Ints, in_burst: Bools) -> Ints:
    """For some tickets the earlier one that they report again: the last of the same type within ten days.

    Issue types and times are drawn before, so that linking changes no share that a ceiling rests on.
    """
    repeats = np.full(len(issue), ABSENT)
    wanted = (rng.random(len(issue)) < _REPEAT_SHARE) & ~in_burst
    for code in range(len(ISSUES)):
        rows = np.flatnonzero((issue == code) & ~in_burst)
        later, earlier = rows[1:], rows[:-1]
        close = wanted[later] & (created_s[later] - created_s[earlier] < _REPEAT_WINDOW_S)
        repeats[later[close]] = earlier[close]
    for row in np.flatnonzero(repeats != ABSENT):  # ascending: a repeat of a repeat leads to the first report
        first = repeats[repeats[row]]
        if first != ABSENT:
            repeats[row] = first
    return repeats


def _copied(codes: Ints, repeats: Ints) -> Ints:
    return np.where(repeats == ABSENT, codes, codes[repeats])


def _customers(rng: np.random.Generator, population: Population, organisation: Ints, repeats: Ints) -> Ints:
    """A customer of each ticket's organisation; a repeat comes from another one than the first report."""
    num_customers = population.num_customers[organisation]
    place = (rng.random(len(organisation)) * num_customers).astype(np.int64)
    step = 1 + (rng.random(len(organisation)) * (num_customers - 1)).astype(np.int64)
    place = np.where(repeats == ABSENT, place, (place[repeats] + step) % num_customers)
    return population.first_customer[organisation] + place


def _versions(rng: np.random.Generator, world: World, product: Ints, created_s: Ints) -> Ints:
    """Mostly the latest version that is out, else the one before."""
    released_s = np.array([[version.released_s for version in versions] for versions in world.versions])
    latest = (released_s[product] <= created_s[:, None]).sum(axis=1) - 1
    behind = rng.random(len(product)) >= _LATEST_VERSION_SHARE
    version: Ints = np.maximum(latest - behind, 0)
    return version


def _affected_users(rng: np.random.Generator, users_bin: Ints) -> Ints:
    """Log-uniform inside the bin."""
    low, high = np.array(USER_BINS)[users_bin].T
    draws = np.exp(np.log(low) + rng.random(len(users_bin)) * np.log((high + 1) / low))
    users: Ints = np.clip(draws.astype(np.int64), low, high)
    return users


def _num_similar(created_s: Ints, issue: Ints) -> Ints:
    similar = np.zeros(len(issue), dtype=np.int64)
    for code in range(len(ISSUES)):
        rows = np.flatnonzero(issue == code)
        first = np.searchsorted(created_s[rows], created_s[rows] - _SIMILAR_WINDOW_S)
        similar[rows] = np.arange(len(rows)) - first
    return similar


def _num_earlier(customer: Ints) -> Ints:
    """How many rows above hold the same customer."""
    order = np.argsort(customer, kind="stable")
    starts = np.flatnonzero(np.diff(customer[order], prepend=-1))
    earlier = np.empty(len(customer), dtype=np.int64)
    earlier[order] = np.arange(len(customer)) - np.repeat(starts, np.diff(np.append(starts, len(customer))))
    return earlier


def _label_subcategory(rng: np.random.Generator, issue: Ints, shared: Bools, noise: float) -> tuple[Ints, Bools]:
    """The team that files it, then with probability `noise` any subcategory of any other category."""
    size = len(issue)
    by_rival = shared[issue] & (rng.random(size) >= OWNER_SHARE)
    right = np.where(by_rival, RIVAL[issue], OWNER[issue])
    wrong = rng.random(size) < noise
    category = (SUBCATEGORY_CATEGORY[right] + rng.integers(1, len(CATEGORIES), size=size)) % len(CATEGORIES)
    place = rng.integers(0, CATEGORY_SUBCATEGORIES.shape[1], size=size)
    return np.where(wrong, CATEGORY_SUBCATEGORIES[category, place], right), wrong


def _label_priority(rng: np.random.Generator, ruled: Ints, environment: Ints, noise: float) -> tuple[Ints, Bools]:
    """The rule's priority, slipped by a step at times, then with probability `noise` any other one."""
    size, top = len(ruled), len(PRIORITIES) - 1
    step = np.where(rng.random(size) < 0.5, -1, 1)
    step = np.where(ruled == 0, 1, np.where(ruled == top, -1, step))
    right = np.where(rng.random(size) < SLIP[environment], ruled + step, ruled)
    wrong = rng.random(size) < noise
    return np.where(wrong, (right + rng.integers(1, top + 1, size=size)) % (top + 1), right), wrong
