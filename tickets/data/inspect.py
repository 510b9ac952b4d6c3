"""The quality of all tickets that a bucket holds, part by part in bounded memory. It does not know what a check is."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from tickets import logs
from tickets.data.mapping import TicketMapper, own_fields
from tickets.data.treatment import Reading
from tickets.quality.assemble import build_report
from tickets.quality.report import QualityReport
from tickets.quality.tally import Tally
from tickets.schema import FIELDS
from tickets.snapshots import load_snapshot, read_parts
from tickets.storage import Storage


def inspect_tickets(storage: Storage, bucket: str, reading: Reading, now: datetime) -> QualityReport:
    """Run every check, the costly ones too, on the latest version of each ticket, and count what is in quarantine.

    Args:
        storage: The root.
        bucket: Folder under it.
        reading: How its rows were read, and what to check.
        now: The present, with its zone.

    Raises:
        ConfigError: The settings name a field, kind, value or check that there is none of.
        StorageError: Nothing was ingested yet.
    """
    checks, fields = reading.checks(now), (*FIELDS, *own_fields(reading.source))
    tally, fingerprints = Tally.empty(reading.quality), []
    offline = load_snapshot(storage, f"{bucket}/offline")
    for table in read_parts(storage, offline):
        tally.add(table, checks.run(table), fields)
        tally.add_findings(table, checks.run_deep(table, offline.num_rows))
        fingerprints.append(checks.fingerprint(table))
        logs.get("data").info("{} of {} tickets checked", tally.num_tickets, offline.num_rows)
    quarantine = load_snapshot(storage, f"{bucket}/quarantine")
    for table in read_parts(storage, quarantine):
        tally.add_quarantine(table)
        tally.add_refused(table)
    mapped = TicketMapper(reading.source).used_columns
    every = pa.concat_tables(fingerprints)
    bronze = load_snapshot(storage, f"{bucket}/bronze")
    rows_in, tally.num_files = bronze.num_rows + quarantine.num_rows, len(bronze.meta["files"])
    return build_report(checks, tally, fields, reading.source.name, now, every, mapped, rows_in)
