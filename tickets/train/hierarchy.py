"""Which pairs of labels are legal, and whether pooling targets along their hierarchy earns its place.

Judged on the calibration rows, with pools fitted on other rows. It does not know models or thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tickets import logs
from tickets.config import TicketsConfig
from tickets.features.state import Features
from tickets.models.hierarchy import Hierarchy, Link, Probabilities, trees
from tickets.quality.relations import taxonomy_in_force
from tickets.schema import VALUE_SETS
from tickets.train.calibrated import Calibrated
from tickets.train.choice import gain_of
from tickets.train.problem import text_folds
from tickets.train.split import TRAIN

LEAST_TEXTS: Final = 200
"""Different texts among the calibration rows from which pooling is considered."""


@dataclass(frozen=True)
class Settled:
    """Targets that no longer contradict each other.

    Attributes:
        targets: As given; those of a tree with their probabilities as they are published.
        hierarchies: One for each tree.
        records: Child target → under `hierarchy`, what was learned and measured, JSON-able.
    """

    targets: dict[str, Calibrated]
    hierarchies: tuple[Hierarchy, ...]
    records: dict[str, dict[str, Any]]


def settle(targets: Mapping[str, Calibrated], config: TicketsConfig) -> Settled:
    """Learn the legal pairs of `source.hierarchy` and decode what its targets say of their calibration rows.

    A link where either end is no target, or has no model, is left out.
    """
    parents = {}
    for child, parent in config.source.hierarchy.items():
        if child in targets and parent in targets:
            parents[child] = parent
        elif child in config.source.targets and parent in config.source.targets:
            logs.get("ml").warning("source.hierarchy: {} within {} is left out: one has no model", child, parent)
    settled, hierarchies = dict(targets), []
    records: dict[str, dict[str, Any]] = {}
    for root, below in trees(parents).items():
        links = tuple(_link(targets[child], targets[parents[child]], config) for child in below)
        tree = _Tree.of(Hierarchy(root, links), targets)
        chosen, published, record = tree.choose(config.model.folds)
        hierarchies.append(chosen)
        alone = None if tree.alone is None else chosen.decode(tree.alone)
        for name, probabilities in published.items():
            of = targets[name]
            has_label = np.isin(tree.rows, of.rows)
            bare = None if alone is None else alone[name][has_label]
            settled[name] = replace(of, said=replace(of.said, probabilities=probabilities[has_label], alone=bare))
        records |= {link.child: {"hierarchy": {**_figures(link), **record}} for link in links}
    return Settled(settled, tuple(hierarchies), records)


def _link(child: Calibrated, parent: Calibrated, config: TicketsConfig) -> Link:
    rows = child.problem.splits == TRAIN
    of_child, of_parent = child.problem, parent.problem
    taxonomy: Mapping[str, Sequence[str]] = {}
    if (of_child.target, of_parent.target) == ("subcategory", "category"):
        sets = config.source.value_sets
        closed: Mapping[str, Any] = sets if not isinstance(sets, str) else VALUE_SETS if sets == "contract" else {}
        taxonomy = taxonomy_in_force(config.quality, {name: frozenset(values) for name, values in closed.items()})
    codes, labels = (of_child.codes[rows], of_parent.codes[rows]), (of_child.labels, of_parent.labels)
    return Link.fit(of_child.target, of_parent.target, codes, labels, taxonomy)


def _figures(link: Link) -> dict[str, Any]:
    """What a link allows."""
    return {
        "parent": link.parent,
        "legal_pairs": int(link.legal[~link.open].sum()),
        "train_rows_left_out": link.left_out,
        "labels_without_child": int(link.open.sum()),
    }


@dataclass(frozen=True)
class _Tree:
    """The calibration rows with a label of any target of a tree.

    Attributes:
        hierarchy: Without a pool.
        rows: int64 [r], their indices.
        given: Target → float64 [r, k], each for itself, held out where the row has the target's label.
        alone: The same from the rows' text alone; None where there are no fields.
        codes: Target → int64 [r].
        fingerprints: r of them, by text.
    """

    hierarchy: Hierarchy
    rows: np.ndarray
    given: dict[str, np.ndarray]
    alone: dict[str, np.ndarray] | None
    codes: dict[str, np.ndarray]
    fingerprints: list[str]

    @classmethod
    def of(cls, hierarchy: Hierarchy, targets: Mapping[str, Calibrated]) -> _Tree:
        members = {name: targets[name] for name in hierarchy.targets}
        rows = np.unique(np.concatenate([of.rows for of in members.values()]))
        given = {name: _said_of(rows, of, of.said.probabilities, of.problem.features) for name, of in members.items()}
        alone = {
            name: _said_of(rows, of, of.said.alone, of.problem.alone)
            for name, of in members.items()
            if of.said.alone is not None and of.problem.alone is not None
        }
        codes = {name: of.problem.codes[rows] for name, of in members.items()}
        return cls(hierarchy, rows, given, alone or None, codes, members[hierarchy.root].problem.fingerprints(rows))

    def choose(self, num_folds: int) -> tuple[Hierarchy, dict[str, np.ndarray], dict[str, Any]]:
        """The hierarchy, with a pool where that is surely likelier; what it publishes of the rows, held out; the
        record.
        """
        apart = self.hierarchy.decode(self.given)
        record: dict[str, Any] = {
            "num_rows": len(self.rows),
            "illegal_before": self._illegal(self.given),
            "pooled": False,
        }
        chosen, published = self.hierarchy, apart
        if len(set(self.fingerprints)) >= LEAST_TEXTS:
            pooled = self._cross_fit(num_folds)
            gain = gain_of(self._losses(apart), self._losses(pooled), self.fingerprints)
            record |= {"gain": gain, "pooled": gain["sure"]}
            if gain["sure"]:
                pool = self.hierarchy.fit_pool(self.given, self.codes)
                record |= {"trust": dict(pool.trust), "agreement": dict(pool.agreement)}
                chosen, published = replace(self.hierarchy, pool=pool), pooled
        return chosen, published, {**record, "illegal_after": self._illegal(published)}

    def _cross_fit(self, num_folds: int) -> dict[str, np.ndarray]:
        """Every row as published with a pool that was fitted on the other folds."""
        folds = text_folds(self.fingerprints, num_folds)
        published = {name: np.empty_like(of) for name, of in self.given.items()}
        for fold in np.unique(folds):
            held_out = folds == fold
            pool = self.hierarchy.fit_pool(_take(self.given, ~held_out), _take(self.codes, ~held_out))
            for name, of in replace(self.hierarchy, pool=pool).decode(_take(self.given, held_out)).items():
                published[name][held_out] = of
        return published

    def _losses(self, published: Probabilities) -> np.ndarray:
        """NLL of each row, summed over the targets whose label it has, float64 [r]."""
        losses = np.zeros(len(self.rows))
        for name, codes in self.codes.items():
            known = codes >= 0
            losses[known] -= np.log(np.maximum(published[name][known, codes[known]], 1e-12))
        return losses

    def _illegal(self, published: Probabilities) -> float:
        """Share of the rows whose most probable labels do not go together."""
        codes = {name: of.argmax(axis=1) for name, of in published.items()}
        return float(1 - self.hierarchy.is_legal(codes).mean())


def _said_of(rows: np.ndarray, of: Calibrated, held_out: np.ndarray, features: Features) -> np.ndarray:
    """What a target says of rows, float64 [r, k]: held out where they have its label."""
    has_label = np.isin(rows, of.rows)
    said = np.empty((len(rows), len(of.problem.labels)))
    said[has_label] = held_out
    said[~has_label] = of.model.predict(features.take(rows[~has_label]))
    return said


def _take(arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: of[rows] for name, of in arrays.items()}
