"""The raw values of one column → values of their kind, whole columns at a time.

`tickets.values` says what becomes of one value. A column whose values are all of one type is converted as an array, one
of texts through its distinct values, and only what is left value by value; the result is the same in all three ways (a
test compares them). It does not know which field a column is, or what a row is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickets.schema import Kind
from tickets.times import offset_ms, zone_of
from tickets.values import converter, to_text

MISFITS: Final = (ValueError, TypeError, OverflowError, RecursionError)
"""What converting a value that does not fit raises."""
_FEW: Final = 4
"""A column of texts is converted through its distinct values where they are this many times fewer than its rows."""
_MS_FROM: Final = 10**11
_MS_RANGE: Final = (-62_135_596_800_000, 253_402_300_799_999)  # the years 1 to 9999
_ISO_FORMS: Final = (
    (r"^[12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)$", pa.timestamp("ms", tz="UTC")),
    (r"^[12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,3})?$", pa.timestamp("ms")),
)
"""Times that Arrow reads as `tickets.values` does, with a zone or without; a column is of one form."""
_DAY_MS: Final = 86_400_000
_COMPACT: Final = (19_000_000, 20_999_999)  # an integer that may be a date, such as 20250131


class Converted(NamedTuple):
    """A column of values, and the rows whose value did not fit."""

    values: pa.Array
    misfits: list[int]


class Converter:
    """What turns raw values of one field into its column.

    Args:
        kind: The kind of the field.
        timestamps: How times are written: `auto`, `iso`, `epoch_s`, `epoch_ms`, or `strptime` forms.
        missing: Texts that mean no value, without white space around them.
        renamed: Text in the file, without white space around it → value to use; None: no value is renamed.
        time_zone: IANA name of the zone of times that name none.
    """

    def __init__(
        self,
        kind: Kind,
        timestamps: str | Sequence[str],
        missing: frozenset[Any],
        renamed: dict[str, str] | None = None,
        time_zone: str = "UTC",
    ) -> None:
        self._kind = kind
        self._timestamps = timestamps
        self._missing = missing
        self._renamed = renamed
        self._zone = zone_of(time_zone)
        self._convert = converter(kind, timestamps, time_zone)

    def __call__(self, raw: Sequence[Any]) -> Converted:
        """The column of raw values, of the kind's Arrow type."""
        array = _typed(raw)
        if array is not None:
            if array.null_count == len(array):
                return Converted(pa.nulls(len(array), self._kind.arrow_type), [])
            if pa.types.is_string(array.type):
                return self._from_texts(array, raw)
            if self._renamed is None and (values := self._from_array(array)) is not None:
                return Converted(values, [])
        return self._one_by_one(raw)

    def _from_texts(self, array: pa.Array, raw: Sequence[Any]) -> Converted:
        if self._kind is Kind.TEXT and self._renamed is None:  # what Arrow holds can be stored as it is
            none = [value is None or value.strip() in self._missing for value in raw]
            return Converted(pc.if_else(pa.array(none), pa.scalar(None, pa.string()), array), [])
        encoded = array.dictionary_encode()
        if len(encoded.dictionary) * _FEW > len(raw):
            values = self._from_many_texts(array, raw) if self._renamed is None else None
            return self._one_by_one(raw) if values is None else Converted(values, [])
        distinct = self._one_by_one(encoded.dictionary.to_pylist())
        values = distinct.values.take(encoded.indices)
        if not distinct.misfits:
            return Converted(values, [])
        wrong = pc.is_in(encoded.indices, pa.array(distinct.misfits, encoded.indices.type))
        return Converted(values, np.flatnonzero(wrong.to_numpy(zero_copy_only=False)).tolist())

    def _from_many_texts(self, array: pa.Array, raw: Sequence[Any]) -> pa.Array | None:
        """Names and times of many distinct texts; None where they have to be looked at one by one."""
        if self._kind in (Kind.ID, Kind.CATEGORICAL):
            names = (None if value is None else value.strip() for value in raw)
            return pa.array([name if name and name not in self._missing else None for name in names], pa.string())
        if self._kind is not Kind.TIME or self._timestamps not in ("auto", "iso"):
            return None
        known = pc.if_else(pc.is_in(array, pa.array(list(self._missing), pa.string())), None, array)
        for form, type_ in _ISO_FORMS:
            if pc.all(pc.match_substring_regex(known, form)).as_py():
                try:
                    moments = known.cast(type_)
                    return moments if type_.tz else self._from_clocks(moments)
                except pa.ArrowInvalid:  # a day or an hour that there is not
                    return None
        return None

    def _from_clocks(self, shown: pa.Array) -> pa.Array:
        """What clocks of the zone show → UTC; timestamps in ms."""
        ms = shown.fill_null(0).cast(pa.int64()).to_numpy()
        days, day_of = np.unique(ms // _DAY_MS, return_inverse=True)
        at_start, at_end = (
            np.array([offset_ms(day * _DAY_MS, self._zone) for day in of], np.int64)
            for of in (days.tolist(), (days + 1).tolist())
        )
        offsets = at_start[day_of]
        for row in np.flatnonzero((at_start != at_end)[day_of]):  # clocks are changed on that day
            offsets[row] = offset_ms(int(ms[row]), self._zone)
        mask = shown.is_null().to_numpy(zero_copy_only=False)
        return pa.array(ms - offsets, pa.timestamp("ms", tz="UTC"), mask=mask)

    def _from_array(self, array: pa.Array) -> pa.Array | None:
        """A column of one type, or None where its values have to be looked at one by one."""
        if self._kind is Kind.FLAG and pa.types.is_boolean(array.type):
            return array
        if self._kind is Kind.NUMBER and pa.types.is_integer(array.type):
            return _exact(array)
        if self._kind is Kind.NUMBER and pa.types.is_floating(array.type):
            return _finite(array)
        if self._kind is Kind.TIME and pa.types.is_integer(array.type):
            return self._moments(array)
        if self._kind is Kind.LIST and pa.types.is_list(array.type):
            items = array.flatten()
            plain = items.null_count == 0 and (pa.types.is_string(items.type) or pa.types.is_null(items.type))
            return array.cast(pa.list_(pa.string())) if plain else None
        return None

    def _moments(self, array: pa.Array) -> pa.Array | None:
        """Epochs as UTC times; None where one may be written otherwise, or lies outside the calendar."""
        if self._timestamps not in ("auto", "epoch_s", "epoch_ms"):
            return None
        known = array.drop_null().to_numpy().astype(np.int64)
        size = np.abs(known)
        if self._timestamps == "auto" and ((size >= _COMPACT[0]) & (size <= _COMPACT[1])).any():
            return None
        in_ms = size >= _MS_FROM if self._timestamps == "auto" else np.full(len(known), self._timestamps == "epoch_ms")
        if (size[~in_ms] >= _MS_FROM * 10).any():
            return None
        ms = np.where(in_ms, known, known * 1000)
        if ((ms < _MS_RANGE[0]) | (ms > _MS_RANGE[1])).any():
            return None
        whole = np.zeros(len(array), dtype=np.int64)
        is_known = array.is_valid().to_numpy(zero_copy_only=False)
        whole[is_known] = ms
        return pa.array(whole, pa.timestamp("ms", tz="UTC"), mask=~is_known)

    def _one_by_one(self, raw: Sequence[Any]) -> Converted:
        convert, missing, renamed = self._convert, self._missing, self._renamed
        values: list[Any] = [None] * len(raw)
        misfits = []
        for at, value in enumerate(raw):
            if value is None or is_missing(value, missing):
                continue
            if renamed is not None:
                value = renamed.get(to_text(value).strip(), value)
            try:
                values[at] = convert(value)
            except MISFITS:
                misfits.append(at)
        return Converted(pa.array(values, self._kind.arrow_type), misfits)


def is_missing(value: Any, missing: frozenset[Any]) -> bool:
    """Whether a value is a text or a not-a-number that stands for none."""
    if isinstance(value, str):
        return value.strip() in missing
    return isinstance(value, float) and math.isnan(value)


def _typed(raw: Sequence[Any]) -> pa.Array | None:
    """The values as an array of the one type that they all have; None where they have several, or a nested one."""
    first = next((value for value in raw if value is not None), None)
    if isinstance(first, bytes | dict):
        return None
    try:
        array = pa.array(raw)
    except (pa.ArrowException, *MISFITS):
        return None
    if pa.types.is_floating(array.type) and any(value.__class__ is bool for value in raw):
        return None
    return array


def _exact(array: pa.Array) -> pa.Array | None:
    """Integers as numbers; None where one has more digits than a number holds."""
    try:
        return array.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _finite(array: pa.Array) -> pa.Array | None:
    """Numbers with nulls for not-a-numbers; None where one is infinite."""
    if pc.any(pc.is_inf(array)).as_py():
        return None
    return pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array.cast(pa.float64()))
