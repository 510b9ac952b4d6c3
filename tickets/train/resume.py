"""What a training run leaves in its own folder, and how another run takes it up. It does not know sweeps or models.

The folder is local and for its owner alone. `plan.json` names the data and the settings on which what lies beside it
rests; a lock tells a run that was killed from one that is still at work.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tickets.config import TicketsConfig
from tickets.config.parse import dump, flatten
from tickets.errors import ConfigError
from tickets.snapshots import Snapshot, load_snapshot
from tickets.storage import Storage
from tickets.train.workers import drop_checkpoints

_SECTIONS: Final = ("source", "cleaning", "features", "encoder", "model", "search", "sweep", "finetune")
_FREE: Final = frozenset(
    {
        "model.families",
        "sweep.num_trials",
        "sweep.time_budget_s",
        "sweep.max_concurrent",
        "sweep.accelerator",
        "sweep.gpus_per_trial",
        "sweep.reuse_actors",
        "finetune.enabled",
        "finetune.num_workers",
        "finetune.cpus_per_worker",
        "finetune.time_budget_s",
        "finetune.refit",
    }
)
"""Keys of these sections that do not change what a trial means."""
_PLAN: Final = "plan.json"
_FINISHED: Final = "finished.json"


@dataclass(frozen=True)
class Work:
    """A training run's own folder.

    Attributes:
        run_id: The run that began it.
        folder: Where it is.
        snapshot: The offline tickets that it learns from.
        sweep_targets: Targets that its audit found worth a sweep; None: as the configuration has it.
    """

    run_id: str
    folder: Path
    snapshot: Snapshot
    sweep_targets: tuple[str, ...] | None = None

    def finish(self, release_id: str) -> None:
        """Note that a release came of it: there is nothing left to take up."""
        drop_checkpoints(self.folder)
        (self.folder / _FINISHED).write_bytes(orjson.dumps({"release": release_id}))


@contextmanager
def begin(
    storage: Storage,
    bucket: str,
    run_id: str,
    snapshot: Snapshot,
    config: TicketsConfig,
    sweep_targets: tuple[str, ...] | None = None,
) -> Iterator[Work]:
    """The folder of a run that starts from nothing, locked while the block runs."""
    folder = _folder(storage, bucket, run_id)
    folder.mkdir(parents=True, mode=0o700)
    plan = {"offline": snapshot.id, "sweep_targets": sweep_targets, "settings": _deciding(config)}
    with _locked(folder, run_id):
        (folder / _PLAN).write_bytes(orjson.dumps(plan, option=orjson.OPT_INDENT_2))
        yield Work(run_id, folder, snapshot, sweep_targets)


@contextmanager
def take_up(storage: Storage, bucket: str, asked: str, config: TicketsConfig) -> Iterator[Work]:
    """The folder of a run that did not come to its end, locked while the block runs.

    Args:
        storage: The root.
        bucket: Folder under it.
        asked: A run's id, or `latest`: the last one that did not come to its end.
        config: The settings now; those on which finished trials rest must be the same.

    Raises:
        ConfigError: There is no such run, it is still at work, or a setting differs.
        StorageError: Its tickets are no longer kept.
    """
    run_id = _unfinished(storage, bucket, asked)
    folder = _folder(storage, bucket, run_id)
    with _locked(folder, run_id):
        plan = orjson.loads((folder / _PLAN).read_bytes())
        _compare(run_id, plan["settings"], _deciding(config))
        snapshot = load_snapshot(storage, f"{bucket}/offline", plan["offline"])
        yield Work(run_id, folder, snapshot, plan["sweep_targets"] and tuple(plan["sweep_targets"]))


def _folder(storage: Storage, bucket: str, run_id: str) -> Path:
    return storage.local_path(f"{bucket}/runs/train/{run_id}/sweeps")


def _unfinished(storage: Storage, bucket: str, asked: str) -> str:
    plans = sorted(storage.local_path(f"{bucket}/runs/train").glob(f"*/sweeps/{_PLAN}"))
    open_ = [plan.parents[1].name for plan in plans if not plan.with_name(_FINISHED).exists()]
    if asked != "latest" and asked in open_:
        return asked
    if asked != "latest" or not open_:
        known = ", ".join(["latest", *open_]) if open_ else f"none: bucket {bucket!r} has no run that was cut off"
        raise ConfigError(f"resume={asked}: no run to take up; allowed: {known}")
    return open_[-1]


@contextmanager
def _locked(folder: Path, run_id: str) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"resume: run {run_id} is still at work; allowed: a run that has ended") from None
        yield


def _deciding(config: TicketsConfig) -> dict[str, Any]:
    """The settings on which trials rest, by dotted key."""
    everything = dump(config)
    flat = flatten({name: everything[name] for name in _SECTIONS})
    return {key: value for key, value in flat if key not in _FREE}


def _compare(run_id: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    now = orjson.loads(orjson.dumps(now))  # as the plan was read: tuples are lists
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if changed:
        told = "; ".join(f"{key} was {before.get(key)!r}, is {now.get(key)!r}" for key in changed[:3])
        raise ConfigError(f"resume={run_id}: {told}; allowed: the settings that the run had")
