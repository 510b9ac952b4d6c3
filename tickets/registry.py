"""The only home of MLflow: mirrors sweeps and releases to a tracking server or a database.

It does not know how models are trained or where a release's bytes live. Nothing here is a source of truth: the
pointer in storage names the champion, and a job that loses its mirror loses a view of its work, not the work.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, ParamSpec, Protocol, TypeVar
from urllib.parse import urlsplit

from loguru import logger

from tickets.config import MlflowConfig
from tickets.errors import ReleaseError
from tickets.events import TrialRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, Run, RunTag

SWEEP_TAG: Final = "sweep_id"
"""Tag of `start_run` that identifies a sweep: a run that has it already is taken up again."""
RELEASE_TAG: Final = "release_id"
"""Tag of `register` by which a release's version is found again."""

_TRIAL_TAG: Final = "trial_id"
_PARENT_TAG: Final = "mlflow.parentRunId"
_POINTER_FILE: Final = "release_pointer.json"
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")

# Set where the environment says nothing, at the first use of a tracker and before mlflow is imported.
_CLIENT_DEFAULTS: Final = MappingProxyType(
    {
        "MLFLOW_DISABLE_TELEMETRY": "true",  # registering a model would report its use to MLflow's makers
        "MLFLOW_LOGGING_LEVEL": "WARNING",  # a new database announces its tables and migrations at INFO
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # a server's client prints two lines per trial
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the client's own 7 hold a job for minutes
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds; the client's own 120 are meant for interactive use
    }
)

# What one request, and one value, may hold.
_BATCH_SIZES: Final = MappingProxyType({"params": 100, "tags": 100, "metrics": 1_000})
_MAX_PARAM_LENGTH: Final = 6_000
_MAX_TAG_LENGTH: Final = 8_000
_CUT_MARK: Final = " [shortened]"

RunStatus = Literal["FINISHED", "FAILED"]
_RUN_STATUS: Final[Mapping[str, RunStatus]] = MappingProxyType(
    {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}
)

P = ParamSpec("P")
R = TypeVar("R")


