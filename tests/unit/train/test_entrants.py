from __future__ import annotations

from pathlib import Path

import pytest
from made_releases import World

from tickets.config import CompareConfig
from tickets.errors import RefusedError, ReleaseError, StorageError
from tickets.multirun import Multirun, Point
from tickets.train.entrants import choose_releases, tell_apart


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _chosen(world: World, bucket: str = "acme", **asked: object) -> list[str]:
    config = CompareConfig.model_validate(asked)
    return [release.id for release in choose_releases(world.storage, bucket, config).releases]


def test_by_default_all_that_learned_from_the_newest_ones_data(world: World) -> None:
    world.publish()
    world.tickets(priority=["high"] * 400)
    first, second = world.publish().id, world.publish(seed=1).id
    world.publish(data={"corpus": "newer tickets"})
    world.storage.write_json("acme/releases/99991231-old/manifest.json", {"format_version": 1, "data": {}})
    assert _chosen(world) == [first, second]


def test_by_number_id_and_bucket(world: World) -> None:
    first, second, third = (world.publish(seed=seed).id for seed in range(3))
    other = world.publish(bucket="other").id
    assert _chosen(world, last=2) == [second, third]
    assert _chosen(world, releases=[third, first]) == [first, third]
    assert _chosen(world, releases=["latest", f"other/{other}"]) == [third, other]


def test_those_of_a_multirun_with_what_failed(world: World) -> None:
    made = [world.publish(bucket=bucket) for bucket in ("acme", "other")]
    points = [
        Point(overrides=[f"source={of.manifest.bucket}"], status="ok", bucket=of.manifest.bucket, release=of.id)
        for of in made
    ]
    failed = Point(overrides=["source=third", "model.seed=1"], status="failed", error="out of memory", bucket="third")
    for id_ in ("20260101T000000-aaaaaa", "20260102T000000-aaaaaa"):
        Multirun(id=id_, job="train", points=[*points, failed]).save(world.storage)
    chosen = choose_releases(world.storage, "nowhere", CompareConfig(multirun="latest"))
    assert [release.id for release in chosen.releases] == [of.id for of in made]
    assert chosen.failed == {"source=third model.seed=1": "failed: out of memory"}
    with pytest.raises(StorageError, match=r"multirun 'x'.*allowed: latest, 20260101T000000-aaaaaa"):
        choose_releases(world.storage, "acme", CompareConfig(multirun="x"))


def test_fewer_than_two_are_refused(world: World) -> None:
    only = world.publish().id
    with pytest.raises(RefusedError, match="1 releases to compare in bucket 'acme'"):
        _chosen(world)
    with pytest.raises(RefusedError, match="1 releases"):
        _chosen(world, releases=[only, "latest"])
    with pytest.raises(RefusedError, match="0 releases"):
        _chosen(world, "empty")
    with pytest.raises(ReleaseError, match="'gone'"):
        _chosen(world, releases=[only, "gone"])


def test_one_choice_at_a_time() -> None:
    with pytest.raises(ValueError, match="got releases and last"):
        CompareConfig(releases=("a", "b"), last=2)


def test_what_differs_is_told_and_seeds_stand_apart(world: World) -> None:
    linear = {"families": ["linear"], "folds": 5}
    split = {"split": {"kind": "random", "seed": 0}}
    releases = [
        world.publish(config={"model": {**linear, "seed": 0}, "source": split, "mlflow": {"enabled": True}}),
        world.publish(config={"model": {**linear, "seed": 1}, "source": split, "mlflow": {"enabled": False}}),
        world.publish(
            config={
                "model": {"families": ["linear", "dnn"], "folds": 5, "seed": 0, "added_later": 1},
                "source": {"split": {"kind": "random", "seed": 7}},
            }
        ),
    ]
    settings = tell_apart(releases)
    assert [dict(setting.values) for setting in settings] == [
        {"model.families": "[linear]"},
        {"model.families": "[linear]"},
        {"model.families": "[linear,dnn]"},
    ]
    assert [dict(setting.seeds) for setting in settings] == [
        {"model.seed": "0", "source.split.seed": "0"},
        {"model.seed": "1", "source.split.seed": "0"},
        {"model.seed": "0", "source.split.seed": "7"},
    ]
    assert str(settings[1]) == "model.families=[linear] source.split.seed=0 model.seed=1"


def test_other_data_is_a_difference(world: World) -> None:
    before = world.publish()
    world.tickets(priority=["high"] * 400)
    values = [dict(setting.values) for setting in tell_apart([before, world.publish()])]
    assert [list(of) for of in values] == [["data"], ["data"]]
    assert values[0] != values[1]
