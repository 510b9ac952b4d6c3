"""The tracker that writes to MLflow. It does not know what a sweep or a release is good for."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

from loguru import logger

from tickets.config import MlflowConfig
from tickets.errors import ReleaseError
from tickets.events import DataUse, TrialRecord
from tickets.masking import mask_error
from tickets.registry.background import Background
from tickets.registry.facts import ReleaseFacts
from tickets.registry.model import write_model
from tickets.registry.requests import to_inputs, to_params, to_points, to_tags, write
from tickets.registry.tracker import SWEEP_TAG, NullTracker, RunStatus, Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_RELEASE_TAG: Final = "release_id"
"""Tag of a version by which a release is found again."""
_TRIAL_TAG: Final = "trial_id"
_PARENT_TAG: Final = "mlflow.parentRunId"
_HOST_TAG: Final = "host"
_PROCESS_TAG: Final = "process"
_MODEL_DIR: Final = "model"
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")

# Set where the environment says nothing, at the first use of a tracker and before mlflow is imported.
_CLIENT_DEFAULTS: Final = MappingProxyType(
    {
        "MLFLOW_DISABLE_TELEMETRY": "true",  # registering a model would report its use to MLflow's makers
        "MLFLOW_LOGGING_LEVEL": "WARNING",  # a new database announces its tables and migrations at INFO
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # a server's client prints two lines per trial
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the client's own 7 hold a job for minutes
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds; the client's own 120 are meant for interactive use
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # a bar for every folder of three files
    }
)
_PATIENCE_S: Final = 60.0
"""Seconds that the end of a run waits for its last trials to be written."""

_RUN_STATUS: Final[Mapping[str, RunStatus]] = MappingProxyType(
    {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}
)

P = ParamSpec("P")
R = TypeVar("R")


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


@dataclass
class _Written:
    """What was written of a trial: its run, when that began, and how many records of its history."""

    run_id: str
    start_ms: int
    num_points: int = 0


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
        self._opening = Lock()
        self._experiment_id = ""
        self._lost = False
        self._background = Background(self._write_trial)
        self._written: dict[tuple[str, str], _Written] = {}

    def __reduce__(self) -> tuple[type[MlflowTracker], tuple[str, str, Path]]:
        """A copy, such as Tune keeps of what its callbacks hold, connects by itself."""
        return MlflowTracker, (self._uri, self._experiment, self._mirror_dir)

    @_mirrored("", vital=True)
    def start_run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        client = self._open()
        self._close_orphans(client)
        process = {_HOST_TAG: socket.gethostname(), _PROCESS_TAG: str(os.getpid())}
        if SWEEP_TAG in tags and (found := self._find_run(client, {SWEEP_TAG: tags[SWEEP_TAG]})):
            client.update_run(found.info.run_id, status="RUNNING")
            write(client, found.info.run_id, tags=to_tags(process))
            return str(found.info.run_id)
        run_id = str(client.create_run(self._experiment_id, run_name=name).info.run_id)
        write(client, run_id, to_params(params), to_tags({**tags, **process}))
        return run_id

    @_mirrored(None)
    def log_inputs(self, run_id: str, uses: Sequence[DataUse]) -> None:
        self._open().log_inputs(run_id, to_inputs(uses))

    def log_trial(self, run_id: str, trial: TrialRecord) -> None:
        if not self._lost:
            self._background.put(run_id, replace(trial, history=tuple(trial.history)))

    @_mirrored(None)
    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None]) -> None:
        known = {key: value for key, value in metrics.items() if value is not None}
        write(self._open(), run_id, metrics=to_points([known], int(time.time() * 1_000)))

    @_mirrored(None)
    def log_json(self, run_id: str, name: str, content: Mapping[str, Any]) -> None:
        self._open().log_dict(run_id, dict(content), f"{name.removesuffix('.json')}.json")

    @_mirrored(None)
    def finish_run(self, run_id: str, status: RunStatus) -> None:
        client = self._open()
        if num_waiting := self._background.wait(_PATIENCE_S):
            logger.bind(scope="ml").warning("mlflow: {} trials could not be mirrored in time", num_waiting)
        self._kill_trials(client, run_id)
        client.set_terminated(run_id, status)

    @_mirrored("")
    def register(self, name: str, release: ReleaseFacts, run_id: str, tags: Mapping[str, str], alias: str) -> str:
        client = self._open()
        if not client.search_registered_models(f"name = '{name}'", max_results=1):
            client.create_registered_model(name)
        version = _find_version(client, name, release.id)
        if version is None:
            with TemporaryDirectory() as folder:
                write_model(Path(folder), release, run_id)
                client.log_artifacts(run_id, folder, _MODEL_DIR)
            source = f"runs:/{run_id}/{_MODEL_DIR}"
            tags = {**release.tags, **tags}
            made = client.create_model_version(name, source, run_id, tags=tags, await_creation_for=0)
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

    @_mirrored(None)
    def _write_trial(self, run_id: str, trial: TrialRecord) -> None:
        """Write what is new of a trial: one request for its points, two more where it begins, one where it ends."""
        client, key = self._open(), (run_id, trial.trial_id)
        params, tags = to_params({}), {}
        if key not in self._written:
            self._written[key] = self._begin(client, run_id, trial)
            params = to_params(trial.params)
            tags = {"family": trial.family, "target": trial.target}
        child = self._written[key]
        points = to_points(trial.history[child.num_points :], child.start_ms)
        if trial.status != "running":
            points += to_points([{"seconds": trial.seconds}], child.start_ms)
            tags |= {"stopped_early": str(trial.status == "stopped").lower()}
            tags |= {"error": mask_error(trial.error)} if trial.error else {}
        if params or tags or points:
            write(client, child.run_id, params, to_tags(tags), points)
        child.num_points = len(trial.history)
        if trial.status != "running":
            client.set_terminated(child.run_id, _RUN_STATUS[trial.status])

    def _begin(self, client: MlflowClient, run_id: str, trial: TrialRecord) -> _Written:
        """The run of a trial: one that an earlier process began is taken up."""
        identity = {_PARENT_TAG: run_id, _TRIAL_TAG: trial.trial_id}
        found = self._find_run(client, identity)
        if found is None:
            start_ms = int((time.time() - trial.seconds) * 1_000)
            found = client.create_run(
                self._experiment_id, start_ms, tags=identity, run_name=f"{trial.family} {trial.trial_id}"
            )
        elif trial.status == "running" and found.info.status != "RUNNING":
            client.update_run(found.info.run_id, status="RUNNING")
        return _Written(found.info.run_id, found.info.start_time)

    def _kill_trials(self, client: MlflowClient, run_id: str) -> None:
        """Close the trials of a run that nobody will end."""
        for child in self._search(client, f"tags.`{_PARENT_TAG}` = '{run_id}' and attributes.status = 'RUNNING'"):
            client.set_terminated(child.info.run_id, "KILLED")

    def _close_orphans(self, client: MlflowClient) -> None:
        """Close the runs of processes of this machine that were killed; one that is resumed is opened again."""
        of_here = f"tags.{_HOST_TAG} = '{socket.gethostname()}' and attributes.status = 'RUNNING'"
        for run in self._search(client, of_here):
            if not _is_alive(run.data.tags.get(_PROCESS_TAG, "")):
                self._kill_trials(client, run.info.run_id)
                client.set_terminated(run.info.run_id, "KILLED")

    def _open(self) -> MlflowClient:
        with self._opening:  # a trial may be the first that is told
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> MlflowClient:
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
        return client

    def _is_database(self) -> bool:
        return urlsplit(self._uri).scheme.partition("+")[0] in _DATABASES

    def _find_run(self, client: MlflowClient, tags: Mapping[str, str]) -> Run | None:
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        return next(iter(self._search(client, wanted, 1)), None)

    def _search(self, client: MlflowClient, wanted: str, most: int = 1_000) -> list[Run]:
        return list(client.search_runs([self._experiment_id], wanted, max_results=most))

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
    wanted = f"name = '{name}' and tags.`{_RELEASE_TAG}` = '{release_id}'"
    found = next(iter(client.search_model_versions(wanted, max_results=1)), None)
    return None if found is None else str(found.version)  # a number from a database, text from a server


def _is_alive(process: str) -> bool:
    """Whether a process of this machine is there; one of another user is."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
