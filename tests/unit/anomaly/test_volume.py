from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import nbinom

from tickets.anomaly.volume import VolumeBaseline
from tickets.config.anomaly import AnomalyConfig
from tickets.errors import ModelError

MONDAY = datetime.fromisoformat("2024-01-01T00:00:00+00:00")
HOUR = timedelta(hours=1)
TEN = MONDAY + 10 * HOUR
CONFIG = AnomalyConfig()
TIMES = pa.timestamp("ms", tz="UTC")


@pytest.fixture(scope="module")
def baseline(planted: Any) -> VolumeBaseline:
    fitted = VolumeBaseline.fit(planted.created_at, planted.labels, CONFIG)
    assert fitted is not None
    return fitted


def regular(num_hours: int, step: timedelta, label: str | None = "a") -> tuple[list[datetime], list[str | None]]:
    """One ticket every `step` for some hours, the last one on the full hour."""
    moments = [MONDAY + index * step for index in range(int(num_hours * HOUR / step) + 1)]
    return moments, [label] * len(moments)


def fit(moments: list[datetime | None], labels: list[str | None], **settings: float) -> VolumeBaseline | None:
    return VolumeBaseline.fit(pa.array(moments, TIMES), labels, AnomalyConfig(**settings))


def test_planted_rates_and_dispersion_are_recovered(planted: Any, baseline: VolumeBaseline) -> None:
    assert baseline.has_weekly_shape
    for name, truth in planted.rates.items():
        fitted = baseline.classes[name]
        variance = (truth + 0.3 * truth**2) / 52  # of the mean count of an hour of the week
        assert fitted.num_tickets == planted.labels.count(name)
        assert fitted.hourly.sum() == pytest.approx(fitted.num_tickets / 52, rel=0.001)
        assert fitted.hourly.sum() == pytest.approx(truth.sum(), abs=3 * np.sqrt(variance.sum()))
        assert np.abs(fitted.hourly - truth).mean() < np.sqrt(variance).mean()
    assert baseline.classes["often"].dispersion == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("name", ["often", "seldom"])
def test_under_the_planted_null_one_window_in_a_hundred_is_called(
    planted: Any, baseline: VolumeBaseline, name: str
) -> None:
    counts = planted.counts(name, 52, np.random.default_rng(23))
    starts = [MONDAY + index * HOUR for index in range(len(counts))]
    p_values = np.array(
        [baseline.surprise(name, int(k), at, at + HOUR)[1] for k, at in zip(counts, starts, strict=True)]
    )
    # 8,736 windows: three standard errors of a share of 0.01 are 0.0032; whole counts make it smaller, not zero.
    assert 0.002 < (p_values <= 0.01).mean() < 0.0132
    assert 0.04 < (p_values <= 0.1).mean() < 0.11


def test_counts_without_extra_spread_are_poisson() -> None:
    rng = np.random.default_rng(3)
    moments = [MONDAY + hours * HOUR for hours in np.sort(rng.uniform(0, 26 * 168, 20_000))]
    fitted = fit(moments, ["a"] * len(moments))
    assert fitted is not None
    assert fitted.classes["a"].dispersion < 0.01


def test_evenly_spread_counts_do_not_give_a_negative_dispersion() -> None:
    fitted = fit(*regular(3 * 168, HOUR / 4))
    assert fitted is not None
    assert fitted.classes["a"].dispersion == 0.0
    assert fitted.expected("a", TEN, TEN + HOUR) == pytest.approx(4, rel=0.01)


def test_weekends_and_nights_have_their_own_rate(planted: Any, baseline: VolumeBaseline) -> None:
    saturday = TEN + timedelta(days=5)
    by_day, by_night, at_weekend = (baseline.expected("often", at, at + HOUR) for at in (TEN, TEN - 8 * HOUR, saturday))
    assert by_day == pytest.approx(5.0, rel=0.25)
    assert by_night == pytest.approx(1.0, rel=0.4)
    assert at_weekend == pytest.approx(1.0, rel=0.4)
    assert baseline.surprise("often", 8, saturday, saturday + HOUR)[1] < 0.01
    assert baseline.surprise("often", 8, TEN, TEN + HOUR)[1] > 0.1


