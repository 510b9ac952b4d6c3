"""Tickets by a value: one slot per ticket, small groups folded. It does not know what is computed of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tickets.analytics.figures import Ints


@dataclass(frozen=True, slots=True)
class Keys:
    """A column of names."""

    names: list[str]
    """Its k distinct values."""
    codes: Ints
    """int64[n], position of each ticket's value among `names`; -1: it has none."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A group without its figures."""

    kind: Literal["value", "other", "missing"]
    name: str | None
    num_values: int


@dataclass(frozen=True, slots=True)
class Groups:
    """The tickets of a table, each in one of some slots."""

    field: str
    slots: tuple[Slot, ...]
    of_ticket: Ints
    """int64[n], position among `slots`."""


def by_size(field: str, keys: Keys, top: int) -> Groups:
    """The largest `top` groups, by name where they are equally large; then the others as one, then no value."""
    counts = np.bincount(keys.codes[keys.codes >= 0], minlength=len(keys.names))
    order = sorted(range(len(keys.names)), key=lambda code: (-counts[code], keys.names[code]))
    order = [code for code in order if counts[code]]
    slot_of = np.full(len(keys.names) + 1, min(len(order), top), dtype=np.int64)
    slot_of[order[:top]] = np.arange(len(order[:top]))
    return _with_rest(field, [keys.names[code] for code in order[:top]], len(order[top:]), slot_of, keys.codes)


def by_month(months: Ints, max_months: int) -> Groups:
    """The latest months in order, empty ones among them; then all earlier ones as one, then no month.

    Args:
        months: int64[n], months since January 1970; -1: not known.
        max_months: How many are shown.
    """
    known = np.unique(months[months >= 0])
    last = int(known.max(initial=-1))
    first = max(int(known.min(initial=last)), last - max_months + 1)
    num_shown, num_earlier = last - first + 1 if len(known) else 0, int(np.count_nonzero(known < first))
    codes = np.where(months < 0, -1, np.where(months < first, num_shown, months - first))
    slot_of = np.append(np.arange(num_shown), [num_shown, num_shown])
    return _with_rest("month", [month_name(first + at) for at in range(num_shown)], num_earlier, slot_of, codes)


def month_name(month: int) -> str:
    """`2025-01` for a number of months since January 1970."""
    return str(np.datetime64(month, "M"))


def _with_rest(field: str, names: list[str], num_folded: int, slot_of: Ints, codes: Ints) -> Groups:
    """Slots of the names, and of the rest where there is one; `slot_of` maps codes to slots, its last entry no code."""
    slots = [Slot("value", name, 1) for name in names]
    slots += [Slot("other", None, num_folded)] if num_folded else []
    slot_of[-1] = len(slots)
    slots += [Slot("missing", None, 0)] if (codes < 0).any() else []
    return Groups(field, tuple(slots), slot_of[codes])
