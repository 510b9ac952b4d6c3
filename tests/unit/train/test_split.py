from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config import FileSplit, RandomSplit, TimeSplit
from tickets.errors import SourceError
from tickets.text import normalise
from tickets.train.split import CALIBRATION, SPLITS, TEST, TRAIN, VALIDATION, choose_split, seen_texts, split_rows

START = datetime(2024, 1, 1, tzinfo=UTC)
Labels = list[str | None]


def _table(num_rows: int, given: list[str | None] | None = None, days: Any = None) -> pa.Table:
    days = np.arange(num_rows) if days is None else days
    times = [None if day is None else START + timedelta(days=float(day)) for day in days]
    return pa.table(
        {
            "ticket_id": [f"T{row}" for row in range(num_rows)],
            "created_at": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "given_split": pa.array(given or [None] * num_rows, pa.string()),
        }
    )


def _texts(num_rows: int) -> list[str]:
    return [f"text {row}" for row in range(num_rows)]


def _at_random(texts: list[str], labels: Labels, **shares: Any) -> np.ndarray:
    return split_rows(RandomSplit(**shares), _table(len(texts)), texts, labels)


def _counts(names: np.ndarray) -> dict[str, int]:
    return {name: int((names == name).sum()) for name in SPLITS}


# Choice


def test_the_configured_split_wins_then_time_then_chance() -> None:
    configured = RandomSplit(seed=7)
    assert choose_split(configured, _table(3)) == (configured, "")
    assert choose_split(None, _table(30)) == (TimeSplit(), "")
    assert choose_split(None, _table(3, days=[None] * 3)) == (RandomSplit(), "")


def test_a_few_tickets_without_a_time_do_not_change_how_rows_are_cut() -> None:
    days = [None, *range(299)]
    split, note = choose_split(None, _table(300, days=days))
    assert (split, note) == (TimeSplit(), "1 of 300 tickets have no created_at; they train")
    names = split_rows(split, _table(300, days=days), _texts(300), [None] * 300)
    assert names[0] == TRAIN
    assert set(names[-45:]) == {TEST}


def test_many_tickets_without_a_time_are_told() -> None:
    days = [*range(280), *[None] * 20]
    split, note = choose_split(None, _table(300, days=days))
    assert (split, note) == (RandomSplit(), "20 of 300 tickets have no created_at: tickets are cut at random")
    asked, note = choose_split(TimeSplit(), _table(300, days=days))
    assert (asked, note) == (TimeSplit(), "20 of 300 tickets have no created_at; they train")
    assert set(split_rows(asked, _table(300, days=days), _texts(300), [None] * 300)[-20:]) == {TRAIN}


IMPORTED = {
    "at once": [5.0] * 300,
    "at once, with a few later": [5.0] * 280 + [6.0 + at for at in range(20)],
    "the newest at once": [at / 10 for at in range(165)] + [100.0] * 135,
    "row by row": [5 + at / 86_400 for at in range(300)],
}
"""Days of rows whose time is that of an import."""


@pytest.mark.parametrize("days", IMPORTED.values(), ids=IMPORTED.keys())
def test_the_time_of_an_import_is_no_time(days: list[float]) -> None:
    split, note = choose_split(None, _table(300, days=days))
    assert split == RandomSplit()
    assert "created" in note
    assert note.endswith(": tickets are cut at random")
    with pytest.raises(SourceError, match=r"kind=time: .*; allowed: source\.split\.kind=random"):
        split_rows(TimeSplit(), _table(300, days=days), _texts(300), [None] * 300)


def test_old_tickets_of_one_import_train_and_later_ones_are_cut_by_time() -> None:
    days = [5.0] * 180 + [6.0 + at for at in range(120)]
    split, note = choose_split(None, _table(300, days=days))
    assert (split, note) == (TimeSplit(), "")
    assert set(split_rows(split, _table(300, days=days), _texts(300), [None] * 300)[:180]) == {TRAIN}


# Time


