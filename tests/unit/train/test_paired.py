from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_releases import LABELS, NUM_TEST, World, no_ray

from tickets.config import CompareConfig, PromoteConfig
from tickets.errors import RefusedError
from tickets.train.compare import compare_releases
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
    (gain,) = compare(world.storage, champion, better, CompareConfig(), no_ray)
    assert (gain.num_rows, gain.champion, gain.challenger) == (NUM_TEST, pytest.approx(0.8), pytest.approx(0.95))
    assert gain.low > 0.05
    check([gain], PromoteConfig())
    with pytest.raises(RefusedError, match="may lose more than"):
        check(compare(world.storage, champion, worse, CompareConfig(), no_ray), PromoteConfig())


def test_the_gate_refuses_a_challenger_without_a_target(world: World) -> None:
    both = world.publish(targets={name: (LABELS, world.probabilities(0.8)) for name in ("category", "queue")})
    with pytest.raises(RefusedError, match="no model for queue"):
        compare(world.storage, both, world.publish(), CompareConfig(), no_ray)


@pytest.mark.parametrize("oldest_first", [True, False])
def test_the_gate_says_what_a_comparison_of_the_two_says(world: World, oldest_first: bool) -> None:
    """Tickets of ten texts: by row the challenger were surely better."""
    world.tickets(subject=[f"text {row % 10}" for row in range(400)])
    old, new = world.publish(0.80), world.publish(0.84, seed=1)
    champion, challenger = (old, new) if oldest_first else (new, old)
    (gain,) = compare(world.storage, champion, challenger, CompareConfig(), no_ray)
    (found,) = compare_releases(world.storage, [old, new], CompareConfig(baseline=champion.id), no_ray)
    (row,) = (row for row in found.tables[0].rows if row.release == challenger.id)
    shown = row.differences["accuracy"]
    assert (gain.gain, gain.low, gain.high) == (shown.value, shown.joint_low, shown.joint_high)
    assert (gain.num_rows, gain.num_texts) == (NUM_TEST, 10)
    assert (gain.champion, gain.challenger) == (pytest.approx(0.8), pytest.approx(0.84))[:: 1 if oldest_first else -1]


def test_the_gate_takes_tickets_of_one_text_for_one_observation(world: World) -> None:
    champion, challenger = world.publish(0.80), world.publish(0.74)
    (apart,) = compare(world.storage, champion, challenger, CompareConfig(), no_ray)
    wrong = np.random.default_rng(0).permutation(NUM_TEST) >= 0.74 * NUM_TEST  # nearly all wrong rows share a text
    texts = ["train"] * 100 + [f"text {row}" if not wrong[row] else "alert" for row in range(NUM_TEST)]
    world.tickets(subject=texts)
    champion, challenger = world.publish(0.80), world.publish(0.74)
    (together,) = compare(world.storage, champion, challenger, CompareConfig(), no_ray)
    assert together.gain == pytest.approx(apart.gain)
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_targets_that_the_champion_lacks_are_not_compared(world: World) -> None:
    world.tickets(queue=world.truth.tolist())
    champion = world.publish(0.8)
    both = world.publish(targets={name: (LABELS, world.probabilities(0.8)) for name in ("category", "queue")})
    assert [of.target for of in compare(world.storage, champion, both, CompareConfig(), no_ray)] == ["category"]
