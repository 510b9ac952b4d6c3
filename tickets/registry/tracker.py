"""What a sweep, a training job and a promotion tell the registry, and a registry that keeps nothing.

It does not know MLflow (`mirror.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol

from tickets.config.parse import flatten
from tickets.events import DataUse, TrialRecord
from tickets.registry.facts import ReleaseFacts, facts_of
from tickets.release import Release

SWEEP_TAG: Final = "sweep_id"
"""Tag of `start_run` that identifies a sweep: a run that has it already is taken up again."""

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


class Tracker(Protocol):
    """What a sweep, a training job and a promotion tell the registry. No method raises because MLflow failed."""

    def start_run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Open a parent run, or take up the one with the same `sweep_id` tag.

        Returns:
            The run's id; empty where nothing is mirrored.
        """

    def log_inputs(self, run_id: str, uses: Sequence[DataUse]) -> None:
        """Write what a run learned from and was judged on."""

    def log_trial(self, run_id: str, trial: TrialRecord) -> None:
        """Write one trial as a run below `run_id`, as far as it has come; telling the same twice changes nothing.

        It returns at once. The trial is written in the background, and what is told of it before that replaces what was
        told earlier, so that a sweep never waits for a server; `finish_run` waits.
        """

    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None]) -> None:
        """Write numbers of a run; None and NaN are left out."""

    def log_json(self, run_id: str, name: str, content: Mapping[str, Any]) -> None:
        """Write `content` as the artefact `<name>.json` of a run."""

    def finish_run(self, run_id: str, status: RunStatus) -> None:
        """Close a run when all its trials are written; trials that never ended are closed as killed."""

    def register(self, name: str, release: ReleaseFacts, run_id: str, tags: Mapping[str, str], alias: str) -> str:
        """Register a release as a version of the model `name`, loadable by MLflow, and point `alias` at it.

        Args:
            name: Registered model, created if absent.
            release: The release: it has one version, however often it is told.
            run_id: The run that made it, which gets the model's folder among its artefacts.
            tags: Tags of the version beside those that tell which release it is.
            alias: `champion` or `challenger`.

        Returns:
            The version; empty where nothing is mirrored.
        """

    def set_alias(self, name: str, alias: str, release_id: str) -> None:
        """Point `alias` at the version of a release.

        A release that was never registered (it was made with tracking off, say) is named in a warning and the alias
        stays where it was: the pointer in storage has moved already, and a mirror may not undo that.
        """


class TrackedRun:
    """One run of a tracker, open while a block runs.

    Args:
        tracker: Where to.
        run_id: The run's id there.
    """

    def __init__(self, tracker: Tracker, run_id: str) -> None:
        self._tracker = tracker
        self._run_id = run_id

    def log_inputs(self, uses: Sequence[DataUse]) -> None:
        """Write what the run learns from and is judged on."""
        self._tracker.log_inputs(self._run_id, uses)

    def log_trial(self, trial: TrialRecord) -> None:
        """Write one trial below the run, as far as it has come, without waiting for it."""
        self._tracker.log_trial(self._run_id, trial)

    def log_release(
        self, name: str, release: Release, role: str, report: Mapping[str, Any], scores: Mapping[str, Any]
    ) -> None:
        """Write a release's report and figures, and register it.

        Args:
            name: Registered model.
            release: The release.
            role: `champion` or `challenger`, the alias.
            report: Kept as `report.json`.
            scores: Target → figures; numbers become metrics named `target/figure`.
        """
        figures = dict(flatten(scores))
        metrics = {key.replace(".", "/"): value for key, value in figures.items() if isinstance(value, float)}
        self._tracker.log_metrics(self._run_id, metrics)
        self._tracker.log_json(self._run_id, "report", report)
        accuracies = {f"{target}.accuracy": f"{of['accuracy']['value']:.4f}" for target, of in scores.items()}
        self._tracker.register(name, facts_of(release), self._run_id, accuracies, role)


@contextmanager
def track(tracker: Tracker, name: str, config: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[TrackedRun]:
    """A run around a block: opened with the configuration as parameters, closed as FINISHED, FAILED on an error, or
    KILLED on an interrupt.

    Args:
        tracker: Where to.
        name: Name of the run.
        config: Nested settings; keys are joined by dots.
        tags: Tags of the run.
    """
    run_id = tracker.start_run(name, dict(flatten(config)), tags)
    status: RunStatus = "KILLED"
    try:
        yield TrackedRun(tracker, run_id)
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        tracker.finish_run(run_id, status)


class NullTracker:
    """Mirrors nothing, for `mlflow.enabled=false`."""

    def start_run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """No run: an empty id."""
        return ""

    def log_inputs(self, run_id: str, uses: Sequence[DataUse]) -> None:
        """Nothing is written."""

    def log_trial(self, run_id: str, trial: TrialRecord) -> None:
        """Nothing is written."""

    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None]) -> None:
        """Nothing is written."""

    def log_json(self, run_id: str, name: str, content: Mapping[str, Any]) -> None:
        """Nothing is written."""

    def finish_run(self, run_id: str, status: RunStatus) -> None:
        """Nothing is closed."""

    def register(self, name: str, release: ReleaseFacts, run_id: str, tags: Mapping[str, str], alias: str) -> str:
        """No version: an empty one."""
        return ""

    def set_alias(self, name: str, alias: str, release_id: str) -> None:
        """Nothing is moved."""
