"""The whole simulation: tickets, later unseen tickets, and the truth behind both. It writes no file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tickets.config import SimulateConfig
from tickets.data.simulate.ceilings import ceilings
from tickets.data.simulate.dice import Dice, stream
from tickets.data.simulate.facts import ABSENT, Facts, Row, draw_facts
from tickets.data.simulate.fixes import FIXES
from tickets.data.simulate.issues import CATEGORY_OF, ISSUES
from tickets.data.simulate.lifecycle import Desk, article_id
from tickets.data.simulate.opening import iso_time, opening_fields
from tickets.data.simulate.triage import OWNER_SHARE
from tickets.data.simulate.world import PRODUCTS, World, build_world

_MAX_RELATED = 3


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted, in types that JSON has; documented in `docs/simulator.md`."""

    ceilings: dict[str, float]
    """Target → best accuracy that any model can reach from fields of the creation stage."""
    drift: dict[str, Any]
    """`day`, `product` and `version` that came out on it, and `new_issues` that occur from it on."""
    incidents: list[dict[str, Any]]
    """`cause`, `product`, `start`, `end` and `ticket_ids` of each."""
    issues: dict[str, dict[str, Any]]
    """Issue type → `teams` with their odds, `urgency`, and `fixes` with their success rates."""
    duplicates: list[dict[str, str]]
    """`ticket_id` of each ticket that reports again what `original` reported."""
    label_noise: dict[str, list[str]]
    """`category` (and with it subcategory) or `priority` → tickets whose label was set to a wrong class."""
    issue_of: dict[str, str]
    """Ticket → issue type, the unseen tickets' too."""
    fix_of: dict[str, str]
    """Ticket → article on the fix that was tried last."""

    def to_json(self) -> str:
        """One JSON object with the fields above, indented."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)


@dataclass(frozen=True, slots=True)
class Simulation:
    """Tickets in raw JSON form, and what is true of them."""

    tickets: list[dict[str, Any]]
    """The history by time of creation, each ticket with every field of the contract."""
    unseen: list[dict[str, Any]]
    """Later tickets, open, with the fields of the creation stage alone."""
    truth: Truth


def simulate(config: SimulateConfig) -> Simulation:
    """Draw a history of tickets with planted truth.

    Args:
        config: The settings. The same settings give the same tickets.

    Returns:
        `config.rows` tickets, `config.unseen` later ones, and the truth.

    Raises:
        ConfigError: The history is too small for its incidents.
    """
    world = build_world(config)
    facts = draw_facts(config, world)
    rows = facts.rows()
    ids = [f"TCK-{number:06d}" for number in range(1, len(rows) + 1)]
    dice = Dice(stream(config.seed, 2))
    desk = Desk(world, Dice(stream(config.seed, 3)))
    related = _related(rows, ids)
    tickets: list[dict[str, Any]] = []
    fix_of: dict[str, str] = {}
    for ticket_id, row in zip(ids, rows, strict=True):
        ticket, text = opening_fields(ticket_id, row, world, config.other_languages, dice)
        if len(tickets) < config.rows:
            later, article = desk.later_fields(row, text, related.get(ticket_id, []))
            ticket |= later
            if article:
                fix_of[ticket_id] = article
        tickets.append(ticket)
    truth = _truth(config, world, facts, ids, fix_of)
    return Simulation(tickets[: config.rows], tickets[config.rows :], truth)


def _truth(config: SimulateConfig, world: World, facts: Facts, ids: list[str], fix_of: dict[str, str]) -> Truth:
    rows = facts.rows()
    return Truth(
        ceilings=ceilings(config),
        drift=_drift(world),
        incidents=_incidents(world, rows, ids),
        issues=_issues(world),
        duplicates=_duplicates(rows[: config.rows], ids),
        label_noise={
            "category": [ids[row] for row in facts.wrong_category[: config.rows].nonzero()[0]],
            "priority": [ids[row] for row in facts.wrong_priority[: config.rows].nonzero()[0]],
        },
        issue_of={ticket_id: ISSUES[row.issue].name for ticket_id, row in zip(ids, rows, strict=True)},
        fix_of=fix_of,
    )


def _related(rows: list[Row], ids: list[str]) -> dict[str, list[str]]:
    """Ticket → the last tickets of its incident before it, or the one that it repeats."""
    related: dict[str, list[str]] = {}
    bursts: dict[int, list[str]] = {}
    for ticket_id, row in zip(ids, rows, strict=True):
        if row.incident != ABSENT:
            burst = bursts.setdefault(row.incident, [])
            related[ticket_id] = burst[-_MAX_RELATED:]
            burst.append(ticket_id)
        elif row.repeats != ABSENT:
            related[ticket_id] = [ids[row.repeats]]
    return related


def _duplicates(rows: list[Row], ids: list[str]) -> list[dict[str, str]]:
    return [
        {"ticket_id": ids[number], "original": ids[row.repeats]}
        for number, row in enumerate(rows)
        if row.repeats != ABSENT
    ]


def _drift(world: World) -> dict[str, Any]:
    return {
        "day": datetime.fromtimestamp(world.drift_s, tz=UTC).date().isoformat(),
        "product": PRODUCTS[world.drift_product],
        "version": world.versions[world.drift_product][-1].name,
        "new_issues": [ISSUES[issue].name for issue in world.new.nonzero()[0]],
    }


def _incidents(world: World, rows: list[Row], ids: list[str]) -> list[dict[str, Any]]:
    members: list[list[str]] = [[] for _ in world.incidents]
    for ticket_id, row in zip(ids, rows, strict=True):
        if row.incident != ABSENT:
            members[row.incident].append(ticket_id)
    return [
        {
            "cause": ISSUES[burst.issue].name,
            "product": PRODUCTS[burst.product],
            "start": iso_time(burst.start_s),
            "end": iso_time(burst.end_s),
            "ticket_ids": ticket_ids,
        }
        for burst, ticket_ids in zip(world.incidents, members, strict=True)
    ]


def _issues(world: World) -> dict[str, dict[str, Any]]:
    described = {}
    for number, issue in enumerate(ISSUES):
        odds = (
            {issue.owner: OWNER_SHARE, issue.rival: 1.0 - OWNER_SHARE} if world.shared[number] else {issue.owner: 1.0}
        )
        described[issue.name] = {
            "teams": [{"category": CATEGORY_OF[team], "subcategory": team, "share": odds[team]} for team in odds],
            "urgency": issue.urgency,
            "fixes": [
                {"article": article_id(number, place), "code": fix.code, "success_rate": float(rate)}
                for place, (fix, rate) in enumerate(zip(FIXES[issue.problem], world.success[number], strict=True))
            ],
        }
    return described
