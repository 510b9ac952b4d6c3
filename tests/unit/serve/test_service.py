"""Moving a running service to another release or policy."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tiny_world import World

from serve_app.answers import release_answer
from serve_app.ingress import local_calls
from serve_app.part import NUM_KEPT, Failure, Part, Place
from serve_app.service import TriageService
from tickets.config import PolicyConfig, ServeConfig
from tickets.decide.rules import Rules
from tickets.decide.thresholds import Threshold
from tickets.errors import ReleaseError
from tickets.release import Release, publish_release

TICKET = {"subject": "invoice charge refund please", "product": "API"}
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _service(world: World, **calls: Any) -> TriageService:
    return TriageService(world.place, ServeConfig(), {**local_calls(world.parts), **calls})


def _again(world: World, **changed: Any) -> Release:
    """Another release with the same parts, unless some are changed."""
    manifest = world.release.manifest
    return publish_release(
        world.place.storage,
        manifest.bucket,
        {**manifest.parts, **changed},
        manifest.targets,
        "again",
        manifest.data,
        manifest.metrics,
        manifest.config,
    )


def test_another_release_answers_once_every_part_holds_it(world: World) -> None:
    async def go() -> None:
        service, other = _service(world), _again(world)
        await service.use(world.release.id, PolicyConfig())
        await service.use(other.id, PolicyConfig(name="new"))
        assert service.current.id == world.release.id
        while service.current.id != other.id:
            triaged = await service.triage(TICKET, NOW)
            assert triaged.current.id in (world.release.id, other.id)
        assert service.current.policy.name == "new"
        assert service.refused is None

    asyncio.run(asyncio.wait_for(go(), 60))


def test_a_release_that_cannot_be_loaded_changes_nothing(world: World) -> None:
    corpus = world.release.manifest.parts["corpus"]
    lost = corpus.model_copy(update={"files": {**corpus.files, "lost.bin": "0" * 64}})
    other = _again(world, corpus=lost)

    async def go() -> None:
        service = _service(world)
        await service.use(world.release.id, PolicyConfig())
        await service.use(other.id, PolicyConfig())
        while service.refused is None:
            await asyncio.sleep(0.01)
        assert "lost.bin is missing" in service.refused
        assert (await service.triage(TICKET, NOW)).current.id == world.release.id
        await service.use(world.release.id, PolicyConfig())
        assert service.refused is None

    asyncio.run(asyncio.wait_for(go(), 60))


def test_a_rule_for_a_target_that_nobody_has_is_refused(world: World) -> None:
    policy = PolicyConfig.model_validate({"name": "typo", "targets": {"categroy": {"automate": False}}})

    async def go() -> None:
        service, other = _service(world), _again(world)
        await service.use(world.release.id, PolicyConfig())
        await service.use(world.release.id, policy)
        assert "'categroy' is no target" in (service.refused or "")
        assert service.current.policy == PolicyConfig()
        await service.use(other.id, policy)  # another release may have it; this one has not
        while service.refused is None:
            await asyncio.sleep(0.01)
        assert service.current.id == world.release.id

    asyncio.run(asyncio.wait_for(go(), 60))


def test_the_first_release_must_be_there(world: World) -> None:
    with pytest.raises(ReleaseError, match="not in bucket"):
        asyncio.run(_service(world).use("none", PolicyConfig()))


def test_a_release_whose_part_fails_is_not_taken(world: World) -> None:
    other = _again(world)

    async def broken(release_id: str, items: list[Any]) -> list[Any]:
        if release_id == other.id:
            raise ConnectionError("this release has no classifier")
        return await local_calls(world.parts)["classifier"](release_id, items)

    async def go() -> None:
        service = _service(world, classifier=broken)
        await service.use(world.release.id, PolicyConfig())
        await service.use(other.id, PolicyConfig())
        while service.refused is None:
            await asyncio.sleep(0.01)
        assert service.current.id == world.release.id

    asyncio.run(asyncio.wait_for(go(), 60))


class _Doubled(Part[str]):
    """Doubles numbers; refuses zero."""

    def load(self, release: Release) -> str:
        return release.id

    def answer(self, loaded: str, items: Any) -> list[Any]:
        if 0 in items:
            raise ValueError("zero")
        return [2 * item for item in items]


def test_one_bad_item_does_not_take_the_others_with_it(world: World) -> None:
    part = _Doubled(Place(world.place.root, world.place.bucket))
    assert part(world.release.id, []) == []
    answers = part(world.release.id, [1, 0, 3])
    assert answers[0::2] == [2, 6]
    assert isinstance(answers[1], Failure)
    assert "ValueError" in answers[1].message


def test_a_part_holds_the_last_releases_alone(world: World) -> None:
    part = _Doubled(Place(world.place.root, world.place.bucket))
    releases = [_again(world, **{}).id for _ in range(NUM_KEPT + 1)]
    for release_id in releases:
        part.hold(release_id)
    assert list(part._kept) == releases[1:]
    part.hold(releases[1])  # it answers still
    part.hold(releases[0])
    assert set(part._kept) == {releases[1], releases[0]}
    part.hold(releases[2])
    part.reconfigure({"release": releases[-1]})
    part.check_health()


def test_what_a_policy_asks_reaches_labels_with_thresholds_of_their_own(world: World) -> None:
    async def go() -> None:
        service = _service(world)
        await service.use(world.release.id, PolicyConfig())
        own = Threshold(value=0.2, precision=0.9, coverage=0.5, hits=100, total=100, low=0.9)
        policy = service.current.calibrated["category"]
        by_label = {label: Rules(own, own, (own,)) for label in policy.labels}
        calibrated = {**service.current.calibrated, "category": replace(policy, automate=None, by_label=by_label)}
        current = replace(service.current, calibrated=calibrated)
        shown = release_answer(current, None)["targets"]["category"]
        assert shown["automate"] is None
        assert shown["by_label"]["billing"] == {"automate": own.to_json(), "suggest": own.to_json()}
        silent = release_answer(replace(current, policy=PolicyConfig(automate=False)), None)
        assert silent["targets"]["category"]["by_label"]["billing"]["automate"] is None

    asyncio.run(asyncio.wait_for(go(), 60))
