"""A bucket's tickets, audited: read, cut as training will cut them, and looked at by Ray tasks.

It does not know what an audit looks for (`audit.py`), or what is made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets import logs
from tickets.config import TicketsConfig
from tickets.data.mapping import own_fields
from tickets.errors import RefusedError, SourceError
from tickets.features.state import Selection, join_text
from tickets.models.labels import label_values
from tickets.schema import FIELDS, Field, Kind, Stage
from tickets.snapshots import Snapshot, read_columns, read_parts
from tickets.storage import Storage
from tickets.text import normalise
from tickets.train.audit import MIN_ROWS, Audit, TargetAudit, Tickets, Views, audit_target
from tickets.train.leaks import Candidate, Use
from tickets.train.overlap import measure_overlap
from tickets.train.prepare import read_training_table
from tickets.train.sample import Ints
from tickets.train.split import choose_split, order_by_time, split_rows
from tickets.train.views import build_views

_PLACES: Final = (
    Field("source_file", Kind.CATEGORICAL, Stage.CREATION),
    Field("source_row", Kind.NUMBER, Stage.CREATION),
)
"""Where a row stood in its source: a file that is sorted by label tells it, and models never read it."""


@dataclass(frozen=True)
class Gathered:
    """What all targets are audited on.

    Attributes:
        tickets: n rows in the order of time; by a hash of their ids where it is the same or there is none, as files
            often are sorted by label.
        labels: Target → n labels.
        split_kind: How rows are cut; None where they cannot be.
        split_note: What a person should know of that; empty where it is nothing.
        split_error: Why they cannot.
    """

    tickets: Tickets
    labels: Mapping[str, list[str | None]]
    split_kind: str | None
    split_note: str
    split_error: str | None


def audit_tickets(storage: Storage, snapshot: Snapshot, config: TicketsConfig) -> Audit:
    """Audit every target, one Ray task each. Needs a running Ray.

    Raises:
        StageError: The configuration asks for a field that is not known at its stage.
        ModelError: A target has no value in any ticket.
    """
    import ray

    gathered = gather(storage, snapshot, config)
    given = gathered.tickets
    tickets = ray.put(given)
    shared: dict[bytes, Any] = {}  # the text costs most, and targets mostly have the same labelled rows
    build: Any = ray.remote(_build_views)
    look: Any = ray.remote(audit_target)
    overlap: Any = ray.remote(measure_overlap)
    pending = []
    for name, labels in gathered.labels.items():
        rows = given.closely(labels, config.audit.max_rows)
        views = None
        if len(rows) >= MIN_ROWS:
            views = shared.get(rows.tobytes()) or shared.setdefault(rows.tobytes(), build.remote(tickets, rows))
        pending.append(look.remote(name, labels, tickets, config.audit, config.decide, views))
    overlaps = () if given.splits is None else ray.get(overlap.remote(given.texts, given.splits))
    rows_by_split = {} if given.splits is None else dict(Counter(given.splits.tolist()))
    targets: list[TargetAudit] = ray.get(pending)
    cut = gathered.split_kind, rows_by_split, gathered.split_error
    return Audit(tuple(targets), *cut, overlaps, gathered.split_note)


def without_noise(config: TicketsConfig, audit: Audit) -> TicketsConfig:
    """The configuration with a sweep for those targets alone that are not noise.

    Raises:
        RefusedError: Each target that would be swept is noise.
    """
    noise = {target.target: target.reason for target in audit.targets if target.verdict == "noise"}
    asked = config.model.sweep_targets or config.source.targets[:1]
    kept = tuple(name for name in asked if name not in noise)
    if not config.audit.stop_on_noise or len(kept) == len(asked):
        return config
    found = "; ".join(f"{name}: {noise[name]}" for name in asked if name in noise)
    if not kept:
        raise RefusedError(
            f"the audit calls noise what would be swept, so nothing was trained ({found}); give other fields "
            "(features.fields, features.text) or targets (model.sweep_targets), or train all the same with "
            "audit.stop_on_noise=false"
        )
    logs.get("ml").warning("the audit calls noise what gets the plain linear model instead of a sweep: {}", found)
    return sweeping(config, kept)


def sweeping(config: TicketsConfig, targets: tuple[str, ...] | None) -> TicketsConfig:
    """The configuration with other targets to sweep."""
    return config.model_copy(update={"model": config.model.model_copy(update={"sweep_targets": targets})})


def gather(storage: Storage, snapshot: Snapshot, config: TicketsConfig) -> Gathered:
    """Read what an audit needs; of fields that models do not read, the rows alone that it looks at."""
    names = config.audit.targets or config.source.targets
    kept_out = tuple(dict.fromkeys((*names, *config.source.targets)))  # as in training, whichever are audited
    table, selection = read_training_table(storage, snapshot, config, kept_out)
    texts = join_text(table, selection.text)
    kind, note, splits, error = _cut(config, table, texts)
    places = order_by_time(table)
    table = table.take(pa.array(places))
    labels = {name: label_values(table, name) for name in names}
    times = table["created_at"].cast(pa.timestamp("ms")).to_numpy()
    tickets = Tickets(
        texts=[normalise(texts[row]) for row in places],
        inputs=table.select([*selection.categories, *selection.numbers]),
        times=None if np.isnat(times).all() else times,
        splits=None if splits is None else splits[places],
    )
    rows = np.unique(np.concatenate([tickets.closely(of, config.audit.max_rows) for of in labels.values()]))
    candidates = _candidates(storage, snapshot, config, selection, places[rows])
    return Gathered(replace(tickets, candidates=candidates, candidate_rows=rows), labels, kind, note, error)


def _cut(
    config: TicketsConfig, table: pa.Table, texts: Sequence[str]
) -> tuple[str | None, str, NDArray[np.object_] | None, str | None]:
    """Kind, note, splits and error, as training will cut: by the source's first target, which need not be audited."""
    split, note = choose_split(config.source.split, table)
    try:
        return split.kind, note, split_rows(split, table, texts, label_values(table, config.source.targets[0])), None
    except SourceError as error:
        return None, "", None, error.message


def _candidates(
    storage: Storage, snapshot: Snapshot, config: TicketsConfig, selection: Selection, rows: Ints
) -> list[Candidate]:
    """All fields that the snapshot has, with the values of some rows, in the order of these."""
    present = set(read_columns(storage, snapshot))
    fields = [field for field in (*FIELDS, *own_fields(config.source), *_PLACES) if field.name in present]
    columns = [field.name for field in fields]
    sorted_rows, start, parts = np.sort(rows), 0, []
    for part in read_parts(storage, snapshot, columns):
        inside = sorted_rows[(sorted_rows >= start) & (sorted_rows < start + part.num_rows)] - start
        parts.append(part.select(columns).take(pa.array(inside)))
        start += part.num_rows
    table = pa.concat_tables(parts).take(pa.array(np.searchsorted(sorted_rows, rows)))
    found = (Candidate.of(field, _use(field, config, selection), table[field.name]) for field in fields)
    return [candidate for candidate in found if candidate]


def _use(field: Field, config: TicketsConfig, selection: Selection) -> Use:
    if field.name in selection.columns:
        return "input"
    if field.name in (*config.source.targets, *(config.audit.targets or ())):
        return "target"
    return "unread" if field.stage.known_at(selection.stage) else "later"


def _build_views(tickets: Tickets, rows: Ints) -> Views:
    inputs = tickets.inputs.take(rows) if tickets.inputs.num_columns else tickets.inputs
    return build_views([tickets.texts[row] for row in rows], inputs)
