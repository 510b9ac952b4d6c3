"""What training a transformer holds between two passes, and how it is kept: safetensors and JSON, no pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tickets.config import FinetuneConfig
from tickets.models.transformer_network import Network


@dataclass(frozen=True)
class Progress:
    """How far training came.

    Attributes:
        epochs: Passes made.
        best_epoch: The pass with the least NLL, from 1; 0 before there is one.
        best_nll: Validation NLL there, summed over the targets.
        seconds: Spent in all passes.
        curve: Validation NLL after each pass.
    """

    epochs: int = 0
    best_epoch: int = 0
    best_nll: float = math.inf
    seconds: float = 0.0
    curve: tuple[float, ...] = ()

    def after(self, loss: float | None, seconds: float) -> Progress:
        """One more pass. A loss that is no number is never the best; a pass that was not judged (None) always is."""
        done = replace(self, epochs=self.epochs + 1, seconds=self.seconds + seconds)
        if loss is None:
            return replace(done, best_epoch=done.epochs)
        done = replace(done, curve=(*self.curve, loss))
        return replace(done, best_epoch=done.epochs, best_nll=loss) if loss < self.best_nll else done

    def __str__(self) -> str:
        told = f"pass {self.epochs} done after {self.seconds:.0f} s"
        return f"{told}, nll {self.curve[-1]:.4f}, best {self.best_nll:.4f}" if self.curve else told

    def is_over(self, config: FinetuneConfig, last_epoch: int) -> bool:
        """Whether no further pass is made."""
        next_end_s = self.seconds * (self.epochs + 1) / max(self.epochs, 1)
        is_late = self.epochs > 0 and config.time_budget_s is not None and next_end_s > config.time_budget_s
        return self.epochs >= last_epoch or self.epochs - self.best_epoch >= config.patience_epochs or is_late


class State:
    """What training holds between two passes.

    Args:
        network: As it is now, on its device.
        optimizer: Of its parameters.
        scaler: Of the gradients, for fp16.
    """

    def __init__(self, network: Network, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        self.network, self.optimizer, self.scaler = network, optimizer, scaler
        self.progress = Progress()
        self.best: dict[str, torch.Tensor] = {}
        """Weights of the best pass, on the CPU."""

    def note(self, loss: float | None, seconds: float) -> None:
        """One more pass was made, as for `Progress.after`; the weights are kept if it is the best so far."""
        self.progress = self.progress.after(loss, seconds)
        if self.progress.best_epoch == self.progress.epochs:
            self.best = _on_cpu(self.network.state_dict())

    def save(self, folder: Path) -> None:
        """Write `network.safetensors`, `best.safetensors`, `optimizer.safetensors` and `progress.json`."""
        save_file(_on_cpu(self.network.state_dict()), str(folder / "network.safetensors"))
        save_file(self.best, str(folder / "best.safetensors"))
        moments = self.optimizer.state_dict()["state"]
        flat = {f"{at}.{name}": value for at, of in moments.items() for name, value in of.items()}
        save_file(_on_cpu(flat), str(folder / "optimizer.safetensors"))
        content = {"progress": asdict(self.progress), "scaler": self.scaler.state_dict()}
        (folder / "progress.json").write_text(json.dumps(content))

    def load(self, folder: Path) -> None:
        """Take up what `save` wrote."""
        self.network.load_state_dict(load_file(str(folder / "network.safetensors")))
        self.best = load_file(str(folder / "best.safetensors"))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in load_file(str(folder / "optimizer.safetensors")).items():
            at, name = key.split(".")
            moments.setdefault(int(at), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.progress = load_progress(folder)
        scaler = json.loads((folder / "progress.json").read_text())["scaler"]
        if scaler:  # empty unless it was trained in fp16
            self.scaler.load_state_dict(scaler)


def load_progress(folder: Path) -> Progress:
    """How far training came that `State.save` wrote."""
    content = json.loads((folder / "progress.json").read_text())["progress"]
    return Progress(**{**content, "curve": tuple(content["curve"])})


def _on_cpu(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
