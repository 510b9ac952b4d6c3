from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config import SourceConfig
from tickets.data.mapping import QUARANTINE_SCHEMA, TicketMapper, own_fields
from tickets.data.readers import read_rows
from tickets.data.rows import RawRow
from tickets.data.sources import find_files
from tickets.errors import ConfigError
from tickets.schema import BY_NAME, VALUE_SETS, Field, Kind, Stage, arrow_schema

NOON = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)


def _map_all(rows: Iterable[dict[str, Any]], **settings: Any) -> tuple[pa.Table, pa.Table]:
    mapper = TicketMapper(SourceConfig(name="acme", **settings))
    tickets, quarantine = mapper.map("x.json", None, [RawRow(at, row) for at, row in enumerate(rows)])
    assert tickets.schema == mapper.schema
    assert quarantine.schema == QUARANTINE_SCHEMA
    return tickets, quarantine


def _map(row: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """One ticket; `extra` is read."""
    tickets, quarantine = _map_all([{"subject": "usable"} | row], **settings)
    assert (tickets.num_rows, quarantine.num_rows) == (1, 0)
    (ticket,) = tickets.to_pylist()
    return ticket | {"extra": json.loads(ticket["extra"] or "{}")}


def _contract_row() -> dict[str, Any]:
    values = {Kind.NUMBER: 2.0, Kind.FLAG: False, Kind.LIST: ["a", "b"], Kind.TIME: NOON}
    row = {name: values.get(field.kind, f"some {name}") for name, field in BY_NAME.items()}
    row |= {name: values[0] for name, values in VALUE_SETS.items() if name != "category"}
    return row | {"category": "Security", "subcategory": "Encryption"}


# Columns


def test_a_ticket_of_the_contract_maps_onto_itself() -> None:
    row = _contract_row()
    ticket = _map(row)
    assert {name: ticket[name] for name in BY_NAME} == row
    assert (ticket["marks"], ticket["extra"]) == ([], {})
    assert (ticket["source_file"], ticket["source_row"], ticket["given_split"]) == ("x.json", 0, None)


def test_columns_are_renamed_and_a_name_in_use_is_not_read_twice() -> None:
    ticket = _map(
        {"Titel": "Hilfe", "priority": "not a priority", "prio": "low", "subject": "Billing"},
        fields={"subject": "Titel", "priority": "prio", "subcategory": "subject"},
    )
    assert (ticket["subject"], ticket["priority"], ticket["subcategory"]) == ("Hilfe", "low", "Billing")
    assert ticket["extra"] == {"priority": "not a priority"}
    assert ticket["marks"] == []


def test_a_field_may_be_mapped_to_no_column() -> None:
    ticket = _map({"category": "x"}, fields={"category": ""})
    assert ticket["category"] is None
    assert ticket["extra"] == {"category": "x"}


def test_the_split_and_the_place_are_kept() -> None:
    mapper = TicketMapper(SourceConfig(name="acme"))
    tickets, quarantine = mapper.map("a.csv", "test", [RawRow(7, {"subject": "x"}), RawRow(8, None, b"y", "bad")])
    (ticket,) = tickets.to_pylist()
    assert (ticket["source_file"], ticket["source_row"], ticket["given_split"]) == ("a.csv", 7, "test")
    assert quarantine.to_pylist() == [{"source_file": "a.csv", "source_row": 8, "reason": "bad", "original": b"y"}]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"Summary": "Down", "Body": "since noon", "No.": 5}, "Down: since noon (5)"),
        ({"Summary": "Down", "Body": None, "No.": 5}, "Down:  (5)"),
        ({"Summary": "N/A", "Body": "since noon", "No.": float("nan")}, ": since noon ()"),
        ({"Summary": "", "Body": " "}, None),
        ({}, None),
    ],
)
def test_a_template_joins_the_columns_that_are_there(row: dict[str, Any], text: str | None) -> None:
    ticket = _map(row, fields={"description": "{Summary}: {Body} ({No.})"})
    assert ticket["description"] == text
    assert ticket["extra"] == {}


