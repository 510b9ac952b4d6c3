"""What became of each point of a multirun, so that its releases can be found and compared. It does not know jobs.

multirun/<id>/points.json
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tickets.errors import StorageError
from tickets.storage import Storage

_FOLDER: Final = "multirun"
_FILE: Final = "points.json"


class Point(BaseModel):
    """One run of several."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    overrides: list[str]
    """What was set for this point and not for all, such as `model.seed=1`."""
    status: Literal["ok", "refused", "wrong", "failed"]
    """`refused`: a gate said no. `wrong`: the configuration is not allowed."""
    error: str | None = None
    """The message, where it did not end well."""
    bucket: str | None = None
    """Folder under the root that it worked in; None where the configuration could not be read."""
    run_id: str | None = None
    """The name of its folder."""
    release: str | None = None
    """The release that it made."""
    seconds: float = 0.0
    """Wall time."""


class Multirun(BaseModel):
    """The points so far."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    id: str
    """Start time and a random part; also the name of its folder."""
    job: str
    """Name of the job, such as `train`."""
    points: list[Point] = Field(default_factory=list)
    """In the order in which they ran."""

    def save(self, storage: Storage) -> None:
        """Write the record as it is now."""
        storage.write_json(f"{_FOLDER}/{self.id}/{_FILE}", self.model_dump())


def load_multirun(storage: Storage, reference: str) -> Multirun:
    """Find a multirun.

    Args:
        storage: The root.
        reference: An id, or `latest`.

    Raises:
        StorageError: There is none of that id, or its record was changed.
    """
    known = [name for name in storage.list_keys(_FOLDER) if storage.exists(f"{_FOLDER}/{name}/{_FILE}")]
    id_ = known[-1] if reference == "latest" and known else reference
    if id_ not in known:
        allowed = ", ".join(["latest", *known]) if known else "none, since there was no multirun"
        raise StorageError(f"multirun {reference!r}: not under {storage.root}; allowed: {allowed}")
    try:
        return Multirun.model_validate(storage.read_json(f"{_FOLDER}/{id_}/{_FILE}"))
    except ValidationError as error:
        raise StorageError(
            f"multirun {id_}: its record was changed ({error.error_count()} fields do not fit)"
        ) from None
