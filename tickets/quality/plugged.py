"""Checks that installed packages bring, as checks of ours. It does not know how they are found (`tickets.plugins`).

A plug-in that fails on a ticket stops no job and loses no ticket, as with cleaning steps: the ticket carries a mark
that says so, and the report says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from tickets.config.quality import QualityConfig, Severity
from tickets.errors import ConfigError
from tickets.quality.check import Batch, Check, Mask

FAMILIES: Final = ("plugin", "plugin_failed")
"""What a plug-in finds, and where it fails."""
_MAX_CHARACTERS: Final = 200  # of an error


class PluginCheck(Protocol):
    """A check that an installed package brings."""

    @property
    def name(self) -> str:
        """Its name; the report shows `plugin.<name>`."""

    @property
    def severity(self) -> str:
        """`quarantine`, `mark` or `count`."""

    def find(self, table: pa.Table) -> np.ndarray:
        """The rows in which it finds something; bool [n]."""


def plugin_checks(config: QualityConfig, plugins: Iterable[PluginCheck]) -> Iterator[Check]:
    """Those of the plug-ins that the settings name, all where they name none; and for each, where it fails.

    Raises:
        ConfigError: The settings name one that is not installed.
    """
    by_name = {plugin.name: plugin for plugin in plugins}
    for name in by_name if config.plugins is None else config.plugins:
        if name not in by_name:
            raise ConfigError(f"quality.plugins: {name!r} is not installed; allowed: {', '.join(by_name) or 'none'}")
        yield _as_check(by_name[name])
        yield _failures(by_name[name])


def _as_check(plugin: PluginCheck) -> Check:
    return Check(
        name=f"plugin.{plugin.name}",
        severity=Severity(plugin.severity),
        mark=f"plugin: {plugin.name}",
        meaning=f"The plug-in check `{plugin.name}` found something.",
        advice="See the documentation of the package that brings it.",
        find=lambda batch: _answers(batch, plugin)[0],
    )


def _failures(plugin: PluginCheck) -> Check:
    # A check that only counts changes no ticket, also where it fails.
    counts = Severity(plugin.severity) is Severity.COUNT
    return Check(
        name=f"plugin_failed.{plugin.name}",
        severity=Severity.COUNT if counts else Severity.MARK,
        mark=f"plugin: {plugin.name}: failed",
        meaning=f"The plug-in check `{plugin.name}` could not deal with the ticket, so nobody knows what it would say.",
        advice="Tell who made the package; what it said is listed. Without it: name the others in `quality.plugins`.",
        find=partial(_failed, plugin=plugin),
        detail=lambda batch, rows: pa.array([_answers(batch, plugin)[1][at] for at in np.flatnonzero(rows).tolist()]),
    )


def _failed(batch: Batch, plugin: PluginCheck) -> Mask:
    failed = np.zeros(batch.num_rows, dtype=bool)
    failed[list(_answers(batch, plugin)[1])] = True
    return failed


def _answers(batch: Batch, plugin: PluginCheck) -> tuple[Mask, dict[int, str]]:
    """Where it found something, bool [n], and row → why it could not deal with it; asked once per batch."""
    found: tuple[Mask, dict[int, str]] = batch.once(("plugin", plugin.name), lambda: _ask(plugin, batch.table))
    return found


def _ask(plugin: PluginCheck, table: pa.Table) -> tuple[Mask, dict[int, str]]:
    """Halves what it fails on, so that one odd ticket costs the others nothing."""
    if not table.num_rows:
        return np.zeros(0, dtype=bool), {}
    try:
        return _checked(np.asarray(plugin.find(table)), table.num_rows), {}
    except Exception as error:  # noqa: BLE001 - whatever it raises, no ticket is lost; the report says what it was
        if table.num_rows == 1:
            return np.zeros(1, dtype=bool), {0: _first_line(error)}
    half = table.num_rows // 2
    first, first_failed = _ask(plugin, table.slice(0, half))
    second, second_failed = _ask(plugin, table.slice(half))
    return np.concatenate([first, second]), first_failed | {at + half: why for at, why in second_failed.items()}


def _checked(rows: np.ndarray, num_rows: int) -> Mask:
    if rows.dtype != bool or rows.shape != (num_rows,):
        raise TypeError(f"it answered {rows.dtype} {list(rows.shape)} for a table; allowed: bool [number of tickets]")
    return rows


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:_MAX_CHARACTERS]
