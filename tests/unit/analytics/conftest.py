"""Small tables of tickets whose figures can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tickets.schema import BY_NAME

NOW = datetime(2025, 4, 1, tzinfo=UTC)


def build_table(**columns: Sequence[Any]) -> pa.Table:
    """A table in which contract fields have their own type; times may be written as ISO 8601 in UTC."""
    arrays = {}
    for name, values in columns.items():
        cells = [at(value) if isinstance(value, str) and name.endswith("_at") else value for value in values]
        kind = BY_NAME[name].kind.arrow_type if name in BY_NAME else None
        arrays[name] = pa.array(cells, kind)
    return pa.table(arrays)


def at(written: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.fixture(scope="session")
def table() -> Callable[..., pa.Table]:
    return build_table


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW
