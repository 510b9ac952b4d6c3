"""Checks that look at one field: its type, closed set, bounds, dates, and whether it is there.

They do not know how two fields belong together (`relations.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import BoundConfig, QualityConfig, Severity
from tickets.quality.check import Batch, Check, Mask, made_ids
from tickets.quality.nearest import nearest
from tickets.schema import BY_NAME, Field, Kind


def type_checks(fields: Sequence[Field]) -> Iterator[Check]:
    """Values that did not fit their field; ingestion took them out, and marked them."""
    for field in fields:
        mark = f"{field.name}: not a {field.kind.value}"
        yield Check(
            name=f"type.{field.name}",
            severity=Severity.MARK,
            mark=mark,
            meaning=f"`{field.name}` held something that is not a {field.kind.value}; the field was left empty.",
            advice="Look at the value in the ticket's `extra`; "
            + ("say how it is written in `source.timestamps`, " if field.kind is Kind.TIME else "")
            + "map another column, or correct the export.",
            find=partial(_marked, mark=mark),
        )


def value_set_checks(fields: Sequence[Field], value_sets: Mapping[str, frozenset[Any]]) -> Iterator[Check]:
    """Values outside their field's closed set."""
    by_name = {field.name: field for field in fields}
    for name, allowed in value_sets.items():
        field = by_name[name]
        item_type = pa.string() if field.kind is Kind.LIST else field.kind.arrow_type
        values = pa.array(sorted(allowed), item_type)
        yield Check(
            name=f"value_set.{name}",
            severity=Severity.MARK,
            mark=f"{name}: outside the value set",
            meaning=f"`{name}` holds a value that is not among its {len(allowed)} allowed ones.",
            advice=f"Map the value to an allowed one in `source.values.{name}`, or allow it in `source.value_sets`.",
            find=partial(_outside, name=name, allowed=values),
            detail=partial(_outside_values, name=name, allowed=values),
            suggest=partial(nearest, allowed=pc.cast(values, pa.string()).to_pylist()),
        )


def missing_checks(required: Sequence[str]) -> Iterator[Check]:
    """Required fields that say nothing."""
    for name in required:
        yield Check(
            name=f"missing.{name}",
            severity=Severity.COUNT,  # a source that has no such column would have every ticket marked
            mark=f"{name}: missing",
            meaning=f"`{name}` is required and is empty.",
            advice=f"Map a column to `{name}` in `source.fields`, make the source fill it, or do not require it.",
            find=partial(_missing, name=name),
        )


def number_checks(
    fields: Sequence[Field], value_sets: Mapping[str, frozenset[Any]], bounds: Mapping[str, BoundConfig]
) -> Iterator[Check]:
    """Numbers that cannot be: not finite, or outside their bounds."""
    for field in fields:
        if field.kind is not Kind.NUMBER:
            continue
        bound = bounds.get(field.name) or _built_in_bound(field.name, value_sets)
        yield Check(
            name=f"number.{field.name}",
            severity=Severity.MARK,
            mark=f"{field.name}: impossible number",
            meaning=f"`{field.name}` is {_impossible(bound)}.",
            advice="Correct the source; if such values are right, set `quality.bounds`.",
            find=partial(_out_of_bounds, name=field.name, bound=bound),
            detail=partial(_values, name=field.name),
        )


def date_checks(config: QualityConfig, fields: Sequence[Field], now: datetime) -> Iterator[Check]:
    """Times that lie ahead, and times before anything was recorded."""
    known = {field.name for field in fields}
    latest = now + timedelta(seconds=config.clock_skew_s)
    for name in (name for name in config.past if name in known):
        yield Check(
            name=f"future.{name}",
            severity=Severity.MARK,
            mark=f"{name}: in the future",
            meaning=f"`{name}` lies in the future.",
            advice="Check the source's time zone, and whether `source.timestamps` names the right unit.",
            find=partial(_after, name=name, latest=_time(latest)),
        )
        yield Check(
            name=f"too_old.{name}",
            severity=Severity.MARK,
            mark=f"{name}: too old",
            meaning=f"`{name}` lies before {config.earliest}: a default value or a wrong unit.",
            advice="Check whether `source.timestamps` names the right unit, and what the source writes for no date.",
            find=partial(_before, name=name, earliest=_time(config.earliest_moment)),
        )


def _marked(batch: Batch, mark: str) -> Mask:
    return batch.marked(mark)


def _outside(batch: Batch, name: str, allowed: pa.Array) -> pa.Array | Mask:
    column = batch[name]
    if not pa.types.is_list(column.type):
        return pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, allowed)))
    rows = np.zeros(batch.num_rows, dtype=bool)
    is_out = pc.invert(pc.is_in(pc.list_flatten(column), allowed)).to_numpy(zero_copy_only=False)
    rows[pc.list_parent_indices(column).to_numpy(zero_copy_only=False)[is_out]] = True
    return rows


def _outside_values(batch: Batch, rows: Mask, name: str, allowed: pa.Array) -> pa.Array:
    """The value outside the set; of a list, its first such item."""
    column = batch[name]
    if not pa.types.is_list(column.type):
        return _values(batch, rows, name)
    known = set(allowed.to_pylist())
    lists = column.filter(pa.array(rows)).to_pylist()
    return pa.array([next(item for item in items if item not in known) for items in lists], pa.string())


def _values(batch: Batch, rows: Mask, name: str) -> pa.Array:
    return pc.cast(batch[name].filter(pa.array(rows)), pa.string())


def _missing(batch: Batch, name: str) -> pa.Array:
    missing = batch.absent(name)
    return pc.or_(missing, made_ids(batch[name])) if name == "ticket_id" else missing


def _built_in_bound(name: str, value_sets: Mapping[str, frozenset[Any]]) -> BoundConfig:
    """The ends of a closed set; else the contract's numbers, all of which count or measure, are not negative."""
    if allowed := value_sets.get(name):
        return BoundConfig(min=min(allowed), max=max(allowed))
    return BoundConfig(min=0.0) if name in BY_NAME else BoundConfig()


def _impossible(bound: BoundConfig) -> str:
    ends = [f"below {bound.min:g}"] if bound.min is not None else []
    ends += [f"above {bound.max:g}"] if bound.max is not None else []
    return " or ".join([*ends, "not a finite number"])


def _out_of_bounds(batch: Batch, name: str, bound: BoundConfig) -> pa.Array:
    column = batch[name]
    found = pc.invert(pc.is_finite(column))
    if bound.min is not None:
        found = pc.or_(found, pc.less(column, bound.min))
    return found if bound.max is None else pc.or_(found, pc.greater(column, bound.max))


def _time(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, Kind.TIME.arrow_type)


def _after(batch: Batch, name: str, latest: pa.Scalar) -> pa.Array:
    return pc.greater(batch[name], latest)


def _before(batch: Batch, name: str, earliest: pa.Scalar) -> pa.Array:
    return pc.less(batch[name], earliest)
