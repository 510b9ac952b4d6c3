from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_releases import LABELS, NUM_TEST, World, no_ray

from tickets.config import PromoteConfig
from tickets.errors import RefusedError
from tickets.train.gate import check, compare
from tickets.train.paired import PairedRows


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_rows_are_those_that_test_one_and_taught_none(world: World) -> None:
    first = world.publish(splits=["train"] * 100 + ["calibration"] * 100 + ["test"] * 200, keep=False)
    second = world.publish(splits=["test"] * 50 + ["train"] * 200 + ["test"] * 150, keep=False)
    rows = PairedRows.of(world.storage, [first, second])
    assert rows.table["ticket_id"].to_pylist() == [f"T{row}" for row in range(250, 400)]


def test_releases_that_share_no_row_are_refused(world: World) -> None:
    first = world.publish(splits=["train"] * 200 + ["test"] * 200, keep=False)
    second = world.publish(splits=["test"] * 200 + ["train"] * 200, keep=False)
    with pytest.raises(RefusedError, match=f"new to all of {first.id}, {second.id}"):
        PairedRows.of(world.storage, [first, second])


def test_kept_answers_are_read_in_the_order_of_the_rows(world: World) -> None:
    wide = world.publish(0.9)
    narrow = world.publish(
        splits=["train"] * 200 + ["test"] * 200, targets={"category": (LABELS, world.probabilities(0.7, 3)[100:])}
    )
    answers = PairedRows.of(world.storage, [wide, narrow]).answers(no_ray)
    assert np.array_equal(answers[wide.id]["category"].probabilities, world.probabilities(0.9)[100:])
    given = answers[narrow.id]["category"]
    assert np.array_equal(given.probabilities, world.probabilities(0.7, 3)[100:])
    assert np.array_equal(given.automated, given.probabilities.max(axis=1) > 0.8)


@pytest.mark.parametrize("why", ["no answers kept", "tickets changed", "rows not covered"])
def test_a_release_whose_answers_do_not_cover_the_rows_has_to_answer(world: World, why: str) -> None:
    first = world.publish(keep=why != "no answers kept")
    if why == "tickets changed":
        world.tickets(priority=["high"] * 400)
    elif why == "rows not covered":  # tickets that the first one has never seen test the second one
        world.publish(splits=["train"] * 50 + [""] * 50 + ["test"] * 300)
        first = world.publish(splits=["train"] * 50 + [""] * 50 + ["test"] * 100 + [""] * 200, targets={
            "category": (LABELS, world.probabilities(0.8)[:100])
        })  # fmt: skip
        first.manifest.data["splits"] = _only_first_rows(world)
    second = world.publish()
    with pytest.raises(AssertionError, match="Ray was asked for"):
        PairedRows.of(world.storage, [first, second]).answers(no_ray)


def _only_first_rows(world: World) -> str:
    import pyarrow as pa

    from tickets.snapshots import write_snapshot

    table = pa.table({"ticket_id": [f"T{row}" for row in range(200)], "split": ["train"] * 100 + ["test"] * 100})
    return write_snapshot(world.storage, "acme/splits", [table], table.schema, {}).id


def test_the_gate_compares_two_and_refuses_a_loss(world: World) -> None:
    champion, better, worse = world.publish(0.8), world.publish(0.95), world.publish(0.6)
    (gain,) = compare(world.storage, champion, better, no_ray)
    assert (gain.num_rows, gain.champion, gain.challenger) == (NUM_TEST, pytest.approx(0.8), pytest.approx(0.95))
    assert gain.low > 0.05
    check([gain], PromoteConfig())
    with pytest.raises(RefusedError, match="may lose more than"):
        check(compare(world.storage, champion, worse, no_ray), PromoteConfig())


def test_the_gate_refuses_a_challenger_without_a_target(world: World) -> None:
    both = world.publish(targets={name: (LABELS, world.probabilities(0.8)) for name in ("category", "queue")})
    with pytest.raises(RefusedError, match="no model for queue"):
        compare(world.storage, both, world.publish(), no_ray)
