"""A fitted model becomes a judged release. It does not know how the model was made, or MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tickets.config import TicketsConfig
from tickets.config.parse import dump
from tickets.errors import ConflictError
from tickets.features.state import without_fields
from tickets.models.triage import Answer
from tickets.release import Release, move_champion, pin_part, publish_release, read_champion, save_part
from tickets.snapshots import write_snapshot
from tickets.storage import Storage
from tickets.train.fit import FittedTriage
from tickets.train.index import History, Index, build_index
from tickets.train.paired import save_answers
from tickets.train.prepare import Dataset
from tickets.train.report import automated_rows, format_chosen, format_scores, judge
from tickets.train.split import SPLITS, TEST, TRAIN, seen_texts


@dataclass(frozen=True)
class Published:
    """A release and what was found about it.

    Attributes:
        release: The release.
        role: `champion` or `challenger`.
        scores: Target → scores on all test rows.
        unseen: Target → scores on the test rows whose text stands in no other split.
        alone: Target → scores on all test rows as if they had come with their text alone; none where models read no
            fields.
        fitted: How its models were chosen.
        index: What it knows of past tickets.
        rows: Split → rows.
    """

    release: Release
    role: str
    scores: dict[str, dict[str, Any]]
    unseen: dict[str, dict[str, Any]]
    alone: dict[str, dict[str, Any]]
    fitted: FittedTriage
    index: Index
    rows: dict[str, int]

    @property
    def table(self) -> str:
        """The report for a terminal."""
        lines = [f"test rows ({self.rows[TEST]}), scored once:", format_scores(self.scores)]
        if any(of["num_rows"] != self.scores[name]["num_rows"] for name, of in self.unseen.items()):
            lines += ["", "of these, rows whose text no other split holds:", format_scores(self.unseen)]
        patterns = {
            f"{name}: {part}": of for name, all_ in self.scores.items() for part, of in all_["patterns"].items()
        }
        if len(patterns) > len(self.scores):
            lines += ["", "of these, rows by what they hold:", format_scores(patterns)]
        if self.alone:
            lines += ["", "all of them, had they come with their text alone:", format_scores(self.alone)]
        lines += [format_chosen(name, chosen) for name, chosen in self.fitted.chosen.items()]
        lines += [f"{name}: no model, {why}" for name, why in self.fitted.skipped.items()]
        return "\n".join([*lines, str(self.index)])

    @property
    def figures(self) -> dict[str, dict[str, float]]:
        """Target → its single numbers on the test rows."""
        kinds = (int, float)
        return {
            name: {key: value for key, value in of.items() if isinstance(value, kinds)}
            for name, of in self.scores.items()
        }

    def summary(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return {
            "release": self.release.id,
            "role": self.role,
            "rows": self.rows,
            "test": self.scores,
            "test_unseen_text": self.unseen,
            "test_text_alone": self.alone,
            "chosen": self.fitted.chosen,
            "retrieval": self.index.figures,
            "skipped": self.fitted.skipped,
        }


def judge_and_publish(
    storage: Storage, dataset: Dataset, fitted: FittedTriage, config: TicketsConfig, run_id: str
) -> Published:
    """Score the test rows once, save the release, and make it champion where there is none.

    Args:
        storage: The root.
        dataset: What it was trained on, with the test rows.
        fitted: The model and how it was chosen.
        config: All settings.
        run_id: The run that made it.
    """
    test = dataset.splits == TEST
    table, vectors = dataset.table.filter(test), dataset.vectors[test]
    unseen = ~seen_texts(dataset.texts, dataset.splits)[test]
    answers = fitted.model.answer(table, vectors)
    every = np.ones(len(unseen), dtype=bool)
    scores = _judge(dataset, fitted, config, table, answers, every)
    scores_unseen = _judge(dataset, fitted, config, table, answers, unseen)
    scores_alone = {}
    if fitted.model.state.num_fields:
        bare = without_fields(table, dataset.selection)
        scores_alone = _judge(dataset, fitted, config, bare, fitted.model.answer(bare, vectors), every)
    splits = _save_splits(storage, config.bucket, dataset)
    history = History.read(storage, dataset.snapshot, fitted.model)
    index = build_index(history, dataset.splits, dataset.vectors, config)
    release = publish_release(
        storage,
        config.bucket,
        {
            "model": save_part(storage, config.bucket, "model", fitted.model.save),
            "encoder": pin_part(storage, dataset.encoder.key),
            **index.save(storage, config.bucket),
        },
        {target.name: list(target.labels.names) for target in fitted.model.targets},
        run_id,
        {
            "offline": dataset.snapshot.id,
            "digest": dataset.snapshot.digest,
            "split": dataset.split_kind,
            "split_note": dataset.split_note,
            "splits": splits,
            "answers": save_answers(storage, config.bucket, table["ticket_id"], answers),
        },
        {
            "test": scores,
            "test_unseen_text": scores_unseen,
            "test_text_alone": scores_alone,
            "chosen": fitted.chosen,
            "retrieval": index.figures,
        },
        dump(config),
    )
    role = _first_is_champion(storage, release)
    rows = {name: int((dataset.splits == name).sum()) for name in SPLITS}
    return Published(release, role, scores, scores_unseen, scores_alone, fitted, index, rows)


def _judge(
    dataset: Dataset,
    fitted: FittedTriage,
    config: TicketsConfig,
    table: pa.Table,
    answers: Sequence[Answer],
    rows: np.ndarray,
) -> dict[str, dict[str, Any]]:
    """Target → scores of the answers to a table of the test tickets, on some of its rows, bool [n]."""
    test = np.flatnonzero(dataset.splits == TEST)[rows]
    patterns = fitted.model.state.patterns(table.filter(pa.array(rows)))
    scores = {}
    for answer in answers:
        values = np.array(dataset.labels(answer.target), dtype=object)
        majority = Counter(value for value in values[dataset.splits == TRAIN] if value is not None).most_common(1)[0][0]
        scores[answer.target] = judge(
            fitted.model.target(answer.target).labels,
            answer.probabilities[rows],
            automated_rows(answer)[rows],
            values[test],
            config.decide.confidence,
            majority,
            dataset.ceilings.get(answer.target),
            patterns,
        )
    return scores


def _first_is_champion(storage: Storage, release: Release) -> str:
    """Make a release the champion where there is none; of two at the same time the slower one is a challenger."""
    if read_champion(storage, release.manifest.bucket) is not None:
        return "challenger"
    try:
        move_champion(storage, release, None, "the first release")
    except ConflictError:
        return "challenger"
    return "champion"


def _save_splits(storage: Storage, bucket: str, dataset: Dataset) -> str:
    """Which ticket was in which split, so that a later release can be compared on rows that neither has seen."""
    table = pa.table({"ticket_id": dataset.table["ticket_id"], "split": pa.array(dataset.splits.tolist(), pa.string())})
    return write_snapshot(storage, f"{bucket}/splits", [table], table.schema, {"offline": dataset.snapshot.id}).id
