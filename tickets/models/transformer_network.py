"""The network: a sentence encoder's transformer, a branch for categories and numbers, one head per target.

It does not know how it is trained.
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import nn

from tickets.config import EncoderConfig, FinetuneConfig
from tickets.features.encoder import find_transformer
from tickets.models.transformer import Shape

_MOST_CODE_WIDTH: Final = 16
_FIELDS_WIDTH: Final = 64


class Network(nn.Module):
    """Logits of all targets, one target after the other.

    Args:
        encoder: A transformer of the `transformers` library that gives `last_hidden_state`.
        pooling: How tokens become one vector: `mean` or `cls`.
        shape: What is read and answered.
        dropout: Share of features that a training step leaves out before the heads.
        field_dropout: Share of rows whose fields a training step hides.
    """

    def __init__(
        self, encoder: Any, pooling: str, shape: Shape, dropout: float = 0.0, field_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self._pooling = pooling
        self._field_dropout = field_dropout
        widths = [min(_MOST_CODE_WIDTH, size) for size in shape.num_codes]
        self.codes = nn.ModuleList(
            nn.Embedding(size, width) for size, width in zip(shape.num_codes, widths, strict=True)
        )
        width = sum(widths) + 2 * shape.num_numbers
        self.fields = nn.Sequential(nn.Linear(width, _FIELDS_WIDTH), nn.GELU()) if width else None
        width = encoder.config.hidden_size + (_FIELDS_WIDTH if width else 0)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in shape.num_labels.values())

    def forward(
        self, input_ids: torch.Tensor, mask: torch.Tensor, codes: torch.Tensor, numbers: torch.Tensor
    ) -> torch.Tensor:
        """Logits, float32 [rows, labels of all targets]; inputs as in `Batch`."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state.float()
        if self._pooling == "mean":
            pooled = (hidden * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        else:
            pooled = hidden[:, 0]
        # As the encoder was trained: its direction carries the meaning. Scaled so that each feature is about 1.
        features = nn.functional.normalize(pooled, dim=1) * math.sqrt(pooled.shape[1])
        if self.fields is not None:
            features = torch.cat([features, self.fields(self._read_fields(codes, numbers))], dim=1)
        features = self.dropout(features)
        return torch.cat([head(features) for head in self.heads], dim=1)

    def _read_fields(self, codes: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        if self.training and self._field_dropout:
            hidden = torch.rand(len(codes), 1, device=codes.device) < self._field_dropout
            codes = codes.masked_fill(hidden, 0)  # 0 is the code of what is missing
            values, missing = numbers.chunk(2, dim=1)
            numbers = torch.cat([values.masked_fill(hidden, 0.0), missing.masked_fill(hidden, 1.0)], dim=1)
        embedded = [embedding(codes[:, column]) for column, embedding in enumerate(self.codes)]
        return torch.cat([*embedded, numbers], dim=1)


def build_network(config: EncoderConfig, shape: Shape, finetune: FinetuneConfig, attention: str = "sdpa") -> Network:
    """The configured encoder with new heads, in fp32 on the CPU; torch's seed decides how the heads start.

    Args:
        config: Which encoder.
        shape: What is read and answered.
        finetune: Dropout.
        attention: How attention is computed; `eager` can be exported.

    Raises:
        ModelError: The encoder is missing, or of a kind that cannot be used.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    folder, pooling = find_transformer(config)
    logging.disable_progress_bar()
    encoder: Any = AutoModel.from_pretrained(
        str(folder), local_files_only=True, attn_implementation=attention, dtype=torch.float32
    )
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # it would be trained and exported, and nobody reads it
    return Network(encoder, pooling, shape, finetune.dropout, finetune.field_dropout)


def parameter_groups(network: Network, config: FinetuneConfig) -> list[dict[str, Any]]:
    """What an optimizer trains, with a `peak` learning rate for each part; the rest is frozen.

    The rate falls from the encoder's last layer down to its embeddings (Howard and Ruder, 2018). Biases and the
    weights of norms do not decay.
    """
    depth_of = _depths(network.encoder)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        depth, rate = depth_of.get(id(parameter)), config.head_rate
        if depth is not None:
            parameter.requires_grad_(config.layers is None or depth < config.layers)
            rate = config.encoder_rate * config.layer_decay**depth
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def _depths(encoder: nn.Module) -> dict[int, int]:
    """Id of each parameter → how far its layer lies below the last one; the embeddings lie below the first."""
    stacks = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    layers = max(stacks, key=len, default=nn.ModuleList())
    inside = {
        id(parameter): len(layers) - 1 - at for at, layer in enumerate(layers) for parameter in layer.parameters()
    }
    depths, depth = {}, len(layers)
    for parameter in encoder.parameters():
        above = 0 if depth < len(layers) else depth  # what follows the layers is on top, what comes first is below
        depth = depths[id(parameter)] = inside.get(id(parameter), above)
    return depths
