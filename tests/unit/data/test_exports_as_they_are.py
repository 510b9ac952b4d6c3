"""Exports whose layout is not the default one, and damaged ones, from the settings to the tables; without Ray."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tickets.config import CommentsConfig, DataConfig, QualityConfig, SourceConfig
from tickets.data.comments import ingest_comments, read_comments
from tickets.data.ingest import ingest
from tickets.data.inspect import inspect_tickets
from tickets.data.sources import SourceFile
from tickets.data.stage import Print, stage_file
from tickets.data.staged import Staged
from tickets.data.tables import Ingested
from tickets.data.treatment import Reading
from tickets.errors import RefusedError, SourceError
from tickets.quality.report import QualityReport
from tickets.snapshots import load_snapshot, read_table
from tickets.storage import Storage

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def _stage(storage: Storage, bucket: str, files: Mapping[Print, SourceFile], reading: Reading) -> list[Staged]:
    staged = [list(stage_file(storage, bucket, of, name, reading, NOW))[-1] for name, of in files.items()]
    return [of for of in staged if isinstance(of, Staged)]


def _reading(raw: Path, limits: dict[str, float] | None = None, **source: Any) -> Reading:
    whole = SourceConfig(name="acme", path=str(raw), value_sets="none", **source)
    return Reading(whole, quality=QualityConfig(limits=limits or {}, required=()))


def _ingest(storage: Storage, reading: Reading) -> Ingested:
    return ingest(storage, "acme", reading, DataConfig(), Path.cwd(), _stage)


def _tickets(storage: Storage, *columns: str) -> list[list[Any]]:
    table = read_table(storage, load_snapshot(storage, "acme/offline"), ["ticket_id", *columns])
    rows = table.sort_by("ticket_id").to_pylist()
    return [[row[name] for name in columns] for row in rows]


def test_encoding_records_forms_and_zone_reach_tickets_and_comments(storage: Storage, raw: Path) -> None:
    day = "05/01/2024 10:11"
    dump = {"data": {"rows": [{"ticket_id": "1", "subject": "größer", "created_at": day}]}, "more": False}
    (raw / "a.json").write_bytes(json.dumps(dump, ensure_ascii=False).encode("cp1252"))
    later = raw.parent / "later.csv"
    later.write_bytes(f"ticket_id,created_at,text\n1,{day},schön\n".encode("utf-16"))
    form = {"timestamps": "%d/%m/%Y %H:%M", "time_zone": "Europe/Vienna"}
    comments = CommentsConfig(path=str(later), encoding="utf-16")
    reading = _reading(raw, encoding="cp1252", records="data.rows", comments=comments, **form)
    _ingest(storage, reading)
    moment = datetime(2024, 1, 5, 9, 11, tzinfo=UTC)
    assert _tickets(storage, "subject", "created_at") == [["größer", moment]]
    ingest_comments(storage, "acme", reading, comments, DataConfig(), Path.cwd(), _stage)
    assert read_comments(storage, "acme").select(["created_at", "text"]).to_pylist() == [
        {"created_at": moment, "text": "schön"}
    ]


def test_a_closed_set_and_a_template_take_the_form_and_the_zone(storage: Storage, raw: Path) -> None:
    (raw / "a.csv").write_text("ticket_id,subject,day,hour\n1,a,05/01/2024,10\n2,b,06/01/2024,10\n")
    own = {"opened": {"kind": "time", "stage": "creation"}, "first": {"kind": "time", "stage": "creation"}}
    reading = SourceConfig(
        name="acme",
        path=str(raw),
        own_fields=own,
        fields={"opened": "{day} {hour}", "first": "day"},
        value_sets={"first": ("05/01/2024",)},
        timestamps=("%d/%m/%Y %H", "%d/%m/%Y"),
        time_zone="Europe/Vienna",
    )
    _ingest(storage, Reading(reading))
    (opened, marks), (_, others) = _tickets(storage, "opened", "marks")
    assert opened == datetime(2024, 1, 5, 9, tzinfo=UTC)
    assert (marks, others) == ([], ["first: outside the value set"])


@pytest.mark.parametrize("indent", [None, 2])
def test_a_dump_that_wraps_its_rows_says_which_setting_reads_them(storage: Storage, raw: Path, indent: Any) -> None:
    (raw / "a.json").write_text(json.dumps({"count": 1, "data": {"rows": [{"ticket_id": 1}]}}, indent=indent))
    with pytest.raises(SourceError, match=r"no usable field, but source\.records=data\.rows may read its rows \(1\)"):
        _ingest(storage, _reading(raw))


def test_an_integer_that_would_be_rounded_is_marked_and_kept_but_still_orders_versions(
    storage: Storage, raw: Path
) -> None:
    big = 2**60
    rows = [
        {"ticket_id": "1", "subject": text, "affected_users": big + 1, "order": big + at, "other": float("inf")}
        for text, at in (("new", 4096), ("old", 0))
    ]
    (raw / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    _ingest(storage, _reading(raw, sequence="order"))
    ((subject, number, extra, marks),) = _tickets(storage, "subject", "affected_users", "extra", "marks")
    assert (subject, number, marks) == ("new", None, ["affected_users: not a number"])
    assert json.loads(extra) == {"affected_users": big + 1, "order": big + 4096, "other": "Infinity"}


@pytest.fixture
def damaged(raw: Path) -> Path:
    """One whole file, one that breaks off, and one of which nothing can be read."""
    rows = b"".join(b'{"ticket_id": "%d", "subject": "s%d"}\n' % (row, row) for row in range(3000))
    (raw / "a.jsonl").write_bytes(rows)
    packed = gzip.compress(rows)
    (raw / "b.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (raw / "c.parquet").write_bytes(b"no Parquet")
    return raw


def _judged(storage: Storage, reading: Reading) -> list[QualityReport]:
    done = _ingest(storage, reading)
    assert done.quality is not None
    return [done.quality, inspect_tickets(storage, "acme", reading, NOW)]


def test_damaged_files_are_told_though_no_limit_is_set(storage: Storage, damaged: Path) -> None:
    for report in _judged(storage, _reading(damaged)):
        assert report.num_damaged_files == 2
        assert "Warning: 2 files are damaged, so that rows are lost." in report.summary()


def test_a_limit_on_damaged_files_is_a_share_of_files(storage: Storage, damaged: Path) -> None:
    for report in _judged(storage, _reading(damaged, {"damaged_files": 0.7, "unreadable": 0.001})):
        assert {limit.name: limit.share for limit in report.limits}["damaged_files"] == pytest.approx(2 / 3)
        assert report.exceeded == ()


def test_a_limit_on_damaged_files_stops_the_job(storage: Storage, damaged: Path) -> None:
    with pytest.raises(RefusedError, match=r"damaged_files: 66\.67%, over the limit of 0\.00%"):
        _ingest(storage, _reading(damaged, {"damaged_files": 0.0, "unreadable": 0.001}))
