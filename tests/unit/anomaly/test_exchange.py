from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tickets.anomaly.exchange import Arrival, ArrivalLog, Letter, Meet, MeetingPlace, SharedWindow

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def window(clock: Clock, max_arrivals: int = 1000) -> SharedWindow:
    return SharedWindow(60, max_arrivals, clock)


def fill(arrivals: SharedWindow, num: int, name: str = "") -> None:
    for index in range(num):
        arrivals.add("a", NOON, name and f"{name}{index}")


def test_what_one_process_saw_is_counted_by_the_others(clock: Clock) -> None:
    place, first, second = MeetingPlace(clock), window(clock), window(clock)
    fill(first, 3)
    fill(second, 2)
    assert [first.count("a", NOON), second.count("a", NOON)] == [3, 2]  # at once, and its own alone
    for process in (first, second, first):
        process.exchange(place.meet)
    assert [first.count("a", NOON), second.count("a", NOON)] == [5, 5]


def test_nothing_new_travels_twice(clock: Clock) -> None:
    place, first, second = MeetingPlace(clock), window(clock), window(clock)
    letters: list[tuple[Letter, Letter]] = []

    def watched(letter: Letter, window_s: float, max_arrivals: int) -> Letter:
        letters.append((letter, place.meet(letter, window_s, max_arrivals)))
        return letters[-1][1]

    fill(first, 3)
    for process in (first, second, first, second):
        process.exchange(watched)
    assert [(len(sent.arrivals), len(got.arrivals)) for sent, got in letters] == [(3, 0), (0, 3), (0, 0), (0, 0)]


def test_an_answer_that_is_lost_makes_nothing_count_twice(clock: Clock) -> None:
    place, first, second = MeetingPlace(clock), window(clock), window(clock)

    def deaf(letter: Letter, window_s: float, max_arrivals: int) -> Letter:
        place.meet(letter, window_s, max_arrivals)
        raise ConnectionError("the answer was lost")

    fill(first, 3)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            first.exchange(deaf)
    fill(first, 1)
    for process in (first, second, first, second):
        process.exchange(place.meet)
    assert [first.count("a", NOON), second.count("a", NOON)] == [4, 4]


def test_a_ticket_that_reached_two_processes_counts_once(clock: Clock) -> None:
    place, first, second = MeetingPlace(clock), window(clock), window(clock)
    fill(first, 3, "T")
    fill(second, 4, "T")
    for process in (first, second, first):
        process.exchange(place.meet)
    assert [first.count("a", NOON), second.count("a", NOON)] == [4, 4]


def test_what_a_dead_process_saw_stays_and_a_new_one_learns_it(clock: Clock) -> None:
    place, dead, alive = MeetingPlace(clock), window(clock), window(clock)
    fill(dead, 5)
    dead.exchange(place.meet)
    alive.exchange(place.meet)
    new = window(clock)
    new.exchange(place.meet)
    assert [alive.count("a", NOON), new.count("a", NOON)] == [5, 5]


def test_a_lost_place_is_filled_again_even_with_what_the_dead_saw(clock: Clock) -> None:
    dead, alive = window(clock), window(clock)
    lost = MeetingPlace(clock)
    fill(dead, 5)
    for process in (dead, alive):
        process.exchange(lost.meet)
    fill(alive, 2)  # supposes that the place has what is before these
    place, new = MeetingPlace(clock), window(clock)
    for process in (alive, alive, new):
        process.exchange(place.meet)
    assert [alive.count("a", NOON), new.count("a", NOON)] == [7, 7]


def test_a_place_takes_nothing_that_would_leave_a_gap(clock: Clock) -> None:
    place = MeetingPlace(clock)
    late = Letter([Arrival("p", 8, clock(), "a", "")], {"p": 8}, {"p": 7})
    assert place.meet(late, 60, 1000).seen == {}
    whole = Letter([Arrival("p", number, clock(), "a", "") for number in range(1, 9)], {"p": 8}, {})
    assert place.meet(whole, 60, 1000).seen == {"p": 8}


def test_windows_of_other_lengths_do_not_meet(clock: Clock) -> None:
    place, short, long = MeetingPlace(clock), window(clock), SharedWindow(600, 1000, clock)
    fill(short, 3)
    for process in (short, long):
        process.exchange(place.meet)
    assert long.count("a", NOON) == 0


def test_what_is_older_than_the_window_is_neither_kept_nor_counted(clock: Clock) -> None:
    place, first, second = MeetingPlace(clock), window(clock), window(clock)
    fill(first, 3)
    first.exchange(place.meet)
    clock.now = NOON + 61 * SECOND
    second.exchange(place.meet)
    assert second.count("a", clock.now) == 0
    assert len(place._logs[60, 1000]) == 1  # the last one tells what was seen
    clock.now = NOON + 121 * SECOND
    for process in (first, second):
        process.exchange(place.meet)
    assert len(place._logs[60, 1000]) == 0
    first.add("a", clock.now)
    for process in (first, second):
        process.exchange(place.meet)
    assert second.count("a", clock.now) == 1


def test_a_log_remembers_the_latest_alone(clock: Clock) -> None:
    log = ArrivalLog(60, 10, clock)
    for number in range(1, 26):
        log.take([Arrival("pq"[number % 2], number, clock() + number, "a", "")])
    assert len(log) == 10
    assert sorted(arrival.number for arrival in log.after({})) == list(range(16, 26))
    assert log.take([Arrival("p", 2, clock() + 2, "a", "")]) == []  # forgotten, and still known as seen


def test_any_order_of_meetings_losses_and_deaths_counts_every_arrival_once(clock: Clock) -> None:
    draw = random.Random(7)
    place, processes, num = MeetingPlace(clock), [window(clock) for _ in range(3)], 0

    def lossy(letter: Letter, window_s: float, max_arrivals: int) -> Letter:
        answer = place.meet(letter, window_s, max_arrivals)
        if draw.random() < 0.3:
            raise ConnectionError("the answer was lost")
        return answer

    def meet(process: SharedWindow, how: Meet) -> None:
        try:
            process.exchange(how)
        except ConnectionError:
            return

    for _ in range(300):
        what, process = draw.random(), draw.choice(processes)
        if what < 0.5:
            process.add("a", NOON)
            num += 1
        elif what < 0.9:
            meet(process, lossy)
        elif what < 0.95:
            for one in processes:  # what the dead alone saw would be lost with the place
                meet(one, place.meet)
            place = MeetingPlace(clock)
        else:  # a clean end: what it saw is handed over before it goes
            for _ in range(2):
                meet(process, place.meet)
            processes[processes.index(process)] = window(clock)
    for _ in range(2):
        for process in processes * 2:
            process.exchange(place.meet)
    assert [process.count("a", NOON) for process in processes] == [num] * 3
