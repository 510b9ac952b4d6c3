"""Summaries and rates of many groups, against hand-computed values and against numpy group by group."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tickets.analytics.contrast import clearly_apart
from tickets.analytics.figures import Quantity, _median_ranks, rate, rates, wilson

NAN = float("nan")


def test_a_summary_by_hand() -> None:
    summary = Quantity(np.array([4.0, NAN, 1.0, 3.0, 2.0])).summary(0.95)
    assert summary.count == 4
    assert (summary.mean, summary.p50, summary.p75) == (2.5, 2.5, 3.25)
    assert summary.p90 == pytest.approx(3.7)
    assert summary.p95 == pytest.approx(3.85)
    assert summary.p99 == pytest.approx(3.97)
    half = 3.182446 * 1.290994 / 2  # t of 3 degrees of freedom, standard deviation, square root of 4
    assert summary.mean_low == pytest.approx(2.5 - half, abs=1e-5)
    assert summary.mean_high == pytest.approx(2.5 + half, abs=1e-5)
    assert (summary.p50_low, summary.p50_high) == (None, None)  # four values never exclude a median at 95 %


def test_the_mean_of_times_lies_between_bounds_above_zero_by_hand() -> None:
    values = np.array([1.0, 1.0, 1.0, 97.0])
    plain, times = Quantity(values).summary(0.95), Quantity(values, is_duration=True).summary(0.95)
    assert plain.mean_low is not None and plain.mean_low < 0
    spread = np.exp(3.182446 * 48.0 / 2 / 25.0)  # t of 3 degrees of freedom, standard deviation, root of 4, mean
    assert (times.mean, times.mean_low, times.mean_high) == (
        25.0,
        pytest.approx(25 / spread),
        pytest.approx(25 * spread),
    )
    zeros = Quantity(np.zeros(3), is_duration=True).summary(0.95)
    assert (zeros.mean, zeros.mean_low, zeros.mean_high) == (0.0, 0.0, 0.0)
    one = Quantity(np.array([7.0]), is_duration=True).summary(0.95)
    assert (one.mean, one.mean_low, one.mean_high) == (7.0, None, None)


def test_the_interval_of_a_mean_time_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    slots = np.repeat(np.arange(2_000), 40)
    found = Quantity(rng.exponential(10.0, size=len(slots)), is_duration=True).summaries(slots, 2_000, 0.95)
    held = np.mean([of.mean_low is not None and of.mean_low <= 10.0 <= (of.mean_high or 0.0) for of in found])
    assert held == pytest.approx(0.95, abs=0.02)


def test_nothing_is_null_and_one_value_has_no_interval() -> None:
    nothing = Quantity(np.array([NAN, NAN])).summary(0.95)
    assert nothing.count == 0
    assert set(nothing.model_dump(exclude={"count"}).values()) == {None}
    one = Quantity(np.array([7.0])).summary(0.95)
    assert (one.count, one.mean, one.p50, one.p99) == (1, 7.0, 7.0, 7.0)
    assert (one.mean_low, one.mean_high, one.p50_low, one.p50_high) == (None, None, None, None)
    assert Quantity(np.array([])).summary(0.95).count == 0


def test_every_group_is_summed_up_as_numpy_would_alone() -> None:
    rng = np.random.default_rng(3)
    values = np.where(rng.random(2_000) < 0.2, NAN, rng.lognormal(size=2_000).round(2))
    slots = rng.choice(7, size=2_000, p=[0.5, 0.3, 0.1, 0.05, 0.048, 0.002, 0.0])
    found = Quantity(values).summaries(slots, 7, 0.9)
    for slot, summary in enumerate(found):
        own = values[(slots == slot) & ~np.isnan(values)]
        assert summary.count == len(own)
        if not len(own):
            assert summary.p50 is None
            continue
        assert summary.mean == pytest.approx(own.mean())
        for share in (50, 75, 90, 95, 99):
            assert getattr(summary, f"p{share}") == pytest.approx(np.quantile(own, share / 100))
        if len(own) > 1:
            low, high = stats.t.interval(0.9, len(own) - 1, own.mean(), own.std(ddof=1) / len(own) ** 0.5)
            assert (summary.mean_low, summary.mean_high) == pytest.approx((low, high))


def test_a_median_interval_by_hand() -> None:
    # Of ten values the 2nd and the 9th: P(Binomial(10, 1/2) < 2) is 0.0107, and below 3 it is 0.0547.
    summary = Quantity(np.arange(1.0, 11.0)).summary(0.95)
    assert (summary.p50_low, summary.p50, summary.p50_high) == (2.0, 5.5, 9.0)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999])
def test_median_ranks_are_those_of_the_binomial(confidence: float) -> None:
    counts = np.array([*range(300), 1_000, 54_321])
    tail = (1 - confidence) / 2
    for count, rank in zip(counts, _median_ranks(counts, confidence), strict=True):
        assert rank == 0 or stats.binom.cdf(rank - 1, count, 0.5) <= tail
        assert rank == count or stats.binom.cdf(rank, count, 0.5) > tail


def test_few_values_are_null_where_a_minimum_is_asked() -> None:
    few, enough = Quantity(np.array([1.0, 2.0, 3.0])).summaries(np.array([0, 1, 1]), 2, 0.95, min_count=2)
    assert (few.count, few.mean, few.p50) == (1, None, None)
    assert (enough.count, enough.mean) == (2, 2.5)
    few_rate, enough_rate = rates(np.array([1.0, 1.0, 0.0]), np.array([0, 1, 1]), 2, 0.95, min_count=2)
    assert few_rate.model_dump() == {"count": 1, "hits": None, "rate": None, "low": None, "high": None}
    assert (enough_rate.count, enough_rate.hits, enough_rate.rate) == (2, 1, 0.5)


def test_rates_count_only_what_is_known() -> None:
    known, unknown = rates(np.array([1.0, 0.0, NAN, NAN]), np.array([0, 0, 0, 1]), 2, 0.95)
    assert (known.count, known.hits, known.rate) == (2, 1, 0.5)
    assert unknown.model_dump() == {"count": 0, "hits": None, "rate": None, "low": None, "high": None}
    assert rate(np.array([1.0, 1.0]), 0.95).rate == 1.0


def test_wilson_by_hand() -> None:
    low, high = wilson(np.array([8.0, 0.0, 10.0, 0.0]), np.array([10, 10, 10, 0]), 0.95)
    assert low[:3] == pytest.approx([0.4902, 0.0, 0.7225], abs=1e-4)
    assert high[:3] == pytest.approx([0.9433, 0.2775, 1.0], abs=1e-4)
    assert np.isnan([low[3], high[3]]).all()


def test_numbers_too_large_for_a_mean_give_null() -> None:
    summary = Quantity(np.array([1e308, 1e308, 1e308])).summary(0.95)
    assert (summary.count, summary.mean, summary.p50) == (3, None, 1e308)


def test_groups_that_differ_are_told_apart_and_those_that_do_not_are_not() -> None:
    rng = np.random.default_rng(11)
    slots = rng.integers(0, 20, size=4_000)
    claims = 0
    for _ in range(50):
        values = rng.lognormal(3.0, 1.0, size=4_000)
        claims += clearly_apart(Quantity(values).summaries(slots, 20, 0.95), 0.95) is not None
        values[slots == 7] *= 2
        values[slots == 3] /= 2
        assert clearly_apart(Quantity(values).summaries(slots, 20, 0.95), 0.95) == (3, 7)
    assert claims <= 2


def test_too_few_values_are_not_compared() -> None:
    few = Quantity(np.array([1.0, 2.0, 100.0, 200.0])).summaries(np.array([0, 0, 1, 1]), 2, 0.95)
    assert clearly_apart(few, 0.95) is None
    assert clearly_apart([], 0.95) is None
