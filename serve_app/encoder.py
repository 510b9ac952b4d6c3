"""Text → sentence vector, as a part of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from serve_app.part import Part
from tickets.release import Release

if TYPE_CHECKING:
    from tickets.features.encoder import Encoder


class EncoderPart(Part["Encoder"]):
    """Items: texts. Answers: unit vectors, float32 [d]."""

    def load(self, release: Release) -> Encoder:
        """The encoder that the release's model was trained with."""
        return release.load_encoder()

    def answer(self, loaded: Encoder, items: Sequence[str]) -> list[np.ndarray]:
        """One vector per text."""
        return list(loaded.encode(items))
