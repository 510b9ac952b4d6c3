"""The one loop that trains a transformer: plainly, or as a worker of a process group that shares each step's rows.

AdamW with a warm-up and a half cosine (Loshchilov and Hutter, 2019), mixed precision, logit adjustment (Menon et al.,
2021) or class weights, early stopping on the validation NLL. It gives its state after every pass over the rows, which
can be saved and taken up again; who stops it, and where a state is kept, it does not know.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from tickets.config import FinetuneConfig
from tickets.models.family import nll, softmax
from tickets.models.transformer_network import Network, parameter_groups
from tickets.models.transformer_rows import Batch, Rows
from tickets.models.transformer_state import State

Tell = Callable[[str], None]
"""Told now and then how far training is."""
_GRADIENT_NORM: Final = 1.0
_JUDGED_ROWS: Final = 64
_TELL_EVERY_S: Final = 30.0


def train(
    network: Network,
    rows: Rows,
    valid: Rows,
    num_labels: Mapping[str, int],
    config: FinetuneConfig,
    device: torch.device,
    seed: int,
    tell: Tell = lambda line: None,
    start: Path | None = None,
    last_epoch: int | None = None,
) -> Iterator[State]:
    """Train, giving the state after every pass.

    In a process group every worker calls this with the same arguments and gets a share of every step's rows, so that
    the number of workers changes the time and not what is learned.

    Args:
        network: Moved to the device and trained in place.
        rows: To train on.
        valid: To judge on; where it is empty, the last pass counts as the best.
        num_labels: Target → labels, in the order of the heads.
        config: How.
        device: Where.
        seed: Seed of everything random.
        tell: Told of the progress.
        start: A state that was saved, to take up.
        last_epoch: Passes after which training ends, on the schedule of `config.epochs`, which it is if unset.
    """
    network.to(device)
    dtype = choose_precision(config.precision, device)
    state = State(
        network,
        torch.optim.AdamW(parameter_groups(network, config), fused=True),
        torch.amp.GradScaler(device.type, enabled=dtype is torch.float16),
    )
    if start is not None:
        state.load(start)
    model = DistributedDataParallel(network) if distributed.is_initialized() else network
    loss_of = _Loss(rows.labels, num_labels, config.imbalance, device)
    while not state.progress.is_over(config, last_epoch or config.epochs):
        began = time.monotonic()
        epoch = state.progress.epochs
        torch.manual_seed(seed + epoch * 1000 + _rank())
        batches = rows.batches(config.batch_rows, (seed, epoch), _rank(), _num_ranks())
        clock = _Clock(len(batches), epoch, config.epochs, tell)
        model.train()
        for step, batch in enumerate(_loaded(rows, batches, device), epoch * len(batches)):
            _set_rate(state.optimizer, schedule(step, config.epochs * len(batches), config.warmup))
            with _autocast(dtype, device):
                logits = _logits(model, batch)
            clock.tick(_step(model, state, loss_of(logits.float(), batch.labels)))
        loss = _nll(network, valid, num_labels, dtype, device) if _rank() == 0 else math.nan
        loss, seconds = _agreed([loss, time.monotonic() - began], device)
        state.note(loss if len(valid) else None, seconds)
        yield state


def _loaded(rows: Rows, batches: list[list[int]], device: torch.device) -> Iterator[Batch]:
    """Batches on the device."""
    loader: Any = DataLoader(rows, batch_sampler=batches, collate_fn=rows.collate, pin_memory=device.type == "cuda")
    for batch in loader:
        yield batch.to(device)


def _step(model: nn.Module, state: State, loss: torch.Tensor) -> torch.Tensor:
    """Follow the loss's gradient once."""
    state.optimizer.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()
    state.scaler.unscale_(state.optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return loss


def judge(
    network: Network, rows: Rows, num_labels: Mapping[str, int], dtype: torch.dtype | None, device: torch.device
) -> list[np.ndarray]:
    """Probabilities of rows, one float64 [n, k] per target."""
    network.eval()
    logits = np.empty((len(rows), sum(num_labels.values())), dtype=np.float32)
    with torch.inference_mode(), _autocast(dtype, device):
        for places in rows.slices(_JUDGED_ROWS):
            logits[places] = _logits(network, rows.collate(places.tolist()).to(device)).float().cpu().numpy()
    return [softmax(part) for part in np.split(logits, np.cumsum(list(num_labels.values()))[:-1], axis=1)]


def schedule(step: int, num_steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step: a straight line up, then half a cosine down to 0."""
    rising = int(warmup * num_steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(num_steps - rising, 1)))


def choose_precision(asked: str, device: torch.device) -> torch.dtype | None:
    """The type of the encoder's passes; None: fp32 throughout."""
    known = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
    if asked != "auto":
        return known[asked]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else None


class _Loss:
    """Sum over the targets of the mean cross entropy of the rows that have a label.

    Args:
        labels: int64 [n, targets], of the training rows, below 0 where there is none.
        num_labels: Target → labels.
        imbalance: What is done for rare labels.
        device: Where.
    """

    def __init__(self, labels: np.ndarray, num_labels: Mapping[str, int], imbalance: str, device: torch.device) -> None:
        self._sizes = list(num_labels.values())
        self._weights: list[torch.Tensor | None] = []
        self._offsets: list[torch.Tensor | float] = []
        for column, size in zip(labels.T, self._sizes, strict=True):
            counts = np.maximum(np.bincount(column[column >= 0], minlength=size), 1)
            shares = torch.tensor(counts / counts.sum(), dtype=torch.float32, device=device)
            self._weights.append(1 / (size * shares) if imbalance == "class_weights" else None)
            self._offsets.append(shares.log() if imbalance == "logit_adjustment" else 0.0)

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        total = logits.sum() * 0.0  # a batch without any label has no gradient, and still takes part
        parts = zip(logits.split(self._sizes, dim=1), labels.unbind(dim=1), self._weights, self._offsets, strict=True)
        for part, codes, weights, offset in parts:
            has_label = codes >= 0
            if has_label.any():
                total = total + nn.functional.cross_entropy((part + offset)[has_label], codes[has_label], weights)
        return total


class _Clock:
    """Tells at times how far a pass is, and when training will end if it takes every pass."""

    def __init__(self, num_steps: int, epoch: int, num_epochs: int, tell: Tell) -> None:
        self._num_steps, self._epoch, self._num_epochs, self._tell = num_steps, epoch, num_epochs, tell
        self._began = self._told = time.monotonic()
        self._step = 0

    def tick(self, loss: torch.Tensor) -> None:
        """One step was made."""
        self._step += 1
        now = time.monotonic()
        if now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        left = (self._num_epochs - self._epoch) * self._num_steps - self._step
        minutes = (now - self._began) / self._step * left / 60
        self._tell(
            f"pass {self._epoch + 1}/{self._num_epochs}, step {self._step}/{self._num_steps}, loss "
            f"{loss.item():.3f}, at most {minutes:.0f} min to go"
        )


def _nll(
    network: Network, valid: Rows, num_labels: Mapping[str, int], dtype: torch.dtype | None, device: torch.device
) -> float:
    """NLL of the rows, summed over the targets that have a label there; NaN where the network diverged."""
    answers = zip(judge(network, valid, num_labels, dtype, device), valid.labels.T, strict=True)
    return sum(nll(answer[codes >= 0], codes[codes >= 0]) for answer, codes in answers if (codes >= 0).any())


def _logits(model: nn.Module, batch: Batch) -> torch.Tensor:
    logits: torch.Tensor = model(batch.input_ids, batch.mask, batch.codes, batch.numbers)
    return logits


def _autocast(dtype: torch.dtype | None, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def _set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share


def _agreed(values: list[float], device: torch.device) -> list[float]:
    """The first worker's values, on every worker: all stop together."""
    if not distributed.is_initialized():
        return values
    shared = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.broadcast(shared, src=0)
    return shared.tolist()


def _rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def _num_ranks() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1
