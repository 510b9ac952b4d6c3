"""What a job says when a table was checked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from loguru import logger

from tickets.config import QualityConfig
from tickets.quality.assemble import build_report
from tickets.quality.checks import build_checks
from tickets.quality.mapped import MappedColumn
from tickets.quality.tally import Tally
from tickets.schema import FIELDS
from tickets.storage import Storage

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def test_a_setting_that_names_no_column_is_told_at_once(tmp_path: Path) -> None:
    from _tables import save_quality

    config = QualityConfig()
    checks = build_checks(config, FIELDS, {}, NOW, (), [MappedColumn("subject", "source.fields.subject", "Titel")])
    tally = Tally.empty(config)
    tally.add_columns(["ticket_id"])
    report = build_report(checks, tally, FIELDS, "desk", NOW)
    told: list[str] = []
    storage = Storage(str(tmp_path))
    sink = logger.add(told.append, level="WARNING", format="{message}")
    try:
        save_quality(SimpleNamespace(storage=storage, run_key="desk/runs/1", emit=lambda event: None), report)
    finally:
        logger.remove(sink)
    assert [line.strip() for line in told] == ["column 'Titel' of source.fields.subject stands in no file"]
    assert storage.read_json("desk/runs/1/quality.json")["absent"][0]["key"] == "source.fields.subject"
