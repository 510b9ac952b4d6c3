"""Targets of a hierarchy meet on their calibration rows, without Ray: classifiers repeat given probabilities."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import softmax

from tickets.config import TicketsConfig
from tickets.config.parse import parse
from tickets.features.state import Features
from tickets.models.family import Limits
from tickets.models.labels import MISSING, Labels
from tickets.models.triage import Member
from tickets.train.calibrated import Calibrated, calibrate, decide
from tickets.train.hierarchy import Settled, settle
from tickets.train.problem import Problem
from tickets.train.split import CALIBRATION, TRAIN

NUM_ROWS, NUM_TRAIN = 1_200, 500
LABELS = {"area": Labels(("hardware", "network")), "topic": Labels(("dns", "printer", "screen", "vpn"))}
AREA_OF = np.array([1, 0, 0, 1])


@dataclass(frozen=True)
class Rows:
    """Features that are nothing but row numbers."""

    rows: np.ndarray

    def take(self, rows: np.ndarray) -> Rows:
        return Rows(self.rows[rows])

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Repeats:
    """A classifier whose answer to each row is known."""

    probabilities: np.ndarray

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        said: np.ndarray = self.probabilities[cast(Rows, features).rows]
        return said

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def calibrated(config: TicketsConfig, strength: dict[str, float]) -> dict[str, Calibrated]:
    """Both targets; of the calibration rows every ninth lacks its area, every tenth its topic."""
    rng = np.random.default_rng(3)
    topics = rng.integers(4, size=NUM_ROWS)
    codes = {"area": AREA_OF[topics], "topic": topics.copy()}
    codes["area"][NUM_TRAIN::9] = MISSING
    codes["topic"][NUM_TRAIN::10] = MISSING
    splits = np.where(np.arange(NUM_ROWS) < NUM_TRAIN, TRAIN, CALIBRATION)
    found = {}
    for name, true in (("area", AREA_OF[topics]), ("topic", topics)):
        labels = LABELS[name]
        said = strength[name] * np.eye(len(labels))[true] + rng.normal(size=(NUM_ROWS, len(labels)))
        features, texts = cast(Features, Rows(np.arange(NUM_ROWS))), [f"text {row}" for row in range(NUM_ROWS)]
        problem = Problem(name, labels, codes[name], features, texts, splits, Limits(len(labels), 1, 1, 1))
        member = Member("linear", Repeats(softmax(said, axis=1)), 1.0)
        found[name] = calibrate(problem, None, (member,), ["en"] * NUM_ROWS, ["text"] * NUM_ROWS, config.decide)
    return found


def configuration(**source: Any) -> TicketsConfig:
    return parse(
        {
            "source": {
                "name": "m",
                "targets": ["area", "topic", "mood"],
                "value_sets": "none",
                "hierarchy": {"topic": "area"},
                **source,
            },
            "decide": {"automate_precision": 0.85, "suggest_precision": 0.7, "calibrations": []},
        }
    )


def run(strength: dict[str, float], **source: Any) -> tuple[Settled, dict[str, Calibrated], dict[str, Any]]:
    config = configuration(**source)
    given = calibrated(config, strength)
    settled = settle(given, config)
    return settled, given, settled.records.get("topic", {}).get("hierarchy", {})


def test_two_views_of_their_own_are_pooled_and_no_pair_is_illegal() -> None:
    settled, given, record = run({"area": 2.0, "topic": 2.0})
    assert record["pooled"]
    assert record["gain"]["low"] > 0
    assert record["legal_pairs"] == 4
    assert record["illegal_before"] > 0.05
    assert record["illegal_after"] == 0
    assert json.loads(json.dumps(record)) == record
    for name, of in settled.targets.items():
        right, before = (
            (each.said.probabilities.argmax(axis=1) == each.problem.codes[each.rows]).mean()
            for each in (of, given[name])
        )
        assert right > before


def test_few_rows_are_not_pooled_and_still_no_pair_is_illegal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickets.train.hierarchy.LEAST_TEXTS", NUM_ROWS)
    settled, _, record = run({"area": 2.0, "topic": 2.0})
    assert settled.hierarchies[0].pool is None
    assert not record["pooled"]
    assert record["illegal_after"] == 0


def test_thresholds_are_chosen_on_what_is_published() -> None:
    settled, given, _ = run({"area": 2.0, "topic": 2.0})
    (tree,) = settled.hierarchies
    model, _ = decide(settled.targets["area"], configuration().decide)
    assert model.policy.automate is not None
    assert model.policy.automate != decide(given["area"], configuration().decide)[0].policy.automate
    rows = settled.targets["area"].rows
    features = cast(Features, Rows(rows))
    published = tree.decode({name: of.model.predict(features) for name, of in given.items()})["area"]
    assert (published.max(axis=1) >= model.policy.automate.value).mean() == pytest.approx(
        model.policy.automate.coverage, abs=0.03
    )
    assert len(rows) == len(settled.targets["area"].said.probabilities) < NUM_ROWS - NUM_TRAIN


def test_without_a_hierarchy_nothing_changes() -> None:
    settled, given, _ = run({"area": 2.0, "topic": 2.0}, hierarchy={})
    assert (settled.targets, settled.hierarchies, settled.records) == (given, (), {})


def test_a_link_to_a_target_without_a_model_is_left_out() -> None:
    settled, given, _ = run({"area": 2.0, "topic": 2.0}, hierarchy={"topic": "mood"})
    assert (settled.targets, settled.hierarchies) == (given, ())


def test_rows_of_one_text_are_one_observation_when_a_pool_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are alike in how well they are known share a text: their gains are no independent ones."""
    monkeypatch.setattr("tickets.train.hierarchy.LEAST_TEXTS", 10)
    config = configuration()
    given = calibrated(config, {"area": 2.0, "topic": 2.0})
    of = given["topic"]
    known = np.zeros(NUM_ROWS)
    known[of.rows] = of.said.probabilities[np.arange(len(of.rows)), of.problem.codes[of.rows]]
    texts = [f"text {round(30 * share)}" for share in known]
    together = {name: replace(of, problem=replace(of.problem, texts=texts)) for name, of in given.items()}
    apart, grouped = (settle(targets, config).records["topic"]["hierarchy"]["gain"] for targets in (given, together))
    assert grouped["high"] - grouped["low"] > 1.5 * (apart["high"] - apart["low"])


def test_many_rows_of_few_texts_are_not_pooled() -> None:
    given = calibrated(configuration(), {"area": 2.0, "topic": 2.0})
    texts = [f"text {row % 100}" for row in range(NUM_ROWS)]
    few = {name: replace(of, problem=replace(of.problem, texts=texts)) for name, of in given.items()}
    assert "gain" not in settle(few, configuration()).records["topic"]["hierarchy"]
