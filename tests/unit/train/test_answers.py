"""Answers written to a file: what a reader finds there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tickets.answering import answer_columns
from tickets.models.triage import TriageModel
from tickets.schema import TARGET_SUFFIXES
from tickets.train.answers import write_answers
from tickets.train.score import Scored


def test_a_target_whose_name_ends_like_a_hidden_column_is_written(tmp_path: Path) -> None:
    names = ("ticket_id", "is_true", "is_true_confidence", "is_true_probabilities", "is_true_true")
    rows = pa.table({name: ["x"] for name in names})
    first = write_answers(Scored(iter([rows]), []), tmp_path / "answers.parquet", ["is_true"], 1)
    assert pq.read_table(tmp_path / "answers.parquet").column_names == ["ticket_id", "is_true", "is_true_confidence"]
    assert first == rows.to_pylist()


def test_the_columns_of_a_target_are_those_that_no_other_target_may_be_named_like(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray
) -> None:
    answer = triage_model.answer(table.slice(0, 2), vectors[:2])[0]
    made = set(answer_columns(answer)) | {f"{answer.target}_true"}
    assert made == {answer.target, *(f"{answer.target}_{suffix}" for suffix in TARGET_SUFFIXES)}
