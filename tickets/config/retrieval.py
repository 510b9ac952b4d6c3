"""Settings of the search for past tickets and their fixes. It does not know how either index works."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tickets.config.base import Config, Count, PositiveInt

Share = Annotated[float, Field(ge=0.0, le=1.0)]
# fmt: off
Stemmer = Literal[
    "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "portuguese",
    "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
]
# fmt: on


class RetrievalConfig(Config):
    """What is searched, how, and what counts in the order of what was found."""

    corpus: Literal["train", "all"] = "train"
    """`train`: resolved tickets of the training split and those that came after the split was made, so that figures on
    the other splits stay honest; `all`: every resolved ticket of the snapshot, as a desk wants it in service."""
    exact_below: PositiveInt = 50_000
    """Vectors below which the search is exact; from there on it is a graph (HNSW), which finds nearly all."""
    hnsw_links: Annotated[int, Field(ge=2)] = 32
    """Neighbours that each vector keeps in the graph."""
    hnsw_build_effort: PositiveInt = 200
    """Candidates that are looked at for each vector when the graph is built."""
    hnsw_search_effort: PositiveInt = 128
    """Candidates that are looked at in one search of the graph."""
    candidates: PositiveInt = 50
    """Past tickets that each of the two indexes gives before their orders are fused."""
    stemmer: Stemmer | None = None
    """Language of the Snowball stemmer of the keyword index; unset: words as they stand, for any language."""
    no_fix_codes: tuple[str, ...] = ("DUPLICATE",)
    """Resolution codes that close a ticket without any fix: never suggested, and no evidence for one."""
    validation_queries: PositiveInt = 500
    """Most validation tickets from which the share of each index and the floor of similarity are learned."""
    category_weight: Share = 0.1
    """Most that the predicted category can add to a past ticket's score, which lies in 0..1."""
    success_weight: Share = 0.1
    """What a fix that always helps adds to the score against one that never does."""
    prior_strength: Annotated[float, Field(gt=0.0)] = 5.0
    """Tickets that the corpus-wide success rate counts for beside a fix's own."""
    seed: Count = 0
    """Seed of the choice of validation tickets."""
