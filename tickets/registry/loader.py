"""What MLflow calls to load a registered version: the release, from its storage root. It does not know MLflow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tickets.answering import Answerer, answer_columns
from tickets.errors import ReleaseError
from tickets.features.request import build_table, read_ticket
from tickets.registry.model import POINTER_FILE
from tickets.release import Release, open_release
from tickets.storage import Storage

if TYPE_CHECKING:
    import pandas as pd


def _load_pyfunc(path: str) -> ReleaseModel:
    """MLflow's way in.

    Args:
        path: The model's data folder. The root is the one that it names, or `TICKETS_ROOT` where that is set, since a
            folder may be mounted elsewhere on this machine.

    Raises:
        ReleaseError: The release is not under that root, or is another one.
    """
    pointer = json.loads((Path(path) / POINTER_FILE).read_text(encoding="utf-8"))
    storage = Storage(os.environ.get("TICKETS_ROOT") or pointer["root"])
    release = open_release(storage, pointer["bucket"], pointer["id"])
    if release.manifest.digest != pointer["digest"]:
        raise ReleaseError(f"release {release.id} under {storage.root}: not the manifest that was registered; refused")
    return ReleaseModel(release)


class ReleaseModel:
    """Answers tickets as `jobs/predict.py` does.

    Args:
        release: Which release.
    """

    def __init__(self, release: Release) -> None:
        self._answerer = Answerer(release)

    def predict(
        self, model_input: pd.DataFrame | Sequence[Mapping[str, Any]], params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Labels with probabilities.

        Args:
            model_input: Tickets, as rows or as mappings; fields that the model does not read are not looked at, fields
                that a ticket lacks may be missing.
            params: Not used; MLflow hands it in.

        Returns:
            n rows with the columns of `tickets.answering.answer_columns` for each target.

        Raises:
            FieldError: A value does not fit its field.
        """
        selection = self._answerer.model.state.selection
        tickets = build_table([read_ticket(ticket, selection) for ticket in _records(model_input)], selection)
        columns: dict[str, Any] = {}
        for answer in self._answerer.answer(tickets)[1]:
            columns |= answer_columns(answer)
        frame: pd.DataFrame = pa.table(columns).to_pandas()
        return frame


def _records(given: pd.DataFrame | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One mapping per ticket, without what is missing."""
    import pandas as pd

    frame = given if isinstance(given, pd.DataFrame) else pd.DataFrame(list(given))
    known = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in record.items()} for record in known.to_dict("records")]
