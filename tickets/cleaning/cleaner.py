"""The chosen steps in their order, on one text or on a column. It does not know what a step looks for, or fields."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickets.cleaning.automatic import build_automatic
from tickets.cleaning.disclaimer import build_disclaimer
from tickets.cleaning.encoding import build_encoding
from tickets.cleaning.html import build_html
from tickets.cleaning.quotes import build_quotes
from tickets.cleaning.signature import build_signature
from tickets.config.cleaning import STEP_KINDS, CleaningConfig, PluginStep, StepConfig
from tickets.errors import ConfigError
from tickets.plugins import CleaningStep, Plugins, installed_plugins

_BUILDERS: Final[dict[str, Callable[[Any], CleaningStep]]] = {
    "html": build_html,
    "encoding": build_encoding,
    "quotes": build_quotes,
    "automatic": build_automatic,
    "disclaimer": build_disclaimer,
    "signature": build_signature,
}
_PLUGINS_AFTER: Final = "encoding"  # a plug-in sees readable text of which nothing was cut yet
_MAX_ROUNDS: Final = 8  # what was taken away can lay bare something else; two rounds do for almost every text


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of one text.

    Attributes:
        text: The text as it should be; never empty where the original was not.
        changed: Kinds of the steps that changed it, in the order in which they ran.
        marks: What it is, such as `auto-reply` or `bounce`; `<kind>: failed` where a step could not deal with it.
    """

    text: str
    changed: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CleanedColumn:
    """What became of a column of n texts.

    Attributes:
        texts: The column as it should be [n], of the type given; nulls stay.
        rows: int64 [k], ascending: the rows that were changed or marked.
        results: What became of each of these.
    """

    texts: pa.Array | pa.ChunkedArray
    rows: NDArray[np.int64]
    results: tuple[Cleaned, ...]

    @property
    def num_changed(self) -> Counter[str]:
        """Kind of a step → texts that it changed."""
        return Counter(kind for result in self.results for kind in result.changed)

    @property
    def num_marked(self) -> Counter[str]:
        """Mark → texts that have it."""
        return Counter(mark for result in self.results for mark in result.marks)


class Cleaner:
    """Runs steps over texts; `build_cleaner` makes one.

    Args:
        steps: Kind → step, in the order in which they run.
    """

    def __init__(self, steps: dict[str, CleaningStep]) -> None:
        self._steps = steps
        self._repeated = {kind: step for kind, step in steps.items() if kind in STEP_KINDS}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The steps, in the order in which they run."""
        return tuple(self._steps)

    def clean(self, text: str) -> Cleaned:
        """Run every step over one text. A step that empties the text, or fails, leaves it as it was.

        Cleaning what was cleaned changes nothing, as far as that lies with the built-in steps: they run until nothing
        changes any more. A plug-in's step runs once.
        """
        changed: dict[str, None] = {}
        marks: dict[str, None] = {}
        text_before, steps = None, self._steps
        for _ in range(_MAX_ROUNDS):
            if text == text_before:
                break
            text_before = text
            for kind, step in steps.items():
                text, found = _run(kind, step, text, changed)
                marks.update(dict.fromkeys(found))
            steps = self._repeated
        return Cleaned(text, tuple(kind for kind in self._steps if kind in changed), tuple(marks))

    def clean_column(self, values: pa.Array | pa.ChunkedArray | Sequence[str | None]) -> CleanedColumn:
        """Clean many texts. One in which no step's pattern is found costs no Python.

        Args:
            values: [n], strings and nulls.
        """
        column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())
        rows = np.flatnonzero(self._may_change(column))
        texts = column.take(pa.array(rows)).to_pylist()
        results = [self.clean(text) for text in texts]
        keep = [at for at, result in enumerate(results) if result.changed or result.marks]
        results, rows = [results[at] for at in keep], rows[keep]
        return CleanedColumn(_replaced(column, rows, results), rows, tuple(results))

    def _may_change(self, column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
        """The rows in which some step's pattern is found; bool [n]."""
        patterns = [step.pattern for step in self._steps.values()]
        if None in patterns:
            return np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=bool)
        found = np.zeros(len(column), dtype=bool)
        for pattern in patterns:
            matches = pc.fill_null(pc.match_substring_regex(column, pattern), False)
            found |= matches.to_numpy(zero_copy_only=False)
        return found


