"""Checks on how the fields of one ticket belong together: taxonomy, order of times, durations, lifecycle, text.

They do not know an organisation's own rules (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import OrderConfig, QualityConfig, Severity
from tickets.errors import ConfigError
from tickets.quality.check import Batch, Check, Mask
from tickets.schema import TAXONOMY, VALUE_SETS, Field, Kind

FIRST_RESPONSE: Final = "first_response_at"
"""The field of a source's own that holds the time of the first answer, where it has one."""

_MS_PER_HOUR: Final = 3_600_000
_BETWEEN: Final = " / "
_VISIBLE: Final = r"[^\s\p{Z}\p{C}]"  # RE2's \s knows ASCII alone


def taxonomy_checks(config: QualityConfig, value_sets: Mapping[str, frozenset[Any]]) -> Iterator[Check]:
    """Subcategories that stand under a category which does not allow them."""
    taxonomy = taxonomy_in_force(config, value_sets)
    if not taxonomy:
        return
    yield Check(
        name="taxonomy.subcategory",
        severity=Severity.MARK,
        mark="subcategory: not of its category",
        meaning="The subcategory does not belong to the category of the ticket.",
        advice="Correct the pair in the source, or allow it in `quality.taxonomy`.",
        find=partial(_unpaired, taxonomy=taxonomy),
        detail=_pairs,
        suggest=partial(_fitting_category, taxonomy=taxonomy),
        needs=("category", "subcategory"),
    )


def order_checks(orders: Sequence[OrderConfig], fields: Sequence[Field]) -> Iterator[Check]:
    """Times that come before the time they must follow.

    Raises:
        ConfigError: An order names something that is not a time.
    """
    times = {field.name for field in fields if field.kind is Kind.TIME}
    for order in orders:
        if order.later == FIRST_RESPONSE and order.later not in times:
            continue
        if unknown := {order.earlier, order.later} - times:
            raise ConfigError(f"quality.time_order: {min(unknown)!r} is no time; allowed: {', '.join(sorted(times))}")
        yield Check(
            name=f"time_order.{order.later}_before_{order.earlier}",
            severity=Severity.MARK,
            mark=f"{order.later}: before {order.earlier}",
            meaning=f"`{order.later}` lies before `{order.earlier}`.",
            advice="Check that the right columns are mapped and that both are in one time zone.",
            find=partial(_before, order=order),
        )


def duration_checks(config: QualityConfig) -> Iterator[Check]:
    """A stated resolution time that the two times contradict."""
    yield Check(
        name="duration.resolution_time_hours",
        severity=Severity.MARK,
        mark="resolution_time_hours: contradicts the times",
        meaning="`resolution_time_hours` is not the time from `created_at` to `resolved_at`"
        f" (by more than {config.duration_tolerance_h:g} h).",
        advice="If the source counts working hours, set `quality.business_hours`; else check its unit and time zones.",
        find=partial(_contradicts, tolerance_h=config.duration_tolerance_h, may_be_less=config.business_hours),
        needs=("resolution_time_hours", "resolved_at"),
    )


def lifecycle_checks() -> Iterator[Check]:
    """States that contradict each other; common in real systems, so they are counted alone."""
    yield Check(
        name="lifecycle.resolved_without_resolution",
        severity=Severity.COUNT,
        mark="resolution: missing on a resolved ticket",
        meaning="The ticket is resolved, but nobody wrote down how.",
        advice="Such tickets cannot help to solve later ones: ask for a resolution text on closing.",
        find=_resolved_without_resolution,
        needs=("resolution", "resolved_at"),
    )
    yield Check(
        name="lifecycle.code_on_open",
        severity=Severity.COUNT,
        mark="resolution_code: present on an open ticket",
        meaning="The ticket has a resolution code but no time of resolution.",
        advice="Check that `resolved_at` is mapped; reopened tickets should lose their code.",
        find=_code_on_open,
        needs=("resolution_code", "resolved_at"),
    )


