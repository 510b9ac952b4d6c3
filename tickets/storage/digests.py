"""Content → the name that only this content has. It does not know where files lie, beyond a local folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(folder: Path) -> dict[str, str]:
    """Relative POSIX path → SHA-256, for every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


def digest_dir(folder: Path) -> str:
    """SHA-256 over the names and digests of every file below a folder, hexadecimal."""
    return hashlib.sha256(orjson.dumps(digest_files(folder), option=orjson.OPT_SORT_KEYS)).hexdigest()