def test_a_window_counts_each_hour_by_the_part_that_lies_in_it(baseline: VolumeBaseline) -> None:
    hourly = baseline.classes["often"].hourly
    crossing = baseline.expected("often", MONDAY + 7.25 * HOUR, MONDAY + 9.5 * HOUR)
    assert crossing == pytest.approx(0.75 * hourly[7] + hourly[8] + 0.5 * hourly[9])
    over_sunday_night = baseline.expected("often", MONDAY - HOUR / 2, MONDAY + HOUR / 2)
    assert over_sunday_night == pytest.approx((hourly[167] + hourly[0]) / 2)
    assert baseline.expected("often", MONDAY, MONDAY + timedelta(weeks=3)) == pytest.approx(3 * hourly.sum())


def test_the_time_zone_of_a_window_does_not_matter(baseline: VolumeBaseline) -> None:
    abroad = datetime.fromisoformat("2024-01-01T15:30:00+05:30")
    assert baseline.expected("often", abroad, abroad + HOUR) == baseline.expected("often", TEN, TEN + HOUR)


def test_the_tail_is_that_of_the_negative_binomial() -> None:
    fitted = fit(*regular(167, HOUR / 4))  # too short for a weekly shape: the level alone is uncertain
    assert fitted is not None
    expected, p_value = fitted.surprise("a", 9, TEN, TEN + HOUR)
    size = fitted.classes["a"].num_tickets + 0.5
    assert p_value == pytest.approx(nbinom.sf(8, size, size / (size + expected)), rel=1e-9)
    assert fitted.surprise("a", 0, TEN, TEN + HOUR)[1] == 1.0


def test_surprise_grows_with_the_count_and_a_burst_stands_out(baseline: VolumeBaseline) -> None:
    p_values = [baseline.surprise("often", count, TEN, TEN + HOUR)[1] for count in range(60)]
    assert all(after < before for before, after in pairwise(p_values))
    assert p_values[5] > 0.3
    assert p_values[30] < 0.001


def test_what_a_short_history_leaves_unknown_makes_the_same_count_less_surprising() -> None:
    short, long = fit(*regular(3 * 168, HOUR)), fit(*regular(40 * 168, HOUR))
    assert short is not None
    assert long is not None
    assert short.surprise("a", 6, TEN, TEN + HOUR)[1] > 1.5 * long.surprise("a", 6, TEN, TEN + HOUR)[1]


def test_an_unseen_class_has_half_a_ticket_in_the_whole_history(baseline: VolumeBaseline) -> None:
    whole = timedelta(weeks=52)
    assert baseline.expected("never seen", MONDAY, MONDAY + whole) == pytest.approx(0.5, rel=0.01)
    expected, p_value = baseline.surprise("never seen", 3, TEN, TEN + HOUR)
    assert 0 < expected < 0.001
    assert p_value < 0.001


def test_hours_without_tickets_count() -> None:
    gap = timedelta(weeks=10)
    moments, labels = regular(168, HOUR / 4)
    fitted = fit([*moments, *(moment + gap for moment in moments)], labels * 2)
    assert fitted is not None
    whole = fitted.expected("a", MONDAY, MONDAY + gap + timedelta(weeks=1))
    assert whole == pytest.approx(2 * len(moments), rel=0.02)
    assert fitted.classes["a"].dispersion > 1


@pytest.mark.parametrize(("num_hours", "has_shape"), [(2 * 168 - 1, False), (2 * 168, True)])
def test_a_history_below_two_weeks_is_flat_and_says_so(num_hours: int, has_shape: bool) -> None:
    moments, _ = regular(num_hours, HOUR / 2)
    working = [moment for moment in moments if 8 <= moment.hour < 18 or moment in (moments[0], moments[-1])]
    fitted = fit(working, ["a"] * len(working))
    assert fitted is not None
    assert fitted.has_weekly_shape is has_shape
    assert bool(np.ptp(fitted.classes["a"].hourly) > 0.5) is has_shape
    assert fitted.expected("a", MONDAY, moments[-1]) == pytest.approx(len(working), rel=0.01)


