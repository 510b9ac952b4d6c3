from __future__ import annotations

import pytest

from tickets.decide.thresholds import precision_interval
from tickets.train.volume import measure_volume


@pytest.mark.parametrize(("precision", "confidence"), [(0.95, 0.95), (0.9, 0.95), (0.99, 0.99)])
def test_so_many_right_rows_show_a_precision_and_one_fewer_do_not(precision: float, confidence: float) -> None:
    needed = measure_volume([], [], 20, precision, confidence).rows_to_show
    two_sided = 2 * confidence - 1
    assert precision_interval(needed, needed, two_sided)[0] >= precision
    assert precision_interval(needed - 1, needed - 1, two_sided)[0] < precision


def test_ninety_five_percent_take_fifty_nine_rows() -> None:
    assert measure_volume([], [], 20, 0.95, 0.95).rows_to_show == 59


def test_labels_are_counted_where_they_are_needed() -> None:
    labels = ["a"] * 100 + ["b"] * 10 + ["c"] * 5
    splits = ["train"] * 40 + ["calibration"] * 60 + ["train"] * 3 + ["calibration"] * 7 + ["test"] * 5
    volume = measure_volume(labels, splits, 20, 0.95, 0.95)
    assert volume.thin == {"b": 3, "c": 0}
    assert volume.thin_share == pytest.approx(15 / 115)
    assert (volume.num_training, volume.num_calibration) == (43, 67)
    assert volume.unshown == {"b": 7, "c": 0}


def test_without_rows_nothing_is_thin() -> None:
    assert measure_volume([], [], 20, 0.95, 0.95).thin_share == 0
