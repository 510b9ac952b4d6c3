"""From a bucket's tickets to what is audited, and what an audit means for a sweep; without Ray."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config import AuditConfig, DecideConfig, TicketsConfig
from tickets.data.mapping import TicketMapper
from tickets.data.readers import read_rows
from tickets.data.sources import find_files
from tickets.errors import RefusedError
from tickets.schema import arrow_schema
from tickets.snapshots import Snapshot, write_snapshot
from tickets.storage import Storage
from tickets.train.audit import Audit, Tickets, audit_target
from tickets.train.audit_tickets import gather, without_noise

START = datetime(2025, 1, 1, tzinfo=UTC)


def _config(**settings: Any) -> TicketsConfig:
    source = {"name": "acme", "targets": ("category", "priority")} | settings.pop("source", {})
    return TicketsConfig.model_validate({"source": source, **settings})


def _row(at: int, **values: Any) -> dict[str, Any]:
    row = {"ticket_id": f"T-{at}", "subject": f"subject {at}", "category": "ab"[at % 2], "priority": "low"}
    return {**row, "created_at": START + timedelta(hours=at), "source_file": "x.csv", "source_row": at, **values}


def _snapshot(root: Path, rows: list[dict[str, Any]]) -> tuple[Storage, Snapshot]:
    """Two parts, so that rows of both are taken."""
    storage, schema = Storage(str(root)), arrow_schema()
    half = len(rows) // 2
    tables = [pa.Table.from_pylist(part, schema=schema) for part in (rows[:half], rows[half:])]
    return storage, write_snapshot(storage, "acme/offline", tables, schema, {})


def test_rows_come_in_the_order_of_time_with_split_and_candidates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [_row(at, agent_id=f"agent {at}", customer_tier=f"tier {at}") for at in rng.permutation(40).tolist()]
    gathered = gather(*_snapshot(tmp_path, rows), _config(audit={"max_rows": 10}))
    tickets = gathered.tickets
    assert tickets.texts == [f"subject {at}" for at in range(40)]
    assert gathered.labels["category"] == list("ab" * 20)
    assert tickets.times is not None
    assert (np.diff(tickets.times) == np.timedelta64(3600, "s")).all()
    assert gathered.split_kind == "time"
    assert tickets.splits is not None
    assert tickets.splits.tolist() == ["train"] * 26 + ["validation"] * 4 + ["calibration"] * 4 + ["test"] * 6
    assert tickets.candidate_rows.tolist() == list(range(20, 30))  # none that calibrates or tests
    uses = {candidate.field.name: candidate.use for candidate in tickets.candidates}
    assert uses["subject"] == uses["customer_tier"] == "input"
    assert uses["ticket_id"] == uses["created_at"] == uses["source_row"] == "unread"
    assert uses["category"] == uses["priority"] == "target"
    assert uses["agent_id"] == "later"
    assert "description" not in uses  # empty in every row
    (places,) = [candidate.column for candidate in tickets.candidates if candidate.field.name == "created_at"]
    assert places is not None
    assert places.ranks is not None
    assert places.ranks.tolist() == list(range(10))


def test_the_same_rows_are_audited_whole(tmp_path: Path) -> None:
    """A leak that is planted in the table is found through everything that lies between."""
    rng = np.random.default_rng(1)
    rows = [_row(at, region="EU" if at % 2 else "NA", channel="api") for at in range(120)]
    config = _config(source={"targets": ("category",)})
    gathered = gather(*_snapshot(tmp_path, [rows[at] for at in rng.permutation(120)]), config)
    audit = audit_target("category", gathered.labels["category"], gathered.tickets, config.audit, config.decide)
    assert [(tie.field, tie.relation) for tie in audit.leaks] == [("region", "copy")]


def test_without_time_rows_are_shuffled_and_cut_at_random(tmp_path: Path) -> None:
    rows = [_row(at, created_at=None) for at in range(60)]
    gathered = gather(*_snapshot(tmp_path, rows), _config())
    assert gathered.tickets.times is None
    assert gathered.split_kind == "random"
    assert gathered.tickets.texts != [f"subject {at}" for at in range(60)]
    assert sorted(gathered.tickets.texts) == sorted(f"subject {at}" for at in range(60))
    for text, label in zip(gathered.tickets.texts, gathered.labels["category"], strict=True):
        assert label == "ab"[int(text.split()[1]) % 2]


def test_a_split_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    rows = [_row(at, **({"created_at": None} if at % 4 == 3 else {})) for at in range(40)]
    gathered = gather(*_snapshot(tmp_path, rows), _config(source={"split": {"kind": "time"}}))
    assert gathered.tickets.splits is gathered.split_kind is None
    assert gathered.split_error is not None
    assert "10 of 40 tickets have no created_at" in gathered.split_error


def test_rows_of_one_time_are_shuffled_and_cut_at_random(tmp_path: Path) -> None:
    """An import gives all the same time, and is sorted by label: the latest would be one label's."""
    rows = [_row(at, created_at=START, category="ab"[at // 60]) for at in range(120)]
    gathered = gather(*_snapshot(tmp_path, rows), _config(source={"targets": ("category",)}, audit={"max_rows": 20}))
    assert gathered.split_kind == "random"
    assert gathered.split_note.startswith("100% of the tickets have the same created_at (2025-01-01T00:00:00)")
    looked_at = gathered.tickets.closely(gathered.labels["category"], 20)
    assert {gathered.labels["category"][row] for row in looked_at} == {"a", "b"}


def test_texts_are_compared_in_their_normalised_form(tmp_path: Path) -> None:
    gathered = gather(*_snapshot(tmp_path, [_row(at, subject=f"The  SAME {at % 2}") for at in range(40)]), _config())
    assert set(gathered.tickets.texts) == {"the same 0", "the same 1"}


def test_other_targets_may_be_audited_than_are_trained(tmp_path: Path) -> None:
    gathered = gather(*_snapshot(tmp_path, [_row(at) for at in range(40)]), _config(audit={"targets": ("priority",)}))
    assert list(gathered.labels) == ["priority"]
    assert gathered.split_kind == "time"
    assert "category" not in gathered.tickets.inputs.column_names


def _audit(**verdicts: Any) -> Audit:
    empty = audit_target("x", [], Tickets([], pa.table({})), AuditConfig(), DecideConfig())
    targets = tuple(replace(empty, target=name, verdict=verdict) for name, verdict in verdicts.items())
    return Audit(targets, "time", {}, None, ())


def test_noise_is_not_swept() -> None:
    config = _config(model={"sweep_targets": ("category", "priority")})
    audit = _audit(category="weak", priority="noise")
    assert without_noise(config, audit).model.sweep_targets == ("category",)
    assert without_noise(config, _audit(category="weak", priority="learnable")) == config
    told = _config(model={"sweep_targets": ("category", "priority")}, audit={"stop_on_noise": False})
    assert without_noise(told, audit) == told


@pytest.mark.parametrize("swept", [None, ("category",), ("category", "priority")])
def test_where_all_that_would_be_swept_is_noise_training_is_refused(swept: tuple[str, ...] | None) -> None:
    config = _config(model={"sweep_targets": swept})
    with pytest.raises(RefusedError, match=r"category: 0 labelled rows are too few.*audit\.stop_on_noise=false"):
        without_noise(config, _audit(category="noise", priority="noise"))


def test_noise_of_a_target_that_is_not_swept_stops_nothing() -> None:
    config = _config()
    assert without_noise(config, _audit(category="learnable", priority="noise")) == config


def test_the_latest_labelled_rows_that_may_choose_are_looked_at() -> None:
    labels = ["a", None, "b", "c", None, "d"]
    unknown = Tickets([""] * 6, pa.table({}))
    assert unknown.closely(labels, 2).tolist() == [3, 5]
    assert unknown.closely([None] * 6, 2).tolist() == []
    splits = np.array(["train", "train", "train", "validation", "test", "test"], dtype=object)
    assert replace(unknown, splits=splits).closely(labels, 2).tolist() == [2, 3]
    assert replace(unknown, splits=splits).closely(labels, 9).tolist() == [0, 2, 3]


@pytest.mark.data
def test_the_sample_says_by_itself_what_is_noise(tmp_path: Path) -> None:
    folder = os.environ.get("TICKETS_DATA")
    if not folder or not (Path(folder) / "tickets_sample.json").is_file():
        pytest.skip("TICKETS_DATA names no folder with tickets_sample.json")
    targets = ("category", "subcategory", "severity", "customer_sentiment", "resolution_code")
    source = {"path": "tickets_sample.json", "timestamps": "epoch_ms", "targets": targets}
    config = _config(source=source)
    (file,) = find_files(config.source, None, [Path(folder)])
    mapped = [TicketMapper(config.source).map(file.name, None, rows)[0] for rows in read_rows(file, ",", 100)]
    storage = Storage(str(tmp_path))
    gathered = gather(storage, write_snapshot(storage, "acme/offline", mapped, mapped[0].schema, {}), config)
    audits = {
        name: audit_target(name, labels, gathered.tickets, config.audit, config.decide)
        for name, labels in gathered.labels.items()
    }
    verdicts = {name: audit.verdict for name, audit in audits.items()}
    assert verdicts["severity"] == verdicts["customer_sentiment"] == verdicts["resolution_code"] == "noise"
    assert verdicts["category"] == "learnable"
    assert not any(audit.leaks for audit in audits.values())
    assert {tie.field: tie.relation for tie in audits["category"].ties}["subcategory"] == "finer"
    assert {tie.field: tie.relation for tie in audits["subcategory"].ties}["category"] == "coarser"
