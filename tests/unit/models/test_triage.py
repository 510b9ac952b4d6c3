from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tickets.decide.policy import Action
from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models.ensemble import pool
from tickets.models.hierarchy import Hierarchy, Link
from tickets.models.triage import TriageModel


def test_each_target_is_answered_from_its_closed_list(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray
) -> None:
    answers = triage_model.answer(table, vectors)
    assert [answer.target for answer in answers] == ["category", "priority"]
    for answer, names in zip(answers, [("billing", "login", "outage"), ("high", "low")], strict=True):
        assert answer.probabilities.shape == (300, len(names))
        np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1, atol=1e-9)
        for row, decision in zip(answer.probabilities, answer.decisions, strict=True):
            assert decision.label == names[row.argmax()]
            assert {label for label, _ in decision.top} <= set(names)
            assert decision.confidence == row.max()


def test_the_answer_is_the_calibrated_pool_of_its_members(triage_model: TriageModel, features: Features) -> None:
    target = triage_model.target("category")
    assert target.head is not None
    head = target.head.predict(features)
    members = [member.classifier.predict(features, head) for member in target.members]
    expected = target.calibration.transform(pool(members, np.array([0.4, 0.3, 0.2, 0.1])))
    np.testing.assert_array_equal(target.predict(features), expected)


def test_a_ticket_alone_is_answered_as_among_others(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray
) -> None:
    together = triage_model.answer(table, vectors)
    for row in range(0, 300, 37):
        alone = triage_model.answer(table.slice(row, 1), vectors[row : row + 1])
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_allclose(one.probabilities[0], many.probabilities[row], rtol=0, atol=1e-6)
            assert (one.decisions[0].label, one.decisions[0].action) == (
                many.decisions[row].label,
                many.decisions[row].action,
            )


def test_a_degraded_answer_is_never_automated(triage_model: TriageModel, table: pa.Table, vectors: np.ndarray) -> None:
    usual, degraded = (triage_model.answer(table, vectors, degraded=flag)[0] for flag in (False, True))
    assert any(decision.action is Action.AUTOMATE for decision in usual.decisions)
    assert not any(decision.action is Action.AUTOMATE for decision in degraded.decisions)
    np.testing.assert_array_equal(usual.probabilities, degraded.probabilities)


def test_a_pattern_or_language_that_calibration_did_not_see_is_never_automated(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray
) -> None:
    silent = table.select(["product", "channel", "language"])
    without_language = table.drop_columns(["language"])
    for odd in (silent, without_language):
        category, _ = triage_model.answer(triage_model.complete(odd), vectors)
        assert not any(decision.action is Action.AUTOMATE for decision in category.decisions)


def test_what_a_table_lacks_is_completed_with_nulls(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray
) -> None:
    given = table.select(["ticket_id", "subject", "affected_users"])
    complete = triage_model.complete(given)
    assert complete.select(given.column_names).equals(given)
    added = [name for name in complete.column_names if name not in given.column_names]
    assert set(complete.column_names) >= set(triage_model.state.selection.columns)
    assert all(complete[name].null_count == 300 for name in added)
    nulls = table
    for name in added:
        column = pa.nulls(300, table.schema.field(name).type)
        nulls = nulls.set_column(nulls.column_names.index(name), name, column)
    for short, long in zip(triage_model.answer(complete, vectors), triage_model.answer(nulls, vectors), strict=True):
        np.testing.assert_array_equal(short.probabilities, long.probabilities)
    assert triage_model.complete(table) is table


def test_a_ticket_with_nothing_in_it_is_answered(triage_model: TriageModel) -> None:
    table = triage_model.complete(pa.table({"ticket_id": ["T1"]}))
    assert triage_model.state.texts(table) == [""]
    for answer in triage_model.answer(table, np.zeros((1, 8), dtype=np.float32)):
        assert np.isfinite(answer.probabilities).all()
        assert answer.decisions[0].action is not Action.AUTOMATE


def test_no_tickets_have_no_answers(triage_model: TriageModel, table: pa.Table, vectors: np.ndarray) -> None:
    answers = triage_model.answer(table.slice(0, 0), vectors[:0])
    assert [(answer.probabilities.shape, answer.decisions) for answer in answers] == [((0, 3), []), ((0, 2), [])]


def test_a_target_is_found_by_its_name(triage_model: TriageModel) -> None:
    assert triage_model.target("priority").labels.names == ("high", "low")
    with pytest.raises(ModelError, match="'severity'; this model has: category, priority"):
        triage_model.target("severity")


def test_save_and_load_keep_every_target(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray, tmp_path: Path
) -> None:
    triage_model.save(tmp_path)
    loaded = TriageModel.load(tmp_path)
    for before, after in zip(triage_model.targets, loaded.targets, strict=True):
        assert (before.name, before.labels, before.policy) == (after.name, after.labels, after.policy)
        assert before.calibration == after.calibration
        assert [(m.family, m.weight) for m in before.members] == [(m.family, m.weight) for m in after.members]
        assert (before.head is None) == (after.head is None)
    for one, other in zip(triage_model.answer(table, vectors), loaded.answer(table, vectors), strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=0, atol=1e-6)


def test_targets_that_stand_within_each_other_never_contradict_before_or_after_a_release(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray, tmp_path: Path
) -> None:
    category = triage_model.target("category").labels
    urgent = Link.fit(
        "category",
        "priority",
        (np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 1, 1, 0, 0])),  # only an outage is urgent
        (category, triage_model.target("priority").labels),
        {},
    )
    tree = Hierarchy("priority", (urgent,))
    linked = TriageModel(triage_model.state, triage_model.targets, [tree])
    linked.save(tmp_path)
    answers = linked.answer(table, vectors)
    for model in (linked, TriageModel.load(tmp_path)):
        labels = {answer.target: [decision.label for decision in answer.decisions] for answer in answers}
        assert set(zip(labels["priority"], labels["category"], strict=True)) == {
            ("high", "outage"),
            ("low", "billing"),
            ("low", "login"),
        }
        for one, other in zip(model.answer(table, vectors), answers, strict=True):
            np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=0, atol=1e-6)
    before = [[decision.label for decision in answer.decisions] for answer in triage_model.answer(table, vectors)]
    assert ("outage", "low") in set(zip(*before, strict=True))
