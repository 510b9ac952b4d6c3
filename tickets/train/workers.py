"""Ray Train workers that train one network together, and the checkpoints that they leave in the run's folder.

After every pass there is a checkpoint: the same call with the same folder, rows and settings takes up the last one. It
does not know the loop (`tickets.models.transformer_loop`) or what the network is for.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tickets import logs
from tickets.config import EncoderConfig, FinetuneConfig
from tickets.errors import ModelError
from tickets.models.transformer import NAME, Shape
from tickets.train.trials import last_line

if TYPE_CHECKING:  # torch costs seconds, and most runs fine-tune nothing
    from tickets.models.transformer_rows import Rows

_LOOK_EVERY_S: Final = 2.0
_FOLDER: Final = "finetune"
_PROGRESS: Final = "progress.txt"
_RETRIES: Final = 1  # of a worker that died, from its last checkpoint
_RUN_SETTINGS: Final = {"enabled", "num_workers", "cpus_per_worker", "time_budget_s", "refit"}
"""Settings that do not change what a checkpoint means."""


@dataclass(frozen=True)
class Plan:
    """What every worker is told.

    Attributes:
        shape: What the network reads and answers.
        encoder: Where it starts.
        config: How it is trained.
        seed: Seed of everything random.
        num_threads: Threads of a worker.
        last_epoch: Passes after which it ends; None: those of the settings.
    """

    shape: Shape
    encoder: EncoderConfig
    config: FinetuneConfig
    seed: int
    num_threads: int
    last_epoch: int | None = None


def run_workers(plan: Plan, rows: tuple[Rows, Rows], resources: dict[str, float], run_dir: Path) -> Path:
    """Train, telling how far it is. Needs a running Ray.

    Args:
        plan: What to train.
        rows: To train on, and to judge on.
        resources: Of one worker.
        run_dir: Folder on storage that all nodes share.

    Returns:
        The folder of the last checkpoint, which `tickets.models.transformer_state` reads.

    Raises:
        ModelError: Training failed, twice where a worker died.
    """
    import ray

    name = f"{_FOLDER}-{checkpoint_digest(plan, rows)}"
    told = run_dir / name / _PROGRESS
    # In a task of its own: in a main thread Ray Train would keep Ctrl-C to itself.
    task: Any = ray.remote(num_cpus=0)(_run_trainer)
    pending, line = task.remote(plan, [ray.put(rows)], resources, str(run_dir), name), ""
    while not ray.wait([pending], timeout=_LOOK_EVERY_S)[0]:
        latest = told.read_text(encoding="utf-8") if told.exists() else ""
        if latest != line:
            logs.get("ml").info("{}", latest)
        line = latest
    try:
        return Path(ray.get(pending))
    except ray.exceptions.RayError as error:
        raise ModelError(f"{NAME} could not be fine-tuned: {last_line(str(error))}") from error


def drop_checkpoints(run_dir: Path) -> None:
    """Delete what `run_workers` left in a run's folder, some 400 MB for a small encoder, once nothing takes it up."""
    for folder in run_dir.glob(f"{_FOLDER}-*"):
        shutil.rmtree(folder)


def _run_trainer(plan: Plan, shared: list[Any], resources: dict[str, float], run_dir: str, name: str) -> str:
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _work,
        train_loop_config={"plan": plan, "shared": shared, "told": f"{run_dir}/{name}/{_PROGRESS}"},
        scaling_config=ScalingConfig(
            num_workers=plan.config.num_workers, use_gpu="GPU" in resources, resources_per_worker=resources
        ),
        run_config=RunConfig(  # a run of the same name is taken up from its last checkpoint
            name=name,
            storage_path=run_dir,
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            failure_config=FailureConfig(max_failures=_RETRIES),
        ),
    )
    checkpoint = trainer.fit().checkpoint
    if checkpoint is None:
        raise ModelError("no checkpoint was left")
    return str(checkpoint.path)


def _work(given: dict[str, Any]) -> None:
    """One worker: its share of every step. The first one judges, reports and keeps the state."""
    import ray
    import ray.train
    import torch
    from ray.train.torch import get_device

    from tickets.models.transformer_loop import train
    from tickets.models.transformer_network import build_network

    plan: Plan = given["plan"]
    rows, valid = ray.get(given["shared"][0])
    torch.set_num_threads(plan.num_threads)
    torch.manual_seed(plan.seed)
    network = build_network(plan.encoder, plan.shape, plan.config)
    is_first = ray.train.get_context().get_world_rank() == 0
    told = Path(given["told"])

    def tell(line: str) -> None:
        if is_first:
            told.write_text(line, encoding="utf-8")

    checkpoint = ray.train.get_checkpoint()
    with checkpoint.as_directory() if checkpoint else nullcontext() as start:
        states = train(
            network, rows, valid, plan.shape.num_labels, plan.config, get_device(), plan.seed, tell,
            Path(start) if start else None, plan.last_epoch,
        )  # fmt: skip
        for state in states:
            tell(str(state.progress))
            with tempfile.TemporaryDirectory() as folder:
                kept = None
                if is_first:
                    state.save(Path(folder))
                    kept = ray.train.Checkpoint.from_directory(folder)
                ray.train.report({"nll": state.progress.best_nll}, checkpoint=kept)


def checkpoint_digest(plan: Plan, rows: tuple[Rows, Rows]) -> str:
    """Of all that a checkpoint rests on: with anything else training starts anew."""
    settings = plan.config.model_dump(exclude=_RUN_SETTINGS)
    said = f"{asdict(plan.shape)} {plan.encoder} {settings} {plan.seed} {plan.last_epoch}"
    found = hashlib.sha256(said.encode())
    for part in rows:
        for array in (part.tokens, part.ends, part.codes, part.numbers, part.labels):
            found.update(array.tobytes())
    return found.hexdigest()[:12]
