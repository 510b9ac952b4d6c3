"""What jobs and trials tell about themselves when they end. It does not know how that is printed or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class JobReport(BaseModel):
    """The content of `report.json`, written beside the `config.json` of every run."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    job: str
    """Name of the job, such as `train`."""
    run_id: str
    """Start time and a random part; also the name of the run's folder."""
    bucket: str
    """Folder under the root that the job worked in."""
    status: Literal["ok", "failed", "refused"] = "failed"
    """`refused` means that a gate said no and nothing was changed."""
    error: str | None = "interrupted"
    """The message, where the job did not end well."""
    started_at: str
    """ISO 8601, UTC."""
    seconds: float = 0.0
    """Wall time."""
    made: dict[str, str] = Field(default_factory=dict)
    """What was made → where it is."""
    result: dict[str, Any] = Field(default_factory=dict)
    """Figures of the job, by its own keys."""
    next: list[str] = Field(default_factory=list)
    """Commands that make sense from here."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a sweep, as it ended.

    Attributes:
        trial_id: Name of the trial, unique within its sweep.
        family: Model family.
        target: Field that the model predicts.
        params: Settings of the trial.
        history: One record per step: `step`, and the metrics at that step.
        status: `stopped` is a trial that the scheduler ended early.
        error: What went wrong, of a failed trial.
        seconds: Wall time of the trial.
    """

    trial_id: str
    family: str
    target: str
    params: Mapping[str, float | int | str]
    history: Sequence[Mapping[str, float]]
    status: Literal["finished", "stopped", "failed"]
    error: str | None
    seconds: float