class Tracker(Protocol):
    """What a sweep, a training job and a promotion tell the registry. No method raises because MLflow failed."""

    def start_run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Open a parent run, or take up the one with the same `sweep_id` tag.

        Returns:
            The run's id; empty where nothing is mirrored.
        """

    def log_trial(self, run_id: str, trial: TrialRecord) -> None:
        """Write one trial as a run below `run_id`; telling the same trial twice changes nothing."""

    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None]) -> None:
        """Write numbers of a run; None and NaN are left out."""

    def log_json(self, run_id: str, name: str, content: Mapping[str, Any]) -> None:
        """Write `content` as the artefact `<name>.json` of a run."""

    def finish_run(self, run_id: str, status: RunStatus) -> None:
        """Close a run."""

    def register(self, name: str, release_uri: str, run_id: str, tags: Mapping[str, str], alias: str) -> str:
        """Register a release as a version of the model `name` and point `alias` at it.

        Args:
            name: Registered model, created if absent.
            release_uri: Where the release's bytes are; also kept as the tag `release_uri`.
            run_id: The run that made the release.
            tags: Tags of the version, among them `release_id`: a release has one version, however often it is told.
            alias: `champion` or `challenger`.

        Returns:
            The version; empty where nothing is mirrored.
        """

    def set_alias(self, name: str, alias: str, release_id: str) -> None:
        """Point `alias` at the version of a release.

        A release that was never registered (it was made with tracking off, say) is named in a warning and the alias
        stays where it was: the pointer in storage has moved already, and a mirror may not undo that.
        """


def build_tracker(config: MlflowConfig, root: Path, experiment: str) -> Tracker:
    """The tracker that the configuration asks for; nothing is opened or created before its first use.

    Args:
        config: Whether to mirror, and where; without a URI a sqlite database under `root`.
        root: Absolute folder of the storage; databases keep their artefacts in `<root>/mlflow/artifacts`.
        experiment: MLflow experiment that holds the runs, created if absent.
    """
    if not config.enabled:
        return NullTracker()
    mirror_dir = root / "mlflow"
    return MlflowTracker(config.tracking_uri or f"sqlite:///{mirror_dir / 'mlflow.db'}", experiment, mirror_dir)


class TrackedRun:
    """One run of a tracker, open while a block runs.

    Args:
        tracker: Where to.
        run_id: The run's id there.
    """

    def __init__(self, tracker: Tracker, run_id: str) -> None:
        self._tracker = tracker
        self._run_id = run_id

    def log_trial(self, trial: TrialRecord) -> None:
        """Write one trial below the run."""
        self._tracker.log_trial(self._run_id, trial)

    def log_release(
        self,
        name: str,
        release_id: str,
        release_uri: str,
        role: str,
        report: Mapping[str, Any],
        scores: Mapping[str, Any],
    ) -> None:
        """Write a release's report and figures, and register it.

        Args:
            name: Registered model.
            release_id: Tag by which its version is found again.
            release_uri: Where its bytes are.
            role: `champion` or `challenger`, the alias.
            report: Kept as `report.json`.
            scores: Target → figures; numbers become metrics named `target/figure`.
        """
        figures = dict(_flat(scores))
        metrics = {key.replace(".", "/"): value for key, value in figures.items() if isinstance(value, float)}
        self._tracker.log_metrics(self._run_id, metrics)
        self._tracker.log_json(self._run_id, "report", report)
        self._tracker.register(name, release_uri, self._run_id, {RELEASE_TAG: release_id}, role)


@contextmanager
def track(tracker: Tracker, name: str, config: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[TrackedRun]:
    """A run around a block: opened with the configuration as parameters, closed as FINISHED, or FAILED on an error.

    Args:
        tracker: Where to.
        name: Name of the run.
        config: Nested settings; keys are joined by dots.
        tags: Tags of the run.
    """
    run_id = tracker.start_run(name, dict(_flat(config)), tags)
    status: RunStatus = "FAILED"
    try:
        yield TrackedRun(tracker, run_id)
        status = "FINISHED"
    finally:
        tracker.finish_run(run_id, status)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


class NullTracker:
    """Mirrors nothing, for `mlflow.enabled=false`."""

    def start_run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """No run: an empty id."""
        return ""

    def log_trial(self, run_id: str, trial: TrialRecord) -> None:
        """Nothing is written."""

    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None]) -> None:
        """Nothing is written."""

    def log_json(self, run_id: str, name: str, content: Mapping[str, Any]) -> None:
        """Nothing is written."""

    def finish_run(self, run_id: str, status: RunStatus) -> None:
        """Nothing is closed."""

    def register(self, name: str, release_uri: str, run_id: str, tags: Mapping[str, str], alias: str) -> str:
        """No version: an empty one."""
        return ""

    def set_alias(self, name: str, alias: str, release_id: str) -> None:
        """Nothing is moved."""


def _mirrored(
    default: R, *, vital: bool = False
) -> Callable[[Callable[Concatenate[MlflowTracker, P], R]], Callable[Concatenate[MlflowTracker, P], R]]:
    """Turn any error of a tracker's method into one warning and the answer `default`.

    Args:
        default: What a caller gets where nothing was mirrored.
        vital: Nothing can be mirrored after this call has failed.
    """

    def decorate(
        method: Callable[Concatenate[MlflowTracker, P], R],
    ) -> Callable[Concatenate[MlflowTracker, P], R]:
        @functools.wraps(method)
        def call(self: MlflowTracker, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if self._lost:
                return default
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever a tracking client raises, the training goes on
                self._miss(method.__name__, error, vital=vital)
                return default

        return call

    return decorate


class MlflowTracker:
    """Mirrors to MLflow through a client with an address of its own; MLflow's process-wide state is not used.

    A call that fails costs one warning. Where the server cannot be reached, or no run could be opened, the mirror is
    given up for the rest of the job, so that a dead server delays it once: some 5 s if it refuses, 35 s if it hangs.

    Args:
        tracking_uri: HTTP address of a server, or a database URI.
        experiment: Experiment that holds the runs.
        mirror_dir: Folder for the artefacts of a database; a server decides for itself.
    """

    def __init__(self, tracking_uri: str, experiment: str, mirror_dir: Path) -> None:
        self._uri = tracking_uri
        self._experiment = experiment
        self._mirror_dir = mirror_dir
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self._lost = False

    @_mirrored("", vital=True)
    def start_run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        client = self._open()
        if SWEEP_TAG in tags and (found := self._find_run(client, {SWEEP_TAG: tags[SWEEP_TAG]})):
            client.update_run(found.info.run_id, status="RUNNING")
            return str(found.info.run_id)
        run_id = str(client.create_run(self._experiment_id, run_name=name).info.run_id)
        _log(client, run_id, params=_params(params), tags=_tags(tags))
        return run_id

    @_mirrored(None)
    def log_trial(self, run_id: str, trial: TrialRecord) -> None:
        client = self._open()
        identity = {_PARENT_TAG: run_id, _TRIAL_TAG: trial.trial_id}
        child = self._find_run(client, identity) or client.create_run(
            self._experiment_id,
            start_time=int((time.time() - trial.seconds) * 1_000),
            tags=identity,
            run_name=f"{trial.family} {trial.trial_id}",
        )
        tags = {"family": trial.family, "target": trial.target, "stopped_early": str(trial.status == "stopped").lower()}
        if trial.error:
            tags["error"] = trial.error
        start_ms = child.info.start_time
        points = [*_points(trial.history, start_ms), *_points([{"seconds": trial.seconds}], start_ms)]
        _log(client, child.info.run_id, params=_params(trial.params), tags=_tags(tags), metrics=points)
        client.set_terminated(child.info.run_id, _RUN_STATUS[trial.status])

    @_mirrored(None)
    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None]) -> None:
        known = {key: value for key, value in metrics.items() if value is not None}
        _log(self._open(), run_id, metrics=_points([known], int(time.time() * 1_000)))

    @_mirrored(None)
    def log_json(self, run_id: str, name: str, content: Mapping[str, Any]) -> None:
        self._open().log_dict(run_id, dict(content), f"{name.removesuffix('.json')}.json")

    @_mirrored(None)
    def finish_run(self, run_id: str, status: RunStatus) -> None:
        self._open().set_terminated(run_id, status)

    @_mirrored("")
    def register(self, name: str, release_uri: str, run_id: str, tags: Mapping[str, str], alias: str) -> str:
        client = self._open()
        if not client.search_registered_models(f"name = '{name}'", max_results=1):
            client.create_registered_model(name)
        version = _find_version(client, name, tags[RELEASE_TAG])
        if version is None:
            tags = {**tags, "release_uri": release_uri}
            source = self._source(client, release_uri, run_id, tags)
            made = client.create_model_version(name, source, run_id or None, tags=tags, await_creation_for=0)
            version = str(made.version)
        client.set_registered_model_alias(name, alias, version)
        return version

    @_mirrored(None)
    def set_alias(self, name: str, alias: str, release_id: str) -> None:
        client = self._open()
        version = _find_version(client, name, release_id)
        if version is None:
            raise ReleaseError(f"release {release_id!r} is no version of {name!r}; the alias {alias!r} stays as it was")
        client.set_registered_model_alias(name, alias, version)

    def _open(self) -> MlflowClient:
        if self._client is None:
            for name, value in _CLIENT_DEFAULTS.items():
                os.environ.setdefault(name, value)
            from mlflow import MlflowClient

            location = None
            if self._is_database():
                self._mirror_dir.mkdir(parents=True, exist_ok=True)
                location = (self._mirror_dir / "artifacts").as_uri()  # MLflow's own default is ./mlruns
            client = MlflowClient(tracking_uri=self._uri)
            found = client.get_experiment_by_name(self._experiment)
            self._experiment_id = found.experiment_id if found else client.create_experiment(self._experiment, location)
            self._client = client
        return self._client

    def _is_database(self) -> bool:
        return urlsplit(self._uri).scheme.partition("+")[0] in _DATABASES

    def _find_run(self, client: MlflowClient, tags: Mapping[str, str]) -> Run | None:
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        return next(iter(client.search_runs([self._experiment_id], wanted, max_results=1)), None)

    def _source(self, client: MlflowClient, release_uri: str, run_id: str, tags: Mapping[str, str]) -> str:
        """The source of a version: the release itself, or a pointer to it among the run's artefacts.

        A server refuses every local path that lies outside the artefacts of the run.
        """
        if self._is_database() or urlsplit(release_uri).scheme not in ("", "file"):
            return release_uri
        client.log_dict(run_id, dict(tags), _POINTER_FILE)
        return f"runs:/{run_id}/{_POINTER_FILE}"

    def _miss(self, call: str, error: Exception, *, vital: bool) -> None:
        self._lost = vital or self._client is None or _is_unreachable(error)
        shown, reason = _without_credentials(self._uri, f"{type(error).__name__}: {error}")
        outlook = "; nothing more is mirrored by this job" if self._lost else ""
        logger.bind(scope="ml").warning("mlflow at {}: {} failed{} ({})", shown, call, outlook, reason)


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether a network or file system error (requests' are OSErrors too) is what an error came from."""
    return error is not None and (isinstance(error, OSError) or _is_unreachable(error.__cause__ or error.__context__))


