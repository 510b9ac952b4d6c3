"""The feature state: which fields a model may see, and how they become numbers. Fitted once, used everywhere.

It does not know targets beyond keeping them out, nor how vectors are computed (`encoder.py`): they are handed in.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from scipy import sparse

from tickets.config import FeaturesConfig
from tickets.errors import ModelError, StageError
from tickets.features import tabular
from tickets.features.codes import MEASURES, find_codes
from tickets.features.presence import Presence
from tickets.features.tabular import MISSING
from tickets.features.words import Words
from tickets.schema import FIELDS, Field, Kind, Stage

MOST_CHARS: Final = 20_000
"""Characters of a ticket that are read: a log pasted into it costs seconds, and says no more about it."""
_MODEL_KINDS: Final = (Kind.CATEGORICAL, Kind.NUMBER, Kind.FLAG)
_TEXT_KINDS: Final = (Kind.TEXT, Kind.CATEGORICAL, Kind.ID)


@dataclass(frozen=True, eq=False)
class Features:
    """What models read, one row per ticket; equal to itself alone, so that an answer can be kept for it.

    Attributes:
        words: float32 CSR [n, terms], TF-IDF of words, of length 1 or 0, and behind them of codes, of half that.
        chars: float32 CSR [n, terms], TF-IDF of characters within words, rows of length 1 or 0.
        vectors: float32 [n, d], unit sentence vectors.
        categories: int32 [n, c], codes: 0 missing, 1 unseen.
        numbers: float32 [n, m], scaled, NaN where missing: the fields, and behind them measures of the text.
        texts: object [n], the texts themselves as str, for models that read text by themselves.
    """

    words: sparse.csr_matrix
    chars: sparse.csr_matrix
    vectors: np.ndarray
    categories: np.ndarray
    numbers: np.ndarray
    texts: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: np.ndarray) -> Features:
        """The given rows, by index or by mask."""
        parts = (self.words, self.chars, self.vectors, self.categories, self.numbers, self.texts)
        return Features(*(part[rows] for part in parts))


@dataclass(frozen=True)
class Selection:
    """The fields a model reads, all known at its stage.

    Attributes:
        stage: When the model predicts.
        text: Text fields, joined in this order.
        categories: Categorical fields and flags.
        numbers: Number fields.
        logs: Text fields that are searched for codes alone.
    """

    stage: Stage
    text: tuple[str, ...]
    categories: tuple[str, ...]
    numbers: tuple[str, ...]
    logs: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Every column that a table must have."""
        return [*self.text, *self.logs, *self.categories, *self.numbers]


def select_fields(config: FeaturesConfig, own_fields: Sequence[Field], targets: Collection[str]) -> Selection:
    """Choose the fields that a model may read.

    Args:
        config: The stage, the text fields, and the fields asked for (None: every one that is allowed).
        own_fields: Fields of the source beside the contract.
        targets: Never an input.

    Raises:
        StageError: A field is asked for whose value is not known at the stage, that is a target, or that is of a kind
            that cannot be read so.
    """
    by_name = {field.name: field for field in (*FIELDS, *own_fields)}
    asked = config.fields
    if asked is None:
        known = (field for field in by_name.values() if field.kind in _MODEL_KINDS)
        asked = tuple(f.name for f in known if f.stage.known_at(config.stage) and f.name not in targets)
    logs = tuple(name for name in config.logs if name not in config.text) if config.codes else ()
    for name in (*config.text, *logs, *asked):
        field = by_name[name]
        if not field.stage.known_at(config.stage):
            raise StageError(
                f"field {name!r} is known at stage {field.stage.value!r}, not yet at {config.stage.value!r}"
            )
        if name in targets:
            raise StageError(f"field {name!r} is a target and cannot be an input")
    uses = ((config.text, _TEXT_KINDS, "text"), (logs, _TEXT_KINDS, "a log"), (asked, _MODEL_KINDS, "a field"))
    for names, kinds, use in uses:
        for name in names:
            if by_name[name].kind not in kinds:
                raise StageError(f"{name!r} is a {by_name[name].kind}; allowed as {use}: {', '.join(kinds)}")
    numbers = tuple(name for name in asked if by_name[name].kind is Kind.NUMBER)
    return Selection(config.stage, config.text, tuple(name for name in asked if name not in numbers), numbers, logs)


def join_text(table: pa.Table, names: Sequence[str]) -> list[str]:
    """The text of each row: the given fields that are present, one per line; empty where none is."""
    if not names:
        return [""] * table.num_rows
    columns = [table[name].to_pylist() for name in names]
    return [join_parts(parts) for parts in zip(*columns, strict=True)]


def join_parts(parts: Iterable[str | None]) -> str:
    """The text of one ticket: its text fields that are present, one per line, cut after `MOST_CHARS` characters."""
    return "\n".join(part for part in parts if part)[:MOST_CHARS]


def without_fields(table: pa.Table, selection: Selection) -> pa.Table:
    """The tickets with nothing but their text and their logs, and without a language."""
    for name in {*selection.categories, *selection.numbers, "language"}.intersection(table.column_names):
        nulls = pa.nulls(table.num_rows, table.schema.field(name).type)
        table = table.set_column(table.column_names.index(name), name, nulls)
    return table


