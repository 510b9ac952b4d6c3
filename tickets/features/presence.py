"""Which inputs a ticket has, as one name: what calibration saw of full tickets says little of nearly empty ones.

It does not know what is promised of which pattern (`tickets.decide.policy`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

TEXT_ALONE: Final = "text"
"""The pattern of a ticket without any field."""
NOTHING: Final = "nothing"
_FULLNESS: Final = (("most fields", 2 / 3), ("some fields", 1 / 3), ("few fields", 0.0))


@dataclass(frozen=True)
class Presence:
    """How full tickets usually are.

    Attributes:
        filled: Field → share of the training rows that have it, above 0.
    """

    filled: Mapping[str, float]

    @classmethod
    def fit(cls, table: pa.Table, names: Sequence[str]) -> Presence:
        """Count the training rows that have each field; one that no row has is left out."""
        shares = {name: 1 - table[name].null_count / max(table.num_rows, 1) for name in names}
        return cls({name: share for name, share in shares.items() if share > 0})

    def patterns(self, table: pa.Table, texts: Sequence[str]) -> list[str]:
        """The pattern of each row, such as `text+most fields`, `text`, `few fields` or `nothing`.

        A field weighs what share of the training rows has it, so that one which is rarely filled is hardly missed:
        most fields are there from two thirds of all weights on, some from a third on. An empty text is none.

        Args:
            table: n tickets with the fields.
            texts: n texts.
        """
        weights = np.zeros(table.num_rows)
        for name, share in self.filled.items():
            weights += share * np.asarray(table[name].is_valid())
        whole = sum(self.filled.values())
        named = [_fullness(weight / whole) if weight else "" for weight in weights]
        return [
            "+".join(filter(None, (TEXT_ALONE if text else "", fields))) or NOTHING
            for text, fields in zip(texts, named, strict=True)
        ]


def _fullness(share: float) -> str:
    return next(name for name, least in _FULLNESS if share >= least - 1e-9)
