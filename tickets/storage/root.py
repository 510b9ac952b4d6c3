"""The root: JSON documents, conditional pointers, and folders that are named by their content.

Keys are POSIX paths relative to the root. It does not know whether the root is a folder or a bucket (`files.py`), nor
what the bytes mean.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import orjson

from tickets import logs
from tickets.errors import ConflictError, StorageError
from tickets.storage.digests import digest_dir
from tickets.storage.files import Files, LocalFiles, S3Files

_DRAFT: Final = ".draft-"
_JSON_OPTIONS: Final = (
    orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
)


class Storage:
    """A root and what may be done under it.

    Args:
        root: Absolute folder, created at the first write, or `s3://bucket/prefix`.
    """

    def __init__(self, root: str) -> None:
        self.root = str(root)
        self._files: Files = S3Files(self.root) if self.is_remote else LocalFiles(Path(root))

    @property
    def is_remote(self) -> bool:
        """Whether every machine that has the address can reach it."""
        return self.root.startswith("s3://")

    @property
    def work_dir(self) -> Path:
        """Local folder for what stays on this machine, such as logs; the root itself where that is a folder."""
        return self._files.work_dir

    def uri(self, key: str) -> str:
        """Where a key is, for people and other programs: absolute path or URI."""
        return self._files.uri(key)

    def local_path(self, key: str) -> Path:
        """A place on this machine for a key: below the root where that is a folder, else below the work folder."""
        return self.work_dir / key

    def fetch(self, key: str) -> Path:
        """A file or folder whose content never changes, as it can be opened (and memory-mapped) on this machine.

        Raises:
            StorageError: There is none.
        """
        try:
            return self._files.fetch(key)
        except OSError:
            raise StorageError(f"{self.uri(key)}: no such file") from None

    def exists(self, key: str) -> bool:
        """Whether there is a file or folder at the key."""
        return self._files.exists(key)

    def list_keys(self, key: str) -> list[str]:
        """Names right below a folder, sorted; empty where there is no such folder."""
        return sorted(self._files.names(key))

    def read_bytes(self, key: str) -> bytes:
        """The whole file at a key.

        Raises:
            StorageError: There is none.
        """
        try:
            return self._files.read(key)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise StorageError(f"{self.uri(key)}: no such file") from None

    def open_file(self, key: str) -> IO[bytes]:
        """The file at a key, for reading at any place.

        Raises:
            StorageError: There is none.
        """
        try:
            return self._files.open(key)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise StorageError(f"{self.uri(key)}: no such file") from None

    def read_json(self, key: str) -> Any:
        """The JSON document at a key.

        Raises:
            StorageError: There is none, or it is no JSON.
        """
        try:
            return orjson.loads(self.read_bytes(key))
        except orjson.JSONDecodeError as error:
            raise StorageError(f"{self.uri(key)}: not valid JSON ({error})") from None

    def write_bytes(self, key: str, content: bytes, private: bool = False) -> None:
        """Write a file that readers see whole or not at all; in a folder, a private one its owner alone can read."""
        with logs.timed(logs.get("data"), "storage.write", "DEBUG", key=key, bytes=len(content)):
            self._files.write(key, content, private)

    def write_json(self, key: str, content: Any, private: bool = False) -> None:
        """Write an indented JSON document, with sorted keys, atomically."""
        self.write_bytes(key, orjson.dumps(content, option=_JSON_OPTIONS), private)

    def swap_json(self, key: str, expected: Any, content: Any) -> None:
        """Replace a document if it still is what the caller last saw (`None`: it does not exist).

        Raises:
            ConflictError: Another writer was first; nothing was changed.
        """
        found: list[Any] = [None]

        def is_expected(current: bytes | None) -> bool:
            found[0] = None if current is None else orjson.loads(current)
            return bool(found[0] == expected)

        if not self._files.swap(key, is_expected, orjson.dumps(content, option=_JSON_OPTIONS)):
            raise ConflictError(f"{self.uri(key)} was changed by another writer: expected {expected}, found {found[0]}")

    def adopt_file(self, local: Path, key: str) -> None:
        """Move a finished file of a scratch folder to a key."""
        with logs.timed(logs.get("data"), "storage.adopt", "DEBUG", key=key):
            self._files.adopt_file(local, key)

    def adopt_dir(self, local_dir: Path, parent_key: str) -> tuple[str, str]:
        """Move a finished folder to `parent_key/<digest of its content>`; an equal folder is kept as it is.

        Returns:
            Key and digest (SHA-256, hexadecimal) of the folder.

        Raises:
            StorageError: What stands there already has another content.
        """
        digest = digest_dir(local_dir)
        key = f"{parent_key}/{digest[:32]}"
        with logs.timed(logs.get("data"), "storage.adopt", "DEBUG", key=key):
            if not self._files.adopt_dir(local_dir, key) and (found := digest_dir(self.fetch(key))) != digest:
                raise StorageError(f"{self.uri(key)}: its content was changed (SHA-256 {found}, not {digest})")
        return key, digest

    def delete(self, key: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing where there is none."""
        self._files.delete(key)

    def size(self, key: str) -> int:
        """Bytes of a file.

        Raises:
            OSError: There is none.
        """
        return self._files.size(key)

    def age_s(self, key: str) -> float:
        """Seconds since a file was written; 0 where there is none."""
        try:
            return (datetime.now(UTC) - self._files.modified_at(key)).total_seconds()
        except OSError:
            return 0.0

    def delete_drafts(self, older_than_s: float) -> int:
        """Remove scratch folders that killed processes left behind on this machine.

        Returns:
            How many.
        """
        drafts = [path for path in self.work_dir.rglob(f"{_DRAFT}*") if path.is_dir()]
        old = [path for path in drafts if time.time() - path.stat().st_mtime > older_than_s]
        for path in old:
            shutil.rmtree(path, ignore_errors=True)
        return len(old)

    @contextmanager
    def scratch_dir(self, key: str) -> Iterator[Path]:
        """A new local folder that is gone afterwards, unless it was adopted."""
        scratch = self.local_path(key) / f"{_DRAFT}{uuid.uuid4().hex}"
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(mode=0o700)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
