"""Bytes: atomic writes, conditional pointers and content-addressed folders under the root; exports from anywhere.

The only home of fsspec, through which exports are found and read (`s3://…` too). It does not know what the bytes
mean. Keys are POSIX paths relative to the root.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
import orjson

from tickets import logs
from tickets.errors import ConflictError, StorageError


class Storage:
    """A root folder and what may be done under it.

    Args:
        root: Absolute folder; created at the first write.
    """

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def path(self, key: str) -> Path:
        """The absolute place of a key."""
        return self.root / key

    def exists(self, key: str) -> bool:
        """Whether there is a file or folder at the key."""
        return self.path(key).exists()

    def list_keys(self, key: str) -> list[str]:
        """Names right below a folder, sorted; empty where there is no such folder."""
        folder = self.path(key)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def read_bytes(self, key: str) -> bytes:
        """The whole file at a key.

        Raises:
            StorageError: There is none.
        """
        try:
            return self.path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise StorageError(f"{self.path(key)}: no such file") from None

    def read_json(self, key: str) -> Any:
        """The JSON document at a key.

        Raises:
            StorageError: There is none, or it is no JSON.
        """
        try:
            return orjson.loads(self.read_bytes(key))
        except orjson.JSONDecodeError as error:
            raise StorageError(f"{self.path(key)}: not valid JSON ({error})") from None

    def write_bytes(self, key: str, content: bytes) -> None:
        """Write a file that readers see whole or not at all."""
        target = self.path(key)
        with logs.timed(logs.get("data"), "storage.write", "DEBUG", key=key, bytes=len(content)):
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
            try:
                draft.write_bytes(content)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)

    def write_json(self, key: str, content: Any) -> None:
        """Write an indented JSON document, with sorted keys, atomically."""
        self.write_bytes(key, orjson.dumps(content, option=_JSON_OPTIONS))

    def swap_json(self, key: str, expected: Any, content: Any) -> None:
        """Replace a document if it still is what the caller last saw (`None`: it does not exist).

        Raises:
            ConflictError: Another writer was first; nothing was changed.
        """
        with self._locked(key):
            current = self.read_json(key) if self.exists(key) else None
            if current != expected:
                raise ConflictError(
                    f"{self.path(key)} was changed by another writer: expected {expected}, found {current}"
                )
            self.write_json(key, content)

    def adopt_dir(self, local_dir: Path, parent_key: str) -> tuple[str, str]:
        """Move a finished folder to `parent_key/<digest of its content>`; an equal folder is kept as it is.

        Returns:
            Key and digest (SHA-256, hexadecimal) of the folder.

        Raises:
            StorageError: What stands there already has another content.
        """
        digest = digest_dir(local_dir)
        key = f"{parent_key}/{digest[:32]}"
        target = self.path(key)
        with logs.timed(logs.get("data"), "storage.adopt", "DEBUG", key=key):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                local_dir.rename(target)
            except OSError:
                if not target.exists():
                    raise
                if (found := digest_dir(target)) != digest:
                    raise StorageError(f"{target}: its content was changed (SHA-256 {found}, not {digest})") from None
        return key, digest

    @contextmanager
    def scratch_dir(self, key: str) -> Iterator[Path]:
        """A new folder below a key that is gone afterwards, unless it was adopted."""
        scratch = self.path(key) / f".draft-{uuid.uuid4().hex}"
        scratch.mkdir(parents=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        lock = self.path(f"{key}.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def find_exports(pattern: str) -> list[str]:
    """Paths or URIs of the files that a file, folder or glob names (a local path or any fsspec URI), sorted."""
    fs, path = fsspec.core.url_to_fs(pattern)
    if fs.isfile(path):  # before glob: a name may hold brackets
        found = [path]
    else:
        found = fs.find(path) if fs.isdir(path) else [name for name in fs.glob(path) if fs.isfile(name)]
    return sorted(str(fs.unstrip_protocol(name)) if "://" in pattern else str(name) for name in found)


def open_export(uri: str, unpack: bool = True) -> IO[bytes]:
    """An export for reading; `unpack` follows its ending (`.gz`, `.bz2`, `.xz`, `.zst`)."""
    is_zstd = unpack and uri.lower().endswith(".zst")
    file: IO[bytes] = fsspec.open(uri, "rb", compression="infer" if unpack and not is_zstd else None).open()
    if is_zstd:  # fsspec needs one more package for it, and without that one hands out the packed bytes
        import pyarrow as pa

        unpacked: IO[bytes] = pa.CompressedInputStream(file, "zstd")
        return unpacked
    return file


_JSON_OPTIONS = (
    orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
)


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
