"""Columns that the mapping names, and those that were probably meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tickets.config.quality import Severity
from tickets.errors import ConfigError
from tickets.quality.checks import Checks
from tickets.quality.mapped import MappedColumn, column_checks, nearest_column


def test_a_field_of_two_columns_has_one_check_and_a_default_name_none() -> None:
    mapped = [
        MappedColumn("description", "source.fields.description", "Body"),
        MappedColumn("description", "source.fields.description", "Title"),
        MappedColumn("priority", "", "priority"),
    ]
    (check,) = column_checks(mapped)
    assert (check.name, check.severity) == ("column.description", Severity.COUNT)
    assert "source.fields.description" in check.meaning


@pytest.mark.parametrize(
    ("column", "meant"), [("Titel", "Title"), ("title", "Title"), ("Colour", None), ("sys_mod_cuont", "sys_mod_count")]
)
def test_the_column_that_was_meant(column: str, meant: str | None) -> None:
    assert nearest_column(column, ["Body", "Title", "sys_mod_count"]) == meant


def test_a_missing_column_can_neither_mark_nor_refuse_a_ticket(checks_of: Callable[..., Checks]) -> None:
    mapped = [MappedColumn("subject", "source.fields.subject", "Titel")]
    with pytest.raises(ConfigError, match=r"column\.subject is mark; allowed: count"):
        checks_of(mapped=mapped, severities={"column": "mark"})
    assert checks_of(severities={"column": "count"}).mapping == ()