class FeatureState:
    """What was learned from the training rows to turn any ticket into features.

    Args:
        selection: The fields that are read.
        words: Vocabulary of the text.
        categories: Known values.
        numbers: Centres and scales, of the measures of the text too where they are read.
        presence: How full tickets usually are.
    """

    def __init__(
        self,
        selection: Selection,
        words: Words,
        categories: tabular.Categories,
        numbers: tabular.Numbers,
        presence: Presence,
    ) -> None:
        self.selection = selection
        self.words = words
        self.categories = categories
        self.numbers = numbers
        self.presence = presence

    @classmethod
    def fit(cls, table: pa.Table, selection: Selection, config: FeaturesConfig) -> FeatureState:
        """Learn from the training rows alone.

        Args:
            table: Training tickets with the selection's columns.
            selection: The fields to read.
            config: Sizes of the vocabulary.

        Raises:
            ModelError: No row has a text or a field, so there is nothing to learn from.
        """
        texts = join_text(table, selection.text)
        presence = Presence.fit(table, (*selection.categories, *selection.numbers))
        if not any(texts) and not presence.filled:
            raise ModelError(f"no training row has any of the fields {', '.join(selection.columns)}")
        tokens, measures = _read_codes(table, texts, selection) if config.codes else ([[]] * len(texts), {})
        return cls(
            selection,
            Words.fit(texts, tokens, config),
            tabular.Categories.fit(table, [name for name in selection.categories if name in presence.filled]),
            tabular.Numbers.fit(table, selection.numbers, measures if config.measures else None),
            presence,
        )

    def transform(self, table: pa.Table, vectors: np.ndarray) -> Features:
        """Features of tickets; only the selection's columns are looked at.

        Args:
            table: n tickets.
            vectors: float32 [n, d], the sentence vectors of `texts(table)`.
        """
        texts = self.texts(table)
        reads_codes = self.words.num_codes or any(name in MEASURES for name in self.numbers.centres)
        tokens, measures = _read_codes(table, texts, self.selection) if reads_codes else ([[]] * len(texts), {})
        words, chars = self.words.transform(texts, tokens)
        return Features(
            words=words,
            chars=chars,
            vectors=np.asarray(vectors, dtype=np.float32),
            categories=self.categories.transform(table),
            numbers=self.numbers.transform(table, measures),
            texts=np.array(texts, dtype=object),
        )

    def text_alone(self, features: Features) -> Features:
        """What `transform` would make of the tickets `without_fields`, from what it made of them as they are."""
        numbers = features.numbers.copy()
        numbers[:, [name not in MEASURES for name in self.numbers.centres]] = np.nan
        return replace(features, categories=np.full_like(features.categories, MISSING), numbers=numbers)

    @property
    def num_fields(self) -> int:
        """Category and number fields that features hold."""
        return len(self.categories.values) + sum(name not in MEASURES for name in self.numbers.centres)

    def texts(self, table: pa.Table) -> list[str]:
        """The text of each ticket that is to be encoded."""
        return join_text(table, self.selection.text)

    def patterns(self, table: pa.Table) -> list[str]:
        """Which inputs each ticket has; calibration promises nothing for patterns that it did not see."""
        return self.presence.patterns(table, self.texts(table))

    def save(self, folder: Path) -> None:
        """Write `features.json`, `words.json` and `words.npz`."""
        chosen = {
            "stage": self.selection.stage.value,
            "text": list(self.selection.text),
            "categories": list(self.selection.categories),
            "numbers": list(self.selection.numbers),
            "logs": list(self.selection.logs),
        }
        filled = dict(self.presence.filled)
        content = {"selection": chosen, "filled": filled, **tabular.to_json(self.categories, self.numbers)}
        (folder / "features.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        self.words.save(folder)

    @classmethod
    def load(cls, folder: Path) -> FeatureState:
        """Read what `save` wrote."""
        content = json.loads((folder / "features.json").read_text(encoding="utf-8"))
        presence = Presence(content["filled"])
        return cls(load_selection(folder), Words.load(folder), *tabular.from_json(content), presence)


def load_selection(folder: Path) -> Selection:
    """The fields that a saved `FeatureState` reads, without its vocabulary."""
    chosen = json.loads((folder / "features.json").read_text(encoding="utf-8"))["selection"]
    parts = (tuple(chosen[name]) for name in ("text", "categories", "numbers", "logs"))
    return Selection(Stage(chosen["stage"]), *parts)


def _read_codes(
    table: pa.Table, texts: Sequence[str], selection: Selection
) -> tuple[list[list[str]], dict[str, np.ndarray]]:
    """The tokens of each row, of its logs too, and each measure, float64 [n], NaN where there is nothing to read."""
    logs = join_text(table, selection.logs)
    found = [find_codes("\n".join(filter(None, parts))) for parts in zip(texts, logs, strict=True)]
    values = np.array([of.measures or [np.nan] * len(MEASURES) for of in found], dtype=float)
    columns = values.reshape(-1, len(MEASURES)).T
    return [of.tokens for of in found], dict(zip(MEASURES, columns, strict=True))
