"""Fields that are lost on purpose, so that a model learns to do without them. It does not know models or splits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tickets.config import FeaturesConfig
from tickets.features.state import Features, FeatureState, Selection


def without_fields(table: pa.Table, selection: Selection) -> pa.Table:
    """The tickets with nothing but their text and their logs, and without a language."""
    for name in {*selection.categories, *selection.numbers, "language"}.intersection(table.column_names):
        nulls = pa.nulls(table.num_rows, table.schema.field(name).type)
        table = table.set_column(table.column_names.index(name), name, nulls)
    return table


def text_alone(state: FeatureState, features: Features) -> Features:
    """What `state` would make of the same tickets `without_fields`, from n rows that it made of them as they are."""
    return state.without_fields(features, np.ones((len(features), state.num_fields), dtype=bool))


def drop_fields(state: FeatureState, features: Features, config: FeaturesConfig, seed: int) -> Features:
    """The same tickets, of which some have lost all fields and the others some; the same seed loses the same ones.

    Srivastava et al., "Dropout" (2014), of whole fields.

    Args:
        state: What made the features.
        features: n rows.
        config: How many rows lose all, and each field how often.
        seed: Of the draw.
    """
    draw = np.random.default_rng(seed)
    alone = draw.random((len(features), 1)) < config.field_dropout
    each = draw.random((len(features), state.num_fields)) < config.each_field_dropout
    return state.without_fields(features, alone | each)
