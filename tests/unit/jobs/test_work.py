"""What a training that takes up another one tells of it; without Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa

from tickets.config import SourceConfig, TicketsConfig
from tickets.snapshots import write_snapshot
from tickets.storage import Storage
from tickets.train.notes import save_notes
from tickets.train.resume import begin


def test_the_report_of_a_run_that_is_taken_up_holds_its_audit(tmp_path: Path) -> None:
    from _work import open_work

    storage, table = Storage(str(tmp_path)), pa.table({"ticket_id": ["1"]})
    snapshot = write_snapshot(storage, "mine/offline", [table], table.schema, {})
    config = TicketsConfig(source=SourceConfig(name="mine", targets=("category",)), resume="latest")
    audit = [{"target": "category", "verdict": "learnable"}]
    save_notes(storage, "mine", "20260101T000000-a", audit)
    with begin(storage, "mine", "20260101T000000-a", snapshot, config):
        pass
    report = SimpleNamespace(result={})
    job = SimpleNamespace(config=config, storage=storage, bucket="mine", report=report, connect=lambda: "")
    with open_work(job) as (work, _):  # type: ignore[arg-type]
        assert work.run_id == "20260101T000000-a"
    assert report.result == {"audit": audit}
