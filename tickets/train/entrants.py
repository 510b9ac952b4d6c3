"""Which releases stand side by side, and what tells their training apart. It does not know how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tickets.config import CompareConfig
from tickets.config.parse import flatten
from tickets.errors import RefusedError
from tickets.multirun import Multirun, load_multirun
from tickets.release import FORMAT_VERSION, Release, list_releases, open_release
from tickets.storage import Storage

_TRAINING: Final = ("source", "cleaning", "encoder", "features", "model", "search", "sweep", "decide")
"""Sections of the configuration that a model depends on."""
_LONGEST: Final = 60  # characters of a value that a name shows


@dataclass(frozen=True)
class Chosen:
    """What is to be compared.

    Attributes:
        releases: At least two, the oldest first.
        failed: Points of a multirun that made no release → why.
    """

    releases: tuple[Release, ...]
    failed: Mapping[str, str]


@dataclass(frozen=True)
class Setting:
    """What sets a release apart from those that it is compared with.

    Attributes:
        values: Key of the configuration → its value, as text, of keys that differ and are no seed.
        seeds: The same of seeds.
    """

    values: Mapping[str, str]
    seeds: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in (*self.values.items(), *self.seeds.items()))


def choose_releases(storage: Storage, bucket: str, config: CompareConfig) -> Chosen:
    """The releases that the configuration asks for.

    Raises:
        ReleaseError: One of them is not there, or was changed.
        StorageError: There is no such multirun.
        RefusedError: Fewer than two are left.
    """
    failed: dict[str, str] = {}
    if config.multirun is not None:
        multirun = load_multirun(storage, config.multirun)
        places, failed = _made_by(multirun), _failed(multirun)
    else:
        places = [_place(bucket, reference) for reference in config.releases] or _newest(storage, bucket, config.last)
    opened = {release.uri: release for release in (open_release(storage, *place) for place in places)}
    if len(opened) < 2:
        raise RefusedError(f"{len(opened)} releases to compare in bucket {bucket!r}; needed: 2; run jobs/train.py")
    releases = sorted(opened.values(), key=lambda release: release.id)
    return Chosen(tuple(releases), failed)


def tell_apart(releases: Sequence[Release]) -> list[Setting]:
    """What differs between the configurations that releases were trained with, one setting for each.

    A key that one of them does not have at all, because its release is older than the key, is not looked at.
    """
    flat = [dict(flatten(_training(release))) for release in releases]
    common = set.intersection(*({_field(key) for key in of} for of in flat))
    keys = dict.fromkeys(key for of in flat for key in of if _field(key) in common)
    differing = [key for key in keys if len({str(of.get(key)) for of in flat}) > 1]
    seeds = [key for key in differing if key.rsplit(".", 1)[-1] == "seed"]
    others = [key for key in differing if key not in seeds]
    return [
        Setting({key: _shown(of.get(key)) for key in others}, {key: _shown(of.get(key)) for key in seeds})
        for of in flat
    ]


def _made_by(multirun: Multirun) -> list[tuple[str, str]]:
    return [(point.bucket, point.release) for point in multirun.points if point.bucket and point.release]


def _failed(multirun: Multirun) -> dict[str, str]:
    return {
        " ".join(point.overrides): f"{point.status}: {point.error or 'no release'}"
        for point in multirun.points
        if not point.release
    }


def _place(bucket: str, reference: str) -> tuple[str, str]:
    before, _, release = reference.rpartition("/")
    return before or bucket, release


def _newest(storage: Storage, bucket: str, last: int | None) -> list[tuple[str, str]]:
    """The newest so many; without a number those whose models learned from the same data as the newest one's."""
    ids = list_releases(storage, bucket)
    manifests = {id_: storage.read_json(f"{bucket}/releases/{id_}/manifest.json") for id_ in ids}
    # Not those of an older format, which nothing reads, nor those with a corpus of their own, whose model is another's.
    readable = [id_ for id_ in ids if manifests[id_].get("format_version") == FORMAT_VERSION]
    data = {id_: manifests[id_]["data"] for id_ in readable}
    trained = [id_ for id_ in readable if "corpus" not in data[id_]]
    if last is not None:
        return [(bucket, id_) for id_ in trained[-last:]]
    return [(bucket, id_) for id_ in trained if data[id_]["digest"] == data[trained[-1]]["digest"]]


def _training(release: Release) -> dict[str, Any]:
    """What a model depends on."""
    config, data = release.manifest.config, release.manifest.data
    return {**{section: config[section] for section in _TRAINING if section in config}, "data": data["digest"][:12]}


def _field(key: str) -> str:
    """Section and field of a key: `source.split` of `source.split.seed`."""
    return ".".join(key.split(".")[:2])


def _shown(value: Any) -> str:
    text = f"[{','.join(map(str, value))}]" if isinstance(value, list) else "-" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