def _without_credentials(uri: str, reason: str) -> tuple[str, str]:
    """The URI without login and query, and the first line of a reason, which may quote the URI."""
    parts = urlsplit(uri)
    login = "".join(parts.netloc.rpartition("@")[:2])
    line = reason.partition("\n")[0]
    return uri.partition("?")[0].replace(login, ""), line.replace(login, "").replace(parts.query, "")


def _find_version(client: MlflowClient, name: str, release_id: str) -> str | None:
    wanted = f"name = '{name}' and tags.`{RELEASE_TAG}` = '{release_id}'"
    found = next(iter(client.search_model_versions(wanted, max_results=1)), None)
    return None if found is None else str(found.version)  # a number from a database, text from a server


def _params(params: Mapping[str, Any]) -> list[Param]:
    from mlflow.entities import Param

    return [Param(key, _shortened(str(value), _MAX_PARAM_LENGTH)) for key, value in params.items()]


def _tags(tags: Mapping[str, str]) -> list[RunTag]:
    from mlflow.entities import RunTag

    return [RunTag(key, _shortened(value, _MAX_TAG_LENGTH)) for key, value in tags.items()]


def _points(history: Sequence[Mapping[str, float]], start_ms: int) -> list[Metric]:
    """The points of a history, 1 ms per step after `start_ms`, without those that are NaN.

    Records carry no clock, and a point that is written twice must be the same to MLflow, which tells points apart by
    their time too.
    """
    from mlflow.entities import Metric

    steps = [int(record.get("step", position)) for position, record in enumerate(history)]
    return [
        Metric(key, float(value), start_ms + step, step)
        for step, record in zip(steps, history, strict=True)
        for key, value in record.items()
        if key != "step" and not math.isnan(value)
    ]


def _log(client: MlflowClient, run_id: str, **entities: Sequence[Any]) -> None:
    """Write `params`, `tags` and `metrics` in requests of the sizes that MLflow allows."""
    log_batch: Callable[..., Any] = client.log_batch
    for kind, items in entities.items():
        size = _BATCH_SIZES[kind]
        for start in range(0, len(items), size):
            log_batch(run_id, **{kind: items[start : start + size]})


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_CUT_MARK)] + _CUT_MARK
