"""From moments to what a clock on the wall shows, for whole columns. It does not know tickets or working hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from tickets.analytics.figures import Floats, Ints

DAY_MS: Final = 24 * 3600 * 1000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_MS: Final = 1000


def offsets(zone: str, first_ms: int, last_ms: int) -> tuple[Ints, Ints]:
    """Stretches of time in which a zone keeps its distance to UTC. Two changes within a day would be missed where the
    second undoes the first; no zone has ever done so.

    Args:
        zone: Name of the IANA database.
        first_ms: Milliseconds since 1970, the start of the first stretch.
        last_ms: The moment up to which changes are looked for.

    Returns:
        Start of each stretch int64[k], in milliseconds since 1970, and its offset int64[k], local minus UTC.
    """
    key = ZoneInfo(zone)
    starts, found = [first_ms], [_offset(key, first_ms)]
    before = first_ms
    for day in range(first_ms + DAY_MS, last_ms + DAY_MS, DAY_MS):
        if (offset := _offset(key, day)) != found[-1]:
            starts.append(_change(key, before, day))
            found.append(offset)
        before = day
    return np.array(starts, dtype=np.int64), np.array(found, dtype=np.int64)


def local_months(moments_ms: Floats, zone: str) -> Ints:
    """Months since January 1970 in which moments lie by the clock of a zone.

    Args:
        moments_ms: float64[n], milliseconds since 1970, not before it; NaN: not known.
        zone: Name of the IANA database.

    Returns:
        int64[n]; -1 where the moment is not known.
    """
    is_known = ~np.isnan(moments_ms)
    months = np.full(len(moments_ms), -1, dtype=np.int64)
    if is_known.any():
        moments = moments_ms[is_known].astype(np.int64)
        starts, offset = offsets(zone, int(moments.min()), int(moments.max()))
        local = moments + offset[np.searchsorted(starts, moments, side="right") - 1]
        months[is_known] = np.maximum(local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64), 0)
    return months


def _offset(zone: ZoneInfo, moment_ms: int) -> int:
    local = (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone)
    return int((local.utcoffset() or timedelta()) / timedelta(milliseconds=1))


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The first full second at which the offset is that of `after`."""
    last, first = before // _SECOND_MS, -(-after // _SECOND_MS)
    changed = _offset(zone, after)
    while first - last > 1:
        middle = (first + last) // 2
        if _offset(zone, middle * _SECOND_MS) == changed:
            first = middle
        else:
            last = middle
    return first * _SECOND_MS
