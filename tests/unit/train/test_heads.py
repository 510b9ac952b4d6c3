"""Text heads fitted out of fold, and what the trees are told of other targets, with Ray's own functions replaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models import text_head
from tickets.models.family import Limits
from tickets.models.labels import Labels
from tickets.train import heads
from tickets.train.heads import Head, fit_head, joined
from tickets.train.problem import Problem
from tickets.train.split import TEST, TRAIN, VALIDATION

NUM_ROWS = 300
SPLITS = np.array([TRAIN, TRAIN, VALIDATION, TEST], dtype=object)[np.arange(NUM_ROWS) % 4]


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray in this process: what is remote is called."""
    import ray

    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "get", lambda value: value)
    monkeypatch.setattr(ray, "remote", lambda task: SimpleNamespace(remote=task))


def _problem(features: Features, codes: np.ndarray, target: str = "category") -> Problem:
    names = Labels(tuple("abc"[: int(codes.max()) + 1]))
    texts = [f"{row} {text}" for row, text in enumerate(features.texts)]
    return Problem(target, names, codes, features, texts, SPLITS, Limits(len(names), 1, 1, 1))


@pytest.mark.usefixtures("local")
def test_each_row_is_answered_by_a_fit_that_did_not_see_it(features: Features, codes: np.ndarray) -> None:
    found = fit_head(_problem(features, codes), 5)
    known = SPLITS != TEST
    assert np.isnan(found.out_of_fold[~known]).all()
    np.testing.assert_allclose(found.out_of_fold[known].sum(axis=1), 1, atol=1e-5)
    inside = found.model.predict(features.take(np.flatnonzero(known)))
    assert not np.allclose(inside, found.out_of_fold[known], atol=1e-3)
    assert found.tells


@pytest.mark.usefixtures("local")
def test_a_label_that_no_training_row_has_is_no_error(features: Features, codes: np.ndarray) -> None:
    late = np.where((SPLITS == VALIDATION) & (np.arange(NUM_ROWS) % 3 == 0), 3, codes)
    problem = replace(_problem(features, codes), codes=late, labels=Labels(tuple("abcd")), limits=Limits(4, 1, 1, 1))
    assert fit_head(problem, 5).out_of_fold.shape == (NUM_ROWS, 4)


@pytest.mark.usefixtures("local")
def test_others_stand_behind_the_own_ones_where_they_tell_anything(
    features: Features, codes: np.ndarray, tmp_path: Path
) -> None:
    own, rough = _problem(features, codes), _problem(features, (codes > 0).astype(np.int64), "rough")
    noise = _problem(features, np.random.default_rng(0).permutation(codes), "noise")
    fitted = {of.target: fit_head(of, 5) for of in (own, rough, noise)}
    assert not fitted["noise"].tells
    found = joined(fitted["category"], [(noise, fitted["noise"]), (rough, fitted["rough"])])
    assert found.out_of_fold.shape == (NUM_ROWS, 5)
    np.testing.assert_array_equal(found.out_of_fold[:, :3], fitted["category"].out_of_fold)
    np.testing.assert_array_equal(found.out_of_fold[:, 3:], fitted["rough"].out_of_fold)
    said = found.model.predict(features)
    np.testing.assert_array_equal(said[:, :3], fitted["category"].model.predict(features))
    np.testing.assert_array_equal(said[:, 3:], fitted["rough"].model.predict(features))
    found.model.save(tmp_path)
    np.testing.assert_array_equal(text_head.load(tmp_path).predict(features), said)


@pytest.mark.usefixtures("local")
def test_rows_without_the_other_label_are_told_of_all_the_same(features: Features, codes: np.ndarray) -> None:
    some = np.where(np.arange(NUM_ROWS) % 5, codes, -1)
    other = _problem(features, some, "other")
    head = fit_head(other, 5)
    found = joined(fit_head(_problem(features, codes), 5), [(other, head)]).out_of_fold[:, 3:]
    lacking = np.flatnonzero((some < 0) & (SPLITS != TEST))
    assert np.isnan(head.out_of_fold[lacking]).all()
    np.testing.assert_allclose(found[lacking], head.model.predict(features.take(lacking)), rtol=1e-6)
    assert np.isnan(found[SPLITS == TEST]).all()


def test_there_is_room_for_so_many_labels(features: Features, codes: np.ndarray) -> None:
    nothing: Any = text_head.TextHead(None)  # type: ignore[arg-type]  # nobody asks it
    problem = _problem(features, codes)

    def of(num_labels: int, tells: bool = True) -> tuple[Problem, Head]:
        labels = Labels(tuple(map(str, range(num_labels))))
        return replace(problem, labels=labels), Head(nothing, np.zeros((NUM_ROWS, num_labels)), tells)

    found = joined(of(3)[1], [of(60), of(10), of(2), of(1, tells=False), of(2)])
    assert found.out_of_fold.shape[1] == 3 + 60 + 2 + 2
    assert len(found.model.others) == 3


def test_a_text_head_whose_process_died_is_named(
    features: Features, codes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    def get(reference: Any) -> Any:
        raise ray.exceptions.WorkerCrashedError

    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "remote", lambda task: SimpleNamespace(remote=lambda *given: None))
    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(ModelError, match="the text head could not be fitted: WorkerCrashedError"):
        heads.fit_head(_problem(features, codes), 2)
