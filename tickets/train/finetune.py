"""The encoder trained further on all swept targets at once, by Ray Train workers; what it gives joins the candidates.

Workers leave a checkpoint after every pass in the run's folder: the same call with the same folder, rows and settings
takes up the last one. It does not know the loop (`tickets.models.transformer_loop`) or how candidates are compared.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tickets import logs
from tickets.config import EncoderConfig, FinetuneConfig, TicketsConfig
from tickets.errors import ModelError
from tickets.features.encoder import find_transformer
from tickets.features.state import Features
from tickets.models.transformer import NAME, Shape, Share
from tickets.train.placement import trial_resources, worker_resources
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.sweep import Candidate
from tickets.train.target import Problem

if TYPE_CHECKING:  # torch costs seconds, and most runs fine-tune nothing
    from tickets.models.transformer_network import Network
    from tickets.models.transformer_rows import Rows
    from tickets.models.transformer_state import Progress

_LOOK_EVERY_S: Final = 2.0
_PROGRESS: Final = "progress.txt"
_RETRIES: Final = 1  # of a worker that died, from its last checkpoint
_RUN_SETTINGS: Final = {"enabled", "num_workers", "cpus_per_worker", "time_budget_s", "refit"}
"""Settings that do not change what a checkpoint means."""


@dataclass(frozen=True)
class Finetuned:
    """What a fine-tune gave.

    Attributes:
        candidates: Target → its candidate, which carries its classifier.
        record: How it went, JSON-able.
    """

    candidates: dict[str, Candidate]
    record: dict[str, Any]

    def of(self, target: str) -> list[Candidate]:
        """The target's candidate, or none."""
        return [self.candidates[target]] if target in self.candidates else []


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


def is_asked(config: TicketsConfig) -> bool:
    """Whether a fine-tune belongs to this run. Needs a running Ray."""
    return config.finetune.enabled == "on" or (config.finetune.enabled == "auto" and uses_gpu(config))


def uses_gpu(config: TicketsConfig) -> bool:
    """Whether fine-tunes are placed on GPUs. Needs a running Ray."""
    import ray

    return "gpu" in trial_resources(config.sweep, True, ray.cluster_resources().get("GPU", 0))


def finetune(problems: Sequence[Problem], config: TicketsConfig, run_dir: Path) -> Finetuned:
    """Train one network for all targets. Needs a running Ray.

    Args:
        problems: The targets, which share features and splits.
        config: Encoder, fine-tune, accelerator.
        run_dir: The run's folder, on storage that all nodes share; a checkpoint that a killed run left there is
            taken up.

    Raises:
        ModelError: There is no text, or training failed.
    """
    from tickets.models import transformer_export

    data = _Data.of(problems, config)
    train, valid = data.labelled(TRAIN), data.labelled(VALIDATION)
    network, progress = _fit(data, train, valid, config, run_dir)
    full = data.judge(network, valid)
    judged, place = data.features.take(valid), run_dir / NAME
    chosen = transformer_export.choose_form(
        network, data.shape, data.transformer_dir, place, judged, data.labels[valid], full
    )
    answering = chosen.transformer
    if config.finetune.refit:
        network, _ = _fit(data, np.append(train, valid), valid[:0], config, run_dir, progress.best_epoch)
        answering = transformer_export.export(
            network, data.shape, data.transformer_dir, place / "refit", chosen.precision
        )
    params = {name: value for name, value in config.finetune if type(value) in (int, float)}
    candidates = {
        problem.target: Candidate(
            NAME,
            params,
            progress.best_epoch,
            chosen.validation[problem.target][problem.codes[valid] >= 0],
            Share(answering, problem.target),
        )
        for problem in problems
    }
    return Finetuned(candidates, {"precision": chosen.precision, "int8_cost": chosen.cost, **asdict(progress)})


