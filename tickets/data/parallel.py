"""Files read side by side: a Ray task each, in bounded memory. It does not know tables or what becomes of the rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import pyarrow as pa

from tickets import logs
from tickets.config import SourceConfig
from tickets.data.mapping import TicketMapper
from tickets.data.readers import read_rows
from tickets.data.sources import SourceFile
from tickets.data.stage import Print, stage_file
from tickets.data.staged import Staged
from tickets.data.treatment import Reading
from tickets.storage import Storage

_REFUSED: Final = "refused"
_SHOW_EVERY_S: Final = 5.0


def stage_files(storage: Storage, bucket: str, files: Mapping[Print, SourceFile], reading: Reading) -> list[Staged]:
    """Read files side by side, in the order of their names.

    Args:
        storage: The root.
        bucket: Folder under it.
        files: Prints → file.
        reading: How their rows are read.
    """
    import ray

    now, root = datetime.now(UTC), storage.root

    def stage(batch: Any) -> Iterator[dict[str, list[Any]]]:
        for of_print, item in zip(batch["print"], batch["file"], strict=True):
            file, print_ = SourceFile(**orjson.loads(item)), Print(**orjson.loads(of_print))
            told = time.monotonic()
            for said in stage_file(Storage(root), bucket, file, print_, reading, now):
                if not isinstance(said, Staged) and time.monotonic() - told < _SHOW_EVERY_S / 2:
                    continue
                told = time.monotonic()
                is_end = isinstance(said, Staged)
                rows_read = said.rows_in if isinstance(said, Staged) else said
                content = orjson.dumps(asdict(said)).decode() if isinstance(said, Staged) else ""
                yield {"print": [print_.fingerprint], "rows": [rows_read], "is_end": [is_end], "staged": [content]}

    if not files:
        return []
    names = [{"print": _dumped(print_), "file": _dumped(file)} for print_, file in files.items()]
    with _context(progress=True):
        listed = ray.data.from_items(names, override_num_blocks=len(names))
        plan = listed.map_batches(stage, batch_size=1, batch_format="numpy", num_cpus=0.5)
    staged: list[Staged] = []
    rows: Counter[str] = Counter()
    shown = time.monotonic()
    for said in plan.iter_rows():
        rows[said["print"]] = said["rows"]
        if said["is_end"]:
            staged.append(Staged.from_json(orjson.loads(said["staged"])))
        if time.monotonic() - shown > _SHOW_EVERY_S:
            shown = time.monotonic()
            logs.get("data").info("{} rows read, {} of {} files done", rows.total(), len(staged), len(names))
    return sorted(staged, key=lambda of: (of.name, of.fingerprint))


def read_tickets(files: Sequence[SourceFile], source: SourceConfig, batch_rows: int) -> Any:
    """A Ray dataset of tickets as the source maps them; a refused row has only its place, reason and original.

    Args:
        files: What to read, one Ray task each.
        source: How rows map onto the contract.
        batch_rows: Rows per block.

    Returns:
        `ray.data.Dataset` with the columns of the mapper's schema, `refused` (reason or null) and `original`.
    """
    import ray

    def read(batch: Any) -> Iterator[Any]:
        mapper = TicketMapper(source)
        for item in batch["file"]:
            file = SourceFile(**orjson.loads(item))
            with logs.timed(logs.get("data"), "source.read", uri=file.uri, rows=0) as done:
                for rows in read_rows(file, source.delimiter, batch_rows, source.encoding, source.records):
                    done["rows"] += len(rows)
                    yield _joined(*mapper.map(file.name, file.split, rows))

    names = [{"file": _dumped(file)} for file in files]
    with _context():
        plan = ray.data.from_items(names, override_num_blocks=len(names))
        return plan.map_batches(read, batch_size=1, batch_format="numpy", num_cpus=0.5)


def _joined(tickets: pa.Table, quarantine: pa.Table) -> pa.Table:
    """Both kinds of rows in one table, so that one pass over the files yields them."""
    nulls = pa.nulls(tickets.num_rows, pa.string())
    good = tickets.append_column(_REFUSED, nulls).append_column("original", nulls.cast(pa.binary()))
    bad = quarantine.rename_columns({"reason": _REFUSED})
    return pa.concat_tables([good, bad], promote_options="default")


@contextmanager
def _context(progress: bool = False) -> Iterator[None]:
    """Ray Data's settings for plans that are made in the block: errors of tasks keep their type.

    Args:
        progress: Every word travels at once, instead of waiting for a large block.
    """
    import ray

    context = ray.data.DataContext.get_current().copy()
    context.raise_original_map_exception = True
    if progress:
        context.target_max_block_size = 1
    with ray.data.DataContext.current(context):
        yield


def _dumped(item: Any) -> str:
    return orjson.dumps(asdict(item)).decode()
