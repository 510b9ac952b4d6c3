"""What every kind of calibration keeps to, and how one is chosen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from tickets.decide.calibration import KINDS, LEAST_GROUPS, Calibrator, choose_calibration, load_calibrator
from tickets.decide.isotonic import Isotonic
from tickets.decide.temperature import Temperature
from tickets.decide.vector import VectorScaling
from tickets.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CALIBRATORS: tuple[type[Calibrator], ...] = (Temperature, VectorScaling, Isotonic)
BIASES = np.array([1.2, 0.0, -0.4, -0.8])

each_kind = pytest.mark.parametrize("calibrator", CALIBRATORS, ids=KINDS)


def _sample(num_rows: int, sharpness: float = 1.0, biases: Floats | float = 0.0, seed: int = 3) -> tuple[Floats, Ints]:
    """Probabilities spoilt by a factor on the logits and a bias per label, and labels drawn from the true ones."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(num_rows, 4))
    true = softmax(logits, axis=1)
    labels = (true.cumsum(axis=1) < rng.random((num_rows, 1))).sum(axis=1)
    return softmax(sharpness * logits + biases, axis=1), labels


def _nll(probabilities: Floats, labels: Ints) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


@each_kind
def test_rows_sum_to_one_and_are_likelier_than_before(calibrator: type[Calibrator]) -> None:
    spoilt, labels = _sample(2_000, sharpness=2.5)
    calibrated = calibrator.fit(spoilt.astype(np.float32), labels).transform(spoilt.astype(np.float32))
    assert calibrated.dtype == np.float64
    assert (calibrated > 0).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-12)
    assert _nll(calibrated, labels) < _nll(spoilt, labels) - 0.1


@each_kind
def test_zeros_and_ones_are_read_and_the_true_label_may_have_a_zero(calibrator: type[Calibrator]) -> None:
    rng = np.random.default_rng(0)
    certain = np.eye(3)[rng.integers(3, size=300)]
    calibrated = calibrator.fit(certain, rng.integers(3, size=300)).transform(certain)
    assert np.isfinite(calibrated).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-12)


@each_kind
def test_labels_outside_the_list_do_not_count(calibrator: type[Calibrator]) -> None:
    spoilt, labels = _sample(500, sharpness=2.0, biases=BIASES)
    outside = np.vstack([spoilt, np.tile([1.0, 0.0, 0.0, 0.0], (400, 1))])
    with_outside = calibrator.fit(outside, np.concatenate([labels, np.full(400, -1)]))
    np.testing.assert_array_equal(with_outside.transform(spoilt), calibrator.fit(spoilt, labels).transform(spoilt))


@each_kind
def test_a_batch_of_no_rows_is_calibrated_to_no_rows(calibrator: type[Calibrator]) -> None:
    fitted = calibrator.fit(*_sample(300))
    assert fitted.transform(np.empty((0, 4))).shape == (0, 4)
    assert calibrator.fit(np.empty((0, 4)), []).transform(np.empty((0, 4))).shape == (0, 4)


@each_kind
def test_a_list_of_one_label_is_certain(calibrator: type[Calibrator]) -> None:
    np.testing.assert_array_equal(calibrator.fit(np.ones((300, 1)), np.zeros(300, int)).transform([[1.0], [0.5]]), 1)


@each_kind
def test_a_ticket_alone_is_calibrated_as_among_others(calibrator: type[Calibrator]) -> None:
    spoilt, labels = _sample(400, sharpness=2.0, biases=BIASES)
    fitted = calibrator.fit(spoilt, labels)
    np.testing.assert_allclose(fitted.transform(spoilt[7:8])[0], fitted.transform(spoilt)[7], rtol=1e-12)


@each_kind
def test_state_survives_json(calibrator: type[Calibrator]) -> None:
    spoilt, labels = _sample(400, sharpness=2.0, biases=BIASES)
    fitted = calibrator.fit(spoilt, labels)
    loaded = load_calibrator(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert loaded == fitted
    np.testing.assert_allclose(loaded.transform(spoilt), fitted.transform(spoilt), rtol=0, atol=1e-12)


@pytest.mark.parametrize("state", [{"kind": "platt"}, {"kind": ["vector"]}, {"temperature": 1.0}])
def test_an_unknown_kind_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="allowed: temperature, vector, isotonic"):
        load_calibrator(state)


