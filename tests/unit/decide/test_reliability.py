from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tickets.decide.reliability import LEAST_ROWS, NUM_BINS, reliability
from tickets.errors import ModelError


def _sample(num_rows: int, seed: int, gap: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidences that are higher than the truth by `gap`."""
    rng = np.random.default_rng(seed)
    true = 0.9 * rng.beta(6, 2, size=num_rows)
    return true + gap, rng.random(num_rows) < true


def test_bands_hold_calibrated_data_as_often_as_they_say() -> None:
    found = [reliability(*_sample(600, seed), num_resamples=300, seed=seed) for seed in range(100)]
    num_bins = sum(len(one["bins"]) for one in found)
    assert 0.88 < 1 - sum(one["num_outside"] for one in found) / num_bins < 0.96


def test_the_error_that_chance_shows_is_what_calibrated_data_show() -> None:
    found = [reliability(*_sample(600, seed), num_resamples=200, seed=seed) for seed in range(100)]
    for error in ("ece", "debiased_error"):
        value, expected = (np.mean([one[error][key] for one in found]) for key in ("value", "expected"))
        assert value == pytest.approx(expected, abs=0.004)
        assert 0 <= sum(one[error]["p_value"] <= 0.05 for one in found) <= 12


def test_a_gap_is_found_beyond_chance_and_measured_without_its_bias() -> None:
    found = reliability(*_sample(4_000, 0, gap=0.1))
    assert found["num_outside"] == NUM_BINS
    assert found["debiased_error"]["value"] == pytest.approx(0.1, abs=0.02)
    assert found["ece"]["p_value"] < 0.005
    assert found["ece"]["value"] > 5 * found["ece"]["expected"]


def test_a_worked_example() -> None:
    """Ten rows at 0.3 of which 5 are right, ten at 0.8 of which 8 are."""
    right = [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, *[1] * 8, 0, 0]
    found = reliability([0.3] * 10 + [0.8] * 10, right)
    assert [(b["low"], b["high"], b["num_rows"]) for b in found["bins"]] == [(0.3, 0.3, 10), (0.8, 0.8, 10)]
    assert [b["accuracy"] for b in found["bins"]] == [0.5, 0.8]
    assert [(b["band_low"], b["band_high"]) for b in found["bins"]] == [(0.1, 0.5), (0.6, 1.0)]  # of binomials
    assert found["ece"]["value"] == pytest.approx(0.1)
    without_bias = ((0.2**2 - 0.5 * 0.5 / 9) + (0 - 0.8 * 0.2 / 9)) / 2
    assert found["debiased_error"]["value"] == pytest.approx(max(without_bias, 0) ** 0.5)


@pytest.mark.parametrize("num_rows", [1, 9, 10, 19, 20, 105, 1009])
def test_bins_hold_about_equally_many_rows(num_rows: int) -> None:
    bins = reliability(*_sample(num_rows, 1), num_resamples=5)["bins"]
    sizes = [b["num_rows"] for b in bins]
    assert sum(sizes) == num_rows
    assert len(sizes) == max(1, min(NUM_BINS, num_rows // LEAST_ROWS))
    assert max(sizes) < 2 * min(sizes)
    assert all(before["high"] < after["low"] for before, after in pairwise(bins))


def test_rows_of_equal_confidence_share_a_bin_in_whatever_order_they_come() -> None:
    claimed = np.repeat([0.5, 0.7, 0.9], [300, 5, 100])
    right = np.random.default_rng(0).random(405) < claimed
    assert [b["num_rows"] for b in reliability(claimed, right)["bins"]] == [300, 105]
    order = np.random.default_rng(1).permutation(405)
    assert reliability(claimed[order], right[order]) == reliability(claimed, right)


def test_certain_rows_have_no_band_but_the_certain_one() -> None:
    (only,) = reliability(np.ones(50), np.arange(50) > 0)["bins"]
    assert (only["band_low"], only["band_high"], only["accuracy"]) == (1.0, 1.0, 0.98)


def test_no_rows_have_no_bins_and_no_errors() -> None:
    found = reliability([], [])
    assert (found["num_rows"], found["bins"], found["num_outside"]) == (0, [], 0)
    assert found["ece"] == found["debiased_error"] == {"value": None, "expected": None, "p_value": None}


def test_the_same_seed_draws_the_same_bands_and_all_of_it_is_json() -> None:
    one, same, other = (json.dumps(reliability(*_sample(300, 2), seed=s), allow_nan=False) for s in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    ("confidences", "correct", "settings"),
    [
        ([0.5], [True, False], {}),
        ([[0.5]], [[True]], {}),
        ([1.5], [True], {}),
        ([-0.1], [True], {}),
        ([float("nan")], [True], {}),
        ([0.5], [True], {"band": 1.0}),
        ([0.5], [True], {"num_resamples": 0}),
    ],
)
def test_what_makes_no_sense_is_refused(confidences: Any, correct: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="allowed"):
        reliability(confidences, correct, **settings)
