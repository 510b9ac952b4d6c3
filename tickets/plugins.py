"""What an organisation's own package adds: cleaning steps and checks, found through its entry points.

A package names each of them in the entry-point group `tickets.plugins`; the entry point's name is the `kind` under
which it is chosen, the object behind it is a `CleaningStep` or a `Check`. Nothing is looked for before it is asked
for, and a package's code is imported only when one of its own plug-ins is used. It does not know when steps and
checks run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import numpy as np
import pyarrow as pa

from tickets.config.cleaning import PLUGIN_NAME, STEP_KINDS
from tickets.config.quality import Severity
from tickets.errors import ConfigError

GROUP: Final = "tickets.plugins"
"""The entry-point group."""


@dataclass(frozen=True, slots=True)
class CleaningStep:
    """Something that is done to one text at a time.

    Attributes:
        clean: Text, and the step's options as keyword arguments → the text as it should be.
        find_marks: The same arguments → what the text is, such as `auto-reply`; it sees the cleaned text.
        pattern: RE2; a text in which it is not found is never changed or marked, so the step is not called for it.
            None: it is called for every text.
    """

    clean: Callable[..., str] | None = None
    find_marks: Callable[..., Sequence[str]] | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Something that can be wrong with a ticket.

    Attributes:
        find: Table of tickets [n] → the rows in which it is wrong, bool [n].
        severity: What becomes of such a ticket: quarantine, mark or count.
        name: The entry point's name, which is filled in when it is loaded.
    """

    find: Callable[[pa.Table], np.ndarray]
    severity: Severity | str = Severity.MARK
    name: str = ""


class Plugins:
    """The plug-ins that installed packages bring.

    Args:
        found: Entry points of the group.

    Raises:
        ConfigError: Two entry points share a name, or one has a name that is not allowed or belongs to a built-in step.
    """

    def __init__(self, found: Iterable[EntryPoint]) -> None:
        self._found: dict[str, EntryPoint] = {}
        for entry in found:
            _check_name(entry)
            if (other := self._found.get(entry.name)) is not None:
                raise ConfigError(f"{_place(entry)}: {_place(other)} has that name; allowed: one plug-in of a name")
            self._found[entry.name] = entry

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all plug-ins, loaded or not."""
        return tuple(sorted(self._found))

    def origin(self, name: str) -> str:
        """The distribution that brings a plug-in, with its version."""
        return _origin(self._found[name])

    def step(self, kind: str) -> CleaningStep:
        """The cleaning step of that name.

        Raises:
            ConfigError: There is none, it cannot be loaded, or it is something else.
        """
        if kind not in self._found:
            allowed = ", ".join((*STEP_KINDS, *self.names))
            raise ConfigError(f"cleaning.steps: {kind!r} is no step; allowed: {allowed}, or a package that brings it")
        loaded = self._load(kind)
        if not isinstance(loaded, CleaningStep):
            raise ConfigError(f"cleaning.steps: {_place(self._found[kind])} is a check; allowed: a cleaning step")
        return loaded

    def checks(self, reserved: Collection[str] = ()) -> tuple[Check, ...]:
        """All checks, ordered by name. Installing a package turns its checks on.

        Args:
            reserved: Names of built-in checks.

        Raises:
            ConfigError: A plug-in cannot be loaded or is none, or a check has a reserved name or no severity.
        """
        loaded = ((name, self._load(name)) for name in self.names)
        return tuple(self._named(name, check, reserved) for name, check in loaded if isinstance(check, Check))

    def _load(self, name: str) -> CleaningStep | Check:
        entry = self._found[name]
        try:
            loaded = entry.load()
        except Exception as error:  # whatever a package does when it is imported, say whose it is
            raise ConfigError(f"{_place(entry)}: cannot be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(loaded, CleaningStep | Check):
            raise ConfigError(f"{_place(entry)}: a {type(loaded).__name__}; allowed: a CleaningStep or a Check")
        return loaded

    def _named(self, name: str, check: Check, reserved: Collection[str]) -> Check:
        place = _place(self._found[name])
        if name in reserved:
            raise ConfigError(f"{place}: a built-in check has that name; allowed: any other")
        if check.severity not in list(Severity):
            raise ConfigError(f"{place}: severity {check.severity!r}; allowed: {', '.join(Severity)}")
        return replace(check, name=name, severity=Severity(check.severity))


@cache
def installed_plugins() -> Plugins:
    """The plug-ins of this Python installation; looked for once in a process.

    Raises:
        ConfigError: Two packages bring a plug-in of the same name, or one's name is not allowed.
    """
    return Plugins(entry_points(group=GROUP))


def _check_name(entry: EntryPoint) -> None:
    if entry.name in STEP_KINDS:
        raise ConfigError(f"{_place(entry)}: a built-in step has that name; allowed: any but {', '.join(STEP_KINDS)}")
    if not re.search(PLUGIN_NAME, entry.name):
        raise ConfigError(f"{_place(entry)}: allowed as a name: small letters, digits and _, a letter first")


def _place(entry: EntryPoint) -> str:
    """The entry point and the distribution that brings it, for an error."""
    return f"plug-in {entry.name!r} ({entry.value}) of {_origin(entry)}"


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
