"""Targets within targets, such as a subcategory within its category: answered so that they never contradict.

Every target keeps a model of its own; here their probabilities meet. It does not know features or thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from scipy import optimize

from tickets.models.family import nll
from tickets.models.labels import Labels

LEAST_PAIR_ROWS: Final = 2
"""Training rows that a pair of labels needs to be legal."""
LEAST_PAIR_SHARE: Final = 0.01
"""Share of the child label's training rows that it needs, too: below, a pair is a slip."""
MOST_POOL_ROWS: Final = 2_000
"""Rows that a pool is fitted on; a handful of exponents needs no more."""
_LEAST: Final = 1e-9  # a probability of 0 would rule out what the other target is sure of
_AHEAD: Final = 1e-6  # by how much the answered label leads, wide enough to outlast float32

Probabilities = Mapping[str, np.ndarray]
"""Target → float64 [n, k]."""


@dataclass(frozen=True)
class Link:
    """Which labels of a child target stand within which labels of its parent.

    A pair is legal where the taxonomy says so. Of a child label that no taxonomy names, a pair is legal where at least
    `LEAST_PAIR_ROWS` training rows and `LEAST_PAIR_SHARE` of the child label's rows have it, and its most frequent
    parent always is. A child label without any known parent fits all.

    Attributes:
        child: The target within.
        parent: The target that it stands within.
        shares: float64 [p, c], how the tickets of each child label part among parent labels; 0: not legal.
        open: bool [p], parent labels that have no child label: they go with all, and say nothing of the child.
        left_out: Share of the training rows whose pair is not legal.
    """

    child: str
    parent: str
    shares: np.ndarray
    open: np.ndarray
    left_out: float

    @classmethod
    def fit(
        cls,
        child: str,
        parent: str,
        codes: tuple[np.ndarray, np.ndarray],
        labels: tuple[Labels, Labels],
        taxonomy: Mapping[str, Sequence[str]],
    ) -> Link:
        """Learn the legal pairs of two targets.

        Args:
            child: The target within.
            parent: The target that it stands within.
            codes: Of child and parent, int64 [n] each: training rows, below 0 where the label is outside or missing.
            labels: Their closed lists.
            taxonomy: Parent label → the child labels that it allows; empty where there is none.
        """
        of_child, of_parent = codes
        both = (of_child >= 0) & (of_parent >= 0)
        counts = np.zeros((len(labels[1]), len(labels[0])))
        np.add.at(counts, (of_parent[both], of_child[both]), 1)
        legal = _often(counts)
        allowed = np.array([[name in taxonomy.get(over, ()) for name in labels[0].names] for over in labels[1].names])
        named = allowed.any(axis=0)
        legal[:, named] = allowed[:, named]
        left_out = float(counts[~legal].sum() / max(counts.sum(), 1))
        legal[:, ~legal.any(axis=0)] = True
        shares = np.where(legal, counts + 1, 0.0)  # a legal pair that no row has is rare, not impossible
        shares /= shares.sum(axis=0)
        open_ = np.logical_not(legal.any(axis=1))
        frequency = np.bincount(of_parent[of_parent >= 0], minlength=len(labels[1])) / max((of_parent >= 0).sum(), 1)
        shares[open_] = np.maximum(frequency[open_, np.newaxis], _LEAST)
        return cls(child, parent, shares, open_, left_out)

    @property
    def legal(self) -> np.ndarray:
        """Pairs that may be answered, bool [p, c]; those of an open parent label among them."""
        return self.shares > 0

    def spread(self, of_child: np.ndarray, of_parent: np.ndarray) -> np.ndarray:
        """The child's probabilities, even over all labels as far as the parent's label is an open one."""
        unknown = of_parent[:, self.open].sum(axis=1, keepdims=True)
        spread: np.ndarray = of_child * (1 - unknown) + unknown / of_child.shape[1]
        return spread

    def to_json(self, labels: Mapping[str, Labels]) -> dict[str, Any]:
        """The pairs by name."""
        children, parents = labels[self.child].names, labels[self.parent].names
        shares = {
            parent: {name: share for name, share in zip(children, row, strict=True) if share > 0}
            for parent, row in zip(parents, self.shares.tolist(), strict=True)
        }
        open_ = [name for name, is_open in zip(parents, self.open, strict=True) if is_open]
        return {
            "child": self.child,
            "parent": self.parent,
            "shares": shares,
            "open": open_,
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any], labels: Mapping[str, Labels]) -> Link:
        """The inverse of `to_json`."""
        children, parents = labels[state["child"]].names, labels[state["parent"]].names
        shares = np.array([[state["shares"][parent].get(name, 0.0) for name in children] for parent in parents])
        open_ = np.isin(parents, state["open"])
        return cls(state["child"], state["parent"], shares, open_, state["left_out"])


