from __future__ import annotations

import numpy as np
import pyarrow as pa

from tickets.config import FeaturesConfig
from tickets.features.codes import MEASURES
from tickets.features.dropout import drop_fields, text_alone, without_fields
from tickets.features.state import Features, FeatureState, presence


def _config(every: float, each: float) -> FeaturesConfig:
    return FeaturesConfig(field_dropout=every, each_field_dropout=each)


def _lost(state: FeatureState, features: Features, dropped: Features) -> np.ndarray:
    """Which fields that were there are gone, bool [n, fields]; the rest must be as it was."""
    is_field = [name not in MEASURES for name in state.numbers.centres]
    before = np.hstack([features.categories > 0, ~np.isnan(features.numbers[:, is_field])])
    after = np.hstack([dropped.categories > 0, ~np.isnan(dropped.numbers[:, is_field])])
    assert (before | ~after).all()
    kept = dropped.categories > 0
    assert np.array_equal(dropped.categories[kept], features.categories[kept])
    for part in ("words", "chars", "vectors", "texts"):
        assert getattr(dropped, part) is getattr(features, part)
    measures = np.logical_not(is_field)
    np.testing.assert_array_equal(dropped.numbers[:, measures], features.numbers[:, measures])
    gone: np.ndarray = before & ~after
    return gone


def test_text_alone_is_what_a_table_without_fields_reads_as(
    state: FeatureState, features: Features, table: pa.Table, vectors: np.ndarray
) -> None:
    bare = without_fields(table, state.selection)
    assert set(presence(bare, state.selection)) == {"text"}
    assert bare["language"].null_count == len(bare)
    assert bare.select(["subject", "category", "ticket_id"]).equals(table.select(["subject", "category", "ticket_id"]))
    read, copied = state.transform(bare, vectors), text_alone(state, features)
    assert (read.words != copied.words).nnz == (read.chars != copied.chars).nnz == 0
    np.testing.assert_array_equal(read.categories, copied.categories)
    np.testing.assert_array_equal(read.numbers, copied.numbers)


def test_some_rows_lose_everything_and_the_others_nothing(state: FeatureState, features: Features) -> None:
    lost = _lost(state, features, drop_fields(state, features, _config(0.4, 0.0), 0))
    touched = lost.any(axis=1)
    assert 0.3 < touched.mean() < 0.5
    dropped = drop_fields(state, features, _config(0.4, 0.0), 0)
    assert (dropped.categories[touched] == 0).all()


def test_fields_are_lost_one_by_one(state: FeatureState, features: Features) -> None:
    lost = _lost(state, features, drop_fields(state, features, _config(0.0, 0.3), 0))
    assert 0.2 < lost[:, 0].mean() < 0.35
    assert abs(np.corrcoef(lost[:, :2].T)[0, 1]) < 0.25


def test_the_same_seed_loses_the_same_fields(state: FeatureState, features: Features) -> None:
    first, second, other = (drop_fields(state, features, _config(0.2, 0.1), seed).categories for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_without_dropout_nothing_is_lost(state: FeatureState, features: Features) -> None:
    assert not _lost(state, features, drop_fields(state, features, _config(0.0, 0.0), 0)).any()
