"""A trained network becomes the folder that answers: ONNX, in int8 where that costs no accuracy.

It does not know how it was trained. Weights are quantised per channel, as the sentence encoder's are.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch

from tickets.features.state import Features
from tickets.models.transformer import Shape, Transformer
from tickets.models.transformer_network import Network

MOST_COST: Final = 0.002
"""Accuracy on validation that int8 may cost a target."""
_TOKENS: Final = 7  # of the example by which the network is traced; any number will do

Precision = Literal["int8", "fp32"]


@dataclass(frozen=True)
class Chosen:
    """The form in which a network answers.

    Attributes:
        transformer: It.
        precision: `int8` or `fp32`.
        cost: Target → accuracy on validation that int8 costs; below 0 where it gains.
        validation: Target → probabilities of the chosen form, float64 [n, k].
    """

    transformer: Transformer
    precision: Precision
    cost: dict[str, float]
    validation: dict[str, np.ndarray]


def choose_form(
    network: Network,
    shape: Shape,
    transformer_dir: Path,
    folder: Path,
    features: Features,
    labels: np.ndarray,
    full: Sequence[np.ndarray],
) -> Chosen:
    """Export in int8, or in fp32 where int8 costs a target more than `MOST_COST`.

    Args:
        network: The trained network, with eager attention.
        shape: What it reads and answers.
        transformer_dir: Folder with its `tokenizer.json`.
        folder: Where `int8` and, if needed, `fp32` are written.
        features: n validation rows.
        labels: int64 [n, targets], below 0 where there is none.
        full: The network's own probabilities of these rows, float64 [n, k] per target.
    """
    small = export(network, shape, transformer_dir, folder / "int8", "int8")
    answers = small.predict(features)
    exact = dict(zip(shape.num_labels, full, strict=True))
    cost = {
        target: _accuracy(exact[target], codes) - _accuracy(answers[target], codes)
        for target, codes in zip(shape.num_labels, labels.T, strict=True)
    }
    if max(cost.values()) <= MOST_COST:
        return Chosen(small, "int8", cost, answers)
    return Chosen(export(network, shape, transformer_dir, folder / "fp32", "fp32"), "fp32", cost, exact)


def export(network: Network, shape: Shape, transformer_dir: Path, folder: Path, precision: Precision) -> Transformer:
    """Write `model.onnx`, `tokenizer.json` and `transformer.json` into a new folder, in the place of one before."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    inputs = {
        "input_ids": torch.ones((1, _TOKENS), dtype=torch.int64),
        "codes": torch.zeros((1, len(shape.num_codes)), dtype=torch.int64),
        "numbers": torch.zeros((1, 2 * shape.num_numbers)),
    }
    with tempfile.TemporaryDirectory() as work, torch.no_grad(), warnings.catch_warnings():
        # Tracing warns of every shape it fixes; that lengths stay free is tested.
        warnings.simplefilter("ignore")
        full = Path(work) / "model.onnx"
        torch.onnx.export(
            _OneText(network).cpu().eval(),
            tuple(inputs.values()),
            str(full),
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_axes={"input_ids": {1: "tokens"}},
            opset_version=17,
            dynamo=False,
        )
        if precision == "int8":
            quantize_dynamic(str(full), str(folder / "model.onnx"), per_channel=True, weight_type=QuantType.QInt8)
        else:
            shutil.copyfile(full, folder / "model.onnx")
    shutil.copyfile(transformer_dir / "tokenizer.json", folder / "tokenizer.json")
    shape.save(folder)
    return Transformer(folder)


class _OneText(torch.nn.Module):
    """The network as it reads one unpadded text: every token counts."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, codes: torch.Tensor, numbers: torch.Tensor) -> Any:
        return self.network(input_ids, torch.ones_like(input_ids), codes, numbers)


def _accuracy(probabilities: np.ndarray, codes: np.ndarray) -> float:
    """Share of the labelled rows whose likeliest label is right; 0 where none is labelled."""
    known = codes >= 0
    return float((probabilities[known].argmax(axis=1) == codes[known]).mean()) if known.any() else 0.0
