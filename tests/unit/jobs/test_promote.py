"""When the champion's pointer moves; the tracker and the job are stand-ins."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_releases import NUM_TICKETS, World, no_ray

from tickets.config import TicketsConfig
from tickets.config.parse import parse
from tickets.errors import RefusedError
from tickets.release import Release, champion_key, move_champion, read_champion


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _promote(world: World, release: Release, **promote: Any) -> Any:
    """The job's report and what it told."""
    from promote import main

    config: TicketsConfig = parse(
        {"source": {"name": "acme"}, "release": release.id, "promote": promote, "mlflow": {"enabled": False}}
    )
    told: list[Any] = []
    job = SimpleNamespace(
        config=config,
        storage=world.storage,
        bucket="acme",
        model_name="tickets-acme",
        connect=no_ray,
        tell=told.append,
        emit=told.append,
        report=SimpleNamespace(result={}, next=[]),
        command=lambda *words, **kept: " ".join(words),
    )
    main(job)  # type: ignore[arg-type]  # it stands in for a `Job`
    return SimpleNamespace(result=job.report.result, told=told, champion=read_champion(world.storage, "acme"))


def test_the_first_champion_needs_no_comparison(world: World) -> None:
    release = world.publish()
    found = _promote(world, release)
    assert (found.champion["release"], found.champion["why"]) == (release.id, "there was none")
    assert found.result == {"champion": None, "challenger": release.id, "targets": []}
    assert found.told[-1].before is None
    with pytest.raises(RefusedError, match="is the champion already"):
        _promote(world, release)


def test_the_better_one_passes_and_the_worse_one_is_refused(world: World) -> None:
    champion, good, bad = world.publish(0.8), world.publish(0.9, seed=1), world.publish(0.5, seed=2)
    move_champion(world.storage, champion, None, "test")
    with pytest.raises(RefusedError, match=r"may lose more than promote\.max_loss=0\.01: category"):
        _promote(world, bad)
    found = _promote(world, good)
    assert (found.champion["release"], found.champion["why"]) == (good.id, "passed the gate")
    assert [of["target"] for of in found.result["targets"]] == ["category"]
    assert _promote(world, bad, force=True).champion["why"] == "forced"


def test_what_a_handful_of_texts_says_promotes_nothing(world: World) -> None:
    world.tickets(subject=[f"text {row % 10}" for row in range(NUM_TICKETS)])
    champion, good = world.publish(0.5), world.publish(1.0, seed=1)
    move_champion(world.storage, champion, None, "test")
    with pytest.raises(RefusedError, match=r"fewer than 20 different texts, which tell nothing: category \(10\)"):
        _promote(world, good)
    assert _promote(world, good, force=True).champion["release"] == good.id


def test_a_champion_that_nothing_reads_is_replaced_by_force_alone(world: World) -> None:
    old, release = world.publish(), world.publish(seed=1)
    manifest = world.storage.read_json(f"acme/releases/{old.id}/manifest.json")
    world.storage.write_json(f"acme/releases/{old.id}/manifest.json", {**manifest, "format_version": 1})
    pointer = {"release": old.id, "digest": "0" * 64, "why": "test"}
    world.storage.write_json(champion_key("acme"), pointer)
    with pytest.raises(RefusedError, match=rf"not compared with the champion {old.id}: .*format_version 1.*force=true"):
        _promote(world, release)
    assert read_champion(world.storage, "acme") == pointer
    assert _promote(world, release, force=True).champion["release"] == release.id
