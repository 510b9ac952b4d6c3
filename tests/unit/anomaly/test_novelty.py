from __future__ import annotations

import json

import numpy as np
import pytest

from tickets.anomaly.novelty import NoveltyBaseline
from tickets.errors import ModelError


def fit(distances: object) -> NoveltyBaseline:
    fitted = NoveltyBaseline.fit(np.asarray(distances))
    assert fitted is not None
    return fitted


def drawn(num_rows: int) -> np.ndarray:
    return np.random.default_rng(8).beta(2, 6, num_rows)


def exact_share(rows: np.ndarray, distance: float) -> float:
    return float(((rows >= distance).sum() + 1) / (len(rows) + 1))


def test_a_small_sample_is_kept_whole() -> None:
    rows = drawn(90)
    fitted = fit(rows)
    for distance in [*rows, *(rows + 1e-4), -0.1, 0.0, 2.0]:
        assert fitted.share_as_far(distance) == pytest.approx(exact_share(rows, distance))


def test_a_large_sample_is_thinned_and_exact_in_the_tail() -> None:
    rows = drawn(50_000)
    fitted = fit(rows)
    assert len(fitted.distances) < 500
    assert fitted.num_rows == 50_000
    for rank in (1, 2, 40, 99):
        distance = float(np.sort(rows)[-rank])
        assert fitted.share_as_far(distance) == pytest.approx(exact_share(rows, distance))
    for distance in np.quantile(rows, [0.001, 0.1, 0.5, 0.9, 0.99, 0.995]):
        assert fitted.share_as_far(distance) == pytest.approx(exact_share(rows, distance), rel=0.025)


@pytest.mark.parametrize("num_rows", [20, 5000])
def test_the_share_falls_with_the_distance_and_never_to_zero(num_rows: int) -> None:
    fitted = fit(drawn(num_rows))
    shares = [fitted.share_as_far(distance) for distance in np.linspace(-0.5, 2, 1000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0
    assert shares[-1] == 1 / (num_rows + 1)


def test_tickets_like_the_past_ones_are_called_as_often_as_promised() -> None:
    fitted = fit(drawn(2000))
    fresh = np.random.default_rng(9).beta(2, 6, 20_000)
    called = np.mean([fitted.share_as_far(distance) <= 0.01 for distance in fresh])
    assert 0.004 < called < 0.016  # the baseline's own draw varies by a fifth


def test_equal_distances_are_all_as_far() -> None:
    fitted = fit([0.0] * 80 + [0.5] * 20)
    assert fitted.share_as_far(0.0) == 1.0
    assert fitted.share_as_far(0.5) == 21 / 101
    assert fitted.share_as_far(0.6) == 1 / 101


def test_too_few_rows_make_no_baseline() -> None:
    assert NoveltyBaseline.fit(drawn(19)) is None
    assert NoveltyBaseline.fit([]) is None
    assert NoveltyBaseline.fit(drawn(20)) is not None


def test_state_survives_json() -> None:
    fitted = fit(drawn(3000))
    again = NoveltyBaseline.from_json(json.loads(json.dumps(fitted.to_json())))
    assert [again.share_as_far(d) for d in drawn(50)] == [fitted.share_as_far(d) for d in drawn(50)]
    assert again.num_rows == 3000


@pytest.mark.parametrize("distances", [[[0.1] * 30], [0.1] * 30 + [float("nan")], [0.1] * 30 + [float("inf")]])
def test_what_is_no_list_of_distances_is_refused(distances: list[object]) -> None:
    with pytest.raises(ModelError, match="finite numbers"):
        NoveltyBaseline.fit(np.array(distances))


def test_a_distance_that_is_no_number_is_refused() -> None:
    with pytest.raises(ModelError, match="distance nan"):
        fit(drawn(30)).share_as_far(float("nan"))
