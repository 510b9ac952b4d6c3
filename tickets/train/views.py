"""A ticket's inputs as dense matrices for the audit's quick baseline: the text, the fields, and the fields in pairs.

Nothing here sees a label, and it does not know what is fitted on the matrices (`signal.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickets.errors import ModelError

MAX_TERMS: Final = 20_000
"""Most frequent terms of the text view, of words and of characters each."""

MAX_CHARACTERS: Final = 2_000
"""Of a text that are read."""

MAX_DIMENSIONS: Final = 256
"""Dimensions to which the terms are reduced, and the pairs of fields."""

MAX_LEVELS: Final = 400
"""Most frequent values that get a column of their own, shared out among the fields; each has `LEAST_LEVELS`."""

LEAST_LEVELS: Final = 20

TEXT, FIELDS, PAIRS, BOTH = "text", "fields", "pairs of fields", "text and fields"
"""Names of the views."""

_NUM_WAVES: Final = 4  # of a number's rank: up, up and down, …
_LEAST_EIGENVALUE: Final = 1e-4  # of the greatest one: what lies below is rounding

_Floats = NDArray[np.float32]


def build_views(texts: Sequence[str], fields: pa.Table) -> dict[str, _Floats]:
    """The text alone, the fields alone, pairs of fields, and text and fields together, as far as they hold anything.

    A strong text drowns among many fields and a strong field among many words, so each is looked at alone too. Pairs
    are there for a label that follows from two fields together and from neither by itself, as trees learn it.

    Args:
        texts: n normalised texts, empty where a ticket has none.
        fields: n rows of string, boolean and number columns; may have no columns.

    Returns:
        View → float32[n, d], centred, with rows of mean squared length 1; of `BOTH`, 2.

    Raises:
        ModelError: A column of another type.
    """
    read = [text[:MAX_CHARACTERS] for text in texts]
    return add_fields(_unit(_reduced_terms(read)) if len(set(read)) > 1 else None, fields)


def add_fields(text: _Floats | None, fields: pa.Table) -> dict[str, _Floats]:
    """As `build_views`, where the view of the text is at hand; None: there is no text."""
    num_levels = max(MAX_LEVELS // max(fields.num_columns, 1), LEAST_LEVELS)
    blocks = [_unit(_encoded(name, fields.column(name), num_levels)) for name in fields.column_names]
    views = {} if text is None else {TEXT: text}
    if blocks:
        views[FIELDS] = _unit(np.concatenate(blocks, axis=1))
    varying = [block for block in blocks if block.any()]
    if len(varying) > 1:
        views[PAIRS] = _unit(_pairs(varying))
    views = {name: matrix for name, matrix in views.items() if matrix.any()}
    if TEXT in views and FIELDS in views:
        views[BOTH] = np.concatenate([views[TEXT], views[FIELDS]], axis=1)
    return views


def _reduced_terms(texts: Sequence[str]) -> _Floats:
    """TF-IDF of words and characters, reduced by a truncated SVD (latent semantic analysis)."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    common = {"max_features": MAX_TERMS, "sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]+", ngram_range=(1, 2), **common)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common)
    terms = hstack([words.fit_transform(texts), characters.fit_transform(texts)]).tocsr()
    num_dimensions = min(MAX_DIMENSIONS, min(terms.shape) - 1)
    reduced: _Floats = TruncatedSVD(num_dimensions, n_iter=2, random_state=0).fit_transform(terms)
    return reduced.astype(np.float32)


def _pairs(blocks: Sequence[_Floats]) -> _Floats:
    """float32[n, d]: rows are alike where they agree in two fields at once. Of that kernel, the second degree of an
    analysis of variance, the part that a sample of the rows spans (Nyström; Williams and Seeger 2001)."""
    num_rows = len(blocks[0])
    landmarks = np.random.default_rng(0).choice(num_rows, min(MAX_DIMENSIONS, num_rows), replace=False)
    alike = np.stack([block @ block[landmarks].T for block in blocks])
    kernel = (alike.sum(axis=0) ** 2 - (alike**2).sum(axis=0)) / 2  # the sum over pairs of the products
    values, vectors = np.linalg.eigh(kernel[landmarks])
    kept = values > _LEAST_EIGENVALUE * values.max(initial=0)
    spanned: _Floats = kernel @ (vectors[:, kept] / np.sqrt(values[kept]))
    return spanned if kept.any() else np.zeros((num_rows, 1), dtype=np.float32)


def _encoded(name: str, column: pa.ChunkedArray, num_levels: int) -> _Floats:
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return _waves(column)
    if any(
        test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_null)
    ):
        return _levels(column, num_levels)
    raise ModelError(f"field {name!r} has type {kind}; allowed: string, boolean or number")


def _waves(column: pa.ChunkedArray) -> _Floats:
    """float32[n, waves + 1]: cosines of the value's rank, which no outlier moves, so that what lies in the middle or
    at both ends is told too; and whether it is missing."""
    from scipy.stats import rankdata

    values = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    present = np.isfinite(values)
    encoded = np.zeros((len(values), _NUM_WAVES + 1), dtype=np.float32)
    if present.any():
        places = (rankdata(values[present]) - 0.5) / present.sum()
        encoded[present, :_NUM_WAVES] = np.cos(np.pi * places[:, np.newaxis] * np.arange(1, _NUM_WAVES + 1))
        encoded[present, :_NUM_WAVES] -= encoded[present, :_NUM_WAVES].mean(axis=0)
    encoded[:, _NUM_WAVES] = ~present
    return encoded


def _levels(column: pa.ChunkedArray, num_levels: int) -> _Floats:
    """float32[n, levels]: one column for each of the most frequent values; a missing value is one too."""
    codes = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode().indices.to_numpy()
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:num_levels]
    levels: _Floats = (codes[:, np.newaxis] == frequent).astype(np.float32)
    return levels


def _unit(matrix: _Floats) -> _Floats:
    """Centred, with rows of mean squared length 1; all zero where no column varies."""
    centred = matrix - matrix.mean(axis=0)
    length = float(np.sqrt((centred**2).sum(axis=1).mean()))
    scaled: _Floats = centred / length if length > 1e-6 else np.zeros_like(centred)
    return scaled
