"""What becomes of a ticket after it was written: triage, agents, fixes, feedback. It writes no customer's words.

A label here follows the ticket's cause, and so do many other fields (the agent's speciality, tags, articles): a model
that reads a field of a later stage gets above the ceilings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tickets.data.simulate.dice import Dice
from tickets.data.simulate.facts import ABSENT, Row
from tickets.data.simulate.fixes import DID_NOT_WORK, FIXES, NUM_FIXES, OPENINGS, WORKED
from tickets.data.simulate.issues import CATEGORY_OF, ISSUES, SUBCATEGORIES
from tickets.data.simulate.opening import iso_time
from tickets.data.simulate.phrases import ENGLISH
from tickets.data.simulate.population import SPECIALIZATIONS
from tickets.data.simulate.triage import PRIORITIES, SEVERITIES
from tickets.data.simulate.world import DAY_S, World
from tickets.data.simulate.writing import Text
from tickets.schema import FIELDS, VALUE_SETS, Stage

_MEDIAN_HOURS: Final[Mapping[str, float]] = MappingProxyType(
    {"critical": 6.0, "high": 14.0, "medium": 28.0, "low": 55.0}
)
_DESKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Account Management": "enterprise",
        "Data Issue": "database",
        "Feature Request": "api",
        "Security": "security",
        "Technical Issue": "performance",
    }
)
_ACTIONS: Final = (
    *("asked_customer", "called_customer", "checked_config", "checked_logs"),
    *("consulted_team", "reproduced", "searched_articles", "tried_fix"),
)
_PRAISE: Final = ("That did it, thank you.", "Quick and friendly.", "Solved at once.", "Good explanation.")
_BLAME: Final = ("It still happens.", "I had to explain it twice.", "This took far too long.", "Not solved for us.")

_LATE_SHARE: Final = 0.1  # the last part of the history, in which tickets are still open
_LATE_OPEN_SHARE: Final = 0.3
_UNTRIAGED_SHARE: Final = 0.25  # of the open tickets
_CLOSED_AS_REPEAT_SHARE: Final = 0.7

_IN_PROGRESS: Final = tuple(field.name for field in FIELDS if field.stage is Stage.IN_PROGRESS)
_CLOSED: Final = tuple(field.name for field in FIELDS if field.stage is Stage.CLOSED)


def article_id(issue: int, fix: int) -> str:
    """The knowledge-base article on one fix of one issue type."""
    return f"KB-{issue * NUM_FIXES + fix + 1:04d}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the work on a ticket ended."""

    fix: int | None
    """Position in `FIXES` of the problem; none where the ticket was closed as a repeat."""
    helped: bool
    attempts: int
    resolved_s: int


