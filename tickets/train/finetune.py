"""The encoder trained further on all swept targets at once; what it gives joins the candidates.

It does not know how workers share the training (`workers.py`) or how candidates are compared (`choice.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tickets import logs
from tickets.config import TicketsConfig
from tickets.errors import ModelError
from tickets.features.encoder import find_transformer, with_full_path
from tickets.features.state import Features
from tickets.models.transformer import NAME, Shape, Share
from tickets.train.placement import living_nodes, trial_resources, worker_resources
from tickets.train.problem import Problem
from tickets.train.split import TRAIN, VALIDATION
from tickets.train.sweep import Candidate
from tickets.train.workers import Plan, run_workers

if TYPE_CHECKING:  # torch costs seconds, and most runs fine-tune nothing
    from tickets.models.transformer_network import Network
    from tickets.models.transformer_rows import Rows
    from tickets.models.transformer_state import Progress


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


def is_asked(config: TicketsConfig) -> bool:
    """Whether a fine-tune belongs to this run. Needs a running Ray."""
    return config.finetune.enabled == "on" or (config.finetune.enabled == "auto" and uses_gpu(config))


def uses_gpu(config: TicketsConfig) -> bool:
    """Whether fine-tunes are placed on GPUs. Needs a running Ray."""
    return "gpu" in trial_resources(config.sweep, True, living_nodes())


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
    answering, fit_s = chosen.transformer, progress.seconds
    if config.finetune.refit:
        network, again = _fit(data, np.append(train, valid), valid[:0], config, run_dir, progress.best_epoch)
        fit_s += again.seconds
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
    form = {"precision": chosen.precision, "int8_cost": chosen.cost, "num_bytes": answering.num_bytes}
    return Finetuned(candidates, {**form, **asdict(progress), "fit_s": fit_s})


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
    from safetensors.torch import load_file

    from tickets.models.transformer_network import build_network
    from tickets.models.transformer_state import load_progress

    use_gpu, settings = uses_gpu(config), config.finetune
    resources = worker_resources(living_nodes(), settings, use_gpu)
    rows = data.rows(train), data.rows(valid)
    encoder = with_full_path(config.encoder)
    plan = Plan(data.shape, encoder, settings, config.model.seed, int(resources["CPU"]), last_epoch)
    logs.get("ml").info(
        "fine-tuning on {} rows for {}: {} worker(s) with {}",
        len(train), ", ".join(data.shape.num_labels), settings.num_workers, resources,
    )  # fmt: skip
    checkpoint = run_workers(plan, rows, resources, run_dir)
    progress = load_progress(checkpoint)
    if not progress.best_epoch:
        raise ModelError(f"{NAME}: the loss was no finite number after any of {progress.epochs} passes")
    network = build_network(config.encoder, data.shape, settings, attention="eager")
    network.load_state_dict(load_file(str(checkpoint / "best.safetensors")))
    return network, progress
