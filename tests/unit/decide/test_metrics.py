from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from tickets.decide.metrics import paired_bootstrap, score
from tickets.decide.thresholds import precision_interval
from tickets.errors import ModelError

NAMES = ("a", "b", "c", "d")
Sample = tuple[NDArray[np.float64], NDArray[np.int64]]


@pytest.fixture
def sample() -> Sample:
    """300 rows; "d" is neither true nor predicted, and every tenth label is outside the list."""
    rng = np.random.default_rng(2)
    probabilities = np.column_stack([rng.dirichlet([1.0, 0.7, 0.3], 300), np.zeros(300)])
    labels = np.where(rng.random(300) < 0.6, probabilities.argmax(axis=1), rng.integers(3, size=300))
    labels[::10] = -1
    return probabilities, labels


def test_f1_is_scikit_learns_with_outside_labels_as_one_more_class(sample: Sample) -> None:
    probabilities, labels = sample
    report, predicted = score(probabilities, labels, NAMES), probabilities.argmax(axis=1)
    for average in ("macro", "weighted"):
        assert report[f"{average}_f1"] == pytest.approx(f1_score(labels, predicted, average=average))


def test_losses_follow_their_definition(sample: Sample) -> None:
    probabilities, labels = sample
    inside = labels >= 0
    report = score(probabilities, labels, NAMES)
    assert report["nll"] == pytest.approx(log_loss(labels[inside], probabilities[inside], labels=range(4)))
    truth = np.eye(5)[labels]  # the last column stands for labels outside the list
    squares = (np.column_stack([probabilities, np.zeros(300)]) - truth) ** 2
    assert report["brier"] == pytest.approx(squares.sum(axis=1).mean())


def test_accuracy_counts_outside_labels_as_errors(sample: Sample) -> None:
    probabilities, labels = sample
    report = score(probabilities, labels, NAMES)
    hits = int((probabilities.argmax(axis=1) == labels).sum())
    assert (report["num_rows"], report["num_outside"]) == (300, 30)
    assert report["accuracy"]["value"] == hits / 300
    assert (report["accuracy"]["low"], report["accuracy"]["high"]) == precision_interval(hits, 300, 0.95)


def test_classes_and_confusion_are_scikit_learns(sample: Sample) -> None:
    probabilities, labels = sample
    report, predicted = score(probabilities, labels, NAMES), probabilities.argmax(axis=1)
    expected = precision_recall_fscore_support(labels, predicted, labels=[0, 1, 2], zero_division=np.nan)
    keys = ("precision", "recall", "f1", "support")
    assert [[entry[key] for entry in report["per_class"][:3]] for key in keys] == [pytest.approx(x) for x in expected]
    assert report["per_class"][3] == {"label": "d", "support": 0, "precision": None, "recall": None, "f1": None}
    matrix = confusion_matrix(labels, predicted, labels=[-1, 0, 1, 2, 3])
    assert report["confusion"]["labels"] == list(NAMES)
    assert report["confusion"]["counts"] == matrix[1:, 1:].tolist()
    assert report["confusion"]["outside"] == matrix[0, 1:].tolist()


def test_calibration_error_of_a_worked_example() -> None:
    probabilities = [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.35, 0.65]]
    report = score(probabilities, [0, 0, 0, 1, 1], ("a", "b"))
    assert report["ece"] == pytest.approx((4 * 0.15 + 1 * 0.35) / 5)
    filled = [entry for entry in report["reliability"] if entry["num_rows"]]
    assert len(report["reliability"]) == 15
    assert [(entry["num_rows"], entry["accuracy"]) for entry in filled] == [(1, 1.0), (4, 0.75)]
    assert all(entry["low"] < entry["confidence"] <= entry["high"] for entry in filled)


def test_certain_answers_fall_into_the_last_bin() -> None:
    assert score([[1.0, 0.0]], [0], ("a", "b"))["reliability"][-1]["num_rows"] == 1


def test_automation_is_judged_on_the_rows_that_are_acted_on(sample: Sample) -> None:
    probabilities, labels = sample
    automated = probabilities.max(axis=1) >= 0.7
    right = (probabilities.argmax(axis=1) == labels)[automated]
    low, high = precision_interval(int(right.sum()), len(right), 0.9)
    assert score(probabilities, labels, NAMES, automated, confidence=0.9)["automation"] == {
        "coverage": pytest.approx(automated.mean()),
        "num_rows": automated.sum(),
        "precision": pytest.approx(right.mean()),
        "low": low,
        "high": high,
    }


@pytest.mark.parametrize("automated", [None, np.zeros(300, dtype=bool)], ids=["unset", "no row"])
def test_a_precision_of_no_rows_is_null(sample: Sample, automated: NDArray[np.bool_] | None) -> None:
    nothing = {"coverage": 0.0, "num_rows": 0, "precision": None, "low": None, "high": None}
    assert score(*sample, NAMES, automated)["automation"] == nothing


