"""A release as a model that MLflow can load: signature, example and manifest, and where the release is.

The folder holds no weights and no ticket: `loader.py` opens the release from its storage root and checks its digest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tickets.registry.facts import ReleaseFacts

POINTER_FILE: Final = "release.json"
MANIFEST_FILE: Final = "manifest.json"

_DATA_DIR: Final = "data"
_EXAMPLE_FILE: Final = "input_example.json"
_EXAMPLE: Final = "Cannot log in since this morning: the page says that my password has expired."
"""A text of our own making; an example from the data would be a ticket."""


def write_model(folder: Path, release: ReleaseFacts, run_id: str) -> None:
    """Write the folder of a model.

    Args:
        folder: Empty.
        release: What it leads to.
        run_id: The run that made the release.
    """
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema

    data_dir = folder / _DATA_DIR
    data_dir.mkdir()
    pointer = {name: getattr(release, name) for name in ("id", "digest", "root")}
    _write_json(data_dir / POINTER_FILE, {**pointer, "bucket": release.manifest["bucket"]})
    _write_json(data_dir / MANIFEST_FILE, release.manifest)
    _write_json(folder / _EXAMPLE_FILE, _example(release))
    targets = release.manifest["targets"]
    inputs = Schema([_input(name) for name in release.inputs])
    outputs = Schema([spec for target in targets for spec in _output(target)])
    model = Model(
        run_id=run_id,
        signature=ModelSignature(inputs, outputs),
        saved_input_example_info={"artifact_path": _EXAMPLE_FILE, "type": "dataframe", "pandas_orient": "split"},
        metadata={**release.tags, "labels": targets, "kinds": {name: str(of) for name, of in release.inputs.items()}},
    )
    pyfunc.add_to_model(model, loader_module="tickets.registry.loader", data=_DATA_DIR)
    model.save(str(folder / "MLmodel"))


def _input(name: str) -> Any:
    """A column that may be missing.

    MLflow refuses whole numbers where it was promised decimal ones, and a column of nothing but gaps where it was
    promised words, so no column is given a type; the loader reads them as ingestion does, and `kinds` in the metadata
    says what each is.
    """
    from mlflow.types import ColSpec
    from mlflow.types.schema import AnyType

    anything: Any = AnyType
    return ColSpec(anything(), name, required=False)


def _output(target: str) -> list[Any]:
    """The columns that `tickets.answering.answer_columns` gives of a target."""
    from mlflow.types import ColSpec, DataType
    from mlflow.types.schema import Array

    kinds = {"": "string", "_confidence": "double", "_decision": "string", "_reason": "string", "_top": "string"}
    columns = [ColSpec(DataType[kind], target + suffix) for suffix, kind in kinds.items()]
    return [*columns, ColSpec(Array(DataType.double), f"{target}_probabilities")]


def _example(release: ReleaseFacts) -> dict[str, Any]:
    """One ticket as the signature has it: the text in the first field, the language, and nothing else."""
    columns = list(release.inputs)
    values: dict[str, Any] = dict.fromkeys(columns) | {"language": "en", columns[0]: _EXAMPLE}
    return {"columns": columns, "data": [[values[name] for name in columns]]}


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
