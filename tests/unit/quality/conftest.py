"""Small tables of tickets, and the checks of the contract."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tickets.config.quality import QualityConfig
from tickets.quality.checks import Checks, build_checks
from tickets.schema import FIELDS, VALUE_SETS, Field, Kind, Stage, arrow_schema

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
OWN = (Field("first_response_at", Kind.TIME, Stage.IN_PROGRESS), Field("due_at", Kind.TIME, Stage.CREATION))
SOUND: dict[str, Any] = {
    "ticket_id": "T1",
    "created_at": datetime(2025, 5, 1, 8, tzinfo=UTC),
    "updated_at": datetime(2025, 5, 3, 8, tzinfo=UTC),
    "resolved_at": datetime(2025, 5, 2, 8, tzinfo=UTC),
    "first_response_at": datetime(2025, 5, 1, 9, tzinfo=UTC),
    "resolution_time_hours": 24.0,
    "subject": "The invoice is wrong",
    "description": "The invoice of May shows two charges for one seat, please correct it and send it again.",
    "resolution": "Charged back.",
    "resolution_code": "DATA_REPAIR",
    "category": "Account Management",
    "subcategory": "Billing",
    "priority": "low",
    "language": "en",
    "satisfaction_score": 4.0,
    "tags": ["billing"],
    "marks": [],
    "content_hash": "00" * 32,
}
"""A ticket in which no check finds anything."""


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def fields() -> tuple[Field, ...]:
    return (*FIELDS, *OWN)


@pytest.fixture(scope="session")
def tickets() -> Callable[..., pa.Table]:
    """Sound tickets, each with the changes given."""

    def build(*changes: dict[str, Any]) -> pa.Table:
        schema = arrow_schema(OWN)
        rows = [{**SOUND, **change} for change in changes]
        return pa.table({name: [row.get(name) for row in rows] for name in schema.names}, schema=schema)

    return build


@pytest.fixture(scope="session")
def checks_of() -> Callable[..., Checks]:
    """The checks that a configuration makes of the contract and its closed sets."""

    def build(plugins: Any = (), chosen: Any = None, mapped: Any = (), **settings: Any) -> Checks:
        sets = {name: frozenset(values) for name, values in VALUE_SETS.items()}
        return build_checks(QualityConfig(plugins=chosen, **settings), (*FIELDS, *OWN), sets, NOW, plugins, mapped)

    return build
