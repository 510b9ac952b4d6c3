"""Torch network: sentence vector, a learned bag of word terms, category embeddings and numbers, one hidden layer.

The bag is an EmbeddingBag weighted by TF-IDF, as in fastText (Joulin et al., 2017); AdamW with a one-cycle schedule
(Smith and Topin, 2019). Its steps are epochs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tickets.errors import ModelError
from tickets.features.state import Features
from tickets.models.family import Examples, Fitted, Limits, Params, Patience, Report, nll, softmax

NEEDS_HEAD: Final = False
USES_GPU: Final = True
_BAG_WIDTH: Final = 64
_BATCH_ROWS: Final = 64
_PREDICT_ROWS: Final = 1024


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes:
        dimension: Width of the sentence vector.
        num_terms: Word terms.
        num_codes: Codes of each category column.
        num_numbers: Number columns.
        hidden: Width of the hidden layer.
        num_classes: k.
    """

    dimension: int
    num_terms: int
    num_codes: tuple[int, ...]
    num_numbers: int
    hidden: int
    num_classes: int


class Network(nn.Module):
    """Logits of a batch.

    Args:
        shape: Sizes.
        dropout: Share of inputs and hidden units that each training step leaves out.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(max(shape.num_terms, 1), _BAG_WIDTH, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.05)
        widths = [min(16, size) for size in shape.num_codes]
        self.codes = nn.ModuleList(
            nn.Embedding(size, width) for size, width in zip(shape.num_codes, widths, strict=True)
        )
        width = shape.dimension + _BAG_WIDTH + sum(widths) + 2 * shape.num_numbers
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, shape.hidden),
            nn.LayerNorm(shape.hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(shape.hidden, shape.num_classes),
        )

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits, float32 [rows, k]."""
        bag = self.bag(batch.terms, batch.offsets, per_sample_weights=batch.weights)
        codes = [embedding(batch.codes[:, column]) for column, embedding in enumerate(self.codes)]
        missing = batch.numbers.isnan()
        inputs = [batch.vectors * 4.0, bag, *codes, batch.numbers.masked_fill(missing, 0.0), missing.float()]
        logits: torch.Tensor = self.layers(torch.cat(inputs, dim=1))
        return logits


@dataclass(frozen=True)
class Batch:
    """Rows as tensors on one device: the bag's terms with weights and row offsets, and the dense parts."""

    terms: torch.Tensor
    weights: torch.Tensor
    offsets: torch.Tensor
    vectors: torch.Tensor
    codes: torch.Tensor
    numbers: torch.Tensor


class Dnn:
    """A fitted network.

    Args:
        network: Its weights.
        shape: Its sizes.
    """

    def __init__(self, network: Network, shape: Shape) -> None:
        self._network = network.eval()
        self._shape = shape

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        device = next(self._network.parameters()).device
        logits = []
        with torch.inference_mode():
            for start in range(0, len(features), _PREDICT_ROWS):
                rows = np.arange(start, min(start + _PREDICT_ROWS, len(features)))
                logits.append(self._network(_batch(features, rows, self._shape, device)).cpu().numpy())
        return softmax(np.concatenate(logits)) if logits else np.zeros((0, self._shape.num_classes))

    def save(self, folder: Path) -> None:
        """Write `dnn.json` and `dnn.safetensors`."""
        (folder / "dnn.json").write_text(json.dumps(asdict(self._shape)))
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self._network.state_dict().items()}
        save_file(weights, str(folder / "dnn.safetensors"))


def load(folder: Path) -> Dnn:
    """Read what `Dnn.save` wrote."""
    spec = json.loads((folder / "dnn.json").read_text())
    shape = Shape(**{**spec, "num_codes": tuple(spec["num_codes"])})
    network = Network(shape)
    network.load_state_dict(load_file(str(folder / "dnn.safetensors")))
    return Dnn(network, shape)


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Train until validation stops improving; the weights of the best epoch are kept.

    Raises:
        ModelError: No epoch reached a finite loss.
    """
    shape = _shape(params, train, limits)
    patience = Patience(limits.patience_steps)
    best: dict[str, torch.Tensor] = {}
    for network in _epochs(params, train, shape, limits, limits.epochs):
        loss = nll(Dnn(network, shape).predict(valid.features), valid.labels)
        if patience.update(loss):
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        report(patience.best)
        if patience.exhausted:
            break
    if not best:
        raise ModelError(f"the network's loss was {loss} after every epoch; allowed: a finite number")
    network.load_state_dict(best)
    return Fitted(Dnn(network.cpu(), shape), patience.best, patience.best_step)


def refit(params: Params, train: Examples, limits: Limits, length: float) -> Dnn:
    """Train a known number of epochs, on the schedule of the fit that found it."""
    shape = _shape(params, train, limits)
    *_, network = islice(_epochs(params, train, shape, limits, limits.epochs), max(int(length), 1))
    return Dnn(network.cpu(), shape)


def _epochs(params: Params, train: Examples, shape: Shape, limits: Limits, epochs: int) -> Iterator[Network]:
    """The training loop: yields the network after every epoch."""
    torch.manual_seed(limits.seed)
    torch.set_num_threads(limits.num_threads)
    device = torch.device("cuda" if limits.use_gpu else "cpu")
    network = Network(shape, float(params["dropout"])).to(device)
    rate = float(params["learning_rate"])
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=float(params["weight_decay"]))
    num_batches = max(-(-len(train) // _BATCH_ROWS), 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * num_batches + 1)
    labels = torch.tensor(train.labels, device=device)
    weights = (
        torch.ones(len(train)) if train.weights is None or train.log_prior is not None else torch.tensor(train.weights)
    )
    offsets = torch.zeros(()) if train.log_prior is None else torch.tensor(train.log_prior, dtype=torch.float32)
    weights, offsets = weights.to(device), offsets.to(device)
    random = np.random.default_rng(limits.seed)
    for _ in range(epochs):
        network.train()
        for rows in np.array_split(random.permutation(len(train)), num_batches):
            optimizer.zero_grad(set_to_none=True)
            logits = network(_batch(train.features, rows, shape, device))
            chosen = torch.as_tensor(rows, device=device)
            losses = nn.functional.cross_entropy(logits + offsets, labels[chosen], reduction="none")
            (losses * weights[chosen]).mean().backward()
            optimizer.step()
            schedule.step()
        yield network.eval()


def _shape(params: Params, train: Examples, limits: Limits) -> Shape:
    features = train.features
    return Shape(
        dimension=features.vectors.shape[1],
        num_terms=features.words.shape[1],
        num_codes=tuple(int(code) for code in features.categories.max(axis=0, initial=0) + 1),
        num_numbers=features.numbers.shape[1],
        hidden=int(params["hidden"]),
        num_classes=limits.num_classes,
    )


def _batch(features: Features, rows: np.ndarray, shape: Shape, device: torch.device) -> Batch:
    words = features.words[rows]
    # A code that training did not hold has no embedding: it reads as missing.
    codes = features.categories[rows]
    codes = np.where(codes < np.asarray(shape.num_codes, dtype=np.int32), codes, 0)
    return Batch(
        terms=torch.as_tensor(words.indices.astype(np.int64), device=device),
        weights=torch.as_tensor(words.data, device=device),
        offsets=torch.as_tensor(words.indptr[:-1].astype(np.int64), device=device),
        vectors=torch.tensor(features.vectors[rows], device=device),
        codes=torch.as_tensor(codes.astype(np.int64), device=device),
        numbers=torch.as_tensor(features.numbers[rows], device=device),
    )
