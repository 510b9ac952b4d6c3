"""The model of a ticket: features once, then per target the members, their pool, the calibration and the decision.

The same object answers in a batch job, in a report and in a replica. It does not know where it is stored
(`tickets.release`) or how vectors are computed (`tickets.features.encoder`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tickets.decide.calibration import Calibrator, load_calibrator
from tickets.decide.policy import Decision, TargetPolicy
from tickets.errors import ModelError
from tickets.features.state import Features, FeatureState
from tickets.models import text_head, transformer
from tickets.models.ensemble import pool
from tickets.models.family import Classifier, family
from tickets.models.hierarchy import Hierarchy
from tickets.models.labels import Labels
from tickets.models.text_head import TextHead


@dataclass(frozen=True)
class Member:
    """One classifier of a target.

    Attributes:
        family: Name of its family.
        classifier: The fitted model.
        weight: Of its log-probabilities in the pool.
    """

    family: str
    classifier: Classifier
    weight: float


@dataclass(frozen=True)
class TargetModel:
    """How one target is predicted.

    Attributes:
        name: The target.
        labels: Its closed list.
        members: The classifiers whose answers are pooled.
        head: The text head, where a member needs it.
        calibration: Turns the pool into probabilities that mean what they say.
        policy: What may be done with a prediction.
    """

    name: str
    labels: Labels
    members: tuple[Member, ...]
    head: TextHead | None
    calibration: Calibrator
    policy: TargetPolicy

    def predict(self, features: Features) -> np.ndarray:
        """Calibrated probabilities, float64 [n, k], columns in the order of the closed list."""
        if not len(features):  # a batch whose rows were all refused; not every library takes it
            return np.zeros((0, len(self.labels)))
        head = self.head.predict(features) if self.head is not None else None
        pooled = pool([member.classifier.predict(features, head) for member in self.members], self.weights)
        return self.calibration.transform(pooled)

    @property
    def weights(self) -> np.ndarray:
        """The members' weights, float64 [members]."""
        return np.array([member.weight for member in self.members])

    def save(self, folder: Path) -> None:
        """Write `target.json`, and one folder per member and for the head."""
        folder.mkdir(parents=True)
        for member in self.members:
            (folder / member.family).mkdir()
            member.classifier.save(folder / member.family)
        if self.head is not None:
            (folder / "head").mkdir()
            self.head.save(folder / "head")
        spec = {
            "name": self.name,
            "labels": list(self.labels.names),
            "members": {member.family: member.weight for member in self.members},
            "head": self.head is not None,
            "calibration": self.calibration.to_json(),
            "policy": self.policy.to_json(),
        }
        (folder / "target.json").write_text(json.dumps(spec, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, network: transformer.Transformer | None = None) -> TargetModel:
        """Read what `save` wrote, with the network that it may share with other targets."""
        spec = json.loads((folder / "target.json").read_text(encoding="utf-8"))
        members = (
            Member(name, _load_member(name, folder / name, network), weight) for name, weight in spec["members"].items()
        )
        return cls(
            spec["name"],
            Labels(tuple(spec["labels"])),
            tuple(members),
            text_head.load(folder / "head") if spec["head"] else None,
            load_calibrator(spec["calibration"]),
            TargetPolicy.from_json(spec["policy"]),
        )


def _load_member(name: str, folder: Path, network: transformer.Transformer | None) -> Classifier:
    return (
        transformer.load_share(folder, network) if network and name == transformer.NAME else family(name).load(folder)
    )


def load_policies(folder: Path) -> dict[str, TargetPolicy]:
    """Target → policy of a saved `TriageModel`, in its order and without its weights."""
    order = json.loads((folder / "model.json").read_text(encoding="utf-8"))["targets"]
    specs = [json.loads((folder / "targets" / name / "target.json").read_text(encoding="utf-8")) for name in order]
    return {spec["name"]: TargetPolicy.from_json(spec["policy"]) for spec in specs}


@dataclass(frozen=True)
class Answer:
    """What is said of n tickets for one target.

    Attributes:
        target: Its name.
        probabilities: float64 [n, k], calibrated.
        decisions: One per ticket.
    """

    target: str
    probabilities: np.ndarray
    decisions: list[Decision]


class TriageModel:
    """Tickets → calibrated labels with decisions, for every target.

    Args:
        state: The feature state.
        targets: One model per target, the most important first.
        hierarchies: Trees of targets whose answers must not contradict.
    """

    def __init__(
        self, state: FeatureState, targets: Sequence[TargetModel], hierarchies: Sequence[Hierarchy] = ()
    ) -> None:
        self.state = state
        self.targets = tuple(targets)
        self.hierarchies = tuple(hierarchies)

    def answer(self, table: pa.Table, vectors: np.ndarray, degraded: bool = False) -> list[Answer]:
        """Predict and decide.

        Args:
            table: n tickets with the columns of `state.selection`, and `language` where it is known.
            vectors: float32 [n, d], sentence vectors of `state.texts(table)`.
            degraded: A part of the answer is missing: nothing is automated.
        """
        languages = table["language"].to_pylist() if "language" in table.column_names else [None] * table.num_rows
        patterns = self.state.patterns(table)
        probabilities = self.predict(table, vectors)
        return [
            Answer(name, rows, self.target(name).policy.decide_all(rows, languages, patterns, degraded))
            for name, rows in probabilities.items()
        ]

    def predict(self, table: pa.Table, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """Calibrated probabilities alone: target → float64 [n, k], columns in the order of its closed list.

        The most probable labels of targets that stand within each other are a legal path.

        Args:
            table: n tickets, as for `answer`.
            vectors: float32 [n, d].
        """
        features = self.state.transform(table, vectors)
        probabilities = {target.name: target.predict(features) for target in self.targets}
        for hierarchy in self.hierarchies:
            probabilities |= hierarchy.decode(probabilities)
        return probabilities

    def complete(self, table: pa.Table) -> pa.Table:
        """The table with a column of nulls for every field that the model reads and the table lacks."""
        for name in self.state.selection.columns:
            if name not in table.column_names:
                kind = pa.float64() if name in self.state.selection.numbers else pa.string()
                table = table.append_column(name, pa.nulls(table.num_rows, kind))
        return table

    def target(self, name: str) -> TargetModel:
        """The model of a target.

        Raises:
            ModelError: There is none of that name.
        """
        for target in self.targets:
            if target.name == name:
                return target
        raise ModelError(f"target {name!r}; this model has: {', '.join(target.name for target in self.targets)}")

    def save(self, folder: Path) -> None:
        """Write the feature state and every target below an empty folder."""
        (folder / "features").mkdir()
        self.state.save(folder / "features")
        for target in self.targets:
            target.save(folder / "targets" / target.name)
        for network in self._networks():
            (folder / transformer.NAME).mkdir()
            network.save(folder / transformer.NAME)
        labels = {target.name: target.labels for target in self.targets}
        hierarchies = [hierarchy.to_json(labels) for hierarchy in self.hierarchies]
        content = json.dumps({"targets": list(labels), "hierarchies": hierarchies}, ensure_ascii=False)
        (folder / "model.json").write_text(content, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TriageModel:
        """Read what `save` wrote."""
        content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        shared = folder / transformer.NAME
        network = transformer.Transformer(shared) if shared.exists() else None
        targets = [TargetModel.load(folder / "targets" / name, network) for name in content["targets"]]
        labels = {target.name: target.labels for target in targets}
        hierarchies = [Hierarchy.from_json(state, labels) for state in content["hierarchies"]]
        return cls(FeatureState.load(folder / "features"), targets, hierarchies)

    def _networks(self) -> set[transformer.Transformer]:
        """The network that targets share, or none."""
        members = (member.classifier for target in self.targets for member in target.members)
        return {member.network for member in members if isinstance(member, transformer.Share)}