def text_checks(text_fields: Sequence[str]) -> Iterator[Check]:
    """Tickets that say nothing."""
    yield Check(
        name="text.empty",
        severity=Severity.COUNT,
        mark="text: empty",
        meaning=f"The ticket has no text ({', '.join(f'`{name}`' for name in text_fields)}).",
        advice="Check that the columns with text are mapped in `source.fields`; no model can read such tickets.",
        find=partial(_all_absent, names=tuple(text_fields)),
    )


def taxonomy_in_force(config: QualityConfig, value_sets: Mapping[str, frozenset[Any]]) -> Mapping[str, Sequence[str]]:
    """Category → the subcategories that it allows; empty where nothing says so.

    The contract's taxonomy belongs to the contract's closed sets.
    """
    if config.taxonomy is not None:
        return config.taxonomy
    in_force = all(value_sets.get(name) == frozenset(VALUE_SETS[name]) for name in ("category", "subcategory"))
    return TAXONOMY if in_force else {}


def _unpaired(batch: Batch, taxonomy: Mapping[str, Sequence[str]]) -> pa.Array:
    """Pairs outside the taxonomy; a category that it does not know is the closed set's concern."""
    pairs = [_BETWEEN.join((category, name)) for category, names in taxonomy.items() for name in names]
    is_known = pc.is_in(batch["category"], pa.array(list(taxonomy), pa.string()))
    has_both = pc.and_(is_known, pc.is_valid(batch["subcategory"]))
    return pc.and_(has_both, pc.invert(pc.is_in(_joined(batch), pa.array(pairs, pa.string()))))


def _joined(batch: Batch) -> pa.Array:
    return pc.binary_join_element_wise(batch["category"], batch["subcategory"], _BETWEEN)


def _pairs(batch: Batch, rows: Mask) -> pa.Array:
    return _joined(batch).filter(pa.array(rows))


def _fitting_category(pair: str, taxonomy: Mapping[str, Sequence[str]]) -> str | None:
    """The pair with the category that the subcategory belongs to."""
    subcategory = pair.split(_BETWEEN)[-1]
    category = next((name for name, allowed in taxonomy.items() if subcategory in allowed), None)
    return None if category is None else _BETWEEN.join((category, subcategory))


def _before(batch: Batch, order: OrderConfig) -> pa.Array:
    tolerance = pa.scalar(round(order.tolerance_s * 1000), pa.duration("ms"))
    later = pc.add(batch[order.later], tolerance) if order.tolerance_s else batch[order.later]
    return pc.less(later, batch[order.earlier])


def _contradicts(batch: Batch, tolerance_h: float, may_be_less: bool) -> pa.Array:
    elapsed = pc.divide(
        pc.cast(pc.subtract(_milliseconds(batch["resolved_at"]), _milliseconds(batch["created_at"])), pa.float64()),
        float(_MS_PER_HOUR),
    )
    excess = pc.subtract(batch["resolution_time_hours"], elapsed)
    return pc.greater(excess if may_be_less else pc.abs(excess), tolerance_h)


def _milliseconds(times: pa.Array) -> pa.Array:
    return pc.cast(times, pa.int64())


def _resolved_without_resolution(batch: Batch) -> pa.Array:
    return pc.and_(pc.is_valid(batch["resolved_at"]), batch.absent("resolution"))


def _code_on_open(batch: Batch) -> pa.Array:
    return pc.and_(pc.is_null(batch["resolved_at"]), pc.is_valid(batch["resolution_code"]))


def _all_absent(batch: Batch, names: tuple[str, ...]) -> pa.Array:
    return reduce(pc.and_, (_invisible(batch[name]) for name in names))


def _invisible(texts: pa.Array) -> pa.Array:
    """Where a text has no letter, digit or sign: mails are made of zero-width spaces and byte-order marks too."""
    return pc.invert(pc.fill_null(pc.match_substring_regex(texts, _VISIBLE), False))