@dataclass(frozen=True)
class Pool:
    """How much each target counts where their probabilities are pooled into one distribution over legal pairs.

    A logarithmic opinion pool (Genest and Zidek, 1986) on the tree of targets: the probability of a path of labels is
    the product of each target's probability to the power of its `trust`, of the links' shares, and, per link, of what
    the child says of the parent's label (its probabilities times the shares) to the power of `agreement`. Trust 1 and
    agreement -1 are p(parent) p(child | parent); trust 0 in the parent and agreement 0 leave the child's word alone.

    Attributes:
        trust: Target → exponent.
        agreement: Child target → exponent.
    """

    trust: Mapping[str, float]
    agreement: Mapping[str, float]


@dataclass(frozen=True)
class Hierarchy:
    """One tree of targets.

    Attributes:
        root: The target that stands within no other.
        links: A target's link to its parent before those of its own children.
        pool: How probabilities are pooled; None: each target keeps its own.
    """

    root: str
    links: tuple[Link, ...]
    pool: Pool | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """Parents before children."""
        return (self.root, *(link.child for link in self.links))

    def decode(self, given: Probabilities) -> dict[str, np.ndarray]:
        """What is published: probabilities whose most probable labels, read across targets, are a legal path.

        It is the legal path of the greatest product of the given probabilities, whatever a pool makes of these. Where
        it is not the most probable one in every target by itself, the least share that makes it so is mixed in.

        Args:
            given: Calibrated probabilities of the tree's targets, each for itself.
        """
        own = self._own(given)
        probabilities = own if self.pool is None else _pooled(self.links, own, self.pool)
        answered = self._answer(own)
        rows = np.arange(len(answered[self.root]))
        behind = np.zeros(len(rows))
        for name, codes in answered.items():
            of = probabilities[name]
            gap = of.max(axis=1, initial=0.0) - of[rows, codes] + _AHEAD
            behind = np.maximum(behind, np.where(of.argmax(axis=1) == codes, 0.0, gap))
        share = behind / (1 + behind)
        published = {name: of * (1 - share[:, np.newaxis]) for name, of in probabilities.items()}
        for name, codes in answered.items():
            published[name][rows, codes] += share
        return published

    def is_legal(self, codes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Whether labels go together, bool [n]; `codes` are columns, int64 [n] per target."""
        pairs = [link.legal[codes[link.parent], codes[link.child]] for link in self.links]
        legal: np.ndarray = np.logical_and.reduce(pairs)
        return legal

    def fit_pool(self, given: Probabilities, codes: Mapping[str, np.ndarray]) -> Pool:
        """The pool whose probabilities are likeliest on labelled rows.

        Args:
            given: Calibrated probabilities on rows that no model saw.
            codes: Target → int64 [n], below 0 where the label is outside the list or missing.
        """
        names, children = self.targets, [link.child for link in self.links]
        step = -(-len(given[self.root]) // MOST_POOL_ROWS) or 1
        given, codes = ({name: of[::step] for name, of in arrays.items()} for arrays in (given, codes))
        own = self._own(given)
        labelled = {name: np.flatnonzero(codes[name] >= 0) for name in names}

        def of(values: np.ndarray) -> Pool:
            trust, agreement = np.split(values, [len(names)])
            return Pool(
                dict(zip(names, trust.tolist(), strict=True)), dict(zip(children, agreement.tolist(), strict=True))
            )

        def loss(values: np.ndarray) -> float:
            pooled = _pooled(self.links, own, of(values))
            return sum(nll(pooled[name][rows], codes[name][rows]) for name, rows in labelled.items() if len(rows))

        start = np.r_[np.ones(len(names)), np.full(len(children), -0.5)]
        bounds = [(0.0, 3.0)] * len(names) + [(-2.0, 2.0)] * len(children)
        return of(optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30}).x)

    def to_json(self, labels: Mapping[str, Labels]) -> dict[str, Any]:
        """As values that JSON holds."""
        pool = self.pool and {"trust": dict(self.pool.trust), "agreement": dict(self.pool.agreement)}
        return {"root": self.root, "links": [link.to_json(labels) for link in self.links], "pool": pool}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], labels: Mapping[str, Labels]) -> Self:
        """The inverse of `to_json`."""
        links = tuple(Link.from_json(link, labels) for link in state["links"])
        return cls(state["root"], links, Pool(**state["pool"]) if state["pool"] else None)

    def _own(self, given: Probabilities) -> dict[str, np.ndarray]:
        """What each target says of itself, as far as its parent's label leaves it anything to say."""
        own = {name: given[name] for name in self.targets}
        for link in self.links:
            own[link.child] = link.spread(own[link.child], own[link.parent])
        return own

    def _answer(self, probabilities: Probabilities) -> dict[str, np.ndarray]:
        """The legal path with the greatest product of probabilities: target → int64 [n], column of its label."""
        best = {name: np.log(np.maximum(probabilities[name], _LEAST)) for name in self.targets}
        for link in reversed(self.links):
            reach = [best[link.child][:, children].max(axis=1) for children in link.legal]
            best[link.parent] = best[link.parent] + np.stack(reach, axis=1)
        answered = {self.root: best[self.root].argmax(axis=1)}
        for link in self.links:
            allowed = link.legal[answered[link.parent]]
            answered[link.child] = np.where(allowed, best[link.child], -np.inf).argmax(axis=1)
        return answered


def trees(parents: Mapping[str, str]) -> dict[str, list[str]]:
    """Child → parent, as root → its descendants, parents first. There is no cycle: the configuration refuses one."""
    found = {}
    for root in dict.fromkeys(name for name in parents.values() if name not in parents):
        below = [root]
        for name in below:  # grows while it is walked
            below += [child for child, parent in parents.items() if parent == name]
        found[root] = below[1:]
    return found


def _often(counts: np.ndarray) -> np.ndarray:
    """Pairs that are no slip, bool [p, c]."""
    least = np.maximum(LEAST_PAIR_ROWS, LEAST_PAIR_SHARE * counts.sum(axis=0))
    often: np.ndarray = (counts >= least) | ((counts == counts.max(axis=0, initial=0)) & (counts > 0))
    return often


def _pooled(links: Sequence[Link], given: Probabilities, pool: Pool) -> dict[str, np.ndarray]:
    """Marginals of the pool by messages from the leaves to the root and back (Pearl, 1988)."""
    belief = {name: np.maximum(of, _LEAST) ** pool.trust[name] for name, of in given.items()}
    messages = {}
    for link in reversed(links):
        said = np.maximum(given[link.child] @ link.shares.T, _LEAST)
        messages[link.child] = np.maximum(belief[link.child] @ link.shares.T, _LEAST**4)
        belief[link.parent] = _normalised(
            belief[link.parent] * said ** pool.agreement[link.child] * messages[link.child]
        )
    for link in links:
        outside = belief[link.parent] / messages[link.child]
        belief[link.child] = _normalised(belief[link.child] * (outside @ link.shares))
    return belief


def _normalised(rows: np.ndarray) -> np.ndarray:
    normalised: np.ndarray = rows / rows.sum(axis=1, keepdims=True)
    return normalised