def test_tickets_without_a_label_raise_the_rate_of_the_others() -> None:
    labelled, every = regular(4 * 168, HOUR), regular(4 * 168, HOUR / 2)
    half = [*every[1][::2], *[None] * (len(every[1]) // 2)]
    ordered = [*every[0][::2], *every[0][1::2]]
    whole, part, alone = fit(*every), fit(ordered, half), fit(*labelled)
    assert whole is not None
    assert part is not None
    assert alone is not None
    rate = part.expected("a", TEN, TEN + HOUR)
    assert rate == pytest.approx(whole.expected("a", TEN, TEN + HOUR), rel=0.01)
    assert rate == pytest.approx(2 * alone.expected("a", TEN, TEN + HOUR), rel=0.01)
    assert part.classes["a"].num_tickets == alone.classes["a"].num_tickets


def test_tickets_without_a_time_and_before_the_latest_weeks_are_left_out() -> None:
    moments, labels = regular(4 * 168, HOUR)
    old = [MONDAY - timedelta(days=9000), None]
    fitted = fit([*old, *moments], ["z", "a", *labels], history_weeks=5)
    assert fitted is not None
    assert set(fitted.classes) == {"a"}
    assert fitted.classes["a"].num_tickets == len(moments)
    assert (fitted.first, fitted.last) == (moments[0].isoformat(), moments[-1].isoformat())


def test_smoothing_draws_an_hour_to_the_weekly_shape() -> None:
    moments, labels = regular(3 * 168, HOUR)
    burst = [TEN + timedelta(minutes=1)] * 30
    free, held = (fit(moments + burst, labels + ["a"] * 30, smoothing_weeks=weeks) for weeks in (0.01, 30.0))
    assert free is not None
    assert held is not None
    assert free.expected("a", TEN, TEN + HOUR) == pytest.approx(11, rel=0.02)
    assert held.expected("a", TEN, TEN + HOUR) < 4


@pytest.mark.parametrize(
    ("moments", "labels"),
    [
        ([], []),
        ([None, None], ["a", "b"]),
        ([MONDAY], ["a"]),
        ([MONDAY, MONDAY + HOUR / 2], ["a", "a"]),
        ([MONDAY, TEN], [None, None]),
    ],
)
def test_without_a_rate_there_is_no_baseline(moments: list[datetime | None], labels: list[str | None]) -> None:
    assert fit(moments, labels) is None


def test_any_column_of_timestamps_will_do() -> None:
    moments, labels = regular(3 * 168, HOUR)
    column = pa.array(moments, TIMES)
    plain = VolumeBaseline.fit(column, labels, CONFIG)
    chunked = pa.chunked_array([column.slice(0, 100), column.slice(100)]).cast(pa.timestamp("us"))
    again = VolumeBaseline.fit(chunked, labels, CONFIG)
    assert plain is not None
    assert again is not None
    assert again.to_json() == plain.to_json()
    assert VolumeBaseline.fit(pa.nulls(2), ["a", "a"], CONFIG) is None


def test_state_survives_json(baseline: VolumeBaseline) -> None:
    again = VolumeBaseline.from_json(json.loads(json.dumps(baseline.to_json())))
    assert again.to_json() == baseline.to_json()
    for label in ("often", "seldom", "never seen"):
        assert again.surprise(label, 7, TEN, TEN + HOUR) == baseline.surprise(label, 7, TEN, TEN + HOUR)


def test_what_does_not_fit_is_refused(baseline: VolumeBaseline) -> None:
    with pytest.raises(ModelError, match="1 moments and 2 labels"):
        VolumeBaseline.fit(pa.array([MONDAY], TIMES), ["a", "b"], CONFIG)
    with pytest.raises(ModelError, match="of type string; allowed: timestamps"):
        VolumeBaseline.fit(pa.array(["2024-01-01"]), ["a"], CONFIG)
    with pytest.raises(ModelError, match="end after the start"):
        baseline.expected("often", TEN, TEN)
    with pytest.raises(ModelError, match="no time zone"):
        baseline.expected("often", TEN.replace(tzinfo=None), TEN + HOUR)
