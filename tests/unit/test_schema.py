from __future__ import annotations

from itertools import product

import pyarrow as pa
import pytest

from tickets.schema import BY_NAME, FIELDS, SYSTEM_COLUMNS, TAXONOMY, VALUE_SETS, Field, Kind, Stage, arrow_schema


def test_the_contract_has_sixty_fields_and_the_tenant() -> None:
    names = [field.name for field in FIELDS]
    assert len(names) == len(set(names)) == len(BY_NAME) == 61
    assert "tenant" in BY_NAME
    assert not set(names) & set(SYSTEM_COLUMNS)
    assert all(isinstance(field.kind, Kind) and isinstance(field.stage, Stage) for field in FIELDS)


def test_a_stage_knows_itself_and_what_comes_before() -> None:
    order = [Stage.CREATION, Stage.IN_PROGRESS, Stage.CLOSED]
    known = {(value, asked) for value, asked in product(order, order) if value.known_at(asked)}
    assert known == {(order[early], order[late]) for late in range(3) for early in range(late + 1)}


@pytest.mark.parametrize(
    "name", ["category", "subcategory", "priority", "severity", "customer_sentiment", "resolution"]
)
def test_what_a_person_adds_later_is_no_input_at_creation(name: str) -> None:
    assert not BY_NAME[name].stage.known_at(Stage.CREATION)


def test_value_sets_belong_to_fields_and_fit_their_kind() -> None:
    allowed = {Kind.CATEGORICAL: str, Kind.NUMBER: int}
    for name, values in VALUE_SETS.items():
        assert values and len(values) == len(set(values))
        assert all(type(value) is allowed[BY_NAME[name].kind] for value in values), name


def test_the_taxonomy_parts_the_subcategories_among_the_categories() -> None:
    subcategories = [name for names in TAXONOMY.values() for name in names]
    assert set(TAXONOMY) == set(VALUE_SETS["category"])
    assert sorted(subcategories) == sorted(VALUE_SETS["subcategory"])


def test_arrow_schema_lists_contract_own_fields_and_system_columns() -> None:
    schema = arrow_schema([Field("queue", Kind.LIST, Stage.CREATION)])
    assert schema.names == [*(field.name for field in FIELDS), "queue", *SYSTEM_COLUMNS]
    assert schema.field("queue").type == pa.list_(pa.string())
    assert schema.field("created_at").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("affected_users").type == pa.float64()
    assert schema.field("known_issue").type == pa.bool_()
    assert schema.field("source_row").type == pa.int64()
    assert all(field.nullable for field in schema)
