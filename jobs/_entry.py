"""The one way into every job: compose, parse, connect, run, report, exit code. It does not know what a job does.

Exit codes: 0 done; 1 failed; 2 the configuration is wrong; 3 a gate refused, nothing was changed; 130 interrupted. Of
the points of a multirun the gravest counts: failed, then wrong, then refused.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import hydra
from _multirun import Points, new_id
from _overrides import hydra_arguments
from dotenv import load_dotenv
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tickets import logs
from tickets.config import TicketsConfig
from tickets.config.data import StorageConfig
from tickets.config.parse import dump, parse, secret_keys, secrets
from tickets.errors import ConfigError, RefusedError, TicketsError
from tickets.events import Event, JobReport, made
from tickets.journal import Journal
from tickets.storage import Storage

CONF_DIR: Final = Path(__file__).resolve().parents[1] / "conf"
_EXIT_CODES: Final = {"ok": 0, "refused": 3, "wrong": 2, "failed": 1}  # the gravest last


@dataclass(frozen=True)
class Job:
    """What a running job has at hand.

    Attributes:
        config: Every setting.
        storage: The root.
        run_key: Key of the run's own folder under the root.
        report: What the job tells at its end; the job fills `result` and `next`, its events `made`.
        journal: What the job did.
        typed: The command line as it was typed.
    """

    config: TicketsConfig
    storage: Storage
    run_key: str
    report: JobReport
    journal: Journal
    typed: tuple[str, ...] = ()

    @property
    def bucket(self) -> str:
        """The folder under the root that the job works in."""
        return self.config.bucket

    @property
    def model_name(self) -> str:
        """Name of the bucket's experiment and registered model in MLflow."""
        return f"tickets-{self.bucket}"

    def command(self, name: str, *changed: str, without: tuple[str, ...] = ()) -> str:
        """The command line of another job on the same data: what was typed here, with some keys changed or left out."""
        replaced = {*secret_keys(), *without, *(change.partition("=")[0] for change in changed)}
        kept = [word for word in self.typed if word.lstrip("+").partition("=")[0] not in replaced]
        if self.config.data.bucket and not any(word.startswith("data.bucket=") for word in (*kept, *changed)):
            kept.append(f"data.bucket={self.config.data.bucket}")
        return shlex.join(["python", f"jobs/{name}.py", *kept, *changed])

    def emit(self, event: Event) -> None:
        """Note what was done; what was made stands in the report too."""
        self.journal.add(event)
        self.report.made |= made([event])

    def tell(self, text: str) -> None:
        """Print a result for a person; logs go their own way."""
        sys.stdout.write(f"\n{text}\n")
        sys.stdout.flush()

    def connect(self, serve: bool = False) -> str:
        """Join the cluster that `RAY_ADDRESS` names, or start Ray here.

        Args:
            serve: A Ray that is started here is to serve: with dashboard, and with HAProxy where `serve` asks for it.

        Returns:
            Address of the dashboard, empty where there is none.

        Raises:
            ConfigError: The root is a local folder and the cluster has more than one node.
        """
        from _cluster import connect

        serving = self.config.serve if serve else None
        num_nodes, dashboard = connect(self.config.ray, self.storage.local_path("logs"), self.config.log_level, serving)
        # As Ctrl-C, which ends a sweep at once. Ray's own handler raises `SystemExit`, after which Tune waits for ever.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if num_nodes > 1 and not (self.config.storage.shared or self.storage.is_remote):
            raise ConfigError(
                f"storage.root={self.storage.root}: a local folder cannot serve {num_nodes} nodes, each would write to "
                "its own disk; put the root on a file system that all of them mount and set storage.shared=true"
            )
        return dashboard


