"""The transformer as a family of a sweep: one target, in this process, with the one training loop called plainly.

What a sweep finds are its settings. The network that answers is trained once for all targets
(`tickets.train.finetune`) and read by `transformer.py`; so there is nothing here to refit or to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from tickets.errors import ModelError
from tickets.features.encoder import find_transformer
from tickets.features.state import Features
from tickets.models import transformer_loop
from tickets.models.family import Examples, Fitted, Limits, Params, Report
from tickets.models.transformer import Shape
from tickets.models.transformer_network import Network, build_network
from tickets.models.transformer_rows import Rows

NEEDS_HEAD: Final = False
USES_GPU: Final = True
_TARGET: Final = "target"


@dataclass(frozen=True)
class Trained:
    """A network of one target on the device it was trained on."""

    network: Network
    shape: Shape
    transformer_dir: Path

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        unknown = np.full((len(features), 1), -1)
        rows = Rows.build(features, unknown, self.shape, self.transformer_dir)
        device = next(self.network.parameters()).device
        return transformer_loop.judge(self.network, rows, self.shape.num_labels, None, device)[0]

    def save(self, folder: Path) -> None:
        """Refuse: it was only tried.

        Raises:
            ModelError: Always.
        """
        raise ModelError("a transformer of a trial is not kept; the one that is comes from finetune")


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Train with the trial's layers and learning rate, reporting after every pass.

    Raises:
        ModelError: No pass reached a finite loss.
    """
    if limits.transformer is None:
        raise ModelError("the limits of a transformer's trial name no encoder")
    encoder, config = limits.transformer
    config = config.model_copy(update=dict(params))
    shape = Shape.of(train.features, {_TARGET: limits.num_classes}, config.max_tokens)
    folder, _ = find_transformer(encoder)
    torch.manual_seed(limits.seed)
    torch.set_num_threads(limits.num_threads)
    network = build_network(encoder, shape, config)
    rows, judged = (Rows.build(part.features, part.labels[:, None], shape, folder) for part in (train, valid))
    device = torch.device("cuda" if limits.use_gpu else "cpu")
    for state in transformer_loop.train(network, rows, judged, shape.num_labels, config, device, limits.seed):
        report(state.progress.best_nll)
    if not state.best:
        raise ModelError("the transformer's loss was no finite number after any pass")
    network.load_state_dict(state.best)
    return Fitted(Trained(network, shape, folder), state.progress.best_nll, state.progress.best_epoch)
