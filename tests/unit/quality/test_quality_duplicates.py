"""Repeated ids and texts among all tickets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from tickets.quality.duplicates import fingerprint, largest_groups

Build = Callable[..., Any]
FIELDS = ("subject", "description")


def text(subject: str | None, description: str | None = None) -> dict[str, Any]:
    return {"subject": subject, "description": description}


@pytest.mark.parametrize(
    ("one", "other", "same", "similar"),
    [
        (text("Disk full"), text("Disk full"), True, True),
        (text("Disk full", "on a"), text("Disk full", "on b"), False, False),
        (text("Disk full on db01, 93 %"), text("disk FULL\n on DB02,  7 %"), False, True),
        (text("Straße"), text("STRASSE"), False, True),
        (text(None, None), text(" ", "\n"), False, False),
        (text("a", "b"), text("a b"), False, True),
    ],
)
def test_texts_are_the_same_or_similar(
    one: dict[str, Any], other: dict[str, Any], same: bool, similar: bool, tickets: Build, checks_of: Build
) -> None:
    lone = {"ticket_id": "T3", **text("Something else")}
    table = tickets({"ticket_id": "T1", **one}, {"ticket_id": "T2", **other}, lone)
    assert {finding.name: finding.rows.tolist() for finding in checks_of().run_all(table)} == {
        "duplicate.id": [False, False, False],
        "duplicate.text": [same, same, False],
        "duplicate.similar_text": [similar, similar, False],
    }


def test_repeated_ids_are_found_and_missing_ones_are_not(tickets: Build, checks_of: Build) -> None:
    table = tickets(*({"ticket_id": name, **text(str(at))} for at, name in enumerate(["A", None, "B", "A", None])))
    found = {finding.name: finding.rows.tolist() for finding in checks_of().run_all(table)}
    assert found["duplicate.id"] == [True, False, False, True, False]


def test_the_largest_groups_come_first_with_their_least_ids(tickets: Build) -> None:
    names = ["a", "b", "b", "c", "c", "c", None, None]
    rows = [{"ticket_id": f"T{9 - at}", **text(name)} for at, name in enumerate(names)]
    groups = largest_groups(fingerprint(tickets(*rows), FIELDS), "text", 5, 2)
    assert [(group.size, group.examples) for group in groups] == [(3, ("T4", "T5")), (2, ("T7", "T8"))]
    assert len(largest_groups(fingerprint(tickets(*rows), FIELDS), "text", 1, 2)) == 1


def test_parts_put_together_are_the_whole(tickets: Build) -> None:
    table = tickets(*({"ticket_id": f"T{at % 4}", **text(f"Node {at % 3}")} for at in range(12)))
    whole = fingerprint(table, FIELDS)
    parts = pa.concat_tables([fingerprint(table.slice(at, 5), FIELDS) for at in (0, 5, 10)])
    assert parts.combine_chunks().equals(whole.combine_chunks())
    assert largest_groups(parts, "id", 9, 9) == largest_groups(whole, "id", 9, 9)
