"""What is known of every ticket, to be summed up for any grouping. It does not know how a value was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tickets.analytics.columns import Columns
from tickets.analytics.contrast import clearly_apart
from tickets.analytics.durations import Lifetimes
from tickets.analytics.figures import Bools, Floats, Ints, Quantity, rates
from tickets.analytics.groups import Groups
from tickets.analytics.result import Figures, Group, Grouping
from tickets.config.analytics import AnalyticsConfig


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """Every measure of n tickets; what the table does not say is left out."""

    is_open: Bools | None
    """bool[n]."""
    quantities: Mapping[str, Quantity]
    """By the name that they have in `Figures`."""
    flags: Mapping[str, Floats]
    """Rate → float64[n], 1, 0 or NaN."""
    in_time: Mapping[str, Floats]
    """Service level → float64[n], 1, 0 or NaN."""
    num_tickets: int
    confidence: float

    def overall(self) -> Figures:
        """The figures of all tickets."""
        return self._figures(np.zeros(self.num_tickets, np.int64), 1, 1)[0]

    def by(self, groups: Groups, min_count: int = 1) -> Grouping:
        """The figures of each group; one on fewer than `min_count` values is null."""
        figures = self._figures(groups.of_ticket, len(groups.slots), min_count)
        pairs = zip(groups.slots, figures, strict=True)
        return Grouping(
            field=groups.field,
            groups=tuple(
                Group(kind=slot.kind, name=slot.name, num_values=slot.num_values, figures=of_slot)
                for slot, of_slot in pairs
            ),
        )

    def compared_by(self, groups: Groups) -> Grouping:
        """The figures of each group, and which values are clearly slower and faster than others."""
        grouping = self.by(groups)
        values = [group for group in grouping.groups if group.kind == "value"]
        summaries = [group.figures.resolution_hours for group in values]
        apart = clearly_apart([summary for summary in summaries if summary is not None], self.confidence)
        if apart is None:
            return grouping
        return grouping.model_copy(update={"fastest": values[apart[0]].name, "slowest": values[apart[1]].name})

    def _figures(self, slots: Ints, num_slots: int, min_count: int) -> list[Figures]:
        """One per slot; `slots` is int64[n]."""
        sizes = np.bincount(slots, minlength=num_slots).tolist()
        num_open = [None] * num_slots
        if self.is_open is not None:
            num_open = np.bincount(slots[self.is_open], minlength=num_slots).tolist()
        summaries = {
            name: quantity.summaries(slots, num_slots, self.confidence, min_count)
            for name, quantity in self.quantities.items()
        }
        shares, attained = (
            {name: rates(flags, slots, num_slots, self.confidence, min_count) for name, flags in kind.items()}
            for kind in (self.flags, self.in_time)
        )
        return [
            Figures(
                num_tickets=sizes[slot],
                num_open=num_open[slot],
                rates={name: found[slot] for name, found in shares.items()},
                attainment={name: found[slot] for name, found in attained.items()},
                **{name: found[slot] for name, found in summaries.items()},
            )
            for slot in range(num_slots)
        ]


def measure(columns: Columns, config: AnalyticsConfig, times: Lifetimes, in_time: Mapping[str, Floats]) -> Measured:
    """Read and derive every measure; what the columns do not allow is noted there as absent.

    Raises:
        ConfigError: A column holds another kind of value, or is named in the configuration alone.
    """
    satisfaction = columns.numbers(config.columns.satisfaction)
    if satisfaction is None:
        columns.leave_out("satisfaction", config.columns.satisfaction)
    values = {
        "resolution_hours": times.resolution.hours if times.resolution else None,
        "first_response_hours": times.first_response.hours if times.first_response else None,
        "satisfaction": satisfaction,
    }
    quantities = {
        name: Quantity(known, is_duration=name.endswith("_hours"))
        for name, known in values.items()
        if known is not None
    }
    flags = _flags(columns, config, times)
    return Measured(times.is_open, quantities, flags, in_time, columns.num_rows, config.confidence)


def _flags(columns: Columns, config: AnalyticsConfig, times: Lifetimes) -> dict[str, Floats]:
    """The rates' flags, float64[n] each."""
    names = config.columns
    flags: dict[str, Floats] = {}
    for rate, column in (
        ("reopened", names.reopened),
        ("escalated", names.escalated),
        ("transferred", names.transferred),
    ):
        counts = columns.numbers(column)
        if counts is None:
            columns.leave_out(f"rate of {rate} tickets", column)
        else:
            flags[rate] = np.where(np.isnan(counts), np.nan, counts > 0)
    contacts = columns.numbers(names.contacts)
    if contacts is None:
        columns.leave_out("first-contact resolution", names.contacts)
        return flags
    solved_at_once = contacts > 0 if columns.holds_flags(names.contacts) else contacts <= config.first_contact_max
    is_unfinished = np.isnan(contacts) if times.is_open is None else np.isnan(contacts) | times.is_open
    return {"first_contact": np.where(is_unfinished, np.nan, solved_at_once), **flags}
