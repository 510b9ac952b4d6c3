"""A release: a small manifest that pins immutable folders by the digest of their content, and the champion pointer.

It is all that serving and batch jobs need of training. It does not know how models are made, or MLflow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from tickets.config import CleaningConfig
from tickets.errors import ReleaseError
from tickets.storage import Storage, digest_files

if TYPE_CHECKING:  # each part of a release is imported when it is loaded: most processes load one of them
    from tickets.anomaly.baselines import Baselines
    from tickets.decide.policy import TargetPolicy
    from tickets.features.encoder import Encoder
    from tickets.features.state import Selection
    from tickets.models.triage import TriageModel
    from tickets.retrieval.corpus import Corpus

FORMAT_VERSION: Final = 6
"""Version of the layout; a manifest of another one is refused."""
PARTS: Final = ("model", "encoder", "corpus", "baselines")
"""The folders that every release pins."""


class Part(BaseModel):
    """One folder that a release pins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    files: dict[str, str]  # relative path → SHA-256
    num_bytes: int


class Manifest(BaseModel):
    """Everything that a release is, without its bytes.

    `parts` holds one folder for each name in `PARTS`; `targets` the closed list of each target; `data` the snapshot,
    the splits, and where the model is another release's the run that fitted it; `metrics` the report on the test rows
    and what was measured of the corpus; `config` the resolved configuration, secrets masked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int
    created_at: str
    bucket: str
    run_id: str
    parts: dict[str, Part]
    targets: dict[str, list[str]]
    data: dict[str, Any]
    metrics: dict[str, Any]
    config: dict[str, Any]

    @cached_property
    def id(self) -> str:
        """Time of making and digest of the manifest: a changed manifest has another id."""
        return f"{self.created_at}-{self.digest[:12]}"

    @property
    def trained_by(self) -> str:
        """The run that fitted the model; of a release with another one's model, the run of that one."""
        trained_by: str = self.data.get("trained_by", self.run_id)
        return trained_by

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifest, hexadecimal."""
        return hashlib.sha256(orjson.dumps(self.model_dump(), option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True)
class Release:
    """A release whose manifest was checked; its parts are checked when they are loaded.

    Attributes:
        storage: Where it lies.
        manifest: What it is.
    """

    storage: Storage
    manifest: Manifest

    @property
    def id(self) -> str:
        """The release's id."""
        return self.manifest.id

    @property
    def uri(self) -> str:
        """Where the manifest is."""
        return self.storage.uri(_manifest_key(self.manifest.bucket, self.id))

    def card_key(self, form: str) -> str:
        """Key of its model card as `json`, `html` or `md`, beside the manifest; made of the release, afterwards."""
        return f"{_release_key(self.manifest.bucket, self.id)}/card.{form}"

    def check(self) -> None:
        """Compare every file of every part with the manifest.

        Raises:
            ReleaseError: A file is missing, was added or was changed.
        """
        for name in self.manifest.parts:
            self._checked_dir(name)

    def load_model(self) -> TriageModel:
        """The model.

        Raises:
            ReleaseError: A file is missing or was changed.
        """
        from tickets.models.triage import TriageModel

        return TriageModel.load(self._checked_dir("model"))

    def load_encoder(self, num_threads: int = 1) -> Encoder:
        """The sentence encoder that the model was trained with.

        Raises:
            ReleaseError: A file is missing or was changed.
        """
        from tickets.features.encoder import Encoder

        return Encoder(self._checked_dir("encoder"), num_threads)

    def load_selection(self) -> Selection:
        """The fields that the model reads.

        Raises:
            ReleaseError: A file is missing or was changed.
        """
        from tickets.features.state import load_selection

        return load_selection(self._checked_dir("model") / "features")

    def load_cleaning(self) -> CleaningConfig:
        """How texts were cleaned before the model saw them."""
        return CleaningConfig.model_validate(self.manifest.config.get("cleaning", {}))

    def load_policies(self) -> dict[str, TargetPolicy]:
        """Target → what may be done with its labels, the most important target first.

        Raises:
            ReleaseError: A file is missing or was changed.
        """
        from tickets.models.triage import load_policies

        return load_policies(self._checked_dir("model"))

    def load_corpus(self) -> Corpus:
        """The past tickets that can be found, memory-mapped.

        Raises:
            ReleaseError: A file is missing or was changed.
        """
        from tickets.retrieval.corpus import Corpus

        return Corpus.load(self._checked_dir("corpus"))

    def load_baselines(self) -> Baselines:
        """What is usual: arrivals and distances.

        Raises:
            ReleaseError: A file is missing or was changed.
        """
        from tickets.anomaly.baselines import Baselines

        return Baselines.load(self._checked_dir("baselines"))

    def _checked_dir(self, name: str) -> Path:
        part = self.manifest.parts[name]
        folder = self.storage.fetch(part.key) if self.storage.exists(part.key) else Path(self.storage.uri(part.key))
        found = digest_files(folder)
        for path in sorted({*part.files, *found}):
            if part.files.get(path) != found.get(path):
                what = "is missing" if path not in found else "was added" if path not in part.files else "was changed"
                raise ReleaseError(f"release {self.id}: {folder / path} {what}; refused")
        return folder