class Desk:
    """The support desk: takes tickets one by one and fills what comes after their creation."""

    def __init__(self, world: World, dice: Dice) -> None:
        self._world = world
        self._dice = dice
        self._agents = {
            name: [agent for agent, code in enumerate(world.population.specialization) if SPECIALIZATIONS[code] == name]
            for name in SPECIALIZATIONS
        }

    def later_fields(self, row: Row, text: Text, related: list[str]) -> tuple[dict[str, Any], str | None]:
        """Every field of the later stages in raw JSON form, null while a ticket is open.

        Args:
            row: The ticket's facts.
            text: What the customer wrote.
            related: Earlier tickets of the same incident, or the one that this ticket repeats.

        Returns:
            The fields, and the article on the fix that was tried last (none if the ticket is open or a repeat).
        """
        outcome = self._work(row)
        triage = self._triage(row, text)
        if self._is_open(row, outcome):
            if self._dice.chance(_UNTRIAGED_SHARE):
                triage = dict.fromkeys(_IN_PROGRESS)
            return triage | dict.fromkeys(_CLOSED), None
        article = None if outcome.fix is None else article_id(row.issue, outcome.fix)
        suggested: list[str] = triage["auto_suggested_solutions"]
        closed = {
            **self._times(row, outcome),
            **self._resolution(row, outcome, related),
            **self._handling(row, outcome, suggested, article),
            **self._feedback(outcome),
            "related_tickets": related,
        }
        return triage | closed, article

    def _work(self, row: Row) -> Outcome:
        dice = self._dice
        hours = _MEDIAN_HOURS[PRIORITIES[row.priority]] * dice.spread(0.7)
        if row.repeats != ABSENT and dice.chance(_CLOSED_AS_REPEAT_SHARE):
            return Outcome(None, True, 1, row.created_s + int(hours * 0.3 * 3_600) + 60)
        fix = dice.number(0, NUM_FIXES - 1)
        helped = dice.chance(float(self._world.success[row.issue, fix]))
        attempts = 1 + dice.chance(0.25) + dice.chance(0.1) if helped else dice.number(2, 5)
        hours *= (1.0 if helped else 1.8) * (0.7 + 0.3 * attempts)
        return Outcome(fix, helped, attempts, row.created_s + int(hours * 3_600) + 60)

    def _is_open(self, row: Row, outcome: Outcome) -> bool:
        world = self._world
        late = row.created_s >= world.end_s - _LATE_SHARE * (world.end_s - world.start_s)
        return outcome.resolved_s > world.end_s or (late and self._dice.chance(_LATE_OPEN_SHARE))

    def _triage(self, row: Row, text: Text) -> dict[str, Any]:
        dice, people = self._dice, self._world.population
        subcategory = SUBCATEGORIES[row.subcategory]
        category = CATEGORY_OF[subcategory]
        desk = _DESKS[category] if dice.chance(0.7) else dice.pick(SPECIALIZATIONS)
        agent = dice.pick(self._agents[desk])
        sentiments = VALUE_SETS["customer_sentiment"]
        return {
            "category": category,
            "subcategory": subcategory,
            "priority": PRIORITIES[row.priority],
            "severity": SEVERITIES[row.severity],
            "customer_sentiment": dice.pick(sentiments) if dice.chance(0.1) else text.sentiment,
            "agent_id": f"AGENT-{agent + 1:03d}",
            "agent_experience_months": int(people.experience_months[agent]),
            "agent_specialization": desk,
            "known_issue": row.incident != ABSENT and row.num_similar >= 3,
            "auto_suggested_solutions": self._suggestions(row),
        }

    def _suggestions(self, row: Row) -> list[str]:
        """Three articles, some of them on the right issue type."""
        dice = self._dice
        issues = [row.issue if dice.chance(0.5) else dice.number(0, len(ISSUES) - 1) for _ in range(3)]
        return list(dict.fromkeys(article_id(issue, dice.number(0, NUM_FIXES - 1)) for issue in issues))

    def _times(self, row: Row, outcome: Outcome) -> dict[str, Any]:
        updated_s = outcome.resolved_s + int(self._dice.waiting(1.5 * DAY_S))
        return {
            "resolved_at": iso_time(outcome.resolved_s),
            "updated_at": iso_time(min(updated_s, self._world.end_s)),
            "resolution_time_hours": round((outcome.resolved_s - row.created_s) / 3_600, 2),
        }

    def _resolution(self, row: Row, outcome: Outcome, related: list[str]) -> dict[str, Any]:
        dice, issue = self._dice, ISSUES[row.issue]
        if outcome.fix is None:
            return {
                "resolution": f"Reported before as {related[0]}; the work goes on there.",
                "resolution_code": "DUPLICATE",
                "resolution_template_used": "TPL-duplicate",
            }
        fix = FIXES[issue.problem][outcome.fix]
        deed = dice.pick(fix.texts).format(o=re.sub(r"\bour\b", "the", dice.pick(ENGLISH.objects[issue.object])))
        return {
            "resolution": dice.pick(OPENINGS) + deed + dice.pick(WORKED if outcome.helped else DID_NOT_WORK),
            "resolution_code": fix.code,
            "resolution_template_used": f"TPL-{issue.problem}" if dice.chance(0.4) else None,
        }

    def _handling(self, row: Row, outcome: Outcome, suggested: list[str], article: str | None) -> dict[str, Any]:
        dice, issue = self._dice, ISSUES[row.issue]
        escalated = dice.chance(0.04 + 0.12 * (PRIORITIES[row.priority] == "critical") + 0.25 * (not outcome.helped))
        viewed = [dice.pick(suggested), *([article] if article else [])]
        tags = [issue.object, issue.problem, SUBCATEGORIES[row.subcategory].lower().replace(" ", "-")]
        return {
            "agent_actions": list(dict.fromkeys(dice.pick(_ACTIONS) for _ in range(outcome.attempts + 1))),
            "escalated": escalated,
            "escalation_reason": dice.pick(VALUE_SETS["escalation_reason"]) if escalated else None,
            "transferred_count": dice.number(1, 3) if row.wrong_category else int(dice.chance(0.12)),
            "tags": tags if dice.chance(0.9) else [],
            "kb_articles_viewed": list(dict.fromkeys(viewed)),
            "kb_articles_helpful": [article] if article and outcome.helped else [],
            "bug_report_filed": outcome.fix is not None and FIXES[issue.problem][outcome.fix].code == "BUG_FIX",
            "auto_suggestion_accepted": article in suggested and dice.chance(0.8),
            "resolution_attempts": outcome.attempts,
            "response_count": outcome.attempts + dice.number(1, 5),
        }

    def _feedback(self, outcome: Outcome) -> dict[str, Any]:
        """Empty at random, whatever the outcome: the filled values show the true success rates."""
        dice = self._dice
        score = dice.pick((3, 4, 4, 5, 5, 5) if outcome.helped else (1, 1, 1, 2, 2, 3))
        words = dice.pick(_PRAISE if outcome.helped else _BLAME)
        answered = dice.chance(0.6)
        return {
            "satisfaction_score": score if answered else None,
            "feedback_text": words if answered and dice.chance(0.5) else None,
            "resolution_helpful": outcome.helped if outcome.fix is not None and dice.chance(0.8) else None,
        }
