"""Tickets as a request brings them → the table that a feature state reads.

The values go through the converters of ingestion, so a ticket reads the same in a batch job and in a request. It does
not know HTTP or models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from tickets.errors import FieldError
from tickets.features.state import Selection, join_parts
from tickets.schema import BY_NAME, Kind
from tickets.values import converter

_LANGUAGE: Final = "language"


def read_ticket(ticket: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
    """The values of one ticket that models read, in their types; the fields it lacks are None.

    Args:
        ticket: Field → value; what the selection does not name is not looked at.
        selection: The fields that models read.

    Raises:
        FieldError: A value does not fit its field.
    """
    return {name: _read(name, ticket.get(name), kind) for name, kind in kinds_of(selection).items()}


@lru_cache(maxsize=16)
def kinds_of(selection: Selection) -> Mapping[str, Kind]:
    """Every column with its kind; a field of the organisation's own is a number or a category."""
    kinds = dict.fromkeys((*selection.text, *selection.logs), Kind.TEXT)
    for name in (_LANGUAGE, *selection.categories):
        kinds[name] = BY_NAME[name].kind if name in BY_NAME else Kind.CATEGORICAL
    return kinds | dict.fromkeys(selection.numbers, Kind.NUMBER)


def build_table(tickets: Sequence[Mapping[str, Any]], selection: Selection) -> pa.Table:
    """Tickets that `read_ticket` read, as the columns of a selection and `language`.

    Returns:
        n rows, in the order of the tickets.
    """
    kinds = kinds_of(selection)
    columns = {name: [ticket[name] for ticket in tickets] for name in kinds}
    return pa.table({name: pa.array(columns[name], kind.arrow_type) for name, kind in kinds.items()})


def text_of(ticket: Mapping[str, Any], selection: Selection) -> str:
    """The text of a ticket that was read, as it is encoded."""
    return join_parts(ticket[name] for name in selection.text)


def has_content(ticket: Mapping[str, Any], selection: Selection) -> bool:
    """Whether a ticket that was read holds anything that models read; an empty or blank text is nothing."""
    texts = [ticket[name] for name in (*selection.text, *selection.logs)]
    values = [ticket[name] for name in (*selection.categories, *selection.numbers)]
    return any(text and text.strip() for text in texts) or any(value is not None for value in values)


def _read(name: str, value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    try:
        return converter(kind)(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise FieldError(name, f"{name}: {str(value)[:80]!r} is not a {kind}; allowed: {_ALLOWED[kind]}") from None


_ALLOWED: Final = {
    Kind.TEXT: "text",
    Kind.CATEGORICAL: "text",
    Kind.NUMBER: "a finite number",
    Kind.FLAG: "true or false",
    Kind.TIME: "ISO 8601, or an epoch in seconds or milliseconds",
}
