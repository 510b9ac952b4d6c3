"""The event log of a service desk, by the configuration that comes with `source=servicenow` and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from tickets.analytics import analyze
from tickets.config import TicketsConfig
from tickets.config.parse import parse
from tickets.data.ingest import ingest, reading_of
from tickets.data.inspect import inspect_tickets
from tickets.data.sources import SourceFile
from tickets.data.stage import Print, stage_file
from tickets.data.staged import Staged
from tickets.data.treatment import Reading
from tickets.snapshots import load_snapshot, read_table
from tickets.storage import Storage

CONF = Path(__file__).parents[3] / "conf"
COLUMNS = (
    "number,incident_state,reassignment_count,reopen_count,sys_mod_count,made_sla,caller_id,opened_by,opened_at,"
    "sys_updated_at,contact_type,location,category,subcategory,u_symptom,cmdb_ci,impact,urgency,priority,"
    "assignment_group,assigned_to,knowledge,closed_code,resolved_by,resolved_at,closed_at"
)
"""The columns of the export that are mapped."""


def _event(number: int, state: str, count: int, resolved_at: str, closed_at: str) -> str:
    """One row of the log."""
    moment = f"2016-03-0{1 + count} 08:00:00"
    return (
        f"{number},{state},{count},{int(number == 2)},{count},True,c1,o1,2016-03-01 08:00:00,{moment},Phone,"
        f"l1,55,170,72,?,2,2,3,56,{number % 2},True,5,r1,{resolved_at},{closed_at}"
    )


@pytest.fixture
def config() -> TicketsConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return parse(compose("config", ["source=servicenow", "+source.path=log.csv"]))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))


def _stage(storage: Storage, bucket: str, files: Mapping[Print, SourceFile], reading: Reading) -> list[Staged]:
    now = datetime.now(UTC)
    staged = [list(stage_file(storage, bucket, of, name, reading, now))[-1] for name, of in files.items()]
    return [of for of in staged if isinstance(of, Staged)]


def _ingest(storage: Storage, config: TicketsConfig, *events: str) -> Reading:
    storage.write_bytes("servicenow/log.csv", "\n".join([COLUMNS, *events]).encode())
    reading = reading_of(config)
    done = ingest(storage, "servicenow", reading, config.data, Path.cwd(), _stage)
    assert done.quality is not None
    assert done.quality.warnings == ()
    return reading


def test_what_is_closed_is_not_open_and_the_rates_and_groups_are_there(storage: Storage, config: TicketsConfig) -> None:
    events = [
        _event(1, "New", 0, "2016-03-02 08:00:00", "2016-03-06 08:00:00"),
        _event(1, "Closed", 1, "2016-03-02 08:00:00", "2016-03-06 08:00:00"),
        _event(2, "Active", 0, "?", "2016-03-05 08:00:00"),
        _event(3, "Closed", 0, "?", "?"),
        _event(4, "Active", 0, "?", "?"),
    ]
    _ingest(storage, config, *events)
    tickets = read_table(storage, load_snapshot(storage, "servicenow/offline"))
    found = analyze(tickets, config.analytics, datetime.now(UTC))
    assert (found.overall.num_tickets, found.overall.num_open) == (4, 1)
    assert found.resolution_source is not None
    assert found.resolution_source.num_from_closed == 1
    assert {name: rate.hits for name, rate in found.overall.rates.items()} == {"reopened": 1, "transferred": 1}
    by_category = next(of for of in found.groupings if of.field == "opened_category")
    assert [(group.name, group.figures.num_tickets) for group in by_category.groups] == [("55", 4)]
    assert {of.figure for of in found.absent}.isdisjoint({f"figures by {name}" for name in config.analytics.groupings})


def test_every_event_is_a_row_that_came_in_and_the_order_of_events_is_read(
    storage: Storage, config: TicketsConfig
) -> None:
    events = [_event(1, "New", count, "?", "2016-03-09 08:00:00") for count in range(5)]
    reading = _ingest(storage, config, *events)
    report = inspect_tickets(storage, "servicenow", reading, datetime.now(UTC))
    assert (report.num_rows, report.num_tickets) == (5, 1)
    assert report.summary()[0] == "5 rows came in; 1 are tickets, 0 unreadable."
    assert "sys_mod_count" not in {column.name for column in report.unmapped}