def test_time_puts_the_oldest_rows_first_in_the_shares_asked_for() -> None:
    days = np.random.default_rng(0).permutation(200)
    split = TimeSplit(validation=0.1, calibration=0.2, test=0.15)
    names = split_rows(split, _table(200, days=days), ["the same"] * 200, [None] * 200)
    in_order = names[np.argsort(days)].tolist()
    assert in_order == [TRAIN] * 110 + [VALIDATION] * 20 + [CALIBRATION] * 40 + [TEST] * 30


def test_time_wins_over_identical_texts() -> None:
    names = split_rows(TimeSplit(), _table(100), ["the same"] * 100, ["a"] * 100)
    assert set(names) == set(SPLITS)


def test_where_many_have_no_time_none_is_cut_by_it() -> None:
    with pytest.raises(SourceError, match=r"kind=time: 2 of 4 tickets have no created_at; allowed: up to 10%"):
        split_rows(TimeSplit(), _table(4, days=[1, None, 2, None]), _texts(4), ["a"] * 4)


def test_within_a_day_no_label_is_kept_for_the_test_because_of_where_it_is_stored() -> None:
    """Ten days of fifty tickets each, stored by label."""
    days = np.repeat(np.arange(10), 50)
    labels = np.tile(np.repeat(np.arange(5), 10), 10)
    names = split_rows(TimeSplit(test=0.12), _table(500, days=days), _texts(500), [None] * 500)
    assert set(labels[names == TEST]) == set(labels[(names != TEST) & (days == 8)]) == set(range(5))
    assert (days[names == TEST] >= 8).all()


def test_the_cut_does_not_depend_on_the_order_of_rows() -> None:
    table = _table(400, days=np.repeat(np.arange(20), 20))
    order = np.random.default_rng(0).permutation(400)
    split = TimeSplit(test=0.13)  # no cut falls between two days
    names = split_rows(split, table, _texts(400), [None] * 400)
    assert split_rows(split, table.take(order), _texts(400), [None] * 400).tolist() == names[order].tolist()


@pytest.mark.parametrize(
    ("split", "missing"),
    [
        (TimeSplit(test=0.0), TEST),
        (TimeSplit(validation=0.33, calibration=0.33, test=0.33), TRAIN),
        (TimeSplit(validation=0.0, calibration=0.49, test=0.5), TRAIN),
        (RandomSplit(test=0.0), TEST),
        (FileSplit(train="a", test="b"), TEST),
    ],
)
def test_nothing_to_train_on_or_to_judge_by_is_refused(split: Any, missing: str) -> None:
    with pytest.raises(SourceError, match=f"the {split.kind} split leaves no row for {missing} out of 20"):
        split_rows(split, _table(20, given=[TRAIN] * 20), _texts(20), ["a"] * 20)


def test_files_without_a_train_row_are_refused() -> None:
    with pytest.raises(SourceError, match="no row for train"):
        split_rows(FileSplit(train="a", test="b"), _table(20, given=[TEST] * 20), _texts(20), ["a"] * 20)


# Chance


def test_random_shares_hold_in_every_class() -> None:
    labels: Labels = [*["a"] * 1000, *["b"] * 100, *[None] * 60]
    names = _at_random(_texts(len(labels)), labels, validation=0.1, calibration=0.15, test=0.2)
    classes = np.array([label or "" for label in labels])
    for label, num_rows in Counter(classes.tolist()).items():
        counts = _counts(names[classes == label])
        for name, share in ((TRAIN, 0.55), (VALIDATION, 0.1), (CALIBRATION, 0.15), (TEST, 0.2)):
            assert abs(counts[name] - share * num_rows) <= 2, (label, name)


@pytest.mark.parametrize("rows_per_class", [2, 3, 4, 7])
def test_random_shares_hold_over_many_small_classes_together(rows_per_class: int) -> None:
    labels: Labels = [f"class {row // rows_per_class}" for row in range(100 * rows_per_class)]
    names = _at_random(_texts(len(labels)), labels)
    counts = _counts(names)
    for name in (VALIDATION, CALIBRATION, TEST):
        assert abs(counts[name] - 0.1 * len(labels)) <= 3
    assert {label for label, name in zip(labels, names, strict=True) if name == TRAIN} == set(labels)