@each_kind
@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ([[0.5, np.nan]], [0]),
        ([[0.5, -0.1]], [0]),
        ([0.5, 0.5], [0, 1]),
        (np.empty((2, 0)), [-1, -1]),
        ([[0.5, 0.5]], [2]),
        ([[0.5, 0.5]], [-2]),
        ([[0.5, 0.5]], [0, 1]),
    ],
)
def test_fit_refuses_what_is_no_labelled_distribution(
    calibrator: type[Calibrator], probabilities: object, labels: object
) -> None:
    with pytest.raises(ModelError, match="allowed"):
        calibrator.fit(np.array(probabilities), np.array(labels))


@pytest.mark.parametrize("calibrator", [VectorScaling, Isotonic])
def test_transform_refuses_another_list_of_labels(calibrator: type[Calibrator]) -> None:
    with pytest.raises(ModelError, match="3 labels; allowed: 4"):
        calibrator.fit(*_sample(300)).transform(np.full((1, 3), 1 / 3))


def test_what_a_temperature_repairs_gets_a_temperature() -> None:
    spoilt, labels = _sample(1_500, sharpness=2.0)
    chosen = choose_calibration(spoilt, labels)
    assert chosen.calibrator == Temperature.fit(spoilt, labels)
    assert chosen.record["kind"] == "temperature"
    assert chosen.record["temperature"] == pytest.approx(2, rel=0.15)
    np.testing.assert_array_equal(chosen.probabilities, chosen.calibrator.transform(spoilt))


def test_labels_that_are_given_too_often_get_vector_scaling() -> None:
    spoilt, labels = _sample(1_500, biases=BIASES)
    chosen = choose_calibration(spoilt, labels)
    assert chosen.calibrator == VectorScaling.fit(spoilt, labels)
    losses, unseen = chosen.record["kinds"], _sample(10_000, biases=BIASES, seed=4)
    of_temperature, of_vector = (_nll(c.fit(spoilt, labels).transform(unseen[0]), unseen[1]) for c in CALIBRATORS[:2])
    assert losses["temperature"]["nll"] == pytest.approx(of_temperature, abs=0.05)
    assert losses["vector"]["nll"] == pytest.approx(of_vector, abs=0.05)
    assert losses["vector"]["gain"] == pytest.approx(of_temperature - of_vector, abs=0.05)
    assert 0 < losses["vector"]["low"] < losses["vector"]["gain"] < losses["vector"]["high"]


def test_a_bend_that_is_no_scale_and_no_bias_gets_curves() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(3_000)
    bent = np.clip(np.where(first < 0.5, first**3, first), 0, 1)
    labels = (rng.random(3_000) >= first).astype(np.int64)
    assert choose_calibration(np.column_stack([bent, 1 - bent]), labels).record["kind"] == "isotonic"


