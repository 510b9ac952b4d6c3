"""What jobs do for a release at their end; the card is a stand-in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_releases import World

from tickets.release import move_champion


def _job(world: World) -> Any:
    return SimpleNamespace(
        storage=world.storage,
        config=SimpleNamespace(card=None),
        report=SimpleNamespace(result={}, next=["serve"]),
        command=lambda name, *changed, **kept: " ".join([name, *changed]),
    )


def test_a_champion_is_not_promoted_again(tmp_path: Path) -> None:
    from _released import promotion

    world = World(tmp_path)
    first, second = world.publish(), world.publish(seed=1)
    move_champion(world.storage, first, None, "test")
    assert promotion(_job(world), first) == []
    assert promotion(_job(world), second) == [f"promote release={second.id}"]


def test_a_card_that_fails_leaves_the_release_and_says_how_to_make_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import _released

    def fail(*given: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(_released, "make_card", fail)
    world = World(tmp_path)
    job, release = _job(world), world.publish()
    _released.try_card(job, release)
    assert job.report.next == [f"card release={release.id}", "serve"]
    with pytest.raises(OSError):
        _released.bring_card(job, release)