def test_unknown_columns_are_kept() -> None:
    odd = {"x": 1, "y": {"z": ["é", 2.5, None]}, "Comment (2)": "", "big": 10**30, "cut \ud83d": "\ud83d"}
    assert _map(odd | {"nothing": None})["extra"] == odd
    kept = _map({"money": Decimal("1.50"), "day": date(2024, 2, 29), "at": NOON})["extra"]
    assert kept == {"money": "1.50", "day": "2024-02-29", "at": "2024-02-29T12:00:00Z"}


@pytest.mark.parametrize("value", ["", " ", "?", "N/A", "null", " nan ", float("nan"), None])
def test_what_stands_for_no_value_is_none(value: Any) -> None:
    names = ["category", "affected_users", "known_issue", "tags", "created_at", "description", "customer_id"]
    ticket = _map(dict.fromkeys(names, value))
    assert [ticket[name] for name in names] == [None] * len(names)
    assert (ticket["marks"], ticket["extra"]) == ([], {})


def test_a_closed_value_is_a_value_though_it_looks_like_none() -> None:
    row = {"region": "NA", "product": "NA"}
    assert [_map(row)[name] for name in row] == ["NA", None]
    assert [_map(row, value_sets={"product": ("NA",)})[name] for name in row] == [None, "NA"]
    assert [_map(row, value_sets="none", missing=("-",))[name] for name in row] == ["NA", "NA"]


# Values


def test_values_are_renamed() -> None:
    settings: dict[str, Any] = {
        "fields": {"priority": "Prio"},
        "values": {"priority": {"1": "critical", "hoch": "high", "true": "low"}},
    }
    for value, expected in (
        (1, "critical"),
        ("1", "critical"),
        (" hoch ", "high"),
        (True, "low"),
        ("medium", "medium"),
    ):
        ticket = _map({"Prio": value}, **settings)
        assert (ticket["priority"], ticket["marks"]) == (expected, [])
    assert _map({"Prio": None}, **settings)["priority"] is None


