"""What is written to a run, in the shapes and sizes that MLflow takes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from posixpath import normpath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tickets.events import DataUse

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Param, RunTag

# What one request, and one value, may hold; the three together may hold 1,000 items.
_MOST_PARAMS: Final = 100
_MOST_TAGS: Final = 100
_MOST_METRICS: Final = 800
_MAX_PARAM_LENGTH: Final = 6_000
_MAX_TAG_LENGTH: Final = 8_000
_MAX_DIGEST_LENGTH: Final = 36
_MAX_NAME_LENGTH: Final = 250
_NOT_IN_NAMES: Final = re.compile(r"[^\w.\- :/]")
_CUT_MARK: Final = " [shortened]"


def write(
    client: MlflowClient,
    run_id: str,
    params: Sequence[Param] = (),
    tags: Sequence[RunTag] = (),
    metrics: Sequence[Metric] = (),
) -> None:
    """Write to a run in as few requests as can be: one for all that is usual."""
    parts = [
        _chunks(items, most) for items, most in ((params, _MOST_PARAMS), (tags, _MOST_TAGS), (metrics, _MOST_METRICS))
    ]
    for at in range(max(map(len, parts))):
        some_params, some_tags, some_metrics = (chunks[at] if at < len(chunks) else () for chunks in parts)
        client.log_batch(run_id, params=some_params, tags=some_tags, metrics=some_metrics)


def to_params(params: Mapping[str, Any]) -> list[Param]:
    """Settings as text."""
    from mlflow.entities import Param

    return [Param(_name(key), _shortened(str(value), _MAX_PARAM_LENGTH)) for key, value in params.items()]


def to_tags(tags: Mapping[str, str]) -> list[RunTag]:
    """Tags of a run."""
    from mlflow.entities import RunTag

    return [RunTag(_name(key), _shortened(value, _MAX_TAG_LENGTH)) for key, value in tags.items()]


def to_points(history: Sequence[Mapping[str, float]], start_ms: int) -> list[Metric]:
    """The points of a history, 1 ms per step after `start_ms`, without those that are NaN.

    Records carry no clock, and a point that is written twice must be the same to MLflow, which tells points apart by
    their time too.
    """
    from mlflow.entities import Metric

    steps = [int(record.get("step", position)) for position, record in enumerate(history)]
    return [
        Metric(_name(key), float(value), start_ms + step, step)
        for step, record in zip(steps, history, strict=True)
        for key, value in record.items()
        if key != "step" and not math.isnan(value)
    ]


def to_inputs(uses: Sequence[DataUse]) -> list[DatasetInput]:
    """Uses of data as the inputs of a run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for use in uses:
        schema = [{"name": name, "type": kind, "required": False} for name, kind in use.columns.items()]
        dataset = Dataset(
            use.name,
            use.digest[:_MAX_DIGEST_LENGTH],
            urlsplit(use.uri).scheme or "local",
            json.dumps({"uri": use.uri}),
            json.dumps({"mlflow_colspec": schema}),
            json.dumps({"num_rows": use.num_rows}),
        )
        tags = {"mlflow.data.context": use.tags.get("split", ""), **use.tags}
        inputs.append(DatasetInput(dataset, [InputTag(key, value) for key, value in tags.items()]))
    return inputs


def _chunks(items: Sequence[Any], most: int) -> list[Sequence[Any]]:
    return [items[start : start + most] for start in range(0, len(items), most)]


def _name(key: str) -> str:
    """A key with an underscore for each character that MLflow takes in no name (a label or a column may hold any)."""
    name = _NOT_IN_NAMES.sub("_", key)[:_MAX_NAME_LENGTH]
    return name if normpath(name) == name else name.replace("/", "_")


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_CUT_MARK)] + _CUT_MARK
