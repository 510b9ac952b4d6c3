from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tickets.anomaly.baselines import Baselines
from tickets.anomaly.scorer import AnomalyScorer, AnomalyScores
from tickets.config.anomaly import AnomalyConfig
from tickets.errors import ModelError

TEN = datetime.fromisoformat("2025-01-06T10:00:00+00:00")  # a Monday after the planted history
MINUTE = timedelta(minutes=1)
VECTOR = np.ones(4, dtype=np.float32)
OFTEN, SELDOM = {"often": 0.9, "seldom": 0.1}, {"often": 0.4, "seldom": 0.6}
DISTANCES = np.linspace(0.1, 0.5, 300)


@pytest.fixture(scope="module")
def baselines(planted: Any) -> Baselines:
    return Baselines.fit(planted.created_at, planted.labels, DISTANCES, "category", AnomalyConfig())


def scorer_of(baselines: Baselines, cosine: float | None = 0.7, **settings: float) -> AnomalyScorer:
    return AnomalyScorer(baselines, lambda vector: cosine, AnomalyConfig(**settings))


def score_many(scorer: AnomalyScorer, num_tickets: int, start: datetime = TEN) -> list[AnomalyScores]:
    return [
        scorer.score({"ticket_id": f"T{index}"}, SELDOM, VECTOR, start + index * MINUTE) for index in range(num_tickets)
    ]


def test_an_ordinary_ticket_has_both_scores_and_no_clause(baselines: Baselines) -> None:
    scores = scorer_of(baselines).score({"ticket_id": "T1"}, OFTEN, VECTOR, TEN)
    assert scores.volume is not None
    assert scores.novelty is not None
    assert (scores.volume.label, scores.volume.count, scores.volume.window_s) == ("often", 1, 3600)
    assert scores.volume.expected == pytest.approx(5, rel=0.6)
    assert scores.novelty.similarity == 0.7
    assert scores.novelty.share_as_far == pytest.approx(0.5, abs=0.01)
    assert (scores.is_unusual, scores.why) == (False, ())


def test_a_burst_is_flagged_and_explained(baselines: Baselines) -> None:
    scores = score_many(scorer_of(baselines), 12)
    flags = [score.is_unusual for score in scores]
    assert flags == sorted(flags)
    assert (flags[0], flags[-1]) == (False, True)
    assert scores[-1].volume is not None
    assert scores[-1].volume.p_value <= 0.001
    (clause,) = scores[-1].why
    assert clause.startswith("12 tickets of seldom in the last 60 minutes where 0.")
    assert clause.endswith("are usual (p < 0.0001)")


def test_the_same_tickets_over_a_day_are_usual(baselines: Baselines) -> None:
    scorer = scorer_of(baselines)
    spread = [scorer.score({"ticket_id": f"T{n}"}, SELDOM, None, TEN + n * 70 * MINUTE).volume for n in range(12)]
    assert [volume.count for volume in spread if volume] == [1] * 12
    assert not any(volume.is_unusual for volume in spread if volume)


def test_few_tickets_are_never_a_burst_however_rare_their_class(baselines: Baselines) -> None:
    scorer = scorer_of(baselines, min_tickets=3)
    scores = [scorer.score({}, {"never seen": 1.0}, None, TEN).volume for _ in range(3)]
    assert [volume.p_value <= 0.001 for volume in scores if volume] == [True, True, True]
    assert [volume.is_unusual for volume in scores if volume] == [False, False, True]


def test_retries_and_health_checks_do_not_count(baselines: Baselines) -> None:
    scorer = scorer_of(baselines)
    for _ in range(20):
        scorer.score({"ticket_id": 7}, SELDOM, VECTOR, TEN)
        scorer.score({"ticket_id": "check"}, SELDOM, VECTOR, TEN, record=False)
    volume = scorer.score({}, SELDOM, VECTOR, TEN, record=False).volume
    assert volume is not None
    assert volume.count == 1


def test_threads_that_score_at_once_lose_nothing(baselines: Baselines) -> None:
    scorer = scorer_of(baselines)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: scorer.score({"ticket_id": f"T{index}"}, OFTEN, None, TEN), range(200)))
    volume = scorer.score({}, OFTEN, None, TEN, record=False).volume
    assert volume is not None
    assert volume.count == 200