@pytest.mark.parametrize(
    ("value", "form", "moment"),
    [
        ("2024-02-29T12:00:00Z", "auto", NOON),
        ("2024-02-29T14:00:00+02:00", "auto", NOON),
        (" 2024-02-29 12:00:00 ", "auto", NOON),
        ("2024-02-29", "auto", datetime(2024, 2, 29, tzinfo=UTC)),
        ("20240229", "auto", datetime(2024, 2, 29, tzinfo=UTC)),
        (20240229, "auto", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-02-29T12:00:00.123456", "iso", NOON.replace(microsecond=123_000)),
        (NOON.timestamp(), "auto", NOON),
        (int(NOON.timestamp() * 1000), "auto", NOON),
        (str(int(NOON.timestamp() * 1000)), "auto", NOON),
        (str(int(NOON.timestamp())), "epoch_s", NOON),
        (NOON.timestamp() * 1000 + 123, "epoch_ms", NOON.replace(microsecond=123_000)),
        (86_400_000, "epoch_ms", datetime(1970, 1, 2, tzinfo=UTC)),
        (86_400_000, "auto", datetime(1972, 9, 27, tzinfo=UTC)),
        (-86_400, "epoch_s", datetime(1969, 12, 31, tzinfo=UTC)),
        (Decimal(0), "auto", datetime(1970, 1, 1, tzinfo=UTC)),
        (NOON, "epoch_ms", NOON),
        (NOON.replace(tzinfo=None), "auto", NOON),
        (date(2024, 2, 29), "auto", datetime(2024, 2, 29, tzinfo=UTC)),
        (date(2024, 2, 29), "epoch_s", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_times_are_read(value: Any, form: str, moment: datetime) -> None:
    ticket = _map({"created_at": value}, timestamps=form)
    assert ticket["created_at"] == moment
    assert ticket["marks"] == []


@pytest.mark.parametrize("form", ["auto", "iso", "epoch_s", "epoch_ms"])
@pytest.mark.parametrize(
    "value", ["yesterday", "2024-02-30", 10**17, 10**20, 10**400, -(10**15), True, [1], {"a": 1}, float("inf"), "1_000"]
)
def test_what_is_no_time_is_kept_and_marked(value: Any, form: str) -> None:
    ticket = _map({"created_at": value}, timestamps=form)
    assert ticket["created_at"] is None
    assert ticket["marks"] == ["created_at: not a time"]
    assert ticket["extra"] == {"created_at": "Infinity" if value == float("inf") else value}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("affected_users", "12", 12.0),
        ("affected_users", " 1.5e3 ", 1500.0),
        ("affected_users", Decimal("1.5"), 1.5),
        ("affected_users", 0, 0.0),
        ("known_issue", "Yes", True),
        ("known_issue", "0", False),
        ("known_issue", 1, True),
        ("known_issue", 0.0, False),
        ("tags", "a, b,,c ", ["a", "b", "c"]),
        ("tags", '["a, b", "c", 1, null]', ["a, b", "c", "1"]),
        ("tags", "[a, b", ["[a", "b"]),
        ("tags", ["a", 1, None, {"b": 1}], ["a", "1", '{"b":1}']),
        ("tags", [], []),
        ("product", " DataSync Pro ", "DataSync Pro"),
        ("customer_id", 7, "7"),
        ("customer_id", " C7 ", "C7"),
        ("customer_id", 123456789012345678901234567890, "123456789012345678901234567890"),
        ("customer_id", b"C7", "C7"),
        ("description", {"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ("description", " as it is\n", " as it is\n"),
    ],
)
def test_values_are_read_from_what_an_export_has(field: str, value: Any, expected: Any) -> None:
    ticket = _map({field: value})
    assert ticket[field] == expected
    assert (ticket["marks"], ticket["extra"]) == ([], {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("affected_users", "many"),
        ("affected_users", "1_000"),
        ("affected_users", "inf"),
        ("affected_users", True),
        ("affected_users", [1]),
        ("affected_users", 10**400),
        ("known_issue", "perhaps"),
        ("known_issue", 2),
        ("tags", ["cut \ud83d"]),
        ("tags", "[" * 1000 + "]" * 1000),
        ("product", "cut \ud83d"),
        ("description", "cut \ud83d"),
        ("customer_id", "cut \ud83d"),
    ],
)
def test_what_does_not_fit_is_dropped_kept_and_marked(field: str, value: Any) -> None:
    ticket = _map({field: value, "other": 1})
    assert ticket[field] is None
    assert ticket["marks"] == [f"{field}: not a {BY_NAME[field].kind}"]
    assert ticket["extra"] == {field: value, "other": 1}


def test_a_misfit_is_kept_as_the_file_has_it_under_its_own_name() -> None:
    ticket = _map(
        {"Users": "x", "affected_users": "unused", "T": "cut \ud83d", "B": "b"},
        fields={"affected_users": "Users", "description": "{T} {B}"},
        values={"affected_users": {"x": "many"}},
    )
    assert ticket["extra"] == {"Users": "x", "affected_users": "unused", "T": "cut \ud83d", "B": "b"}
    assert sorted(ticket["marks"]) == ["affected_users: not a number", "description: not a text"]


# What is mapped


def test_every_column_that_is_read_is_known_with_its_setting() -> None:
    fields = {"subject": "Titel", "description": "{Body} {Titel}", "category": "subject"}
    own = {"team": {"kind": "categorical"}}
    mapper = TicketMapper(
        SourceConfig.model_validate(
            {"name": "acme", "fields": fields, "own_fields": own, "sequence": "Count", "targets": ["squad"]}
        )
    )
    named = {(of.key, of.column) for of in mapper.mapped_columns if of.key}
    assert named == {
        ("source.fields.subject", "Titel"),
        ("source.fields.description", "Body"),
        ("source.fields.description", "Titel"),
        ("source.fields.category", "subject"),
        ("source.own_fields.team", "team"),
        ("source.targets", "squad"),
        ("source.sequence", "Count"),
    }
    default = {of.column: of.field for of in mapper.mapped_columns if not of.key}
    assert default["priority"] == "priority"
    assert {"subject", "Titel", "category"}.isdisjoint(default)


# Closed sets


def test_a_value_outside_its_set_stays_and_the_checks_alone_mark_it() -> None:
    row = {"category": "Security", "subcategory": "Bug", "priority": "P7", "satisfaction_score": 77}
    ticket = _map(row, value_sets="contract")
    assert {name: ticket[name] for name in row} == row
    assert ticket["marks"] == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"value_sets": {"priorty": ("low",)}}, "'priorty' is no field; allowed: ticket_id"),
        ({"value_sets": {"affected_users": ("many",)}}, "value_sets.affected_users.*allowed: a number"),
        ({"own_fields": {"category": {}}}, "'category' is taken"),
        ({"own_fields": {"marks": {}}}, "'marks' is taken"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TicketMapper(SourceConfig(name="acme", **settings))


# Ids


def test_made_ids_differ_for_equal_rows_and_come_again() -> None:
    rows = [{"subject": "same"}] * 5 + [{"ticket_id": " ", "subject": "same"}, {"ticket_id": 7, "subject": "same"}]
    first, again = (_map_all(rows)[0]["ticket_id"].to_pylist() for _ in range(2))
    assert first == again
    assert len(set(first)) == len(rows)
    assert first[-1] == "7"
    assert all(made.startswith("made-") for made in first[:-1])


def test_made_ids_tell_files_apart_and_no_batches() -> None:
    mapper = TicketMapper(SourceConfig(name="acme"))
    rows = [RawRow(at, {"subject": "same"}) for at in range(4)]
    whole = mapper.map("a", None, rows)[0]["ticket_id"].to_pylist()
    halves = [mapper.map("a", None, part)[0]["ticket_id"].to_pylist() for part in (rows[:2], rows[2:])]
    assert whole == halves[0] + halves[1]
    assert not set(whole) & set(mapper.map("b", None, rows)[0]["ticket_id"].to_pylist())


def test_the_content_hash_follows_the_row_and_not_its_order() -> None:
    rows = [{"subject": "a", "x": 1}, {"x": 1, "subject": "a"}, {"subject": "a", "x": 2}, {"subject": "a", "x": 10**30}]
    hashes = _map_all(rows)[0]["content_hash"].to_pylist()
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


# Refused rows


@pytest.mark.parametrize(
    "row",
    [{}, {"unknown": 1}, {"ticket_id": "7", "created_at": 0}, {"subject": " ", "tags": []}, {"affected_users": "many"}],
)
def test_a_row_with_nothing_usable_is_refused_with_its_content(row: dict[str, Any]) -> None:
    tickets, quarantine = _map_all([row])
    assert tickets.num_rows == 0
    (refused,) = quarantine.to_pylist()
    assert refused["reason"] == "no usable field"
    assert json.loads(refused["original"]) == row


def test_refused_rows_stand_in_the_order_of_the_file() -> None:
    rows = [
        RawRow(0, {}),
        RawRow(1, None, b"x", "bad"),
        RawRow(2, {"subject": "x"}),
        RawRow(3, {}),
        RawRow(4, None, b"", "bad"),
    ]
    _, quarantine = TicketMapper(SourceConfig(name="acme")).map("x", None, rows)
    assert quarantine["source_row"].to_pylist() == [0, 1, 3, 4]


@pytest.mark.parametrize("row", [{"known_issue": False}, {"affected_users": 0}, {"resolution": "x"}, {"mine": "x"}])
def test_one_usable_field_is_enough(row: dict[str, Any]) -> None:
    tickets, _ = _map_all([row], own_fields={"mine": {"kind": "text"}})
    assert tickets.num_rows == 1


def test_an_empty_batch_has_both_schemas() -> None:
    tickets, quarantine = _map_all([])
    assert (tickets.num_rows, quarantine.num_rows) == (0, 0)


# Own fields


def test_own_fields_have_their_kind() -> None:
    kinds = {
        "a_text": "text",
        "a_number": "number",
        "a_flag": "flag",
        "a_list": "list",
        "a_time": "time",
        "plain": "id",
    }
    ticket = _map(
        {"a_text": "x", "num": "1.5", "a_flag": "no", "a_list": "a,b", "a_time": NOON.isoformat(), "plain": 7},
        own_fields={name: {"kind": kind, "stage": "creation"} for name, kind in kinds.items()},
        fields={"a_number": "num"},
    )
    assert [ticket[name] for name in kinds] == ["x", 1.5, False, ["a", "b"], NOON, "7"]
    assert ticket["extra"] == {}


def test_a_target_that_nobody_declared_is_a_category_known_at_the_end() -> None:
    source = SourceConfig(
        name="acme",
        targets=("queue", "team", "category"),
        own_fields={"team": {"kind": "categorical", "stage": "creation"}},
    )
    assert own_fields(source) == (
        Field("team", Kind.CATEGORICAL, Stage.CREATION),
        Field("queue", Kind.CATEGORICAL, Stage.CLOSED),
    )
    assert TicketMapper(source).schema == arrow_schema(own_fields(source))
    ticket = _map({"queue": {"name": "x"}}, targets=("queue",))
    assert ticket["queue"] == '{"name":"x"}'


# Everything at once


ODDITIES: list[Any] = [
    None,
    "",
    "x",
    "NA",
    "cut \ud83d",
    "\x00",
    "2024-02-29",
    0,
    -1,
    10**30,
    10**400,
    1e300,
    float("nan"),
    float("inf"),
    True,
    [],
    ["a", ["b"], None],
    {"a": {"b": [1]}},
    b"\xff",
    Decimal("NaN"),
    Decimal("1.5"),
    date(1, 1, 1),
    datetime(9999, 12, 31),
    datetime.max,
]


@pytest.mark.parametrize("seed", range(30))
def test_rows_in_are_tickets_and_refused_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [*BY_NAME, "own", "unknown", "extra", "marks", "source_row"]
    settings = [
        {},
        {"value_sets": "none", "fields": {"description": "{subject} {own}{unknown}", "category": "marks"}},
        {"timestamps": "epoch_ms", "values": {"priority": {"x": "low"}}, "value_sets": {"tags": ("a",)}},
    ][seed % 3]
    rows: list[RawRow] = []
    for at in range(int(rng.integers(1, 60))):
        if rng.random() < 0.2:
            rows.append(RawRow(at, None, b"\xff" * at, "not JSON: x"))
            continue
        chosen = rng.choice(names, size=rng.integers(0, 8))
        rows.append(RawRow(at, {str(name): ODDITIES[rng.integers(len(ODDITIES))] for name in chosen}))
    mapper = TicketMapper(SourceConfig(name="acme", own_fields={"own": {"kind": "list"}}, **settings))
    tickets, quarantine = mapper.map("x", "train", rows)
    tickets.validate(full=True)
    assert sorted(tickets["source_row"].to_pylist() + quarantine["source_row"].to_pylist()) == list(range(len(rows)))
    assert tickets["ticket_id"].null_count == 0
    assert quarantine["reason"].null_count == quarantine["original"].null_count == 0
    unread = {row.position: row.raw for row in rows if row.values is None}
    kept = dict(zip(quarantine["source_row"].to_pylist(), quarantine["original"].to_pylist(), strict=True))
    assert {at: kept[at] for at in unread} == unread
    assert all(isinstance(json.loads(extra), dict) for extra in tickets["extra"].to_pylist() if extra)


# The real sample


@pytest.mark.data
def test_the_sample_is_read_whole() -> None:
    folder = os.environ.get("TICKETS_DATA")
    if not folder or not (Path(folder) / "tickets_sample.json").is_file():
        pytest.skip("TICKETS_DATA names no folder with tickets_sample.json")
    source = SourceConfig(name="sample", path="tickets_sample.json", timestamps="epoch_ms")
    (file,) = find_files(source, None, [Path(folder)])
    mapped = [TicketMapper(source).map(file.name, None, rows) for rows in read_rows(file, ",", 30)]
    tickets = pa.concat_tables(tickets for tickets, _ in mapped)
    assert (tickets.num_rows, sum(quarantine.num_rows for _, quarantine in mapped)) == (100, 0)
    assert len(set(tickets["ticket_id"].to_pylist())) == 100
    assert tickets["extra"].null_count == 100
    assert tickets["marks"].to_pylist() == [[]] * 100
    assert {moment.year for moment in tickets["created_at"].to_pylist()} <= {2022, 2023, 2024, 2025}
    assert "NA" in tickets["region"].to_pylist()
    assert tickets["region"].null_count == 0