def save_part(storage: Storage, bucket: str, name: str, save: Callable[[Path], None]) -> Part:
    """Let something save itself into a folder that is then kept under the digest of its content.

    Args:
        storage: The root.
        bucket: Folder under it.
        name: `model`, `corpus` or `baselines`.
        save: Writes into an empty folder.
    """
    parent = f"{bucket}/parts/{name}"
    with storage.scratch_dir(parent) as scratch:
        save(scratch)
        key, _ = storage.adopt_dir(scratch, parent)
    return pin_part(storage, key)


def pin_part(storage: Storage, key: str) -> Part:
    """A folder as it is now, to be pinned by a release."""
    folder = storage.fetch(key)
    files = digest_files(folder)
    return Part(key=key, files=files, num_bytes=sum((folder / path).stat().st_size for path in files))


def publish_release(
    storage: Storage,
    bucket: str,
    parts: dict[str, Part],
    targets: dict[str, list[str]],
    run_id: str,
    data: dict[str, Any],
    metrics: dict[str, Any],
    config: dict[str, Any],
) -> Release:
    """Write the manifest that pins saved parts; the release is visible once it is there.

    Args:
        storage: The root.
        bucket: Folder under it.
        parts: One for each name in `PARTS`.
        targets: Target → its closed list of labels.
        run_id: The run that made it.
        data: Snapshot and splits that it was made from.
        metrics: The report on its test rows, and what was measured of its corpus.
        config: The resolved configuration, secrets masked.
    """
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        created_at=datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f"),
        bucket=bucket,
        run_id=run_id,
        parts=parts,
        targets=targets,
        data=data,
        # Through JSON once, so that what is read back has the same digest.
        metrics=orjson.loads(orjson.dumps(metrics, option=orjson.OPT_SERIALIZE_NUMPY)),
        config=config,
    )
    storage.write_json(_manifest_key(bucket, manifest.id), manifest.model_dump())
    return Release(storage, manifest)


def open_release(storage: Storage, bucket: str, reference: str) -> Release:
    """Find a release and check its manifest.

    Args:
        storage: The root.
        bucket: Folder under it.
        reference: `champion`, `latest`, or a release id.

    Raises:
        ReleaseError: There is no such release, its format is unknown, or its manifest was changed.
    """
    release_id = _resolve(storage, bucket, reference)
    if not storage.exists(_manifest_key(bucket, release_id)):
        known = list_releases(storage, bucket)
        allowed = ", ".join(["champion", "latest", *known]) if known else "none, since there is no release"
        raise ReleaseError(f"release {reference!r}: not in bucket {bucket!r}; allowed: {allowed}")
    content = storage.read_json(_manifest_key(bucket, release_id))
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise ReleaseError(f"release {release_id}: format_version {version!r} is unknown; allowed: {FORMAT_VERSION}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise ReleaseError(
            f"release {release_id}: its manifest was changed ({error.error_count()} fields do not fit); refused"
        ) from None
    if manifest.id != release_id:
        raise ReleaseError(f"release {release_id}: its manifest was changed (it now reads as {manifest.id}); refused")
    return Release(storage, manifest)


def list_releases(storage: Storage, bucket: str) -> list[str]:
    """Ids of all releases of a bucket, the oldest first."""
    return [name for name in storage.list_keys(f"{bucket}/releases") if storage.exists(_manifest_key(bucket, name))]


def read_champion(storage: Storage, bucket: str) -> dict[str, Any] | None:
    """The pointer: `release`, `digest`, and how it got there; None before the first one."""
    key = champion_key(bucket)
    pointer: dict[str, Any] | None = storage.read_json(key) if storage.exists(key) else None
    return pointer


def move_champion(storage: Storage, release: Release, expected: dict[str, Any] | None, why: str) -> None:
    """Point `champion` at a release, if the pointer still is what the caller saw.

    Raises:
        ConflictError: Another writer moved it first.
    """
    pointer = {"release": release.id, "digest": release.manifest.digest, "why": why}
    storage.swap_json(champion_key(release.manifest.bucket), expected, pointer)


def champion_key(bucket: str) -> str:
    """Key of a bucket's champion pointer."""
    return f"{bucket}/champion.json"


def _resolve(storage: Storage, bucket: str, reference: str) -> str:
    if reference == "champion":
        pointer = read_champion(storage, bucket)
        if pointer is None:
            buckets = [name for name in storage.list_keys("") if storage.exists(champion_key(name))]
            hint = f"set data.bucket to one of: {', '.join(buckets)}" if buckets else "run jobs/train.py first"
            raise ReleaseError(f"bucket {bucket!r} has no champion; {hint}")
        return str(pointer["release"])
    if reference == "latest":
        releases = list_releases(storage, bucket)
        if not releases:
            raise ReleaseError(f"bucket {bucket!r} has no release; run jobs/train.py first")
        return releases[-1]
    return reference


def _release_key(bucket: str, release_id: str) -> str:
    return f"{bucket}/releases/{release_id}"


def _manifest_key(bucket: str, release_id: str) -> str:
    return f"{_release_key(bucket, release_id)}/manifest.json"
