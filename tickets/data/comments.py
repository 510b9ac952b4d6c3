"""Later turns of tickets, from a file of their own: one row per answer or remark, with its time and its ticket.

They are kept apart from the tickets, so that none is taken for what the customer wrote first. It does not know what a
model makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tickets import logs
from tickets.config import CommentsConfig, DataConfig, QualityConfig, SourceConfig
from tickets.data.increment import StageFiles, forget_staged, plan_increment, read_increment, together
from tickets.data.parallel import stage_files
from tickets.data.quarantine import expire, forget_contents
from tickets.data.sources import find_files
from tickets.data.staged import Staged, from_records, to_records
from tickets.data.treatment import Reading
from tickets.errors import StorageError
from tickets.snapshots import Head, Snapshot, commit, load_snapshot, read_head, read_table, save_snapshot
from tickets.storage import Storage

TABLE: Final = "comments"
REFUSED: Final = "comments_refused"
_SHOWN: Final = {"ticket_id": "ticket_id", "created_at": "created_at", "agent_id": "author", "description": "text"}


@dataclass(frozen=True)
class Comments:
    """What the comments' files gave: rows in = comments + refused.

    Attributes:
        snapshot: The comments.
        refused: Rows that cannot be read.
        num_orphans: Comments of tickets that the bucket does not hold.
    """

    snapshot: Snapshot
    refused: Snapshot
    num_orphans: int

    def summary(self) -> dict[str, int]:
        """Counts for a report."""
        return {
            "comments": self.snapshot.num_rows,
            "refused": self.refused.num_rows,
            "of_unknown_tickets": self.num_orphans,
        }

    def __str__(self) -> str:
        parts = [f"{self.snapshot.num_rows} comments"]
        parts += [f"{self.num_orphans} of unknown tickets"] if self.num_orphans else []
        parts += [f"{self.refused.num_rows} refused"] if self.refused.num_rows else []
        return "; ".join(parts)


def ingest_comments(
    storage: Storage,
    bucket: str,
    reading: Reading,
    comments: CommentsConfig,
    data: DataConfig,
    work_dir: Path,
    stage: StageFiles = stage_files,
    expire_days: int | None = None,
) -> Comments:
    """Bring the comments' new and changed files into their table; what came from files that are gone stays.

    Args:
        storage: The root.
        bucket: Folder under it, whose tickets were ingested already.
        reading: How tickets are read; times, missing values and cleaning hold for comments too.
        comments: Where the comments are.
        data: Whether to forget what was read before.
        work_dir: Folder where the command runs, for relative paths.
        stage: What reads the files.
        expire_days: Days after which the content of refused rows is emptied; None keeps it.

    Raises:
        SourceError: The files cannot be found or read at all, or comments are read otherwise than before and files
            that were ingested are gone.
        StorageError: The sums do not add up.
        ConflictError: Another ingestion finished first; nothing was changed.
    """
    no_plugins = QualityConfig(plugins=())
    own = replace(reading, source=_mapping(reading.source, comments), quality=no_plugins)
    files = find_files(own.source, None, [storage.uri(bucket), str(work_dir)])
    head = read_head(storage, bucket)
    before, was_read = _load(storage, bucket, head)
    increment = plan_increment(before, was_read, files, own, data.rebuild)
    now = datetime.now(UTC)
    kept = increment.kept if expire_days is None else expire(storage, bucket, increment.kept, expire_days, now)
    if before and not increment.new and kept == before:
        found, refused = (load_snapshot(storage, f"{bucket}/{name}") for name in (TABLE, REFUSED))
        return Comments(found, refused, _num_orphans(storage, bucket, found))
    staged = [replace(of, tally="") for of in read_increment(storage, bucket, increment, own, stage)]
    everything = together(storage, bucket, kept, staged)
    done = _save(storage, bucket, everything, own)
    commit(storage, bucket, head, [done.snapshot, done.refused])
    forget_staged(storage, bucket, {of.fingerprint for of in everything})
    if expire_days is not None:
        forget_contents(storage, done.refused)
    logs.get("data").info("{}", done)
    return done


def read_comments(storage: Storage, bucket: str) -> pa.Table:
    """All comments, each once.

    Returns:
        `ticket_id`, `created_at` (null where unknown), `author` and `text`, by ticket and time.

    Raises:
        StorageError: None were ingested.
    """
    snapshot = load_snapshot(storage, f"{bucket}/{TABLE}")
    if not snapshot.parts:
        kinds = (pa.string(), pa.timestamp("ms", tz="UTC"), pa.string(), pa.string())
        return pa.schema(list(zip(_SHOWN.values(), kinds, strict=True))).empty_table()
    table = read_table(storage, snapshot, [*_SHOWN, "content_hash"])
    once = table.group_by("content_hash", use_threads=False).aggregate([(name, "first") for name in _SHOWN])
    shown = once.select([f"{name}_first" for name in _SHOWN]).rename_columns(list(_SHOWN.values()))
    return shown.sort_by([("ticket_id", "ascending"), ("created_at", "ascending")])


def _mapping(source: SourceConfig, comments: CommentsConfig) -> SourceConfig:
    """Comments read as tickets that have an id, a time, an author and a text."""
    fields = {"ticket_id": comments.ticket_id, "created_at": comments.created_at, "description": comments.text}
    if comments.author:
        fields["agent_id"] = comments.author
    return SourceConfig(
        name=f"{source.name}-comments",
        path=comments.path,
        format=comments.format,
        delimiter=comments.delimiter,
        encoding=comments.encoding,
        records=comments.records,
        fields=fields,
        missing=source.missing,
        timestamps=source.timestamps,
        time_zone=source.time_zone,
        value_sets="none",
    )


def _save(storage: Storage, bucket: str, files: list[Staged], reading: Reading) -> Comments:
    meta = {"files": to_records(files), "reading": reading.digest}
    found = save_snapshot(storage, f"{bucket}/{TABLE}", [part for of in files for part in of.bronze], meta)
    refused = save_snapshot(storage, f"{bucket}/{REFUSED}", [part for of in files for part in of.quarantine], {})
    rows_in = sum(of.rows_in for of in files)
    if rows_in != found.num_rows + refused.num_rows:
        raise StorageError(
            f"{rows_in} comments were read, {found.num_rows} and {refused.num_rows} refused ones written"
        )
    return Comments(found, refused, _num_orphans(storage, bucket, found))


def _load(storage: Storage, bucket: str, head: Head) -> tuple[list[Staged], str]:
    if not {TABLE, REFUSED} <= set(head.tables):
        return [], ""
    found, refused = (load_snapshot(storage, f"{bucket}/{name}", head.tables[name]) for name in (TABLE, REFUSED))
    return from_records(found.meta["files"], found, refused), found.meta["reading"]


def _num_orphans(storage: Storage, bucket: str, comments: Snapshot) -> int:
    if not comments.parts:
        return 0
    offline = load_snapshot(storage, f"{bucket}/offline")
    ids, known = (read_table(storage, of, ["ticket_id"])["ticket_id"] for of in (comments, offline))
    return int(pc.sum(pc.invert(pc.is_in(ids, value_set=known.combine_chunks()))).as_py() or 0)
