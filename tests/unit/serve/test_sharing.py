"""Arrivals exchanged beside the work, and what is told where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from loguru import logger
from tiny_world import World

from serve_app.anomaly import AnomalyPart, ToScore
from serve_app.parts import part_args
from serve_app.sharing import ActorPlace, Sharing
from tickets.anomaly.exchange import Letter, MeetingPlace, SharedWindow
from tickets.config import ServeConfig

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AN_HOUR = 3600.0


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    yield lines
    logger.remove(sink)


def _away(letter: Letter, window_s: float, max_arrivals: int) -> Letter:
    raise ConnectionError("nobody is there")


def _window() -> SharedWindow:
    return SharedWindow(60, 1000, NOW.timestamp)


def test_a_window_is_exchanged_before_it_is_used() -> None:
    place, first, second = MeetingPlace(NOW.timestamp), _window(), _window()
    first.add("a", NOW)
    first.exchange(place.meet)
    Sharing(place.meet, AN_HOUR).share(second)
    assert second.count("a", NOW) == 1


def test_an_exchange_that_fails_is_told_again_every_minute_and_so_is_its_end(told: list[str]) -> None:
    seconds, place = [0.0], [_away]
    sharing = Sharing(lambda *given: place[0](*given), AN_HOUR, lambda: seconds[0])
    window = _window()
    sharing.share(window)
    assert [line for line in told if "since 0 s" in line and "ConnectionError" in line]
    for seconds[0] in (10.0, 59.0):
        sharing.exchange()
    assert len(told) == 1
    seconds[0] = 61.0
    sharing.exchange()
    assert "since 61 s" in told[1]
    window.add("a", NOW)
    assert window.count("a", NOW) == 1  # it counts on
    place[0] = MeetingPlace(NOW.timestamp).meet
    for _ in range(2):
        sharing.exchange()
    assert told[2:] == ["arrivals are exchanged again\n"]


def test_two_processes_count_the_tickets_of_both(world: World) -> None:
    place = MeetingPlace()
    parts = [AnomalyPart(world.place, place.meet, AN_HOUR) for _ in range(2)]
    now = datetime.now(UTC)
    (vector,) = world.parts["encoder"](world.release.id, ["invoice charge refund please"])
    label = next(iter(world.release.manifest.targets.values()))[0]
    item = ToScore({}, {label: 1.0}, vector, now, True)
    for part, num in zip(parts, (3, 2), strict=True):
        part.hold(world.release.id)
        assert [scores.volume.count for scores in part(world.release.id, [item] * num)] == list(range(1, num + 1))
    for part in (*parts, parts[0]):
        assert part._sharing is not None
        part._sharing.exchange()
    probe = ToScore(item.ticket, item.probabilities, item.vector, now, False)
    assert [part(world.release.id, [probe])[0].volume.count for part in parts] == [5, 5]


@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        ({}, False),
        ({"replicas": {"ingress": 2}}, False),
        ({"replicas": {"anomaly": 2}}, True),
        ({"layout": "fused"}, False),
        ({"layout": "fused", "replicas": {"ingress": 2}}, True),
    ],
)
def test_a_place_to_meet_is_there_where_several_count(world: World, settings: dict[str, object], shared: bool) -> None:
    config = ServeConfig.model_validate({**settings, "exchange_s": 3.0})
    place, *meeting = part_args("anomaly", world.place, config)
    assert place == world.place
    assert [type(of) for of in meeting] == ([ActorPlace, float] if shared else [])
    assert part_args("encoder", world.place, config) == (world.place,)
