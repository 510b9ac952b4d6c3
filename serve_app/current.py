"""What the ingress itself holds of the release that answers: fields, policies, and past tickets for its fallbacks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from serve_app.classifier import Classified
from tickets.cleaning import Cleaner, build_cleaner
from tickets.config import PolicyConfig
from tickets.decide.policy import Decision, TargetPolicy
from tickets.errors import ConfigError
from tickets.features.state import Selection
from tickets.release import Release
from tickets.retrieval.corpus import Corpus


def check_policy(policy: PolicyConfig, targets: Collection[str]) -> None:
    """Refuse rules for targets that are not there.

    Raises:
        ConfigError: Names the target and the ones that a release has.
    """
    if unknown := [target for target in policy.targets if target not in targets]:
        raise ConfigError(f"serve.policy.targets: {unknown[0]!r} is no target; allowed: {', '.join(targets)}")


@dataclass(frozen=True)
class Current:
    """A release with the policy that holds for it.

    Attributes:
        release: Its manifest.
        selection: The fields that its model reads.
        corpus: Its past tickets, memory-mapped.
        calibrated: Target → policy as the release was calibrated.
        policy: What a person allows.
        cleaner: What was taken out of texts before the model saw them.
    """

    release: Release
    selection: Selection
    corpus: Corpus
    calibrated: dict[str, TargetPolicy]
    policy: PolicyConfig
    cleaner: Cleaner

    @classmethod
    def load(cls, release: Release, policy: PolicyConfig) -> Current:
        """Read what the ingress needs of a release.

        Raises:
            ReleaseError: A file is missing or was changed.
            ConfigError: The policy names a target that the release does not have.
        """
        current = cls(
            release,
            release.load_selection(),
            release.load_corpus(),
            release.load_policies(),
            policy,
            build_cleaner(release.load_cleaning()),
        )
        return current.under(policy)

    def under(self, policy: PolicyConfig) -> Current:
        """The same release under another policy.

        Raises:
            ConfigError: It names a target that the release does not have; its rule would be no rule.
        """
        check_policy(policy, self.calibrated)
        return replace(self, policy=policy)

    @property
    def id(self) -> str:
        """The release's id."""
        return self.release.id

    @property
    def first_target(self) -> str:
        """The target that past tickets and arrivals are compared by."""
        return next(iter(self.calibrated))

    @property
    def policy_id(self) -> str:
        """The policy's name with a digest of its content."""
        content = orjson.dumps(self.policy.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return f"{self.policy.name}-{hashlib.sha256(content).hexdigest()[:12]}"

    @property
    def policies(self) -> dict[str, TargetPolicy]:
        """Target → the release's policy with what a person allows laid over it."""
        return {target: self._allowed(target, policy) for target, policy in self.calibrated.items()}

    def cleaned(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """A ticket that was read, with its texts as the model saw them in training."""
        if not self.cleaner.kinds:
            return ticket
        names = set(self.release.load_cleaning().fields).intersection(self.selection.text)
        texts = {name: self.cleaner.clean(ticket[name]).text for name in names if ticket[name]}
        return ticket | texts

    def decide(self, classified: Classified, language: str | None, degraded: bool) -> dict[str, Decision]:
        """What may be done with each target's label.

        Args:
            classified: Probabilities of one ticket.
            language: Its language, where it names one.
            degraded: A part of the answer was replaced by its fallback.
        """
        return {
            target: policy.decide(classified.probabilities[target], language, classified.pattern, degraded)
            for target, policy in self.policies.items()
        }

    def label_probabilities(self, classified: Classified) -> dict[str, float]:
        """Label of the first target → probability."""
        rows: np.ndarray = classified.probabilities[self.first_target]
        return dict(zip(self.release.manifest.targets[self.first_target], rows.tolist(), strict=True))

    def _allowed(self, target: str, policy: TargetPolicy) -> TargetPolicy:
        rules = self.policy.targets.get(target)
        if not self.policy.automate or (rules is not None and not rules.automate):
            return policy.suggesting()
        return policy if rules is None or rules.precision is None else policy.asking(rules.precision)
