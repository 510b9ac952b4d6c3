"""What every model family offers: fit with steps that can be watched, predict, save, load. It does not know sweeps."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from scipy import special

from tickets.config import EncoderConfig, FinetuneConfig
from tickets.errors import ModelError
from tickets.features.state import Features

Params = Mapping[str, float | int]
Report = Callable[[float], None]
"""Called after every step of a fit with the validation NLL so far; may raise to end the fit."""


@dataclass(frozen=True)
class Examples:
    """Rows to learn from or to judge on.

    Attributes:
        features: n rows.
        labels: int64 [n], class indices from 0.
        head: float32 [n, k + j], what a `TextHead` that was not fitted on these rows says of the k classes and of the j
            labels of other targets; only trees need it.
        has_copy: bool [n], whether the row stands here once more, without its fields; None: none does.
        weights: float32 [n], what each row counts in a fit, 1 on average; None: all the same.
        log_prior: float64 [k], log-shares of the classes, by which a family that can adjusts its logits in place of
            weighting rows; None: no adjustment.
    """

    features: Features
    labels: np.ndarray
    head: np.ndarray | None = None
    has_copy: np.ndarray | None = None
    weights: np.ndarray | None = None
    log_prior: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Examples:
        """The given rows, by index or by mask."""
        head, has_copy, weights = (
            None if part is None else part[rows] for part in (self.head, self.has_copy, self.weights)
        )
        return Examples(self.features.take(rows), self.labels[rows], head, has_copy, weights, self.log_prior)


@dataclass(frozen=True)
class Limits:
    """How far a fit may go.

    Attributes:
        num_classes: k.
        boosting_rounds: Most rounds of a booster with few classes (`trees.Pace`).
        epochs: Most passes of the network.
        patience_steps: Steps without improvement after which a fit stops.
        num_threads: CPU threads.
        use_gpu: Fit on the GPU that this process was given.
        gpu_share: Part of that GPU that is its own, up to 1; others fit beside it.
        watched: Somebody may stop the fit early; if not, steps that only serve that are left out.
        seed: Seed of everything random.
        transformer: The encoder, and how it is fine-tuned; only the transformer needs it.
    """

    num_classes: int
    boosting_rounds: int
    epochs: int
    patience_steps: int
    num_threads: int = 1
    use_gpu: bool = False
    gpu_share: float = 1.0
    watched: bool = True
    seed: int = 0
    transformer: tuple[EncoderConfig, FinetuneConfig] | None = None


class Classifier(Protocol):
    """A fitted model of one target."""

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]; `head` as in `Examples`, from the head that is fitted on all rows."""
        ...

    def save(self, folder: Path) -> None:
        """Write native files, no pickle, into an empty folder."""
        ...


@dataclass(frozen=True)
class Fitted:
    """A fit's outcome.

    Attributes:
        classifier: The model, as it was at its best step.
        nll: Validation NLL there.
        length: What a refit needs to go exactly as far: trees, epochs, or a scale.
    """

    classifier: Classifier
    nll: float
    length: float


class Family(Protocol):
    """A module of `tickets.models` that implements one family."""

    NEEDS_HEAD: bool
    USES_GPU: bool

    def fit(self, params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
        """Fit with validation after every step."""
        ...

    def refit(self, params: Params, train: Examples, limits: Limits, length: float) -> Classifier:
        """Fit on all rows, exactly as far as `fit` found best."""
        ...

    def load(self, folder: Path) -> Classifier:
        """Read what the family's classifier saved."""
        ...


_MODULES: Final = {
    "linear": "tickets.models.linear",
    "catboost": "tickets.models.catboost",
    "xgboost": "tickets.models.xgboost",
    "dnn": "tickets.models.dnn",
    "transformer": "tickets.models.transformer_trial",
}


def family(name: str) -> Family:
    """The family of a name; its library is imported now.

    Raises:
        ModelError: There is no such family.
    """
    if name not in _MODULES:
        raise ModelError(f"model family {name!r}; allowed: {', '.join(_MODULES)}")
    found: Family = importlib.import_module(_MODULES[name])
    return found


def nll(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood of the true classes, natural logarithm; NaN without rows."""
    if not len(labels):
        return float("nan")
    return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0)).mean())


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows of scores → float64 rows that sum to 1."""
    rows: np.ndarray = special.softmax(scores.astype(np.float64), axis=1)
    return rows


class Patience:
    """Keeps the best step and says when to stop.

    Args:
        steps: Steps without improvement that are allowed.
        best: Loss before the first step, which counts as step 0.
    """

    def __init__(self, steps: int, best: float = float("inf")) -> None:
        self._steps = steps
        self.best = best
        self.best_step = 0
        self._step = 0

    def update(self, loss: float) -> bool:
        """Note the next step's loss; whether it is the best so far."""
        self._step += 1
        if not loss < self.best:  # NaN is no improvement either
            return False
        self.best, self.best_step = loss, self._step
        return True

    @property
    def exhausted(self) -> bool:
        """Whether too many steps went by without improvement."""
        return self._step - self.best_step >= self._steps