def test_automated_rows_are_the_scored_rows(sample: Sample) -> None:
    with pytest.raises(ModelError, match="one value per row"):
        score(*sample, NAMES, np.ones(299, dtype=bool))


def test_floor_and_ceiling_stand_beside_the_score(sample: Sample) -> None:
    probabilities, labels = sample
    report = score(probabilities, labels, NAMES, majority=0, ceiling=0.93)
    assert report["majority_floor"] == pytest.approx((labels == 0).mean())
    assert report["ceiling"] == 0.93
    assert score(probabilities, labels, NAMES)["majority_floor"] is None


def test_nothing_is_scored_as_null_not_as_zero() -> None:
    report = score(np.empty((0, 2)), np.empty(0, dtype=int), ("a", "b"), np.empty(0, dtype=bool), majority=0)
    for key in ("macro_f1", "weighted_f1", "nll", "brier", "ece", "majority_floor"):
        assert report[key] is None
    assert report["accuracy"] == {"value": None, "low": None, "high": None}
    assert report["automation"]["coverage"] is None
    assert report["num_rows"] == 0


def test_labels_that_are_all_outside_leave_only_errors() -> None:
    report = score([[0.5, 0.5], [1.0, 0.0]], [-1, -1], ("a", "b"))
    assert report["accuracy"]["value"] == report["weighted_f1"] == 0.0
    assert report["nll"] is None
    assert report["brier"] == pytest.approx((1.5 + 2.0) / 2)


def test_a_zero_probability_of_the_true_label_keeps_the_loss_finite() -> None:
    assert score([[1.0, 0.0]], [1], ("a", "b"))["nll"] == pytest.approx(-np.log(1e-12))


def test_report_is_json(sample: Sample) -> None:
    report = score(*sample, NAMES, np.ones(300, dtype=bool), majority=1)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ([[0.5, 0.5]], [0, 1]),
        ([[0.2, 0.3, 0.5]], [0]),
        ([[np.nan, 1.0]], [0]),
        ([[0.5, 0.5]], [2]),
        ([0.5, 0.5], [0, 1]),
    ],
)
def test_score_refuses_what_does_not_fit(probabilities: object, labels: object) -> None:
    with pytest.raises(ModelError, match="allowed"):
        score(np.array(probabilities), np.array(labels), ("a", "b"))


def test_bootstrap_interval_is_that_of_the_mean() -> None:
    rng = np.random.default_rng(4)
    worse = rng.normal(size=2000)
    better = worse + rng.normal(0.1, 0.5, size=2000)
    mean, low, high = paired_bootstrap(better, worse)
    assert mean == pytest.approx((better - worse).mean())
    half = 1.96 * (better - worse).std() / np.sqrt(2000)
    assert (mean - low, high - mean) == (pytest.approx(half, rel=0.1), pytest.approx(half, rel=0.1))


def test_bootstrap_cancels_what_both_sides_share() -> None:
    hardness = np.random.default_rng(4).normal(size=50)
    assert paired_bootstrap(hardness + 0.25, hardness) == pytest.approx((0.25, 0.25, 0.25))


def test_bootstrap_repeats_with_its_seed() -> None:
    better, worse = np.arange(30) % 2, np.arange(30) % 3 == 0
    assert paired_bootstrap(better, worse, seed=1) == paired_bootstrap(better, worse, seed=1)
    assert paired_bootstrap(better, worse, confidence=0.5)[1] > paired_bootstrap(better, worse, confidence=0.99)[1]


def test_bootstrap_takes_rows_of_one_group_for_one_observation() -> None:
    rng = np.random.default_rng(4)
    worse = rng.normal(size=100)
    better = worse + rng.normal(0.1, 0.5, size=100)
    once = paired_bootstrap(better, worse)
    copies = np.repeat(better, 9), np.repeat(worse, 9)
    assert paired_bootstrap(*copies, groups=np.repeat(np.arange(100), 9)) == pytest.approx(once)
    _, low, high = paired_bootstrap(*copies)
    assert high - low < 0.5 * (once[2] - once[1])


def test_bootstrap_draws_frequent_groups_with_all_their_rows() -> None:
    gain = np.r_[np.ones(900), np.zeros(10)]
    mean, low, high = paired_bootstrap(gain, np.zeros(910), groups=[*["alert"] * 900, *range(10)])
    assert (mean, low, high) == (pytest.approx(900 / 910), 0, pytest.approx(1, abs=0.01))


@pytest.mark.parametrize(("better", "worse"), [([], []), ([1.0], [1.0, 0.0]), ([np.nan], [0.0])])
def test_bootstrap_refuses_rows_that_cannot_be_paired(better: list[float], worse: list[float]) -> None:
    with pytest.raises(ModelError, match="allowed"):
        paired_bootstrap(better, worse)
