from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serve_app.coalesce import Coalesced


class Gate:
    """A call that waits until it is let through, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self.open = asyncio.Event()
        self.entered = asyncio.Event()

    async def __call__(self, release_id: str, items: list[Any]) -> list[Any]:
        self.asked.append((release_id, items))
        self.entered.set()
        await self.open.wait()
        return [f"{release_id}:{item}" for item in items]


def test_one_caller_is_asked_at_once() -> None:
    async def go() -> None:
        gate = Gate()
        gate.open.set()
        assert await Coalesced(gate, 16, 1, 9)("r1", "a") == "r1:a"
        assert gate.asked == [("r1", ["a"])]

    asyncio.run(go())


def test_who_comes_while_a_call_is_under_way_shares_the_next_one() -> None:
    async def go() -> None:
        gate = Gate()
        coalesced = Coalesced(gate, 3, 1, 9)
        tasks = [asyncio.create_task(coalesced("r1", number)) for number in range(6)]
        await gate.entered.wait()
        assert len(gate.asked) == 1
        gate.open.set()
        assert await asyncio.gather(*tasks) == [f"r1:{number}" for number in range(6)]
        assert [len(items) for _, items in gate.asked] == [1, 3, 2]

    asyncio.run(go())


def test_two_releases_never_share_a_call() -> None:
    async def go() -> None:
        gate = Gate()
        coalesced = Coalesced(gate, 16, 1, 9)
        first = asyncio.create_task(coalesced("old", 0))
        await gate.entered.wait()
        tasks = [asyncio.create_task(coalesced(release, release)) for release in ("old", "old", "new", "old")]
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(first, *tasks) == ["old:0", "old:old", "old:old", "new:new", "old:old"]
        assert gate.asked[1:] == [("old", ["old", "old"]), ("new", ["new"]), ("old", ["old"])]

    asyncio.run(go())


def test_who_gives_up_is_not_asked_for() -> None:
    async def go() -> None:
        gate = Gate()
        coalesced = Coalesced(gate, 16, 1, 9)
        first = asyncio.create_task(coalesced("r1", "first"))
        await gate.entered.wait()
        gone, stays = (asyncio.create_task(coalesced("r1", name)) for name in ("gone", "stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(first, stays) == ["r1:first", "r1:stays"]
        assert gate.asked[1:] == [("r1", ["stays"])]

    asyncio.run(go())


def test_an_error_reaches_every_caller_of_its_call_and_no_other() -> None:
    async def go() -> None:
        async def fail_on_bad(release_id: str, items: list[Any]) -> list[Any]:
            if "bad" in items:
                raise ValueError("refused")
            return items

        coalesced = Coalesced(fail_on_bad, 1, 1, 9)
        answers = await asyncio.gather(*(coalesced("r1", name) for name in ("a", "bad", "b")), return_exceptions=True)
        assert answers[0::2] == ["a", "b"]
        assert isinstance(answers[1], ValueError)

    asyncio.run(go())


def test_a_call_that_hangs_is_given_up_and_its_place_is_free() -> None:
    async def go() -> None:
        gate = Gate()
        coalesced = Coalesced(gate, 16, 1, 0.05)
        with pytest.raises(TimeoutError):
            await coalesced("r1", "stuck")
        gate.open.set()
        assert await coalesced("r1", "next") == "r1:next"

    asyncio.run(go())


def test_who_gives_up_alone_frees_the_place_of_its_call() -> None:
    async def go() -> None:
        gate = Gate()
        coalesced = Coalesced(gate, 16, 1, 9)
        alone = asyncio.create_task(coalesced("r1", "gone"))
        await gate.entered.wait()
        later = asyncio.create_task(coalesced("r1", "later"))
        await asyncio.sleep(0)
        assert len(gate.asked) == 1
        alone.cancel()
        gate.open.set()
        assert await later == "r1:later"

    asyncio.run(go())


def test_where_others_may_come_even_the_first_waits_for_them() -> None:
    async def go() -> None:
        gate = Gate()
        gate.open.set()
        coalesced = Coalesced(gate, 16, 1, 9, linger_s=9, num_expected=lambda: 2)
        assert await asyncio.gather(coalesced("r1", 1), coalesced("r1", 2)) == ["r1:1", "r1:2"]
        assert gate.asked == [("r1", [1, 2])]

    asyncio.run(go())
