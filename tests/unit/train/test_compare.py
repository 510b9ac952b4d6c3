from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_releases import LABELS, NUM_TEST, NUM_TICKETS, World, no_ray

from tickets.config import CompareConfig
from tickets.errors import ConfigError
from tickets.page import render
from tickets.release import Release, move_champion
from tickets.train.compare import compare_releases
from tickets.train.compare_page import build_page, format_comparison
from tickets.train.comparison import BucketComparison


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _compare(world: World, releases: list[Release], **config: Any) -> BucketComparison:
    (found,) = compare_releases(world.storage, releases, CompareConfig(resamples=400, **config), no_ray)
    return found


def test_the_best_comes_first_and_the_others_are_measured_by_it(world: World) -> None:
    bad, good, near = world.publish(0.5, seed=1), world.publish(0.9, seed=2), world.publish(0.89, seed=3)
    found = _compare(world, [bad, good, near])
    (table,) = found.tables
    assert (table.num_rows, table.num_texts, table.num_known, table.num_pairs) == (NUM_TEST, NUM_TEST, NUM_TEST, 3)
    assert [row.release for row in table.rows] == [good.id, near.id, bad.id]
    assert [row.verdict for row in table.rows] == ["baseline", "not told apart", "worse"]
    first, second, third = table.rows
    assert first.differences == {}
    assert second.figures["accuracy"]["value"] == pytest.approx(0.89, abs=0.005)
    assert second.differences["accuracy"].value == pytest.approx(-0.01, abs=0.005)
    assert third.differences["nll"].joint_low > 0
    assert set(third.differences) == {"accuracy", "weighted_f1", "macro_f1", "nll", "brier"}
    automation = third.figures["automation"]
    assert (automation["coverage"], automation["precision"]) == (1.0, pytest.approx(0.5))


def test_a_named_baseline_need_not_be_the_best(world: World) -> None:
    champion, good, bad = world.publish(0.8), world.publish(0.95, seed=1), world.publish(0.6, seed=2)
    move_champion(world.storage, champion, None, "test")
    found = _compare(world, [champion, good, bad], baseline="champion", metric="nll")
    (table,) = found.tables
    assert (table.baseline, table.num_pairs) == (champion.id, 2)
    assert {row.release: row.verdict for row in table.rows} == {
        champion.id: "baseline",
        good.id: "better",
        bad.id: "worse",
    }
    with pytest.raises(ConfigError, match=r"compare\.baseline=gone: not among what is compared"):
        _compare(world, [champion, good], baseline="gone")


def test_a_handful_of_texts_tells_no_release_apart(world: World) -> None:
    world.tickets(subject=[f"text {row % 10}" for row in range(NUM_TICKETS)])
    found = _compare(world, [world.publish(1.0), world.publish(0.2, seed=1)])
    (table,) = found.tables
    assert table.num_texts == 10
    assert [row.verdict for row in table.rows] == ["baseline", "not told apart"]


def test_only_what_is_surely_better_than_the_champion_is_worth_its_place(world: World) -> None:
    champion, good, near = world.publish(0.8), world.publish(0.95, seed=1), world.publish(0.81, seed=2)
    for baseline in ("best", champion.id):
        assert _compare(world, [champion, good], baseline=baseline).better_than(champion.id) == good.id
        assert _compare(world, [champion, near], baseline=baseline).better_than(champion.id) is None
        assert _compare(world, [champion, good], baseline=baseline).better_than(good.id) is None
    assert _compare(world, [near, good]).better_than(champion.id) == good.id  # promoting compares these two
    assert _compare(world, [near, good]).better_than(None) == good.id


def test_different_closed_lists_are_compared_by_name(world: World) -> None:
    truth = world.truth[-NUM_TEST:]
    few = ("login", "billing")  # another order, and no outage
    lacking = world.publish(targets={"category": (few, world.answering(truth, few, 1.0, 0))})
    whole = world.publish(targets={"category": (LABELS, world.answering(truth, LABELS, 1.0, 0))})
    (table,) = _compare(world, [lacking, whole]).tables
    share = float(np.isin(truth, few).mean())
    assert table.num_known == round(share * NUM_TEST)
    by_release = {row.release: row.figures for row in table.rows}
    assert by_release[whole.id]["accuracy"]["value"] == 1.0
    assert by_release[lacking.id]["accuracy"]["value"] == pytest.approx(share)
    assert by_release[lacking.id]["nll"] == pytest.approx(by_release[whole.id]["nll"], abs=0.01)


