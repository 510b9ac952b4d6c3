from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config import FeaturesConfig
from tickets.errors import ModelError, StageError
from tickets.features.codes import MEASURES
from tickets.features.state import Features, FeatureState, join_text, select_fields, without_fields
from tickets.schema import BY_NAME, FIELDS, Field, Kind, Stage

TARGETS = ("category", "priority")
LATER = [field for field in FIELDS if field.stage is not Stage.CREATION]


def _identical(one: Features, other: Features) -> bool:
    arrays = [(getattr(one, part), getattr(other, part)) for part in ("vectors", "categories", "numbers")]
    for part in ("words", "chars"):
        left, right = getattr(one, part), getattr(other, part)
        arrays += [(getattr(left, name), getattr(right, name)) for name in ("data", "indices", "indptr")]
    return all(left.dtype == right.dtype and left.tobytes() == right.tobytes() for left, right in arrays)


def _saved(state: FeatureState, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    state.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _random(kind: Kind, num_rows: int, rng: np.random.Generator) -> pa.Array:
    draws: dict[Kind, Callable[[], list[Any]]] = {
        Kind.NUMBER: lambda: rng.lognormal(3, 3, num_rows).tolist(),
        Kind.FLAG: lambda: (rng.random(num_rows) < 0.5).tolist(),
        Kind.LIST: lambda: [[f"v{number}"] for number in rng.integers(9, size=num_rows)],
        Kind.TIME: lambda: rng.integers(10**12, size=num_rows).tolist(),
    }
    values = draws.get(kind, lambda: [f"v{number}" for number in rng.integers(9, size=num_rows)])()
    missing = rng.random(num_rows) < 0.3
    return pa.array([None if gone else value for value, gone in zip(values, missing, strict=True)], kind.arrow_type)


@pytest.mark.parametrize("seed", range(3))
def test_no_later_field_and_no_target_reaches_a_feature(
    table: pa.Table, vectors: np.ndarray, state: FeatureState, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    changed = table
    for name in {*(field.name for field in LATER), *TARGETS}:
        at = changed.column_names.index(name)
        changed = changed.set_column(at, name, _random(BY_NAME[name].kind, table.num_rows, rng))
    assert not changed.equals(table)
    assert _identical(state.transform(table, vectors), state.transform(changed, vectors))
    config = FeaturesConfig()
    refitted = FeatureState.fit(changed.slice(0, 200), select_fields(config, (), TARGETS), config)
    assert _saved(refitted, tmp_path / "refitted") == _saved(state, tmp_path / "state")


def test_every_allowed_field_is_read_unless_some_are_named() -> None:
    selection = select_fields(FeaturesConfig(), (), ("product",))
    read = {*selection.categories, *selection.numbers}
    allowed = {Kind.CATEGORICAL, Kind.FLAG, Kind.NUMBER}
    assert read == {f.name for f in FIELDS if f.stage is Stage.CREATION and f.kind in allowed} - {"product"}
    assert all(BY_NAME[name].kind is Kind.NUMBER for name in selection.numbers)
    assert selection.logs == ("error_logs", "stack_trace")
    assert selection.columns == [*selection.text, *selection.logs, *selection.categories, *selection.numbers]
    named = select_fields(FeaturesConfig(fields=("affected_users", "channel")), (), ())
    assert (named.categories, named.numbers) == (("channel",), ("affected_users",))


def test_a_later_stage_knows_more() -> None:
    known = [set(select_fields(FeaturesConfig(stage=stage), (), ()).columns) for stage in Stage]
    assert known[0] < known[1] < known[2]
    assert "severity" in known[1] - known[0]


@pytest.mark.parametrize("field", [f for f in LATER if f.kind in (Kind.CATEGORICAL, Kind.NUMBER)], ids=lambda f: f.name)
def test_a_field_of_a_later_stage_is_refused(field: Field) -> None:
    with pytest.raises(StageError, match=f"'{field.name}' is known at stage '{field.stage}', not yet at 'creation'"):
        select_fields(FeaturesConfig(fields=("channel", field.name)), (), ())


def test_a_text_of_a_later_stage_is_refused() -> None:
    with pytest.raises(StageError, match="'resolution' is known at stage 'closed', not yet at 'in_progress'"):
        select_fields(FeaturesConfig(stage=Stage.IN_PROGRESS, text=("subject", "resolution")), (), ())


@pytest.mark.parametrize("config", [FeaturesConfig(fields=("channel",)), FeaturesConfig(text=("channel",))])
def test_a_target_is_refused_as_input(config: FeaturesConfig) -> None:
    with pytest.raises(StageError, match="'channel' is a target"):
        select_fields(config, (), ("channel",))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FeaturesConfig(fields=("subject",)), "'subject' is a text; allowed as a field: categorical, number, flag"),
        (FeaturesConfig(text=("affected_users",)), "'affected_users' is a number; allowed as text: text, categor"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(config: FeaturesConfig, message: str) -> None:
    with pytest.raises(StageError, match=message):
        select_fields(config, (), ())


def test_own_fields_obey_the_same_rule() -> None:
    own = (Field("queue", Kind.CATEGORICAL, Stage.CREATION), Field("closed_by", Kind.CATEGORICAL, Stage.CLOSED))
    selection = select_fields(FeaturesConfig(), own, ())
    assert "queue" in selection.categories
    assert "closed_by" not in selection.columns
    with pytest.raises(StageError, match="'closed_by' is known at stage 'closed'"):
        select_fields(FeaturesConfig(fields=("closed_by",)), own, ())


def test_save_and_load_change_no_bit(state: FeatureState, table: pa.Table, vectors: np.ndarray, tmp_path: Path) -> None:
    state.save(tmp_path)
    loaded = FeatureState.load(tmp_path)
    assert loaded.selection == state.selection
    assert loaded.texts(table) == state.texts(table)
    assert _identical(loaded.transform(table, vectors), state.transform(table, vectors))


def test_a_ticket_alone_reads_as_among_others(
    state: FeatureState, features: Features, table: pa.Table, vectors: np.ndarray
) -> None:
    for row in (0, 7, 299):
        alone = state.transform(table.slice(row, 1), vectors[row : row + 1])
        assert _identical(alone, features.take(np.array([row])))


def test_rows_are_taken_by_index_and_by_mask(features: Features) -> None:
    mask = np.arange(len(features)) % 3 == 0
    assert _identical(features.take(mask), features.take(np.flatnonzero(mask)))
    assert len(features.take(mask)) == 100


def test_values_that_training_did_not_hold(state: FeatureState, table: pa.Table, vectors: np.ndarray) -> None:
    row = table.slice(0, 1)
    at = {name: row.column_names.index(name) for name in ("product", "channel", "affected_users")}
    row = row.set_column(at["product"], "product", pa.array(["unheard of"]))
    row = row.set_column(at["channel"], "channel", pa.array([None], pa.string()))
    row = row.set_column(at["affected_users"], "affected_users", pa.array([None], pa.float64()))
    read = state.transform(row, vectors[:1])
    codes = dict(zip(state.categories.values, read.categories[0].tolist(), strict=True))
    numbers = dict(zip(state.numbers.centres, read.numbers[0].tolist(), strict=True))
    assert (codes["product"], codes["channel"]) == (1, 0)
    assert np.isnan(numbers["affected_users"])
    assert np.isfinite(numbers["account_age_days"])


def test_columns_without_training_values_are_left_out(state: FeatureState) -> None:
    assert set(state.categories.values) == {"product", "channel", "language", "weekend_ticket"}
    assert set(state.numbers.centres) == {"affected_users", "account_age_days"}


def test_texts_are_joined_line_by_line() -> None:
    table = pa.table({"a": ["x", None, "", None], "b": ["y", "z", "", None]})
    assert join_text(table, ("a", "b")) == ["x\ny", "z", "", ""]
    assert join_text(table, ("b", "a")) == ["y\nx", "z", "", ""]
    assert join_text(table, ()) == [""] * 4


@pytest.mark.parametrize(
    "config",
    [
        FeaturesConfig(text=()),
        FeaturesConfig(fields=()),
        FeaturesConfig(text=(), fields=("product",)),
        FeaturesConfig(text=(), fields=("affected_users",)),
    ],
    ids=["no text", "no fields", "one category", "one number"],
)
def test_some_inputs_alone_are_enough(
    config: FeaturesConfig, table: pa.Table, vectors: np.ndarray, tmp_path: Path
) -> None:
    state = FeatureState.fit(table, select_fields(config, (), TARGETS), config)
    read = state.transform(table, vectors)
    assert len(state.texts(table)) == len(read) == read.words.shape[0] == read.categories.shape[0] == table.num_rows
    assert (read.words.nnz > 0) == bool(config.text)
    assert bool(state.num_fields) == (config.fields != ())
    state.save(tmp_path)
    assert _identical(FeatureState.load(tmp_path).transform(table, vectors), read)


def test_one_training_row_is_enough(table: pa.Table, vectors: np.ndarray) -> None:
    config = FeaturesConfig()
    state = FeatureState.fit(table.slice(0, 1), select_fields(config, (), TARGETS), config)
    read = state.transform(table, vectors)
    assert len(read) == table.num_rows
    assert read.words[0].nnz > 0


@pytest.mark.parametrize("config", [FeaturesConfig(), FeaturesConfig(text=(), fields=())])
def test_nothing_to_learn_from_is_refused(config: FeaturesConfig, table: pa.Table) -> None:
    empty = pa.table({name: pa.nulls(5, table.schema.field(name).type) for name in table.column_names})
    with pytest.raises(ModelError, match="no training row has any of the fields"):
        FeatureState.fit(empty, select_fields(config, (), TARGETS), config)


def test_codes_are_read_from_the_text_and_from_logs(table: pa.Table, vectors: np.ndarray) -> None:
    changed = table
    for name, text in (("subject", "we got ORA-00942"), ("error_logs", "ERROR ORA-00942")):
        texts = pa.array([text if row % 2 else "nothing" for row in range(table.num_rows)])
        changed = table.set_column(table.column_names.index(name), name, texts)
        selection = select_fields(FeaturesConfig(), (), TARGETS)
        state = FeatureState.fit(changed, selection, FeaturesConfig(measures=True))
        read = state.transform(changed, vectors)
        silent = FeaturesConfig(codes=False)
        without = FeatureState.fit(changed, select_fields(silent, (), TARGETS), silent).transform(changed, vectors)
        extra = read.words[:, without.words.shape[1] :].toarray()
        assert extra.shape[1] >= 2
        assert (extra[1::2].sum(axis=1) > 0).all()
        assert (extra[::2] == 0).all()
        assert read.numbers.shape[1] == without.numbers.shape[1] + len(MEASURES)


def test_a_log_field_obeys_its_stage() -> None:
    with pytest.raises(StageError, match="'resolution' is known at stage 'closed'"):
        select_fields(FeaturesConfig(logs=("resolution",)), (), ())
    assert select_fields(FeaturesConfig(logs=("resolution",), codes=False), (), ()).logs == ()
    assert select_fields(FeaturesConfig(text=("error_logs",)), (), ()).logs == ("stack_trace",)


def test_text_alone_is_what_a_table_without_fields_reads_as(
    state: FeatureState, features: Features, table: pa.Table, vectors: np.ndarray
) -> None:
    bare = without_fields(table, state.selection)
    assert set(state.patterns(bare)) == {"text"}
    assert bare["language"].null_count == len(bare)
    kept = ["subject", "error_logs", "category", "ticket_id"]
    assert bare.select(kept).equals(table.select(kept))
    copies = state.text_alone(features)
    assert _identical(state.transform(bare, vectors), copies)
    assert not copies.categories.any()
    assert features.categories.any()
    assert np.isnan(copies.numbers).all()


def test_measures_of_the_text_are_numbers_that_text_alone_has(
    table: pa.Table, vectors: np.ndarray, tmp_path: Path
) -> None:
    config = FeaturesConfig(measures=True)
    state = FeatureState.fit(table, select_fields(config, (), TARGETS), config)
    assert set(state.numbers.centres) == {"affected_users", "account_age_days", *MEASURES}
    assert state.num_fields == len(state.categories.values) + 2
    read = state.transform(table, vectors)
    copies = state.text_alone(read)
    assert np.isnan(copies.numbers).sum() == len(read) * 2
    assert _identical(state.transform(without_fields(table, state.selection), vectors), copies)
    state.save(tmp_path)
    assert _identical(FeatureState.load(tmp_path).transform(table, vectors), read)
    empty = pa.table({name: pa.nulls(1, table.schema.field(name).type) for name in table.column_names})
    assert np.isnan(state.transform(empty, vectors[:1]).numbers).all()
