"""A fine-tuned transformer as it answers: text and fields to the labels of several targets, through ONNX Runtime.

It is a folder of `model.onnx`, `tokenizer.json` and `transformer.json`. It does not know how it was trained
(`transformer_loop.py`) or exported (`transformer_export.py`), and needs no torch. Each text is read by a call of its
own, as in `tickets.features.encoder`: an answer never depends on its neighbours.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from tickets.features.state import Features
from tickets.models.family import softmax

NAME: Final = "transformer"
"""What it is called among the families; it is not swept like one."""
_FILES: Final = ("model.onnx", "tokenizer.json", "transformer.json")


@dataclass(frozen=True)
class Shape:
    """What a network reads and answers.

    Attributes:
        num_codes: Codes of each category column.
        num_numbers: Number columns.
        num_labels: Target → labels.
        max_tokens: Tokens after which a text is cut.
    """

    num_codes: tuple[int, ...]
    num_numbers: int
    num_labels: Mapping[str, int]
    max_tokens: int

    @classmethod
    def of(cls, features: Features, num_labels: Mapping[str, int], max_tokens: int) -> Shape:
        """The shape of a network that is trained on these rows.

        Args:
            features: The training rows.
            num_labels: Target → labels.
            max_tokens: Tokens after which a text is cut.
        """
        num_codes = tuple(int(code) + 1 for code in features.categories.max(axis=0, initial=0))
        return cls(num_codes, features.numbers.shape[1], dict(num_labels), max_tokens)

    def save(self, folder: Path) -> None:
        """Write `transformer.json`."""
        (folder / "transformer.json").write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Shape:
        """Read what `save` wrote."""
        spec = json.loads((folder / "transformer.json").read_text(encoding="utf-8"))
        return cls(**{**spec, "num_codes": tuple(spec["num_codes"])})


def field_inputs(shape: Shape, categories: np.ndarray, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The fields of n rows as a network reads them.

    Args:
        shape: Codes that have an embedding; any other code reads as missing.
        categories: int32 [n, c].
        numbers: float32 [n, m], NaN where missing.

    Returns:
        `codes`, int64 [n, c], and `numbers`, float32 [n, 2 m]: the numbers with 0 where missing, and where they are.
    """
    missing = np.isnan(numbers)
    known = categories < np.asarray(shape.num_codes, dtype=np.int32)
    return {
        "codes": np.where(known, categories, 0).astype(np.int64),
        "numbers": np.hstack([np.where(missing, 0.0, numbers), missing]).astype(np.float32),
    }


class Transformer:
    """A network that answers for several targets at once.

    Args:
        folder: An exported network; it must stay until the network is saved elsewhere.
        num_threads: Threads of one call.
    """

    def __init__(self, folder: Path, num_threads: int = 1) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._folder = folder
        self.shape = Shape.load(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.shape.max_tokens)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        # What was said of features is kept while these live: the targets of one batch ask one after the other.
        self._answers: WeakKeyDictionary[Features, dict[str, np.ndarray]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def predict(self, features: Features) -> dict[str, np.ndarray]:
        """Target → probabilities, float64 [n, k]; computed once for the same features."""
        with self._lock:
            known = self._answers.get(features)
        if known is None:
            known = self._predict(features)
            with self._lock:
                self._answers[features] = known
        return known

    def _predict(self, features: Features) -> dict[str, np.ndarray]:
        fields = field_inputs(self.shape, features.categories, features.numbers)
        sizes = list(self.shape.num_labels.values())
        logits = np.empty((len(features), sum(sizes)), dtype=np.float32)
        for row, text in enumerate(features.texts):
            given = {name: values[row : row + 1] for name, values in fields.items()}
            given["input_ids"] = np.asarray([self._tokenizer.encode(text).ids], dtype=np.int64)
            logits[row] = self._session.run(None, {name: given[name] for name in self._inputs})[0][0]
        parts = np.split(logits, np.cumsum(sizes)[:-1], axis=1)
        return {target: softmax(part) for target, part in zip(self.shape.num_labels, parts, strict=True)}

    @property
    def num_bytes(self) -> int:
        """What its files weigh."""
        return sum((self._folder / name).stat().st_size for name in _FILES)

    def save(self, folder: Path) -> None:
        """Copy its files into an empty folder."""
        for name in _FILES:
            shutil.copyfile(self._folder / name, folder / name)


@dataclass(frozen=True)
class Share:
    """One target's classifier out of a network that several share.

    Attributes:
        network: The network.
        target: Which of its targets.
    """

    network: Transformer
    target: str

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        return self.network.predict(features)[self.target]

    def save(self, folder: Path) -> None:
        """Write `share.json`; the network is saved once for all its targets."""
        (folder / "share.json").write_text(json.dumps({"target": self.target}, ensure_ascii=False), encoding="utf-8")


def load_share(folder: Path, network: Transformer) -> Share:
    """Read what `Share.save` wrote."""
    return Share(network, json.loads((folder / "share.json").read_text(encoding="utf-8"))["target"])