def build_cleaner(config: CleaningConfig, plugins: Plugins | None = None) -> Cleaner:
    """The cleaner that the settings describe.

    Args:
        config: Which steps, with their settings.
        plugins: Where steps that are not built in come from; those of installed packages by default.

    Raises:
        ConfigError: There is no step of a kind, or a plug-in's step does not take its options or has a pattern
            that RE2 cannot read.
    """
    chosen = {step.kind: step for step in config.steps}
    own = [kind for kind in chosen if kind not in STEP_KINDS]
    cut = STEP_KINDS.index(_PLUGINS_AFTER) + 1
    order = [kind for kind in (*STEP_KINDS[:cut], *own, *STEP_KINDS[cut:]) if kind in chosen]
    return Cleaner({kind: _build(chosen[kind], plugins) for kind in order})


def _build(step: StepConfig, plugins: Plugins | None) -> CleaningStep:
    if not isinstance(step, PluginStep):
        return _BUILDERS[step.kind](step)
    found = (plugins or installed_plugins()).step(step.kind)
    _check_pattern(step.kind, found.pattern)
    return CleaningStep(
        clean=_bound(step, found.clean), find_marks=_bound(step, found.find_marks), pattern=found.pattern
    )


def _bound(step: PluginStep, function: Callable[..., Any] | None) -> Callable[..., Any] | None:
    if function is None:
        return None
    try:
        inspect.signature(function).bind("", **step.options)
    except TypeError as error:
        given = ", ".join(step.options)
        raise ConfigError(f"cleaning.steps.{step.kind}.options: {given}: the plug-in says: {error}") from None
    return partial(function, **step.options)


def _check_pattern(kind: str, pattern: str | None) -> None:
    try:
        pc.match_substring_regex(pa.array([""]), pattern or "")
    except pa.ArrowInvalid as error:
        raise ConfigError(f"plug-in {kind!r}: pattern {pattern!r} ({error}); allowed: RE2 syntax") from None


def _run(kind: str, step: CleaningStep, text: str, changed: dict[str, None]) -> tuple[str, tuple[str, ...]]:
    """The text after one step, and what the step says that it is; `changed` takes the kind if it changed the text."""
    try:
        cleaned = step.clean(text) if step.clean else text
        marks = tuple(map(str, step.find_marks(cleaned))) if step.find_marks else ()
        cleaned.encode()  # a text that cannot be stored is a failure too
    except Exception:  # noqa: BLE001 - one odd text must not stop a job; the mark says which step and where
        return text, (f"{kind}: failed",)
    if cleaned != text and (cleaned.strip() or not text.strip()):
        changed[kind] = None
        return cleaned, marks
    return text, marks


def _replaced(
    column: pa.Array | pa.ChunkedArray, rows: NDArray[np.int64], results: Sequence[Cleaned]
) -> pa.Array | pa.ChunkedArray:
    """The column with the results in their rows."""
    if not len(rows):
        return column
    if isinstance(column, pa.ChunkedArray):
        ends = np.cumsum([len(chunk) for chunk in column.chunks])
        cuts = [0, *np.searchsorted(rows, ends)]
        chunks = [
            _replaced(chunk, rows[start:stop] - (end - len(chunk)), results[start:stop])
            for chunk, end, start, stop in zip(column.chunks, ends, cuts, cuts[1:], strict=False)
        ]
        return pa.chunked_array(chunks, column.type)
    mask = np.zeros(len(column), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array([result.text for result in results], column.type))
