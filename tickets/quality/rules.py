"""An organisation's business rules: conditions that are data → checks. It does not know where rules are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import ConditionConfig, Op, RuleConfig
from tickets.errors import ConfigError
from tickets.quality.check import Batch, Check
from tickets.schema import Field, Kind
from tickets.values import converter

Condition = Callable[[Batch], pa.Array]
"""Batch → bool [n]; null where the field says nothing."""

_COMPARE: Final[Mapping[Op, Callable[[Any, Any], pa.Array]]] = {
    Op.EQUAL: pc.equal,
    Op.NOT_EQUAL: pc.not_equal,
    Op.LESS: pc.less,
    Op.AT_MOST: pc.less_equal,
    Op.MORE: pc.greater,
    Op.AT_LEAST: pc.greater_equal,
}
_ALWAYS: Final = (Op.PRESENT, Op.MISSING)
_NAMES: Final = (*_ALWAYS, Op.EQUAL, Op.NOT_EQUAL, Op.IN, Op.NOT_IN)
_OPS: Final[Mapping[Kind, tuple[Op, ...]]] = {
    Kind.ID: (*_NAMES, Op.MATCHES),
    Kind.TEXT: (*_NAMES, Op.MATCHES),
    Kind.CATEGORICAL: (*_NAMES, Op.MATCHES),
    Kind.FLAG: (*_ALWAYS, Op.EQUAL, Op.NOT_EQUAL),
    Kind.NUMBER: (*_ALWAYS, *_COMPARE, Op.IN, Op.NOT_IN),
    Kind.TIME: (*_ALWAYS, *_COMPARE),
    Kind.LIST: (*_ALWAYS, Op.IN, Op.NOT_IN),
}


def rule_checks(rules: Sequence[RuleConfig], fields: Sequence[Field]) -> Iterator[Check]:
    """One check per rule.

    Raises:
        ConfigError: A condition names no field, an operator that its kind does not have, or a value that does not fit.
    """
    by_name = {field.name: field for field in fields}
    for rule in rules:
        where = f"quality.rules.{rule.name}"
        when = [_build_condition(condition, by_name, where) for condition in rule.when]
        then = [_build_condition(condition, by_name, where) for condition in rule.then]
        yield Check(
            name=f"rule.{rule.name}",
            severity=rule.severity,
            mark=f"rule: {rule.name}",
            meaning=_sentence(rule),
            advice=rule.advice or "Correct the tickets in the source, or mend the rule in `quality.rules`.",
            find=partial(_broken, when=when, then=then),
        )


def _broken(batch: Batch, when: Sequence[Condition], then: Sequence[Condition]) -> pa.Array:
    """Where all of `when` is true and all of `then` is false for sure."""
    kept = reduce(pc.and_kleene, [condition(batch) for condition in then])
    broken = pc.fill_null(pc.invert(kept), False)
    return reduce(pc.and_kleene, [condition(batch) for condition in when], broken)


def _build_condition(condition: ConditionConfig, fields: Mapping[str, Field], where: str) -> Condition:
    field = _field(condition.field, fields, where)
    op = condition.op
    if op not in _OPS[field.kind]:
        allowed = ", ".join(_OPS[field.kind])
        raise ConfigError(f"{where}: {field.name} is a {field.kind}, which has no {op!s}; allowed: {allowed}")
    if op is Op.PRESENT:
        return lambda batch: pc.invert(batch.absent(field.name))
    if op is Op.MISSING:
        return lambda batch: batch.absent(field.name)
    if condition.other is not None:
        return _compare_fields(field, _field(condition.other, fields, where), op, where)
    if op is Op.MATCHES:
        return _matching(field, str(condition.value), where)
    if isinstance(condition.value, tuple):
        return _among(field, [_value(field, value, where) for value in condition.value], op)
    value = pa.scalar(_value(field, condition.value, where), field.kind.arrow_type)
    return lambda batch: _COMPARE[op](batch[field.name], value)


def _field(name: str, fields: Mapping[str, Field], where: str) -> Field:
    if name not in fields:
        raise ConfigError(f"{where}: {name!r} is no field; allowed: {', '.join(fields)}")
    return fields[name]


def _value(field: Field, value: Any, where: str) -> Any:
    """The value as the field holds it; an item's, for a list."""
    kind = Kind.CATEGORICAL if field.kind is Kind.LIST else field.kind
    written = f"{value:g}" if isinstance(value, float) and kind is not Kind.NUMBER else value
    try:
        converted = converter(kind)(written)
    except (ValueError, TypeError, OverflowError):
        converted = None
    if converted is None:
        raise ConfigError(f"{where}: {field.name} cannot be {value!r}; allowed: a {kind}")
    return converted


def _compare_fields(field: Field, other: Field, op: Op, where: str) -> Condition:
    if op not in _COMPARE or field.kind is not other.kind:
        raise ConfigError(
            f"{where}: {field.name} ({field.kind}) {op!s} {other.name} ({other.kind}); allowed: two fields "
            f"of one kind, with one of {', '.join(_COMPARE)}"
        )
    return lambda batch: _COMPARE[op](batch[field.name], batch[other.name])


def _matching(field: Field, pattern: str, where: str) -> Condition:
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise ConfigError(f"{where}: {pattern!r} is no pattern ({error}); allowed: RE2 syntax") from None
    return lambda batch: pc.match_substring_regex(batch[field.name], pattern)


def _among(field: Field, values: Sequence[Any], op: Op) -> Condition:
    is_list = field.kind is Kind.LIST
    allowed = pa.array(values, pa.string() if is_list else field.kind.arrow_type)
    return partial(_is_among, name=field.name, allowed=allowed, negated=op is Op.NOT_IN)


def _is_among(batch: Batch, name: str, allowed: pa.Array, negated: bool) -> pa.Array:
    column = batch[name]
    found = _any_item_in(column, allowed) if pa.types.is_list(column.type) else pc.is_in(column, allowed)
    return pc.if_else(pc.is_valid(column), pc.invert(found) if negated else found, None)


def _any_item_in(column: pa.Array, allowed: pa.Array) -> pa.Array:
    rows = pc.list_parent_indices(column).filter(pc.is_in(pc.list_flatten(column), allowed))
    found = np.zeros(len(column), dtype=bool)
    found[rows.to_numpy(zero_copy_only=False)] = True
    return pa.array(found)


def _sentence(rule: RuleConfig) -> str:
    then = " and ".join(map(_words, rule.then))
    if not rule.when:
        return f"Always: {then}; here it is not so."
    return f"Where {' and '.join(map(_words, rule.when))}: {then}; here it is not so."


def _words(condition: ConditionConfig) -> str:
    words = [f"`{condition.field}`", "is" if condition.op in _ALWAYS else "", condition.op.value.replace("_", " ")]
    if condition.other is not None:
        words.append(f"`{condition.other}`")
    elif isinstance(condition.value, tuple):
        words.append(", ".join(map(_shown, condition.value)))
    elif condition.value is not None:
        words.append(_shown(condition.value))
    return " ".join(filter(None, words))


def _shown(value: str | float | bool) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
