from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tickets.anomaly.arrivals import ArrivalWindow
from tickets.errors import ModelError

NOON = datetime.fromisoformat("2024-03-05T12:00:00+00:00")
SECOND = timedelta(seconds=1)


def window(max_arrivals: int = 1000) -> ArrivalWindow:
    return ArrivalWindow(60, max_arrivals)


def test_arrivals_are_counted_by_label() -> None:
    arrivals = window()
    for label in ("a", "b", "a"):
        arrivals.add(label, NOON)
    assert [arrivals.count(label, NOON) for label in ("a", "b", "c")] == [2, 1, 0]


def test_what_is_older_than_the_window_is_dropped() -> None:
    arrivals = window()
    arrivals.add("a", NOON)
    arrivals.add("b", NOON + 30 * SECOND)
    assert arrivals.count("a", NOON + 59 * SECOND) == 1
    assert arrivals.count("a", NOON + 60 * SECOND) == 0
    assert len(arrivals) == 1  # and not merely left out of the count


def test_order_does_not_matter_within_the_window() -> None:
    moments = [NOON + index * SECOND for index in range(50)]
    random.Random(4).shuffle(moments)
    arrivals = window()
    for moment in moments:
        arrivals.add("a", moment)
    assert arrivals.count("a", NOON + 49 * SECOND) == 50
    assert arrivals.count("a", NOON + 70 * SECOND) == 39  # those from the 11th second on


def test_what_comes_later_than_the_asked_moment_is_not_counted() -> None:
    arrivals = window()
    arrivals.add("a", NOON + 10 * SECOND)
    arrivals.add("a", NOON)
    assert arrivals.count("a", NOON + 5 * SECOND) == 1


def test_a_clock_that_ran_ahead_once_does_not_blind_the_window() -> None:
    arrivals = window()
    arrivals.add("a", NOON + timedelta(days=1))
    for index in range(3):
        arrivals.add("a", NOON + index * SECOND)
    assert arrivals.count("a", NOON + 5 * SECOND) == 3


def test_a_retry_counts_once_until_the_ticket_has_left_the_window() -> None:
    arrivals = window()
    arrivals.add("a", NOON, "T1")
    arrivals.add("a", NOON + 5 * SECOND, "T1")
    arrivals.add("b", NOON + 6 * SECOND, "T1")  # a new model may see another label in it
    arrivals.add("a", NOON + 7 * SECOND, "T2")
    assert arrivals.count("a", NOON + 8 * SECOND) == 2
    assert arrivals.count("b", NOON + 8 * SECOND) == 0
    arrivals.add("a", NOON + 61 * SECOND, "T1")
    assert arrivals.count("a", NOON + 61 * SECOND) == 2


def test_tickets_without_an_id_all_count() -> None:
    arrivals = window()
    for _ in range(3):
        arrivals.add("a", NOON, None)
        arrivals.add("a", NOON, "")
    assert arrivals.count("a", NOON) == 6


def test_beyond_the_cap_the_oldest_is_forgotten() -> None:
    arrivals = window(max_arrivals=10)
    for index in range(25):
        arrivals.add("ab"[index % 2], NOON + index * SECOND, f"T{index}")
    assert len(arrivals) == 10
    assert arrivals.count("a", NOON + 24 * SECOND) + arrivals.count("b", NOON + 24 * SECOND) == 10
    arrivals.add("a", NOON + 25 * SECOND, "T3")  # forgotten, so it counts again
    arrivals.add("a", NOON + 25 * SECOND, "T24")  # still known
    assert arrivals.count("a", NOON + 25 * SECOND) == 6


def test_threads_that_add_at_once_lose_nothing() -> None:
    arrivals = window(max_arrivals=100_000)

    def add_many(thread: int) -> None:
        for index in range(500):
            arrivals.add("a", NOON + index % 40 * SECOND, f"{thread % 4}-{index}")  # every ticket comes twice
            arrivals.count("a", NOON + 40 * SECOND)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_many, range(8)))
    assert arrivals.count("a", NOON + 40 * SECOND) == len(arrivals) == 2000


def test_a_moment_without_a_time_zone_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ModelError, match="2024-03-05T12:00:00 has no time zone"):
        window().add("a", naive)
    with pytest.raises(ModelError, match="no time zone"):
        window().count("a", naive)
