"""What the text alone says of a target, and of the other targets of its source: where the tree models start from.

A ticket's priority hangs on what it is about, and the desk's subcategory tells its category better than the category's
own words do: what was said of one target is an input of the others (stacking over targets; Spyromitros-Xioufis et al.,
2016). It does not know how out-of-fold answers are made (`tickets.train.heads`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tickets.features.state import Features
from tickets.models import linear


@dataclass(frozen=True)
class TextHead:
    """Linear models of the text.

    Attributes:
        own: Of the target itself.
        others: Of other targets.
    """

    own: linear.Linear
    others: tuple[linear.Linear, ...] = ()

    def predict(self, features: Features) -> np.ndarray:
        """Probabilities, float64 [n, k + j]: of the target's k labels, then of the labels of each other one."""
        return np.hstack([head.predict(features) for head in (self.own, *self.others)])

    def save(self, folder: Path) -> None:
        """Write one folder for each model below an empty one."""
        for number, head in enumerate((self.own, *self.others)):
            (folder / str(number)).mkdir()
            head.save(folder / str(number))


def load(folder: Path) -> TextHead:
    """Read what `TextHead.save` wrote."""
    own, *others = (linear.load(path) for path in sorted(folder.iterdir(), key=lambda path: int(path.name)))
    return TextHead(own, tuple(others))
