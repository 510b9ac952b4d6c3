from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from tickets.decide.thresholds import Threshold, choose_threshold, precision_coverage, precision_interval
from tickets.errors import ModelError


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (1, 10), (59, 59), (93, 100), (1, 1), (480, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_is_scipys_exact_one(hits: int, total: int, confidence: float) -> None:
    expected = binomtest(hits, total).proportion_ci(confidence, method="exact")
    assert precision_interval(hits, total, confidence) == pytest.approx((expected.low, expected.high))


def test_interval_of_no_rows_says_nothing() -> None:
    assert precision_interval(0, 0, 0.95) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "total", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_interval_refuses_impossible_counts(hits: int, total: int, confidence: float) -> None:
    with pytest.raises(ModelError, match="allowed"):
        precision_interval(hits, total, confidence)


def test_59_straight_hits_show_95_percent_and_58_do_not() -> None:
    chosen = choose_threshold(np.linspace(1.0, 0.6, 59), np.ones(59), 0.95, 0.95)
    assert chosen is not None
    assert (chosen.hits, chosen.total, chosen.coverage, chosen.value) == (59, 59, 1.0, 0.6)
    assert chosen.low == pytest.approx(0.05 ** (1 / 59))
    assert choose_threshold(np.linspace(1.0, 0.6, 58), np.ones(58), 0.95, 0.95) is None


def test_no_rows_give_no_threshold() -> None:
    assert choose_threshold([], [], 0.95, 0.95) is None


def test_one_error_at_the_top_ends_nothing_where_rows_are_many() -> None:
    correct = np.ones(1000)
    correct[0] = 0
    chosen = choose_threshold(np.linspace(1.0, 0.5, 1000), correct, 0.95, 0.95)
    assert chosen is not None
    assert chosen.coverage == 1.0


def test_threshold_stops_before_the_errors_begin() -> None:
    confidences = np.linspace(1.0, 0.0, 2000)
    chosen = choose_threshold(confidences, confidences > 0.5, 0.95, 0.95)
    assert chosen is not None
    assert 0.46 < chosen.value < 0.5  # 95 % of right rows still pass a little below the border
    assert chosen.hits / chosen.total > chosen.low >= chosen.precision == 0.95
    assert chosen.total == int((confidences >= chosen.value).sum())


def test_low_bound_is_the_binomial_tail_at_the_asked_confidence() -> None:
    correct = np.arange(400) % 25 != 0
    chosen = choose_threshold(np.linspace(1.0, 0.5, 400), correct, 0.9, 0.95)
    assert chosen is not None
    assert binom.sf(chosen.hits - 1, chosen.total, chosen.low) == pytest.approx(0.05)


def test_rows_of_equal_confidence_pass_together() -> None:
    confidences = np.repeat([0.9, 0.8], [100, 100])
    first_right = np.concatenate([np.ones(100), np.zeros(100)])
    chosen = choose_threshold(confidences, first_right, 0.9, 0.95)
    assert chosen is not None
    assert (chosen.value, chosen.total) == (0.9, 100)
    all_tied = np.full(200, 0.9)
    assert choose_threshold(all_tied, first_right, 0.9, 0.95) is None
    assert choose_threshold(all_tied, first_right, 0.9, 0.95) == choose_threshold(
        all_tied, first_right[::-1], 0.9, 0.95
    )


def test_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    confidences = rng.beta(6, 1, 500).round(2)
    correct = rng.random(500) < confidences
    mixed = rng.permutation(500)
    assert choose_threshold(confidences, correct, 0.8, 0.9) == choose_threshold(
        confidences[mixed], correct[mixed], 0.8, 0.9
    )


@pytest.mark.parametrize(("precision", "num_rows"), [(0.95, 1000), (0.8, 300)])
def test_true_precision_is_kept_in_all_but_the_agreed_share_of_draws(precision: float, num_rows: int) -> None:
    """A confidence c is right with probability c**2, an overconfident model; rows are drawn anew each time."""
    rng = np.random.default_rng(11)
    population = np.sort(rng.beta(14, 1, 200_000))[::-1]
    true_precision = np.cumsum(population**2) / np.arange(1, len(population) + 1)
    num_draws, confidence, broken, chosen_at_all = 400, 0.9, 0, 0
    for _ in range(num_draws):
        confidences = rng.beta(14, 1, num_rows)
        chosen = choose_threshold(confidences, rng.random(num_rows) < confidences**2, precision, confidence)
        if chosen is not None:
            chosen_at_all += 1
            passing = np.searchsorted(-population, -chosen.value, side="right")
            broken += true_precision[passing - 1] < precision
    assert chosen_at_all > num_draws / 4  # a method that never dares would pass the next line
    assert broken <= binom.ppf(0.999, num_draws, 1 - confidence)


def test_noise_is_given_a_threshold_in_at_most_the_agreed_share_of_draws() -> None:
    """Every row is right with probability 0.8, the asked precision is a hair above: any threshold is an error."""
    rng = np.random.default_rng(12)
    draws = [choose_threshold(rng.random(300), rng.random(300) < 0.8, 0.801, 0.9) for _ in range(400)]
    given = sum(chosen is not None for chosen in draws)
    assert 0 < given <= binom.ppf(0.999, 400, 0.1)


@pytest.mark.parametrize(
    ("confidences", "correct", "precision", "confidence"),
    [
        ([0.5, np.nan], [1, 1], 0.9, 0.9),
        ([0.5], [1, 1], 0.9, 0.9),
        ([[0.5]], [[1]], 0.9, 0.9),
        ([0.5], [1], 1.0, 0.9),
        ([0.5], [1], 0.9, 0.0),
    ],
)
def test_choose_refuses_what_is_no_sample(
    confidences: object, correct: object, precision: float, confidence: float
) -> None:
    with pytest.raises(ModelError, match="allowed"):
        choose_threshold(np.array(confidences), np.array(correct), precision, confidence)


def test_a_precision_that_no_sample_can_show_gives_no_threshold() -> None:
    assert choose_threshold(np.linspace(1, 0.5, 500), np.ones(500), 1 - 1e-15, 0.99) is None


def test_table_lists_equal_steps_with_their_interval() -> None:
    correct = np.arange(200) < 150
    table = precision_coverage(np.linspace(1.0, 0.0, 200), correct, 0.9, points=4)
    assert [entry["coverage"] for entry in table] == [0.25, 0.5, 0.75, 1.0]
    assert [entry["precision"] for entry in table] == [1.0, 1.0, 1.0, 0.75]
    assert table[-1]["threshold"] == 0.0
    assert (table[-1]["low"], table[-1]["high"]) == precision_interval(150, 200, 0.9)


def test_table_takes_ties_whole_and_is_empty_without_rows() -> None:
    assert [entry["coverage"] for entry in precision_coverage([0.9] * 6 + [0.2] * 2, [1] * 8, 0.9, 4)] == [0.75, 1.0]
    assert precision_coverage([], [], 0.9) == []


def test_threshold_survives_json() -> None:
    threshold = Threshold(0.9123456789012345, 0.95, 0.4, 99, 100, 0.953)
    assert Threshold.from_json(json.loads(json.dumps(threshold.to_json()))) == threshold


def test_copies_of_one_text_are_one_observation() -> None:
    alert = ["alert"] * 60
    assert choose_threshold(np.full(60, 0.9), np.ones(60), 0.95, 0.95, alert) is None
    confidences, correct = np.r_[np.full(200, 0.9), np.linspace(0.99, 0.6, 59)], np.ones(259)
    chosen = choose_threshold(confidences, correct, 0.95, 0.95, [*alert, *["other"] * 140, *range(59)])
    assert chosen is not None
    assert (chosen.hits, chosen.total, chosen.coverage) == (61, 61, 1.0)


def test_groups_of_one_row_change_nothing() -> None:
    rng = np.random.default_rng(5)
    confidences = rng.random(500)
    correct = rng.random(500) < np.sqrt(confidences)
    alone = choose_threshold(confidences, correct, 0.8, 0.95)
    assert alone is not None
    assert choose_threshold(confidences, correct, 0.8, 0.95, [f"text {row}" for row in range(500)]) == alone


def test_coverage_is_that_of_tickets_with_all_their_copies() -> None:
    confidences = np.r_[np.linspace(1.0, 0.8, 100), np.full(100, 0.1)]
    chosen = choose_threshold(confidences, confidences > 0.5, 0.95, 0.95, [*range(100), *["alert"] * 100])
    assert chosen is not None
    assert (chosen.total, chosen.coverage) == (100, 0.5)


def test_a_frequent_text_that_is_answered_wrongly_does_not_hide_behind_rare_ones() -> None:
    confidences = np.r_[np.linspace(1.0, 0.9, 150), np.full(100, 0.85), np.linspace(0.8, 0.7, 50)]
    correct = np.r_[np.ones(150), np.zeros(100), np.ones(50)]
    chosen = choose_threshold(confidences, correct, 0.95, 0.95, [*range(150), *["alert"] * 100, *range(200, 250)])
    assert chosen is not None
    assert chosen.value > 0.85, "200 of 201 texts are right, 200 of 300 tickets"


@pytest.mark.parametrize("by_label", [True, False])
def test_rows_of_a_text_whose_labels_differ_are_drawn_without_regard_to_order(by_label: bool) -> None:
    """Half of each text's rows are right; no order of the rows makes a precision of 0.9 of that."""
    right = np.tile([True, False], 400)
    texts = np.repeat(np.arange(400), 2)
    order = np.argsort(~right, kind="stable") if by_label else np.arange(800)
    confidences = np.linspace(1, 0.5, 400)[texts]
    assert choose_threshold(confidences[order], right[order], 0.7, 0.95, texts[order]) is None
