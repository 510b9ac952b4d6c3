"""Which files a source names, and of which format. It does not know what is in them (`readers.py`, `mapping.py`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from tickets import logs
from tickets.config import FileSplit, SourceConfig
from tickets.errors import SourceError
from tickets.storage import find_exports

Format = Literal["json", "jsonl", "csv", "parquet", "repaired"]
_ENDINGS: Final[dict[str, Format]] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of an export.

    Attributes:
        uri: Absolute path or URI.
        name: Last part of it, with the folders that tell it apart where files lie in several.
        format: How it is read.
        split: `train`, `validation` or `test` where the source's file split says so.
    """

    uri: str
    name: str
    format: Format
    split: str | None


def find_files(source: SourceConfig, raw_file: str | None, places: Sequence[str | Path]) -> list[SourceFile]:
    """The files that a source names, in the order of their names.

    Args:
        source: The mapping; its `path` is used unless `raw_file` is given.
        raw_file: File, folder or glob in place of `source.path`.
        places: Folders or URIs in which a relative path is looked for, in order.

    Raises:
        SourceError: No path is set, nothing is there, or no file has a known ending; says where it looked.
    """
    path = raw_file or source.path
    if path is None:
        raise SourceError(
            f"source {source.name!r} has no path: set source.path=… or data.raw_file=… (file, folder or glob)"
        )
    patterns, found = find_files_at(path, places)
    if not found:
        known = source.truth and path == source.path  # only a simulated export comes with its truth
        hint = "; python jobs/simulate.py writes a simulated export" if known else ""
        raise SourceError(f"source {source.name!r}: nothing to read at {' or '.join(patterns)}{hint}")
    return _classify(source, found, patterns)


def find_files_at(path: str, places: Sequence[str | Path]) -> tuple[list[str], list[str]]:
    """Where a path may be meant to be, and the files at the first of these places that has any.

    Args:
        path: File, folder or glob; an absolute path or a URI is meant as it is.
        places: Folders or URIs in which a relative path is looked for, in order.

    Returns:
        The places that were looked at, and paths or URIs of the files that were found, sorted.
    """
    if "://" in path:
        patterns = [path]
    else:
        local = Path(path).expanduser()
        patterns = [str(local)] if local.is_absolute() else [f"{str(place).rstrip('/')}/{path}" for place in places]
    return patterns, next(filter(None, map(find_exports, patterns)), [])


def _classify(source: SourceConfig, uris: list[str], patterns: list[str]) -> list[SourceFile]:
    files: list[tuple[str, Format, str | None]] = []
    for uri in uris:
        name = uri.rsplit("/", 1)[-1]
        format_ = _format(source, name)
        split = given_split(source, name)
        if format_ is None and len(uris) == 1:
            raise SourceError(f"{uri}: unknown ending; allowed: {', '.join(_ENDINGS)}, or set source.format")
        if format_ is not None and (split is not None or not isinstance(source.split, FileSplit)):
            files.append((uri, format_, split))
    if not files:
        raise SourceError(
            f"source {source.name!r}: none of {len(uris)} files fits; allowed: {', '.join(_ENDINGS)}"
            + (" and the globs of source.split" if isinstance(source.split, FileSplit) else "")
        )
    if left := len(uris) - len(files):
        logs.get("data").info("{} files of source {} are left alone, by their ending or the split", left, source.name)
    return [SourceFile(uri, _name(uri, patterns, uris), format_, split) for uri, format_, split in files]


def _name(uri: str, patterns: list[str], uris: list[str]) -> str:
    """A file's name: what the path leaves open of its place. It does not depend on which other files are there."""
    for pattern in patterns:
        fixed = re.split(r"[*?\[]", pattern)[0]
        is_file = uris == [pattern]
        folder = (
            pattern.rsplit("/", 1)[0]
            if is_file
            else pattern.rstrip("/")
            if fixed == pattern
            else fixed.rsplit("/", 1)[0]
        )
        if uri.startswith(f"{folder}/"):
            return uri[len(folder) + 1 :]
    return uri.rsplit("/", 1)[-1]


def _format(source: SourceConfig, name: str) -> Format | None:
    if source.format != "auto":
        return source.format
    path = PurePosixPath(name.lower())
    return _ENDINGS.get(PurePosixPath(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix)


def given_split(source: SourceConfig, name: str) -> str | None:
    """`train`, `validation` or `test` where the source's file split names such a file, else None.

    Args:
        source: The mapping.
        name: The file's name; folders before it do not count.
    """
    name = name.rsplit("/", 1)[-1]
    if not isinstance(source.split, FileSplit):
        return None
    globs = {"train": source.split.train, "validation": source.split.validation, "test": source.split.test}
    return next((split for split, glob in globs.items() if glob and fnmatch(name, glob)), None)
