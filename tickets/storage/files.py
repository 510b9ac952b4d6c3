"""Two kinds of root behind the same few verbs: a local folder, and a prefix of an S3 bucket.

Both write a file whole or not at all, and both can replace one on condition: under a file lock here, by a conditional
PUT there (`If-Match` with the ETag that was read, `If-None-Match: *` for a new one). S3 is reached by the usual
environment (`AWS_ENDPOINT_URL`, `AWS_DEFAULT_REGION`, keys, profiles, roles). It does not know JSON.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final, Protocol

import fsspec

_S3_OPTIONS: Final = {
    "use_listings_cache": False,  # others write there too
    "config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"mode": "standard", "max_attempts": 6}},
}


class Files(Protocol):
    """What a root can do. Keys are POSIX paths relative to it."""

    work_dir: Path
    """Local folder for what stays on this machine: logs, drafts, databases, what was fetched."""

    def uri(self, key: str) -> str:
        """Where a key is, for people and other programs."""

    def exists(self, key: str) -> bool:
        """Whether there is a file or folder."""

    def names(self, key: str) -> list[str]:
        """Names right below a folder."""

    def read(self, key: str) -> bytes:
        """A whole file; an `OSError` where there is none."""

    def open(self, key: str) -> IO[bytes]:
        """A file for reading at any place; an `OSError` where there is none."""

    def write(self, key: str, content: bytes, private: bool = False) -> None:
        """Write a file that readers see whole or not at all; a private one its owner alone can read."""

    def swap(self, key: str, is_expected: Callable[[bytes | None], bool], content: bytes) -> bool:
        """Write a file if what it holds (None: nothing) is expected; False and nothing written where it is not."""

    def adopt_file(self, local: Path, key: str) -> None:
        """Move a finished local file there."""

    def adopt_dir(self, local_dir: Path, key: str) -> bool:
        """Move a finished local folder there; False where there is one already."""

    def fetch(self, key: str) -> Path:
        """A file or folder whose content never changes, as it can be opened on this machine."""

    def delete(self, key: str) -> None:
        """Remove a file, or a folder with all that is in it."""

    def modified_at(self, key: str) -> datetime:
        """When a file was written, with its zone; an `OSError` where there is none."""

    def size(self, key: str) -> int:
        """Bytes of a file; an `OSError` where there is none."""


class LocalFiles:
    """A root that is a folder.

    Args:
        root: Absolute; created at the first write.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.work_dir = root

    def uri(self, key: str) -> str:
        """Absolute path."""
        return str(self._path(key))

    def exists(self, key: str) -> bool:
        """Whether there is a file or folder."""
        return self._path(key).exists()

    def names(self, key: str) -> list[str]:
        """Names right below a folder."""
        folder = self._path(key)
        return [path.name for path in folder.iterdir()] if folder.is_dir() else []

    def read(self, key: str) -> bytes:
        """A whole file."""
        return self._path(key).read_bytes()

    def open(self, key: str) -> IO[bytes]:
        """A file for reading."""
        return self._path(key).open("rb")

    def write(self, key: str, content: bytes, private: bool = False) -> None:
        """Write beside the file and move over it."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            if private:
                draft.touch(mode=0o600)
            draft.write_bytes(content)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def swap(self, key: str, is_expected: Callable[[bytes | None], bool], content: bytes) -> bool:
        """Compare and write under a lock of the file's own."""
        with self._locked(key):
            if not is_expected(self.read(key) if self.exists(key) else None):
                return False
            self.write(key, content)
            return True

    def adopt_file(self, local: Path, key: str) -> None:
        """Move a file of the same file system."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        local.replace(target)

    def adopt_dir(self, local_dir: Path, key: str) -> bool:
        """Move a folder of the same file system."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        local_dir.chmod(0o755)  # as a scratch folder its owner alone could enter it
        try:
            local_dir.rename(target)
        except OSError:
            if not target.exists():
                raise
            return False
        return True

    def fetch(self, key: str) -> Path:
        """The place itself."""
        return self._path(key)

    def delete(self, key: str) -> None:
        """Remove a file or folder."""
        path = self._path(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def size(self, key: str) -> int:
        """Bytes of a file."""
        return self._path(key).stat().st_size

    def modified_at(self, key: str) -> datetime:
        """When a file was written."""
        return datetime.fromtimestamp(self._path(key).stat().st_mtime, UTC)

    def _path(self, key: str) -> Path:
        return self._root / key

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        lock = self._path(f"{key}.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class S3Files:
    """A root that is a prefix of a bucket.

    Args:
        root: `s3://bucket/prefix`.
    """

    def __init__(self, root: str) -> None:
        self._fs: Any = fsspec.filesystem("s3", **_S3_OPTIONS)
        self._root = root.removeprefix("s3://").rstrip("/")
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        self.work_dir = state / "tickets" / sha256(root.encode()).hexdigest()[:16]

    def uri(self, key: str) -> str:
        """URI of a key."""
        return f"s3://{self._path(key)}"

    def exists(self, key: str) -> bool:
        """Whether there is an object, or any below the prefix."""
        return bool(self._fs.exists(self._path(key)))

    def names(self, key: str) -> list[str]:
        """Names right below a prefix."""
        try:
            return [str(path).rsplit("/", 1)[-1] for path in self._fs.ls(self._path(key), detail=False)]
        except FileNotFoundError:
            return []

    def read(self, key: str) -> bytes:
        """A whole object."""
        return bytes(self._fs.cat_file(self._path(key)))

    def open(self, key: str) -> IO[bytes]:
        """An object, of which only the ranges that are asked for travel."""
        opened: IO[bytes] = self._fs.open(self._path(key), "rb", cache_type="readahead")
        return opened

    def write(self, key: str, content: bytes, private: bool = False) -> None:
        """One PUT, or a multipart upload that is nothing until it is complete; who may read is the bucket's policy."""
        self._fs.pipe_file(self._path(key), content)

    def swap(self, key: str, is_expected: Callable[[bytes | None], bool], content: bytes) -> bool:
        """A conditional PUT."""
        tag = self._tag(key)  # read before the content: what changes in between fails the condition
        if not is_expected(None if tag is None else self.read(key)):
            return False
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._fs.pipe_file(self._path(key), content, **condition)
        except OSError as error:
            if not _is_refused_condition(error):
                raise
            # An answer that was lost on its way makes the client try again, and find its own content there.
            return self.exists(key) and self.read(key) == content
        return True

    def adopt_file(self, local: Path, key: str) -> None:
        """Upload a file and remove it here."""
        self._fs.put_file(str(local), self._path(key))
        local.unlink()

    def adopt_dir(self, local_dir: Path, key: str) -> bool:
        """Upload what is not there already; a folder that was uploaded in part is completed."""
        there = set(self._fs.find(self._path(key)))
        files = [path for path in sorted(local_dir.rglob("*")) if path.is_file()]
        places = {path: self._path(f"{key}/{path.relative_to(local_dir).as_posix()}") for path in files}
        missing = [path for path in files if places[path] not in there]
        for path in missing:
            self._fs.put_file(str(path), places[path])
        if missing:
            self._keep(local_dir, key)
        return bool(missing)

    def fetch(self, key: str) -> Path:
        """Download once, into the work folder."""
        target = self.work_dir / "fetched" / key
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
            try:
                self._fs.get(self._path(key), str(draft), recursive=self._fs.isdir(self._path(key)))
                draft.rename(target)
            except OSError:
                if not target.exists():  # another process may have been first
                    raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return target

    def delete(self, key: str) -> None:
        """Remove an object, or all below a prefix."""
        if self.exists(key):
            self._fs.rm(self._path(key), recursive=True)

    def size(self, key: str) -> int:
        """Bytes of an object."""
        return int(self._fs.info(self._path(key))["size"])

    def modified_at(self, key: str) -> datetime:
        """When an object was written."""
        written: datetime = self._fs.info(self._path(key))["LastModified"]
        return written

    def _keep(self, local_dir: Path, key: str) -> None:
        """What was uploaded need not be fetched."""
        target = self.work_dir / "fetched" / key
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            local_dir.rename(target)

    def _tag(self, key: str) -> str | None:
        try:
            return str(self._fs.info(self._path(key))["ETag"])
        except FileNotFoundError:
            return None

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}".rstrip("/")


def _is_refused_condition(error: OSError) -> bool:
    """Whether S3 did not write because of the condition: another writer was first (412), is at it (409), or deleted
    the object (404)."""
    answer: Any = getattr(error.__cause__, "response", None) or {}
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return isinstance(error, FileExistsError) or status in (404, 409, 412)