def test_a_ticket_like_no_other_is_flagged_and_explained(baselines: Baselines) -> None:
    scores = scorer_of(baselines, cosine=0.2).score({}, OFTEN, VECTOR, TEN)
    assert scores.novelty is not None
    assert scores.novelty.is_unusual
    assert scores.novelty.share_as_far == 1 / 301
    assert scores.is_unusual
    assert scores.why == ("farther from its nearest past ticket than 99.6 % of past tickets were from theirs",)


def test_nearest_is_asked_with_the_vector(baselines: Baselines) -> None:
    asked: list[np.ndarray] = []

    def nearest(vector: np.ndarray) -> Any:
        asked.append(vector)
        return np.float32(0.5)  # as an index may answer

    scores = AnomalyScorer(baselines, nearest, AnomalyConfig()).score({}, OFTEN, VECTOR, TEN)
    assert len(asked) == 1
    assert asked[0] is VECTOR
    assert scores.novelty is not None
    assert json.dumps(scores.novelty.similarity) == "0.5"


def test_what_is_missing_is_said_and_not_scored(baselines: Baselines) -> None:
    bare = Baselines.fit(pa.nulls(0), [], [], "category", AnomalyConfig())
    scores = scorer_of(bare).score({}, OFTEN, VECTOR, TEN)
    assert (scores.volume, scores.novelty, scores.is_unusual) == (None, None, False)
    assert scores.why == (
        "volume is not scored: no past tickets with a time and a label lie an hour or more apart",
        "novelty is not scored: fewer than 20 past tickets were compared with their nearest",
    )
    unlabelled = scorer_of(baselines).score({}, {}, None, TEN)
    assert unlabelled.why == (
        "volume is not scored: the ticket has no predicted category",
        "novelty is not scored: the ticket has no vector",
    )
    alone = scorer_of(baselines, cosine=None).score({}, OFTEN, VECTOR, TEN)
    assert alone.volume is not None
    assert alone.why == ("novelty is not scored: there is no past ticket to compare with",)


@pytest.mark.parametrize("has_history", [True, False])
def test_a_moment_without_a_time_zone_is_refused(baselines: Baselines, has_history: bool) -> None:
    used = baselines if has_history else Baselines(None, None, "category")
    with pytest.raises(ModelError, match="2025-01-06T10:00:00 has no time zone"):
        scorer_of(used).score({}, OFTEN, VECTOR, TEN.replace(tzinfo=None))


def test_a_cosine_that_is_no_number_is_refused(baselines: Baselines) -> None:
    with pytest.raises(ModelError, match="distance nan"):
        scorer_of(baselines, cosine=float("nan")).score({}, OFTEN, VECTOR, TEN)


def test_saved_baselines_give_the_same_scores(baselines: Baselines, tmp_path: Path) -> None:
    baselines.save(tmp_path)
    loaded = Baselines.load(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["baselines.json"]
    assert loaded.target == "category"
    assert score_many(scorer_of(loaded, 0.55), 8) == score_many(scorer_of(baselines, 0.55), 8)


def test_baselines_of_nothing_survive_too(tmp_path: Path) -> None:
    Baselines(None, None, "priority").save(tmp_path)
    assert Baselines.load(tmp_path) == Baselines(None, None, "priority")


@pytest.mark.parametrize("version", [2, None, "1"])
def test_an_unknown_format_is_refused(tmp_path: Path, version: object) -> None:
    Baselines(None, None, "category").save(tmp_path)
    content = json.loads((tmp_path / "baselines.json").read_text(encoding="utf-8"))
    (tmp_path / "baselines.json").write_text(json.dumps({**content, "format_version": version}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"baselines\.json: format_version .*; allowed: 1"):
        Baselines.load(tmp_path)


@pytest.mark.parametrize(
    "settings", [{"window_s": 0}, {"volume_alarm": 0}, {"novelty_alarm": 1}, {"smoothing_weeks": 0}, {"min_ticket": 2}]
)
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        AnomalyConfig(**settings)


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in AnomalyConfig.model_fields.values())