def test_a_target_holds_the_releases_that_have_it(world: World) -> None:
    world.tickets(queue=[None] * 399 + ["a"], team=[None] * 400)
    one = world.publish(targets={"category": (LABELS, world.probabilities(0.9))})
    two = world.publish(targets={
        "category": (LABELS, world.probabilities(0.8)),
        "queue": (("a", "b"), np.tile([0.9, 0.1], (NUM_TEST, 1))),
        "team": (("a", "b"), np.tile([0.9, 0.1], (NUM_TEST, 1))),
    })  # fmt: skip
    found = _compare(world, [one, two])
    tables = {table.target: table for table in found.tables}
    assert [len(tables[name].rows) for name in ("category", "queue", "team")] == [2, 1, 0]
    assert tables["queue"].num_rows == 1
    assert "team: 0 rows" in format_comparison(found)


def test_without_common_rows_each_stands_on_its_own(world: World) -> None:
    split = ["train"] * 200 + ["test"] * 200
    answers = {"category": (LABELS, world.probabilities(0.8)[:200])}
    releases = [
        world.publish(accuracy, splits=cut, targets=answers, config={"source": {"split": {"seed": seed}}})
        for seed, (accuracy, cut) in enumerate([(0.7, split), (0.8, split[::-1])])
    ]
    found = _compare(world, releases)
    assert "no test row is new to all of" in str(found.unpaired)
    (table,) = found.tables
    assert (table.num_rows, table.baseline) == (None, None)
    assert [row.figures["accuracy"]["value"] for row in table.rows] == [0.8, 0.7]
    (spread,) = found.spreads
    assert (spread.setting, spread.num_runs) == ("all", 2)
    assert spread.figures["accuracy"] == pytest.approx({"mean": 0.75, "sd": 0.0707, "low": 0.7, "high": 0.8}, abs=1e-4)
    assert "not the same rows" in format_comparison(found)


def test_seeds_of_a_setting_are_gathered(world: World) -> None:
    releases = [
        world.publish(0.8 + seed / 100, seed=seed, config={"model": {"families": [family], "seed": seed}})
        for family in ("linear", "dnn")
        for seed in (0, 1)
    ]
    found = _compare(world, [*releases, world.publish(config={"model": {"families": ["catboost"], "seed": 0}})])
    assert [(of.setting, of.num_runs) for of in found.spreads] == [
        ("model.families=[linear]", 2),
        ("model.families=[dnn]", 2),
    ]


def test_releases_of_one_setting_are_told_apart_by_their_ids(world: World) -> None:
    again = [world.publish(0.8), world.publish(0.9), world.publish(0.7, seed=1)]
    assert [of.name for of in _compare(world, again).entrants] == [
        f"model.seed=0 {again[0].id}",
        f"model.seed=0 {again[1].id}",
        "model.seed=1",
    ]
    assert [of.name for of in _compare(world, again[:2]).entrants] == [again[0].id, again[1].id]


def test_buckets_stand_apart(world: World) -> None:
    releases = [world.publish(0.8, bucket, seed) for bucket in ("acme", "other") for seed in (0, 1)]
    found = compare_releases(world.storage, releases, CompareConfig(resamples=200, baseline=releases[3].id), no_ray)
    assert [(of.bucket, len(of.entrants), of.tables[0].num_pairs) for of in found] == [("acme", 2, 1), ("other", 2, 1)]
    assert found[1].tables[0].baseline == releases[3].id


def test_the_table_and_the_page_say_it_all(world: World) -> None:
    releases = [world.publish(accuracy, seed=seed) for seed, accuracy in enumerate((0.9, 0.6))]
    found = _compare(world, releases)
    text = format_comparison(found)
    assert "category: 300 rows that none learned from, 300 texts" in text
    (line,) = [line for line in text.splitlines() if line.endswith("worse")]
    assert line.startswith("model.seed=1  0.600 (0.542-0.656)  ")
    assert "-0.3000 (-0.3" in line
    assert "automated" in text
    assert "2 seeds, own test rows: accuracy 0.7500 ± 0.2121" in text
    page = render(build_page([found], {"model=<b>": "failed: no"})).decode()
    assert "Points without a release" in page
    assert "model=&lt;b&gt;" in page
    assert "hold together for 1 pairs" in page
