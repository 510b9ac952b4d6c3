"""The audit of what was ingested, for every job that begins with it: printed, kept as JSON and as a page."""

from __future__ import annotations

from _entry import Job

from tickets import logs
from tickets.events import Checked, Saved
from tickets.page import render
from tickets.snapshots import Snapshot
from tickets.train.audit import Audit
from tickets.train.audit_page import build_page
from tickets.train.audit_table import format_audit
from tickets.train.audit_tickets import audit_tickets


def look(job: Job, offline: Snapshot) -> Audit:
    """Audit the tickets of a snapshot; needs a running Ray.

    Args:
        job: The job that asks.
        offline: The latest tickets.

    Raises:
        TicketsError: As `audit_tickets`.
    """
    with logs.timed(logs.get("ml"), "audit", rows=offline.num_rows):
        audit = audit_tickets(job.storage, offline, job.config)
    job.tell(format_audit(audit))
    places = {"audit": f"{job.run_key}/audit.json", "audit page": f"{job.run_key}/audit.html"}
    job.storage.write_json(places["audit"], {"offline": offline.id, **audit.to_json()})
    job.storage.write_bytes(places["audit page"], render(build_page(audit, f"Audit of {job.bucket}")))
    for name, key in places.items():
        job.emit(Saved(what=name, uri=job.storage.uri(key)))
    verdicts = {of.target: of.verdict for of in audit.targets}
    job.emit(Checked(what="audit", passed=set(verdicts.values()) != {"noise"}, figures=verdicts))
    return audit
