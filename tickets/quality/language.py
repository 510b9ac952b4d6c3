"""The language that a text is written in, against the language that the ticket names.

`py3langid` (BSD, weights in the package, nothing loaded from elsewhere) took 0.2 to 0.3 ms a text. Where it gave a
probability of 0.9 or more, it was wrong on none of 811 simulated tickets in five languages, and on 1 of some 550
English helpdesk mails. Texts full of logs are harder. It does not know how a sample is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import QualityConfig, Severity
from tickets.quality.check import Batch, Check, Mask
from tickets.schema import Field

_TAG: Final = "language"
_MAX_CHARACTERS: Final = 1_000  # a longer text is not told better, only slower
_SAME: Final = {"yue": "zh", "wuu": "zh", "nb": "no", "nn": "no"}
"""Languages that tickets name by what contains them."""

_NO_LANGUAGE: Final = "zxx"
_LETTERS: Final = re.compile(r"[^\W\d_]")
_DENSE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # kana, ideographs and hangul
_LETTERS_OF_A_SYLLABLE: Final = 3


def language_checks(config: QualityConfig, fields: Sequence[Field]) -> Iterator[Check]:
    """The language tag against the language of the text."""
    if not config.language.enabled or _TAG not in {field.name for field in fields}:
        return
    yield Check(
        name="language.mismatch",
        severity=Severity.COUNT,
        mark="language: not that of the text",
        meaning="The text reads as another language than the ticket's `language` says.",
        advice="Do not route or answer by `language`; let the source detect it, or map another column.",
        find=partial(_mismatched, config=config),
        detail=partial(_pairs, config=config),
        needs=(_TAG,),
        sample_rows=config.language.sample_rows,
    )


def detect(text: str, min_confidence: float, min_letters: int) -> str | None:
    """The language of a text as an ISO 639-1 code (639-3 where there is none).

    Args:
        text: At most its first 1,000 characters are read.
        min_confidence: Probability below which nothing is said.
        min_letters: Letters below which nothing is said; a syllable's sign counts as three.

    Returns:
        The code, or None where it cannot be told.
    """
    start = text[:_MAX_CHARACTERS]
    num_letters = len(_LETTERS.findall(start)) + (_LETTERS_OF_A_SYLLABLE - 1) * len(_DENSE.findall(start))
    if num_letters < min_letters:
        return None
    language, confidence = _detector().classify(start)
    told = confidence >= min_confidence and language != _NO_LANGUAGE
    return _SAME.get(language, language) if told else None


def _mismatched(batch: Batch, config: QualityConfig) -> pa.Array:
    """Null where the tag or the text cannot be judged."""
    tags, detected = batch.once("languages", lambda: _languages(batch, config))
    return pc.not_equal(tags, detected)


def _pairs(batch: Batch, rows: Mask, config: QualityConfig) -> pa.Array:
    tags, detected = batch.once("languages", lambda: _languages(batch, config))
    return pc.binary_join_element_wise(tags, detected, " → ").filter(pa.array(rows))


def _languages(batch: Batch, config: QualityConfig) -> tuple[pa.Array, pa.Array]:
    """Each row's language tag, and the language of its text; null where either cannot be told."""
    known = {_SAME.get(label, label) for label in _detector().labels}
    tags = [_code(tag, known) for tag in batch[_TAG].to_pylist()]
    texts = zip(*(batch[name].to_pylist() for name in config.text_fields), strict=True)
    own = config.language
    detected = [
        None if tag is None else detect("\n".join(filter(None, parts)), own.min_confidence, own.min_letters)
        for tag, parts in zip(tags, texts, strict=True)
    ]
    return pa.array(tags, pa.string()), pa.array(detected, pa.string())


def _code(tag: str | None, known: set[str]) -> str | None:
    """`de` for `de-AT`; None for a tag that is no code, such as `german`."""
    code = re.split("[-_]", tag.strip().lower(), maxsplit=1)[0] if tag else ""
    code = _SAME.get(code, code)
    return code if code in known else None


@cache
def _detector() -> Any:
    """Loaded once per process: 0.7 s."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
