"""Rows as a transformer trains on them: token ids cut once, padded per batch, batches of texts of like length.

It does not know the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.utils.data import Dataset

from tickets.features.state import Features
from tickets.models.transformer import Shape, field_inputs

_POOL_BATCHES: Final = (
    32  # batches among which rows are sorted by length: most of the time saved, most of the chance kept
)


@dataclass(frozen=True)
class Batch:
    """Rows as tensors on one device.

    Attributes:
        input_ids: int64 [rows, tokens], 0 where padded.
        mask: float32 [rows, tokens], 0 where padded.
        codes: int64 [rows, c].
        numbers: float32 [rows, 2 m], as `field_inputs` has them.
        labels: int64 [rows, targets], below 0 where there is none.
    """

    input_ids: torch.Tensor
    mask: torch.Tensor
    codes: torch.Tensor
    numbers: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The same rows on a device."""
        return Batch(*(part.to(device, non_blocking=True) for part in self._parts))

    def pin_memory(self) -> Batch:
        """The same rows where a GPU can fetch them; a DataLoader asks for it."""
        return Batch(*(part.pin_memory() for part in self._parts))

    @property
    def _parts(self) -> tuple[torch.Tensor, ...]:
        return self.input_ids, self.mask, self.codes, self.numbers, self.labels


@dataclass(frozen=True)
class Rows(Dataset[int]):
    """n rows, small enough to be sent to every worker.

    Attributes:
        tokens: int32 [all tokens], the texts one after another.
        ends: int64 [n], where each text ends in `tokens`.
        codes: int64 [n, c].
        numbers: float32 [n, 2 m].
        labels: int64 [n, targets], below 0 where there is none.
    """

    tokens: np.ndarray
    ends: np.ndarray
    codes: np.ndarray
    numbers: np.ndarray
    labels: np.ndarray

    @classmethod
    def build(cls, features: Features, labels: np.ndarray, shape: Shape, transformer_dir: Path) -> Rows:
        """Cut texts into tokens.

        Args:
            features: n rows.
            labels: int64 [n, targets], in the order of the shape's targets.
            shape: What the network reads.
            transformer_dir: Folder with its `tokenizer.json`.
        """
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(transformer_dir / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(shape.max_tokens)
        ids = [encoding.ids for encoding in tokenizer.encode_batch(features.texts.tolist())]
        tokens = np.fromiter((token for text in ids for token in text), dtype=np.int32)
        ends = np.cumsum([len(text) for text in ids], dtype=np.int64)
        return cls(tokens, ends, labels=labels, **field_inputs(shape, features.categories, features.numbers))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> int:
        """A row is known by its place: `collate` reads the rest."""
        return row

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 [n]."""
        return np.diff(self.ends, prepend=0)

    def collate(self, rows: Sequence[int]) -> Batch:
        """The given rows as one batch, on the CPU."""
        lengths = self.lengths[rows]
        mask = np.arange(lengths.max()) < lengths[:, None]
        input_ids = np.zeros(mask.shape, dtype=np.int64)
        input_ids[mask] = np.concatenate([self.tokens[self.ends[row] - size : self.ends[row]]
                                          for row, size in zip(rows, lengths, strict=True)])  # fmt: skip
        return Batch(
            torch.from_numpy(input_ids),
            torch.from_numpy(mask.astype(np.float32)),
            torch.from_numpy(self.codes[rows]),
            torch.from_numpy(self.numbers[rows]),
            torch.from_numpy(self.labels[rows]),
        )

    def batches(self, batch_rows: int, seed: Sequence[int], rank: int = 0, num_ranks: int = 1) -> list[list[int]]:
        """Every row once, in batches of texts of like length, in an order that the seed decides.

        Args:
            batch_rows: Rows of a batch, over all workers.
            seed: Two numbers or more.
            rank: The worker that asks: it gets its share of every batch, and each worker as many batches.
            num_ranks: Workers.
        """
        random = np.random.default_rng(seed)
        order, lengths = random.permutation(len(self)), self.lengths
        batches: list[np.ndarray] = []
        for start in range(0, len(order), batch_rows * _POOL_BATCHES):
            pool = order[start : start + batch_rows * _POOL_BATCHES]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches += np.split(pool, range(batch_rows, len(pool), batch_rows))
        # The last batch may hold fewer rows than there are workers: each then gets one of them.
        shares = (np.resize(batch, max(len(batch), num_ranks))[rank::num_ranks] for batch in batches)
        found = [share.tolist() for share in shares]
        return [found[at] for at in random.permutation(len(found))]

    def slices(self, batch_rows: int) -> Iterator[np.ndarray]:
        """Every row once, the shortest texts first, int64 [at most batch_rows] each: how rows are judged."""
        order = np.argsort(self.lengths, kind="stable")
        yield from (order[start : start + batch_rows] for start in range(0, len(order), batch_rows))
