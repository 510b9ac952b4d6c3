"""What a user would write instead of the ingestion: a file → Parquet, no checks. Each runs in a process of its own.

python jobs/_contenders.py pandas|pyarrow|polars SOURCE TARGET
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

_BLOCK_BYTES: Final = 16 * 2**20


def with_pandas(source: str, target: str) -> None:
    """Everything in memory at once."""
    import pandas as pd

    pd.read_json(source).to_parquet(target, compression="zstd")


def with_pyarrow(source: str, target: str) -> None:
    """JSON lines, block by block."""
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    options = pj.ReadOptions(block_size=_BLOCK_BYTES)
    with (
        pj.open_json(source, read_options=options) as reader,
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