def run_job(name: str, main: Callable[[Job], None]) -> None:
    """Run a job with the configuration that the command line, the environment, `.env` and `conf/` give; exits.

    The points of a multirun run one after the other and share one Ray; one that fails is noted, and the others go on.

    Args:
        name: Name of the job, such as `train`.
        main: The work; it fills `job.report`.
    """
    load_dotenv(Path.cwd() / ".env", override=False)
    os.environ["HYDRA_FULL_ERROR"] = "1"
    typed, multirun_id = tuple(sys.argv[1:]), new_id()
    OmegaConf.register_new_resolver("multirun_dir", lambda root: _multirun_dir(root, multirun_id), replace=True)
    statuses: list[str] = []
    points: Points | None = None

    @hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="config")
    def compose(composed: DictConfig) -> None:
        job, error = None, None
        if points:
            sys.stdout.write(f"\npoint {len(statuses) + 1}: {points.overrides}\n")
        try:
            job = _build(name, parse(composed), points.typed(typed) if points else typed)
            _run(job, main)
        except ConfigError as wrong:  # not given to Hydra, which would print the whole command line
            error = wrong
            sys.stderr.write(f"configuration error: {_one_line(wrong)}\n")
        statuses.append("wrong" if error or not job else job.report.status)
        if points:
            storage, report = (job.storage, job.report) if job else (None, None)
            points.add(statuses[-1], storage, report, error.message if error else None)
            if job:
                points.compare = job.command("compare", f"compare.multirun={multirun_id}", without=points.swept)

    try:
        sys.argv[1:] = hydra_arguments(sys.argv[1:], CONF_DIR, os.environ)
        points = Points.of(sys.argv[1:], multirun_id, name)
        compose()
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        _fail(f"configuration error: {_one_line(error)}", 2)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    if points:
        sys.stdout.write(f"\n{points}\n")
    sys.exit(_EXIT_CODES[max(statuses, key=list(_EXIT_CODES).index, default="ok")])


def _build(name: str, config: TicketsConfig, typed: tuple[str, ...]) -> Job:
    """One point of a multirun, or the only one."""
    run_id, started = new_id(), datetime.now(UTC)
    run_key = f"{config.bucket}/runs/{name}/{run_id}"
    report = JobReport(job=name, run_id=run_id, bucket=config.bucket, started_at=started.isoformat(timespec="seconds"))
    os.environ.update(config.storage.environment)  # before Ray starts: its processes inherit it
    storage = Storage(config.storage.root)
    return Job(config, storage, run_key, report, Journal(storage, config.bucket, run_id), typed)


def _run(job: Job, main: Callable[[Job], None]) -> None:
    config, report = job.config, job.report
    logs.redact(secrets(config))
    try:
        logs.setup(job.storage.local_path("logs"), config.log_level)
    except OSError as error:
        raise ConfigError(f"storage.root={config.storage.root}: cannot be written to ({error})") from None
    clock = time.monotonic()
    try:
        job.storage.write_json(f"{job.run_key}/config.json", dump(config))
        main(job)
        report.status, report.error = "ok", None
    except ConfigError as error:
        report.error = error.message
        raise
    except TicketsError as error:
        report.status, report.error = ("refused" if isinstance(error, RefusedError) else "failed"), error.message
    except KeyboardInterrupt:
        report.error = "interrupted"
        _tell(job)  # how to go on, where it can
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: whatever happens, the report says so
        report.error = logs.hide(f"{type(error).__name__}: {error}")
        report.made["traceback"] = str(job.storage.local_path("logs/ml.jsonl"))
        logs.get("ml").bind(job=report.job, run_id=report.run_id).opt(exception=error).error("{} failed", report.job)
    finally:
        report.seconds = round(time.monotonic() - clock, 1)
        _save(job)
    _tell(job)


def _save(job: Job) -> None:
    """Write the report; a full disk must not hide what it says."""
    key = f"{job.run_key}/report.json"
    try:
        job.journal.flush()
        job.storage.write_json(key, job.report.model_dump())
        job.report.made["report"] = job.storage.uri(key)
    except OSError as error:
        sys.stderr.write(f"the report could not be written: {error}\n")


def _tell(job: Job) -> None:
    """The end of a job, for a person."""
    report = job.report
    lines = [""]
    if report.error:
        lines.append(f"{report.job} {report.status}: {report.error}")
    else:
        lines.append(f"{report.job} done in {report.seconds:.0f} s")
    width = max(map(len, report.made), default=0)
    lines += [f"  {what:<{width}}  {where}" for what, where in report.made.items()]
    if report.next:
        lines += ["next:", *(f"  {command}" for command in report.next)]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _fail(message: str, code: int) -> None:
    sys.stderr.write(message + "\n")
    sys.exit(code)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _multirun_dir(configured: str | None, id_: str) -> str:
    """Where Hydra keeps what it saves of a multirun: on this machine, also where the root is not."""
    root = StorageConfig(root=configured).root if configured else StorageConfig().root
    return str(Storage(root).local_path(f"multirun/{id_}"))
