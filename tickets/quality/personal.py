"""Where tickets hold mail addresses, phone and card numbers, keys and passwords: what `tickets.masking` would hide.

RE2 finds the few texts in which something may stand, and masking itself decides. It does not know what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.config.quality import QualityConfig, Severity
from tickets.errors import ConfigError
from tickets.masking import CARD, EMAIL, PHONE, SECRET, mask
from tickets.quality.check import Batch, Check, Mask, made_ids
from tickets.schema import Field, Kind

_KINDS: Final = {
    "email": (EMAIL, "a mail address"),
    "phone": (PHONE, "a phone number"),
    "card": (CARD, "the number of a payment card"),
    "secret": (SECRET, "a key, a token or a password"),
}
_ADVICE: Final = {
    "email": "Keep masking on for whatever is shown or indexed; ask for addresses in fields of their own.",
    "phone": "Keep masking on for whatever is shown or indexed; ask for numbers in fields of their own.",
    "card": "Have the numbers deleted in the source: card data may not stand in tickets.",
    "secret": "Treat each as leaked: have it changed, then deleted in the source.",
}
_SEARCHED: Final = (Kind.ID, Kind.TEXT, Kind.CATEGORICAL, Kind.LIST)
_EXTRA: Final = "extra"

_EDGE: Final = r"(?:^|[^A-Za-z0-9+/=_.,:-])"
_START: Final = r"(?:^|[^A-Za-z0-9_-])"
_SUSPECTS: Final = "|".join(
    (
        r"[a-zA-Z\x{00c0}-\x{024f}0-9._%+'-]@[a-zA-Z\x{00c0}-\x{024f}0-9-]{1,63}\.",
        r"\p{Nd}(?:[ -]?\p{Nd}){12}",
        r"\+[1-9]\p{Nd}{0,3}(?:[ .()/-]{0,3}\p{Nd}){6}",
        _EDGE + r"00[1-9]\p{Nd}{0,2}[ .()/-]{1,3}\p{Nd}(?:[ .()/-]{0,2}\p{Nd}){5}",
        _EDGE + r"(?:1[ .-])?(?:\(\p{Nd}{3}\) ?|\p{Nd}{3}[ .-])\p{Nd}{3}[ .-]\p{Nd}{4}",
        _EDGE + r"\(?0\p{Nd}{1,5}\)?[ /-]{1,3}\p{Nd}(?:[ -]?\p{Nd}){4}",
        r"(?i:phone|fono?|téléphone|teléfono|telefone|mobile?|handy|tel|电话|電話|手机)\.?"
        r"(?i: number| no\.?| nr\.?)?[ :：]{0,3}\p{Nd}(?:[ ./()-]{0,2}\p{Nd}){6}",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
        r"://[^\s/@:\[\]]{0,100}:[^\s/@]{1,200}@",
        r"(?i:bearer|basic)[ \t]{1,4}\S{6}",
        r"(?i:pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|contraseña|senha|mot de passe|密码|密碼|パスワード"
        r"|key|secret|token|credentials?)"
        r"(?:[\"']?[ \t]{0,3}[:=：]|[ \t]{1,3}(?i:is|was|ist|lautet|es|est|é|è)[ \t])",
        _START + r"(?:eyJ|A(?:KIA|SIA)[A-Z0-9]{16}|gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|AIza|[spr]k[-_])",
        r"(?:^|[^A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{32}",
    )
)
"""Every text that masking changes matches this, and few others do: its patterns without what RE2 does not have."""


def personal_data_checks(config: QualityConfig, fields: Sequence[Field]) -> Iterator[Check]:
    """One check per kind of personal data.

    Raises:
        ConfigError: A field to search is none, or holds neither texts nor lists.
    """
    if not config.personal_data.enabled:
        return
    names = _searched_fields(config, fields)
    for kind, (placeholder, words) in _KINDS.items():
        yield Check(
            name=f"personal_data.{kind}",
            severity=Severity.COUNT,
            mark=f"personal data: {kind}",
            meaning=f"The ticket holds {words}.",
            advice=_ADVICE[kind],
            find=partial(_rows, names=names, placeholder=placeholder),
            detail=partial(_places, names=names, placeholder=placeholder),
            sample_rows=config.personal_data.sample_rows,
        )


def find_personal_data(columns: Sequence[pa.Array]) -> list[dict[str, Mask]]:
    """Which texts hold what masking would hide.

    Args:
        columns: Arrays of strings, each of any length; nulls hold nothing.

    Returns:
        Per column: what masking writes in its place (`[email]`, `[phone]`, `[card]`, `[secret]`) → bool, row by row.
    """
    encoded = [column.dictionary_encode() for column in columns]
    hits = _search(pa.concat_arrays([column.dictionary for column in encoded]))
    found, start = [], 0
    for column in encoded:
        end = start + len(column.dictionary)
        found.append({placeholder: _decoded(column.indices, of[start:end]) for placeholder, of in hits.items()})
        start = end
    return found


def _search(texts: pa.Array) -> dict[str, Mask]:
    """The same for distinct texts; all in one call, because RE2 takes some milliseconds to compile the pattern."""
    hits = {placeholder: np.zeros(len(texts), dtype=bool) for placeholder, _ in _KINDS.values()}
    for at in np.flatnonzero(pc.match_substring_regex(texts, _SUSPECTS).to_numpy(zero_copy_only=False)):
        text = texts[int(at)].as_py()
        masked = mask(text)
        for placeholder, of in hits.items():
            of[at] = masked.count(placeholder) > text.count(placeholder)
    return hits


def _decoded(codes: pa.Array, hits: Mask) -> Mask:
    nothing = np.append(hits, False)
    rows: Mask = nothing[pc.fill_null(codes, len(hits)).to_numpy(zero_copy_only=False)]
    return rows


def _searched_fields(config: QualityConfig, fields: Sequence[Field]) -> tuple[str, ...]:
    allowed = [*(field.name for field in fields if field.kind in _SEARCHED), _EXTRA]
    asked = config.personal_data.fields
    for name in asked or ():
        if name not in allowed:
            raise ConfigError(f"quality.personal_data.fields: {name!r}; allowed: {', '.join(allowed)}")
    return tuple(allowed if asked is None else asked)


def _rows(batch: Batch, names: tuple[str, ...], placeholder: str) -> Mask:
    found = _found(batch, names)
    rows = np.zeros(batch.num_rows, dtype=bool)
    for name in names:
        rows |= found[name][placeholder]
    return rows


def _places(batch: Batch, rows: Mask, names: tuple[str, ...], placeholder: str) -> pa.Array:
    """The fields in which it stands."""
    found = _found(batch, names)
    hits = {name: found[name][placeholder][rows] for name in names if found[name][placeholder].any()}
    places = [", ".join(name for name in hits if hits[name][at]) for at in range(int(rows.sum()))]
    return pa.array(places, pa.string())


def _found(batch: Batch, names: tuple[str, ...]) -> dict[str, dict[str, Mask]]:
    """Field → what is found in it."""
    found: dict[str, dict[str, Mask]] = batch.once("personal data", lambda: _search_fields(batch, names))
    return found


def _search_fields(batch: Batch, names: tuple[str, ...]) -> dict[str, dict[str, Mask]]:
    columns = [_given_ids(batch[name]) if name == "ticket_id" else batch[name] for name in names]
    texts = [pc.list_flatten(column) if pa.types.is_list(column.type) else column for column in columns]
    found = {}
    for name, column, hits in zip(names, columns, find_personal_data(texts), strict=True):
        found[name] = _by_row(column, hits) if pa.types.is_list(column.type) else hits
    return found


def _given_ids(ids: pa.Array) -> pa.Array:
    return pc.if_else(made_ids(ids), pa.scalar(None, ids.type), ids)


def _by_row(lists: pa.Array, hits: dict[str, Mask]) -> dict[str, Mask]:
    """What is found in any item of a list."""
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    found = {placeholder: np.zeros(len(lists), dtype=bool) for placeholder in hits}
    for placeholder, of in hits.items():
        found[placeholder][rows[of]] = True
    return found
