"""The fields that a ticket has from the moment it is written. It does not know what becomes of the ticket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from tickets.data.simulate.dice import Dice
from tickets.data.simulate.facts import ABSENT, Row
from tickets.data.simulate.issues import ISSUES
from tickets.data.simulate.population import REGIONS, TENANTS
from tickets.data.simulate.triage import ENVIRONMENTS, IMPACTS, TIERS
from tickets.data.simulate.world import DAY_S, PRODUCTS, Version, World
from tickets.data.simulate.writing import Setting, Text, module_of, write_text

_LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "EU": ("de", "de", "fr", "es"),
        "NA": ("es", "fr"),
        "LATAM": ("es", "pt"),
        "APAC": ("es", "fr"),
        "MEA": ("fr", "pt"),
    }
)
"""Languages beside English, by region."""

_CHANNELS: Final = ("portal", "portal", "portal", "email", "email", "chat", "phone", "slack", "api")

_MISSING: Final[Mapping[str, float]] = MappingProxyType(
    {
        "product_version": 0.05,
        "product_version_age_days": 0.08,
        "product_module": 0.06,
        "channel": 0.02,
        "account_monthly_value": 0.05,
        "attachments_count": 0.03,
        "region": 0.03,
    }
)
"""How often an optional field is empty. None of these fields bears on a label, so that no ceiling moves."""


def iso_time(seconds: int) -> str:
    """Epoch seconds as ISO 8601 in UTC, such as `2025-01-06T08:15:30Z`."""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def opening_fields(
    ticket_id: str, row: Row, world: World, other_languages: float, dice: Dice
) -> tuple[dict[str, Any], Text]:
    """Every field of the creation stage in raw JSON form, and the text that it was written with."""
    issue, version = ISSUES[row.issue], world.versions[row.product][row.version]
    region = REGIONS[world.population.region[row.organisation]]
    language = dice.pick(_LANGUAGES[region]) if dice.chance(other_languages) else "en"
    setting = Setting(
        product=PRODUCTS[row.product],
        version=version.name,
        module=module_of(issue, dice),
        affected_users=row.affected_users,
        created=iso_time(row.created_s),
    )
    text = write_text(issue, language, setting, row.incident != ABSENT, dice)
    fields = {
        "ticket_id": ticket_id,
        **_customer_fields(row, world),
        **_time_fields(row, version),
        **_text_fields(text),
        "product": setting.product,
        "product_version": setting.version,
        "product_module": setting.module,
        "channel": "api" if text.by_machine else dice.pick(_CHANNELS),
        "environment": ENVIRONMENTS[row.environment],
        "similar_issues_last_30_days": row.num_similar,
        "attachments_count": max(0, dice.number(-4, 5)),
        "business_impact": IMPACTS[row.impact],
        "affected_users": row.affected_users,
        "language": language,
    }
    for name, share in _MISSING.items():
        if dice.chance(share):
            fields[name] = None
    return fields, text


def _customer_fields(row: Row, world: World) -> dict[str, Any]:
    people, organisation = world.population, row.organisation
    return {
        "tenant": TENANTS[people.tenant[organisation]],
        "customer_id": f"CUST-{row.customer:05d}",
        "customer_tier": TIERS[people.tier[organisation]],
        "organization_id": f"ORG-{organisation:04d}",
        "region": REGIONS[people.region[organisation]],
        "previous_tickets": row.num_previous,
        "account_age_days": int(people.age_days[organisation]) + (row.created_s - world.start_s) // DAY_S,
        "account_monthly_value": float(people.monthly_value[organisation]),
    }


def _time_fields(row: Row, version: Version) -> dict[str, Any]:
    created = datetime.fromtimestamp(row.created_s, tz=UTC)
    return {
        "created_at": iso_time(row.created_s),
        "weekend_ticket": created.weekday() >= 5,
        "after_hours": not 8 <= created.hour < 18,
        "product_version_age_days": (row.created_s - version.released_s) // DAY_S,
    }


def _text_fields(text: Text) -> dict[str, Any]:
    return {
        "subject": text.subject,
        "description": text.description,
        "error_logs": text.error_logs or None,
        "stack_trace": text.stack_trace or None,
        "ticket_text_length": len(text.subject) + len(text.description),
        "contains_error_code": text.contains_error_code,
        "contains_stack_trace": bool(text.stack_trace),
    }
