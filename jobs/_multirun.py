"""The points of a multirun: what was set for each, what became of it, and what to do with all of them.

It does not know how points are run.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser

from tickets.errors import TicketsError
from tickets.events import JobReport
from tickets.multirun import Multirun, Point
from tickets.storage import Storage

_FLAGS: Final = ("-m", "--multirun")


def new_id() -> str:
    """An id for a run, or for several: time and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


class Points:
    """Notes each point under the root as soon as it ended.

    Args:
        record: What is noted.
        swept: Keys that have several values.

    Attributes:
        swept: The same.
        compare: The command that puts the releases of the points side by side.
    """

    def __init__(self, record: Multirun, swept: Sequence[str]) -> None:
        self.swept = tuple(swept)
        self.compare = ""
        self._record = record
        self._storage: Storage | None = None

    @classmethod
    def of(cls, arguments: Sequence[str], id_: str, job: str) -> Points | None:
        """Those of a command line as Hydra gets it; None where it asks for one run.

        Raises:
            HydraException: An override cannot be read.
        """
        if not any(flag in arguments for flag in _FLAGS):
            return None
        words = [word for word in arguments if "=" in word and not word.startswith("-")]
        overrides = OverridesParser.create().parse_overrides(words)
        return cls(Multirun(id=id_, job=job), [of.key_or_group for of in overrides if of.is_sweep_override()])

    @property
    def overrides(self) -> str:
        """What is set for the point that Hydra is at."""
        chosen = _chosen()
        return " ".join(f"{key}={chosen[key]}" for key in self.swept)

    def typed(self, typed: Sequence[str]) -> tuple[str, ...]:
        """A command line as it would be typed for the point that Hydra is at."""
        chosen = _chosen()
        words = [word for word in typed if word not in _FLAGS]
        return tuple(f"{key}={chosen[key]}" if (key := _split(word)[0]) in self.swept else word for word in words)

    def add(self, status: Any, storage: Storage | None, report: JobReport | None, error: str | None) -> None:
        """Note how the point that Hydra is at ended.

        Args:
            status: As `Point` has it.
            storage: The root; None, as the report, where the configuration could not be read.
            report: What the job told.
            error: What is wrong with the configuration.
        """
        chosen = _chosen()
        point = Point(overrides=[f"{key}={chosen[key]}" for key in self.swept], status=status, error=error)
        if report is not None:
            point.error = error or report.error
            point.bucket, point.run_id, point.seconds = report.bucket, report.run_id, report.seconds
            point.release = report.result.get("release") if "release" in report.made else None
        self._record.points.append(point)
        self._storage = storage or self._storage
        if self._storage is not None:
            try:
                self._record.save(self._storage)
            except (OSError, TicketsError) as failure:
                sys.stderr.write(f"what became of the points could not be written: {failure}\n")

    def __str__(self) -> str:
        points = self._record.points
        names = [" ".join(point.overrides) for point in points]
        width = max(map(len, names), default=0)
        lines = [f"multirun {self._record.id}: {len(points)} points"]
        lines += [
            f"  {name:<{width}}  {point.status:<7}  {point.seconds:>6.0f} s  {point.release or point.error or ''}"
            for name, point in zip(names, points, strict=True)
        ]
        if sum(point.release is not None for point in points) > 1:
            lines += ["next:", f"  {self.compare}"]
        return "\n".join(lines)


def _chosen() -> dict[str, str]:
    """Key → value of what was set for the point that Hydra is at."""
    return dict(map(_split, HydraConfig.get().overrides.task))


def _split(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key.lstrip("+"), value
