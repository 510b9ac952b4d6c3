"""Settings of the fine-tuned transformer. It does not know how a network is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tickets.config.base import Config, Count, Fraction, PositiveInt

PositiveFloat = Annotated[float, Field(gt=0.0)]


class FinetuneConfig(Config):
    """The sentence encoder, trained further on the targets that are swept: one network with a head for each.

    Where trials get a GPU, `search.transformer` is searched before, by networks of the first swept target alone, since
    each trial is a fine-tune; what was best there trains the network of all. Elsewhere the settings are those here.
    """

    enabled: Literal["auto", "on", "off"] = "auto"
    """`auto` trains it where the cluster has a GPU; `on` also on a CPU, where 10,000 short texts take 20 minutes."""
    epochs: PositiveInt = 6
    """Most passes over the training rows."""
    patience_epochs: PositiveInt = 2
    """Passes without a better validation NLL after which training stops; the best pass is kept."""
    encoder_rate: PositiveFloat = 2e-4
    """Peak learning rate of the encoder's last layer."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    """Learning rate of each layer over that of the layer above it."""
    head_rate: PositiveFloat = 1e-3
    """Peak learning rate of the heads and of the branch of the fields."""
    layers: Count | None = None
    """Last layers of the encoder that are trained; unset: all, and its embeddings; 0: none."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    """Decoupled weight decay."""
    warmup: Fraction = 0.1
    """Share of the steps in which the learning rate rises; after them it falls as a half cosine."""
    dropout: Fraction = 0.1
    """Share of the text's and the fields' features that each step leaves out before the heads."""
    field_dropout: Fraction = 0.1
    """Share of the rows whose categories and numbers a step hides: a ticket with text alone is answered well too."""
    batch_rows: PositiveInt = 32
    """Rows of one step, over all workers."""
    max_tokens: PositiveInt = 96
    """Tokens after which a text is cut, in training and in answers."""
    imbalance: Literal["none", "logit_adjustment", "class_weights"] = "none"
    """What is done for rare labels: their logits are lowered by the log of their share while training (Menon et al.,
    2021), or their rows weigh more. It is never measured, and what `model.imbalance` measures does not touch it."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Numbers of the encoder's passes; `auto`: bf16 where the device has instructions for it, else fp16 on a GPU and
    fp32 on a CPU."""
    num_workers: PositiveInt = 1
    """Ray Train workers, which share each step's rows."""
    cpus_per_worker: PositiveInt | None = None
    """Cores of a worker; unset: all of the largest node, divided among the workers."""
    time_budget_s: PositiveFloat | None = None
    """No pass starts that would end later than this many seconds after the first; unset: no limit."""
    refit: bool = False
    """Train the best number of passes once more, on training and validation rows together."""

    @field_validator("enabled", mode="before")
    @classmethod
    def _as_yaml_reads_it(cls, value: Any) -> Any:
        """YAML reads `on` and `off` as flags."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value