@pytest.mark.parametrize("seed", range(10))
def test_a_class_of_one_text_trains_and_every_class_has_a_row_to_train_on(seed: int) -> None:
    labels: Labels = [*["big"] * 50, *["one"], *["two"] * 2, *["twice"] * 2]
    texts = [*_texts(53), "the same", "The  SAME"]
    names = _at_random(texts, labels, validation=0.3, calibration=0.3, test=0.3, seed=seed)
    by_class = {label: {name for at, name in zip(labels, names, strict=True) if at == label} for label in set(labels)}
    assert by_class["one"] == by_class["twice"] == {TRAIN}
    assert all(TRAIN in found for found in by_class.values())


def _given_and_split(kind: str, num_rows: int, seed: int) -> tuple[list[str | None], Any]:
    return [TRAIN] * num_rows, RandomSplit(seed=seed) if kind == "random" else FileSplit(train="a", seed=seed)


@pytest.mark.parametrize("kind", ["random", "files"])
@pytest.mark.parametrize("seed", range(5))
def test_identical_texts_stay_on_one_side(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [rng.choice(["Text {}", "text  {}", " TEXT {}\n"]).format(number) for number in rng.integers(120, size=400)]
    labels: Labels = [f"label {number}" for number in rng.integers(3, size=400)]
    given, split = _given_and_split(kind, 400, seed)
    names = split_rows(split, _table(400, given), texts, labels)
    sides: dict[str, set[str]] = {}
    for text, name in zip(texts, names, strict=True):
        sides.setdefault(normalise(text), set()).add(name)
    assert all(len(side) == 1 for side in sides.values())
    assert not seen_texts(texts, names)[names == TEST].any()
    assert all(abs(count - 40) <= 12 for name, count in _counts(names).items() if name != TRAIN)


def test_a_text_that_half_the_rows_share_does_not_swell_a_cut() -> None:
    for seed in range(10):
        names = _at_random([*["the same"] * 200, *_texts(200)], ["a"] * 400, seed=seed)
        assert all(abs(count - 40) <= 3 for name, count in _counts(names).items() if name != TRAIN)
        assert set(names[:200]) == {TRAIN}


@pytest.mark.parametrize("blank", ["", "  "])
def test_rows_without_a_text_are_not_identical(blank: str) -> None:
    assert _counts(_at_random([blank] * 100, ["a"] * 100))[TEST] == 10


@pytest.mark.parametrize("kind", ["random", "files"])
def test_a_seed_means_one_cut(kind: str) -> None:
    labels: Labels = ["a", "b"] * 100
    cuts = []
    for seed in (0, 0, 1):
        given, split = _given_and_split(kind, 200, seed)
        cuts.append(split_rows(split, _table(200, given), _texts(200), labels).tolist())
    assert cuts[0] == cuts[1] != cuts[2]


# Files


def test_files_decide_and_the_train_file_gives_what_no_file_does() -> None:
    given: list[str | None] = [*[TRAIN] * 200, *[TEST] * 30, *[VALIDATION] * 10]
    labels: Labels = ["a", "b"] * 120
    whole = FileSplit(train="a", validation="b", test="c", calibration_share=0.2)
    names = split_rows(whole, _table(240, given), _texts(240), labels)
    assert names[200:].tolist() == given[200:]
    assert _counts(names[:200]) == {TRAIN: 160, VALIDATION: 0, CALIBRATION: 40, TEST: 0}
    bare = FileSplit(train="a", calibration_share=0.1, validation_share=0.15, test_share=0.2)
    counts = _counts(split_rows(bare, _table(200, given[:200]), _texts(200), labels[:200]))
    assert counts == {TRAIN: 110, VALIDATION: 30, CALIBRATION: 20, TEST: 40}


# Seen texts


def test_a_text_is_seen_where_it_stands_in_any_row_that_is_not_for_test() -> None:
    texts = ["Printer  on FIRE", "a", "b", "c", "printer on fire", "A ", "new", "new"]
    names = np.array([TRAIN, VALIDATION, CALIBRATION, TRAIN, TEST, TEST, TEST, TEST], dtype=object)
    assert seen_texts(texts, names).tolist() == [True, True, True, True, True, True, False, False]
    assert seen_texts(texts, names).dtype == bool
