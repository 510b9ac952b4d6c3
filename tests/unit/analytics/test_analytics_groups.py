"""Folding of groups, and months."""

from __future__ import annotations

import numpy as np

from tickets.analytics.groups import Keys, Slot, by_month, by_size, month_name


def test_the_largest_stand_alone_and_the_rest_is_counted() -> None:
    keys = Keys(["d", "c", "b", "a"], np.array([0, 1, 1, 2, 2, 3, -1]))
    groups = by_size("team", keys, 2)
    assert groups.field == "team"
    assert groups.slots == (
        Slot("value", "b", 1),
        Slot("value", "c", 1),
        Slot("other", None, 2),
        Slot("missing", None, 0),
    )
    assert groups.of_ticket.tolist() == [2, 1, 1, 0, 0, 2, 3]


def test_without_a_rest_there_is_no_slot_for_it() -> None:
    groups = by_size("team", Keys(["x"], np.array([0, 0])), 5)
    assert groups.slots == (Slot("value", "x", 1),)
    assert groups.of_ticket.tolist() == [0, 0]


def test_a_name_that_no_ticket_has_is_no_group() -> None:
    groups = by_size("team", Keys(["x", "unused"], np.array([0, -1])), 5)
    assert groups.slots == (Slot("value", "x", 1), Slot("missing", None, 0))
    assert groups.of_ticket.tolist() == [0, 1]


def test_no_tickets_give_no_groups() -> None:
    nothing = np.array([], dtype=np.int64)
    assert by_size("team", Keys([], nothing), 5).slots == ()


def test_months_run_without_gaps_and_fold_what_is_earlier() -> None:
    january = 55 * 12
    months = np.array([january, january + 2, january - 7, january - 9, -1])
    groups = by_month(months, 3)
    assert [slot.name for slot in groups.slots] == ["2025-01", "2025-02", "2025-03", None, None]
    assert [(slot.kind, slot.num_values) for slot in groups.slots[3:]] == [("other", 2), ("missing", 0)]
    assert groups.of_ticket.tolist() == [0, 2, 3, 3, 4]


def test_months_start_with_the_first_ticket_and_end_with_the_last() -> None:
    assert [slot.name for slot in by_month(np.array([102, 100]), 24).slots] == ["1978-05", "1978-06", "1978-07"]


def test_tickets_without_a_month_are_one_group() -> None:
    groups = by_month(np.array([-1, -1]), 24)
    assert groups.slots == (Slot("missing", None, 0),)
    assert groups.of_ticket.tolist() == [0, 0]


def test_a_month_has_its_name() -> None:
    assert month_name(0) == "1970-01"
    assert month_name(55 * 12 + 11) == "2025-12"
