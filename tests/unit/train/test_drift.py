from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tickets.train.drift import Drift, Later, measure_drift, measure_later
from tickets.train.sample import Sample
from tickets.train.signal import measure_signal

START = np.datetime64("2025-01-01", "ms")
SIGNIFICANCE = 0.01


def _times(num_rows: int, days: int = 200) -> Any:
    return START + (np.arange(num_rows) * (days * 86_400_000 // num_rows)).astype("timedelta64[ms]")


def _drift(codes: Any, times: Any = None) -> Drift | None:
    labels = [f"label {code}" for code in codes]
    return measure_drift(labels, _times(len(labels)) if times is None else times, SIGNIFICANCE)


def test_no_drift_is_seen_where_nothing_changes() -> None:
    found = [_drift(np.random.default_rng(seed).integers(6, size=400)) for seed in range(60)]
    drifts = [drift for drift in found if drift]
    assert len(drifts) == 60
    assert sum(drift.shifted for drift in drifts) <= 3
    assert sum(bool(drift.new or drift.gone) for drift in drifts) <= 3
    assert np.mean([drift.distance - drift.expected for drift in drifts]) == pytest.approx(0, abs=0.01)
    assert np.mean([drift.p_value <= 0.1 for drift in drifts]) <= 0.25


def test_a_shift_of_shares_is_seen() -> None:
    rng = np.random.default_rng(1)
    late = np.arange(800) >= 400
    drift = _drift(np.where(late & (rng.random(800) < 0.3), 0, rng.integers(5, size=800)))
    assert drift is not None
    assert drift.shifted
    assert drift.p_value == 1 / 1000
    assert drift.moved[0] == "label 0"
    assert drift.late["label 0"] > drift.early["label 0"] + 0.15
    assert sum(drift.early.values()) == pytest.approx(1)


def test_a_significant_but_tiny_shift_is_no_news() -> None:
    rng = np.random.default_rng(2)
    rows = 60_000
    share = np.where(np.arange(rows) < rows / 2, 0.50, 0.52)
    drift = _drift((rng.random(rows) < share).astype(int))
    assert drift is not None
    assert drift.p_value <= SIGNIFICANCE
    assert not drift.shifted


def test_labels_that_appear_late_or_vanish_are_named() -> None:
    codes = np.random.default_rng(3).integers(3, size=400)
    codes[350:370] = 7
    codes[:60] = 8
    drift = _drift(codes)
    assert drift is not None
    assert drift.new == {"label 7": 20}
    assert drift.gone == {"label 8": 60}


def test_a_rare_label_that_misses_a_quarter_is_no_news() -> None:
    codes = np.zeros(400, dtype=int)
    codes[[10, 90, 150, 210]] = 1
    codes[[390, 395]] = 2
    drift = _drift(codes)
    assert drift is not None
    assert (drift.new, drift.gone) == ({}, {})


def test_rows_are_put_in_order_and_those_without_time_left_out() -> None:
    rng = np.random.default_rng(4)
    codes = np.repeat([0, 1], 100)
    times, order = _times(200), rng.permutation(200)
    times[::10] = np.datetime64("NaT")
    drift = _drift(codes[order], times[order])
    assert drift is not None
    assert drift.num_rows == 180
    assert (drift.early, drift.late) == ({"label 0": 1.0, "label 1": 0.0}, {"label 0": 0.0, "label 1": 1.0})


@pytest.mark.parametrize("times", [np.full(100, START), np.full(100, np.datetime64("NaT", "ms")), _times(30)])
def test_without_time_nothing_is_said(times: Any) -> None:
    assert _drift([0, 1] * (len(times) // 2), times) is None


def test_periods_are_months_of_a_long_history_and_weeks_of_a_short_one() -> None:
    months = _drift([0, 1] * 200, _times(400, days=150))
    weeks = _drift([0, 1] * 200, _times(400, days=40))
    assert months is not None
    assert list(months.periods) == [f"2025-0{month}-01" for month in range(1, 6)]
    assert sum(months.period_rows) == 400
    assert [sum(counts) for counts in months.counts.values()] == [200, 200]
    assert weeks is not None
    assert list(weeks.periods)[:2] == ["2024-12-30", "2025-01-06"]  # Mondays


def _later(told: Any, seed: int, texts: list[str] | None = None, num_rows: int = 600) -> Later | None:
    """`told(codes, is_late, rng)` gives the column that tells the label."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(3, size=num_rows)
    hint = told(codes, np.arange(num_rows) >= num_rows * 0.7, rng)
    matrix = np.eye(3, dtype=np.float32)[hint] + rng.normal(scale=0.3, size=(num_rows, 3)).astype(np.float32)
    texts = texts or [f"text {row}" for row in range(num_rows)]
    sample = Sample.of([f"label {code}" for code in codes], texts, 5)
    predicted = measure_signal(sample.codes, {"fields": matrix}, sample.folds, 9).predicted
    return measure_later(sample, matrix, predicted, _times(num_rows), 5, 0.01)


def test_what_is_learned_from_old_rows_is_as_good_where_nothing_changes() -> None:
    found = [_later(lambda codes, late, rng: codes, seed) for seed in range(20)]
    assert sum(later.worse for later in found if later) <= 2
    assert all(later is not None and later.num_rows == 120 for later in found)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_learned_from_old_rows_is_worse_where_meaning_changes(seed: int) -> None:
    def moved(codes: Any, late: Any, rng: Any) -> Any:
        """Old rows use the words of the second and third label for each other, as often as not."""
        return np.where(~late & (codes > 0), rng.integers(1, 3, size=len(codes)), codes)

    later = _later(moved, seed)
    assert later is not None
    assert later.worse
    assert later.gap == pytest.approx(later.cross_validated - later.accuracy)
    assert later.gap_interval[0] > 0


def test_later_rows_whose_text_is_known_are_left_out() -> None:
    texts = [f"text {row % 300}" for row in range(600)]
    assert _later(lambda codes, late, rng: codes, 0, texts) is None
