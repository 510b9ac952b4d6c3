"""Answers to many tickets: written to a file, shown to a person, judged by labels. It does not know who answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from tickets.errors import SourceError
from tickets.models.labels import Labels
from tickets.release import Release
from tickets.train.report import judge
from tickets.train.score import Scored

_WRITERS: dict[str, Any] = {".csv": pcsv.CSVWriter, ".parquet": pq.ParquetWriter}
_HIDDEN = ("probabilities", "true")


def write_answers(scored: Scored, path: Path, targets: Iterable[str], num_first: int) -> list[dict[str, Any]]:
    """Write answers to a `.parquet` or `.csv` file, which is whole or not there.

    Args:
        scored: The answers; consumed.
        path: Where to write.
        targets: What is answered.
        num_first: How many to give back.

    Returns:
        The first answers as rows, everything in them.

    Raises:
        SourceError: There was no ticket to answer.
    """
    hidden = {f"{target}_{suffix}" for target in targets for suffix in _HIDDEN}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    first: list[dict[str, Any]] = []
    writer = None
    try:
        for table in scored.tables:
            first += table.slice(0, max(num_first - len(first), 0)).to_pylist()
            plain = table.select([name for name in table.column_names if name not in hidden])
            writer = writer or _WRITERS[path.suffix](draft, plain.schema)
            writer.write_table(plain)
        if writer is None:
            raise SourceError(f"no ticket to answer: all {scored.num_refused} rows were refused")
        writer.close()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return first


def format_answers(rows: list[dict[str, Any]], targets: list[str]) -> str:
    """Answers as a person would want to read them: per ticket, what it is, how sure that is, and what to do."""
    return "\n\n".join("\n".join([_title(row), *(_line(row, target, targets) for target in targets)]) for row in rows)


def judge_answers(scored: Scored, release: Release, confidence: float) -> dict[str, dict[str, Any]]:
    """Scores per target from the labels that the source itself holds; a target without labels is left out.

    Raises:
        SourceError: No row has a label for any target of the release.
    """
    tables = list(scored.tables)
    if not tables:
        raise SourceError(f"no ticket to answer: all {scored.num_refused} rows were refused")
    table = pa.concat_tables(tables)
    scores = {}
    for target, names in release.manifest.targets.items():
        values = table[f"{target}_true"].to_pylist()
        if any(value is not None for value in values):
            probabilities = np.stack(table[f"{target}_probabilities"].to_numpy(zero_copy_only=False))
            automated = np.array(table[f"{target}_decision"].to_pylist()) == "automate"
            known = release.manifest.metrics["test"][target]
            scores[target] = judge(
                Labels(tuple(names)), probabilities, automated, values, confidence, known["majority"]
            )
    if not scores:
        raise SourceError(f"no row has a label for {', '.join(release.manifest.targets)}; map one in source.fields")
    return scores


def _title(row: dict[str, Any]) -> str:
    text = " ".join((row["text"] or "").split())
    return f"{row['ticket_id']}  {text[:100]}{'…' if len(text) > 100 else ''}"


def _line(row: dict[str, Any], target: str, targets: list[str]) -> str:
    label, width = row[target], max(map(len, targets))
    others = [f"{name} {share:.2f}" for name, share in json.loads(row[f"{target}_top"]).items() if name != label]
    line = f"  {target:<{width}}  {row[f'{target}_decision']:<8}  {label} {row[f'{target}_confidence']:.2f}"
    return f"{line}  ({row[f'{target}_reason']}; next: {', '.join(others)})"
