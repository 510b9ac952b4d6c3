"""Files that others wrote, wherever fsspec finds them (a local path, `s3://…`). It does not know the root."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
"""Endings of packed files."""


def find_exports(pattern: str) -> list[str]:
    """Paths or URIs of the files that a file, folder or glob names (a local path or any fsspec URI), sorted."""
    fs, path = fsspec.core.url_to_fs(pattern)
    if fs.isfile(path):  # before glob: a name may hold brackets
        found = [path]
    else:
        found = fs.find(path) if fs.isdir(path) else [name for name in fs.glob(path) if fs.isfile(name)]
    return sorted(str(fs.unstrip_protocol(name)) if "://" in pattern else str(name) for name in found)


def stamp_of(uri: str) -> str:
    """What changes when an export does, without reading it: an object's ETag, or a local file's size, inode and time of
    change. Tools that copy or unpack set back the time of modification, but not that of change. Empty where neither is
    known, or the file is gone."""
    fs, path = fsspec.core.url_to_fs(uri)
    try:
        if isinstance(fs, LocalFileSystem):
            stat = Path(path).stat()
            return f"{stat.st_size} bytes, inode {stat.st_ino}, changed {stat.st_ctime_ns}"
        info = fs.info(path)
    except FileNotFoundError:
        return ""
    etag = info.get("ETag") or info.get("etag")
    return f"etag {etag}" if etag else ""


def open_export(uri: str, unpack: bool = True) -> IO[bytes]:
    """An export for reading; `unpack` follows its ending (`.gz`, `.bz2`, `.xz`, `.zst`)."""
    is_zstd = unpack and uri.lower().endswith(".zst")
    file: IO[bytes] = fsspec.open(uri, "rb", compression="infer" if unpack and not is_zstd else None).open()
    if is_zstd:  # fsspec needs one more package for it, and without that one hands out the packed bytes
        import pyarrow as pa

        unpacked: IO[bytes] = pa.CompressedInputStream(file, "zstd")
        return unpacked
    return file
