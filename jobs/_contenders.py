"""What a user would write instead of the ingestion: a file → Parquet, no checks. Each runs in a process of its own.

python jobs/_contenders.py pandas|pyarrow|polars SOURCE TARGET
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_BLOCK_BYTES: Final = 16 * 2**20


class _LinesOfArray(io.RawIOBase):
    """A JSON array with one object per line, read as JSON lines."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 - closed with this
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Bytes of whole lines, without what makes them an array."""
        while len(self._rest) < len(buffer):
            chunk = self._file.read(_BLOCK_BYTES)
            if not chunk:
                break
            chunk += self._file.readline()
            self._rest += chunk.replace(b"},\n", b"}\n").replace(b"[\n", b"").replace(b"}\n]", b"}\n")
        given = self._rest[: len(buffer)]
        self._rest = self._rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def with_pandas(source: str, target: str) -> None:
    """Everything in memory at once."""
    import pandas as pd

    pd.read_json(source).to_parquet(target, compression="zstd")


def with_pyarrow(source: str, target: str) -> None:
    """Block by block."""
    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    options = pj.ReadOptions(block_size=_BLOCK_BYTES)
    lines = pa.PythonFile(io.BufferedReader(_LinesOfArray(source)), "r")
    with (
        pj.open_json(lines, read_options=options) as reader,
        pq.ParquetWriter(target, reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)


def with_polars(source: str, target: str) -> None:
    """JSON lines, lazily."""
    import polars as pl

    pl.scan_ndjson(source).sink_parquet(target, compression="zstd")


CONTENDERS: Final[dict[str, Callable[[str, str], None]]] = {
    "pandas": with_pandas,
    "pyarrow": with_pyarrow,
    "polars": with_polars,
}

if __name__ == "__main__":
    CONTENDERS[sys.argv[1]](sys.argv[2], sys.argv[3])
