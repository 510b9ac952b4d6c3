"""Search by meaning: unit vectors in FAISS, exact or through a graph. It does not know what the vectors stand for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets.config.retrieval import RetrievalConfig
from tickets.errors import ModelError, StorageError

_EXACT_SHARE: Final = 0.5  # of documents allowed: below it the graph misses too many (0.88 found at 0.3, 0.34 at 0.01)


class DenseIndex:
    """Unit vectors by row.

    Args:
        index: A FAISS index of inner products: flat, or HNSW over flat.
    """

    def __init__(self, index: Any) -> None:
        faiss = _faiss()
        self._index = index
        self._graph_search = isinstance(index, faiss.IndexHNSW)
        self._exact = faiss.downcast_index(index.storage) if self._graph_search else index

    @classmethod
    def build(cls, vectors: np.ndarray, config: RetrievalConfig) -> DenseIndex:
        """Index vectors.

        Args:
            vectors: float32 [n, d], rows of length 1.
            config: From how many vectors on, and how, a graph is built.
        """
        faiss = _faiss()
        num_rows, size = vectors.shape
        if num_rows < config.exact_below:
            index = faiss.IndexFlatIP(size)
        else:
            index = faiss.IndexHNSWFlat(size, config.hnsw_links, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = config.hnsw_build_effort
            index.hnsw.efSearch = config.hnsw_search_effort
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The nearest rows.

        Args:
            vector: float32 [d], of length 1.
            k: Most rows to find.
            allowed: bool [n], the rows that may be found; None: all.

        Returns:
            Rows, int64, and cosines, float32, the highest first and equal ones by row; fewer than k where no more are
            allowed.

        Raises:
            ModelError: The vector has another size than those of the index.
        """
        query = self._query(vector)
        num_allowed = len(self) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, num_allowed)
        if k == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        in_graph = self._graph_search and num_allowed > _EXACT_SHARE * len(self)
        cosines, rows = self._search(query, k, allowed, in_graph)
        if in_graph and len(rows) < k:
            cosines, rows = self._search(query, k, allowed, in_graph=False)
        order = np.lexsort((rows, -cosines))
        return rows[order], cosines[order]

    def _search(
        self, query: np.ndarray, k: int, allowed: np.ndarray | None, in_graph: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        faiss = _faiss()
        index = self._index if in_graph else self._exact
        options = {}
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            if in_graph:
                effort = self._index.hnsw.efSearch
                options["params"] = faiss.SearchParametersHNSW(sel=selector, efSearch=effort)
            else:
                options["params"] = faiss.SearchParameters(sel=selector)
        cosines, rows = index.search(query, k, **options)
        found = rows[0] >= 0
        return cosines[0][found], rows[0][found]

    def cosines(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Cosines with some rows, float32 [rows].

        Raises:
            ModelError: The vector has another size than those of the index.
        """
        query = self._query(vector)
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        kept: np.ndarray = self._exact.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64)) @ query[0]
        return kept

    def _query(self, vector: np.ndarray) -> np.ndarray:
        if vector.shape != (self._index.d,):
            raise ModelError(f"vector of shape {vector.shape}; allowed: ({self._index.d},), as in this corpus")
        return np.ascontiguousarray(vector[None], dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write one FAISS file.

        Raises:
            StorageError: It cannot be written, as where the disk is full.
        """
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:  # all that FAISS raises
            raise StorageError(f"{path}: the index could not be written: {error}") from error

    @classmethod
    def load(cls, path: Path) -> DenseIndex:
        """Map what `save` wrote into memory."""
        faiss = _faiss()
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))


def _faiss() -> Any:
    """The library, imported late and untyped: its stubs know the C++ signatures, not those of its Python layer."""
    return import_module("faiss")
