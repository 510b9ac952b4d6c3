"""A few tickets of a file, asked over HTTP and shown to a person. It does not know how the graph is deployed."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import orjson
from _entry import Job
from _graph import Client

from serve_app.answers import format_answer
from tickets.data.sources import find_files_at
from tickets.errors import SourceError
from tickets.storage import open_export


def try_tickets(client: Client, job: Job) -> str:
    """Ask the graph about the first tickets of `serve.try_file`.

    Returns:
        The answers as text.

    Raises:
        SourceError: There is no such file, or a line of it is no JSON object.
    """
    config = job.config.serve
    found = find_files_at(config.try_file or "", [job.storage.uri(job.bucket), str(Path.cwd())])[1]
    if not found:
        raise SourceError(f"serve.try_file={config.try_file}: no such file in the bucket or here")
    path = found[0]
    with open_export(path) as lines:
        try:
            tickets = [orjson.loads(line) for line in islice(lines, config.try_tickets)]
        except orjson.JSONDecodeError as error:
            raise SourceError(f"serve.try_file={path}: allowed: one JSON object per line ({error})") from None
    if not all(isinstance(ticket, dict) for ticket in tickets):
        raise SourceError(f"serve.try_file={path}: allowed: one JSON object per line")
    shown = []
    for ticket in tickets:
        title = " ".join(str(ticket.get("subject") or ticket.get("description") or "").split())
        shown.append(
            format_answer(f"{ticket.get('ticket_id', 'ticket')}  {title[:90]}", client.post("/v1/triage", ticket))
        )
    return "\n\n".join(shown)
