"""Any file, scored by a release: Ray Data reads, a pool of actors answers. It does not know where the answers go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tickets.answering import Answerer, answer_columns
from tickets.config import SourceConfig
from tickets.data.mapping import QUARANTINE_SCHEMA
from tickets.data.parallel import read_tickets
from tickets.data.sources import SourceFile
from tickets.models.labels import label_values
from tickets.release import Release, open_release
from tickets.storage import Storage

_PLACE: Final = ["source_file", "source_row", "refused", "original"]


@dataclass
class Scored:
    """What scoring a source gave, filled while its tables are read.

    Attributes:
        tables: Tables of answers, one row per ticket; read once.
        refused: Rows that could not be read, as `QUARANTINE_SCHEMA` has them.
        num_rows: Tickets answered.
    """

    tables: Iterator[pa.Table]
    refused: list[pa.Table]
    num_rows: int = 0

    @property
    def num_refused(self) -> int:
        """Rows that could not be read."""
        return sum(table.num_rows for table in self.refused)

    def write_refused(self, beside: Path) -> Path:
        """Write the refused rows, with reason and original bytes, to a Parquet file beside another file."""
        path = beside.with_name(f"{beside.stem}.refused.parquet")
        pq.write_table(pa.concat_tables(self.refused), path)
        return path


def score_source(release: Release, files: list[SourceFile], source: SourceConfig, batch_rows: int) -> Scored:
    """Answer every ticket of a source. Needs a running Ray.

    Args:
        release: Which release answers.
        files: What to read.
        source: How its rows map onto the contract.
        batch_rows: Rows that one actor answers together.

    Returns:
        Tables with `ticket_id`, `source_file`, `source_row` (its place there, from 0), `text`, `release` (the same in
        every row) and, per target `T`, the columns `T` (label),
        `T_confidence`, `T_decision`, `T_reason`, `T_top` (JSON, up to three labels with probabilities),
        `T_probabilities` (list, in the order of the closed list) and `T_true` (null where the source has none).

    Raises:
        ReleaseError: A file of the release is missing or was changed.
    """
    import ray

    release.check()  # here, and not only in an actor, whose errors arrive wrapped
    scored = Scored(iter(()), [])
    plan = read_tickets(files, source, batch_rows).map_batches(
        ScoreTickets,
        fn_constructor_args=(release.storage.root, release.manifest.bucket, release.id),
        batch_format="pyarrow",
        batch_size=batch_rows,
        num_cpus=0.5,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(int(ray.cluster_resources().get("CPU", 1)), 1)),
    )
    scored.tables = _answers(plan, scored)
    return scored


def _answers(plan: Any, scored: Scored) -> Iterator[pa.Table]:
    for table in plan.iter_batches(batch_size=None, batch_format="pyarrow"):
        is_good = pc.is_null(table["refused"])
        bad = table.filter(pc.invert(is_good))
        if bad.num_rows:
            scored.refused.append(bad.rename_columns({"refused": "reason"}).select(QUARANTINE_SCHEMA.names))
        good = table.filter(is_good).drop_columns(["refused", "original"])
        scored.num_rows += good.num_rows
        if good.num_rows:
            yield good


class ScoreTickets:
    """One actor of the pool: holds the release and answers tables of tickets.

    Args:
        root: The storage root.
        bucket: Folder under it.
        release_id: Which release.
    """

    def __init__(self, root: str, bucket: str, release_id: str) -> None:
        self._release = open_release(Storage(root), bucket, release_id)
        self._answerer = Answerer(self._release)

    def __call__(self, batch: pa.Table) -> pa.Table:
        tickets = batch.filter(pc.is_null(batch["refused"]))
        texts, answers = self._answerer.answer(tickets)
        columns: dict[str, Any] = {"ticket_id": tickets["ticket_id"], "text": pa.array(texts, pa.string())}
        for answer in answers:
            columns |= answer_columns(answer)
            columns[f"{answer.target}_true"] = pa.array(_true(tickets, answer.target), pa.string())
        columns["release"] = pa.array([self._release.id] * tickets.num_rows, pa.string())
        columns |= {name: tickets[name] for name in _PLACE}
        refused = batch.filter(pc.is_valid(batch["refused"])).select(_PLACE)
        return pa.concat_tables([pa.table(columns), refused], promote_options="default")


def _true(tickets: pa.Table, target: str) -> list[str | None]:
    return label_values(tickets, target) if target in tickets.column_names else [None] * tickets.num_rows
