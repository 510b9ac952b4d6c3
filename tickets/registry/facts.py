"""What a registry has to know of a release. It does not know MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tickets.features.request import kinds_of
from tickets.release import Release
from tickets.schema import Kind


@dataclass(frozen=True)
class ReleaseFacts:
    """A release, without its bytes.

    Attributes:
        id: Its id.
        uri: Where its manifest is.
        root: The storage root that holds it.
        manifest: Its manifest, JSON-able.
        digest: SHA-256 of the manifest, hexadecimal.
        inputs: Column that its model reads → kind, text fields first.
    """

    id: str
    uri: str
    root: str
    manifest: Mapping[str, Any]
    digest: str
    inputs: Mapping[str, Kind]

    @property
    def tags(self) -> dict[str, str]:
        """What tells a release from others, as text."""
        data = self.manifest["data"]
        return {
            "release_id": self.id,
            "release_uri": self.uri,
            "digest": self.digest,
            "bucket": self.manifest["bucket"],
            "run": self.manifest["run_id"],
            "offline": str(data["offline"]),
            "targets": ",".join(self.manifest["targets"]),
        }


def facts_of(release: Release) -> ReleaseFacts:
    """The facts of a release.

    Raises:
        ReleaseError: A file of its model is missing or was changed.
    """
    manifest, kinds = release.manifest, kinds_of(release.load_selection())
    return ReleaseFacts(
        release.id, release.uri, release.storage.root, manifest.model_dump(mode="json"), manifest.digest, kinds
    )