@dataclass(frozen=True)
class _Data:
    """The rows of all targets.

    Attributes:
        features: n rows.
        splits: str [n].
        labels: int64 [n, targets], below 0 where there is none in the closed list.
        shape: What the network reads and answers.
        transformer_dir: Folder of the encoder's transformer.
    """

    features: Features
    splits: np.ndarray
    labels: np.ndarray
    shape: Shape
    transformer_dir: Path

    @classmethod
    def of(cls, problems: Sequence[Problem], config: TicketsConfig) -> _Data:
        features, splits = problems[0].features, problems[0].splits
        in_train = features.take(splits == TRAIN)
        if not any(in_train.texts):
            raise ModelError("no training row has a text to fine-tune on")
        sizes = {problem.target: len(problem.labels) for problem in problems}
        shape = Shape.of(in_train, sizes, config.finetune.max_tokens)
        labels = np.stack([problem.codes for problem in problems], axis=1)
        return cls(features, splits, labels, shape, find_transformer(config.encoder)[0])

    def labelled(self, split: str) -> np.ndarray:
        """Places of a split's rows that have any label."""
        return np.flatnonzero((self.splits == split) & (self.labels >= 0).any(axis=1))

    def rows(self, places: np.ndarray) -> Rows:
        """The given rows, as they are trained on."""
        from tickets.models.transformer_rows import Rows

        return Rows.build(self.features.take(places), self.labels[places], self.shape, self.transformer_dir)

    def judge(self, network: Network, places: np.ndarray) -> list[np.ndarray]:
        """A network's probabilities of rows, in fp32 on this process's CPU; one float64 [rows, k] per target."""
        import torch

        from tickets.models.transformer_loop import judge

        return judge(network, self.rows(places), self.shape.num_labels, None, torch.device("cpu"))


def _fit(
    data: _Data,
    train: np.ndarray,
    valid: np.ndarray,
    config: TicketsConfig,
    run_dir: Path,
    last_epoch: int | None = None,
) -> tuple[Network, Progress]:
    """The network of the best pass, ready to be exported, and how training went."""
    import ray
    from safetensors.torch import load_file

    from tickets.models.transformer_network import build_network
    from tickets.models.transformer_state import load_progress

    use_gpu, settings = uses_gpu(config), config.finetune
    cpus = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    resources = worker_resources(cpus, settings.num_workers, settings.cpus_per_worker, use_gpu)
    rows = data.rows(train), data.rows(valid)
    plan = Plan(data.shape, config.encoder, settings, config.model.seed, int(resources["CPU"]), last_epoch)
    name = f"finetune-{_digest(plan, rows)}"
    logs.get("ml").info(
        "fine-tuning on {} rows for {}: {} worker(s) with {}",
        len(train), ", ".join(data.shape.num_labels), settings.num_workers, resources,
    )  # fmt: skip
    checkpoint = _run_workers(plan, ray.put(rows), resources, run_dir, name)
    progress = load_progress(checkpoint)
    if not progress.best_epoch:
        raise ModelError(f"{NAME}: the loss was no finite number after any of {progress.epochs} passes")
    network = build_network(config.encoder, data.shape, settings, attention="eager")
    network.load_state_dict(load_file(str(checkpoint / "best.safetensors")))
    return network, progress


def _run_workers(plan: Plan, rows: Any, resources: dict[str, float], run_dir: Path, name: str) -> Path:
    """Run Ray Train, telling how far it is; the last checkpoint's folder."""
    import ray

    told = run_dir / name / _PROGRESS
    # In a task of its own: in a main thread Ray Train would keep Ctrl-C to itself.
    task: Any = ray.remote(num_cpus=0)(_run_trainer)
    pending, line = task.remote(plan, [rows], resources, str(run_dir), name), ""
    while not ray.wait([pending], timeout=_LOOK_EVERY_S)[0]:
        latest = told.read_text(encoding="utf-8") if told.exists() else ""
        if latest != line:
            logs.get("ml").info("{}", latest)
        line = latest
    try:
        return Path(ray.get(pending))
    except ray.exceptions.RayTaskError as error:
        raise ModelError(f"{NAME} could not be fine-tuned: {error.cause!r}") from error


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


def _digest(plan: Plan, rows: tuple[Rows, Rows]) -> str:
    """Of all that a checkpoint rests on: with anything else training starts anew."""
    settings = plan.config.model_dump(exclude=_RUN_SETTINGS)
    said = f"{asdict(plan.shape)} {plan.encoder} {settings} {plan.seed} {plan.last_epoch}"
    found = hashlib.sha256(said.encode())
    for part in rows:
        for array in (part.tokens, part.ends, part.codes, part.numbers, part.labels):
            found.update(array.tobytes())
    return found.hexdigest()[:12]