def test_few_rows_get_a_temperature_however_bad_the_probabilities() -> None:
    spoilt, labels = _sample(LEAST_GROUPS - 1, biases=3 * BIASES)
    outside = np.vstack([spoilt, spoilt]), np.concatenate([labels, np.full(len(labels), -1)])
    for given in ((spoilt, labels), outside):
        record = choose_calibration(*given).record
        assert (record["kind"], list(record["kinds"]), record["num_rows"]) == (
            "temperature",
            ["temperature"],
            LEAST_GROUPS - 1,
        )


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_kind_that_does_as_the_temperature_does_is_not_chosen_for_its_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = softmax(3 * rng.normal(size=(240, 12)), axis=1)  # too few rows per label for a curve
    labels = (true.cumsum(axis=1) < rng.random((240, 1))).sum(axis=1)
    record = choose_calibration(true, labels, kinds=("isotonic",)).record
    assert record["kind"] == "temperature"
    assert record["kinds"]["isotonic"]["gain"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("labels", [[], [-1, -1], [1]])
def test_next_to_no_rows_are_no_error(labels: list[int]) -> None:
    given = np.full((len(labels), 3), 1 / 3)
    chosen = choose_calibration(given, np.array(labels, dtype=int))
    assert chosen.probabilities.shape == given.shape
    assert (chosen.record["kinds"]["temperature"]["nll"] is None) == (labels != [1])


def test_probabilities_for_thresholds_come_from_fits_that_did_not_see_the_row() -> None:
    """A row's label moves the probabilities of other rows, but not its own nor those of its group."""
    spoilt, labels = _sample(1_000, biases=BIASES)
    groups = [0, 0, *range(1, 999)]  # the second row's label does not decide its fold
    changed = labels.copy()
    changed[1] = (labels[1] + 1) % 4
    one, other = (choose_calibration(spoilt, truth, groups, kinds=("vector",)) for truth in (labels, changed))
    assert one.record["kind"] == other.record["kind"] == "vector"
    moved = (one.probabilities != other.probabilities).any(axis=1)
    assert not moved[:2].any()
    assert moved.mean() == pytest.approx(0.8, abs=0.01)
    assert (one.calibrator.transform(spoilt) != other.calibrator.transform(spoilt)).any(axis=1).all()


def test_rows_of_a_group_are_on_one_side_and_count_once() -> None:
    """With every row five times, no copy helps the fit that judges another, and copies narrow no interval."""
    spoilt, labels = _sample(400, biases=0.5 * BIASES)
    copied, repeated = np.repeat(spoilt, 5, axis=0), np.repeat(labels, 5)
    texts = [f"text {row}" for row in np.repeat(np.arange(400), 5)]
    grouped, ungrouped = (choose_calibration(copied, repeated, groups).record["kinds"] for groups in (texts, None))
    widths = [kinds["vector"]["high"] - kinds["vector"]["low"] for kinds in (grouped, ungrouped)]
    assert widths[0] > 1.5 * widths[1]
    assert grouped["vector"]["nll"] != ungrouped["vector"]["nll"]


def test_the_choice_repeats_and_its_record_is_json() -> None:
    spoilt, labels = _sample(600, sharpness=1.5, biases=BIASES)
    first, second = (choose_calibration(spoilt, labels, seed=4) for _ in range(2))
    assert first.calibrator == second.calibrator
    assert json.dumps(first.record, allow_nan=False) == json.dumps(second.record, allow_nan=False)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_only_the_named_kinds_are_tried() -> None:
    spoilt, labels = _sample(600, biases=BIASES)
    record = choose_calibration(spoilt, labels, kinds=("temperature", "isotonic")).record
    assert list(record["kinds"]) == ["temperature", "isotonic"]


def test_settings_that_make_no_sense_are_refused() -> None:
    spoilt, labels = _sample(50)
    with pytest.raises(ModelError, match="'platt'; allowed: temperature, vector, isotonic"):
        choose_calibration(spoilt, labels, kinds=("platt",))
    with pytest.raises(ModelError, match="allowed: 50 numbers or strings"):
        choose_calibration(spoilt, labels, groups=[1, 2])
    with pytest.raises(ModelError, match="1 folds; allowed: 2 or more"):
        choose_calibration(spoilt, labels, num_folds=1)


@pytest.mark.parametrize(("biases", "kind"), [(0.0, "temperature"), (2 * BIASES, "vector")])
def test_copies_are_calibrated_by_what_their_rows_were_calibrated_by(biases: Floats | float, kind: str) -> None:
    given, labels = _sample(1_000, biases=biases)
    copies = given[:, ::-1]
    chosen = choose_calibration(given, labels, kinds=("vector",), copies=copies)
    assert chosen.calibrator.kind == kind
    assert choose_calibration(given, labels, kinds=("vector",)).probabilities.tolist() == chosen.probabilities.tolist()
    np.testing.assert_allclose(chosen.copies.sum(axis=1), 1, atol=1e-12)
    same = choose_calibration(given, labels, kinds=("vector",), copies=given)
    np.testing.assert_array_equal(same.copies, chosen.probabilities)
    by_heart = np.array_equal(chosen.copies, chosen.calibrator.transform(copies))
    assert by_heart == (kind == "temperature")


def test_there_is_one_copy_of_each_row() -> None:
    given, labels = _sample(300)
    with pytest.raises(ModelError, match=r"copies of shape \(299, 4\); allowed: \(300, 4\)"):
        choose_calibration(given, labels, copies=given[:-1])
