"""Checks that installed packages bring, as checks of ours. It does not know how they are found (`tickets.plugins`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa

from tickets.config.quality import QualityConfig, Severity
from tickets.errors import ConfigError
from tickets.quality.check import Batch, Check, Mask


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
    """Those of the plug-ins that the settings name; all where they name none.

    Raises:
        ConfigError: The settings name one that is not installed.
    """
    by_name = {plugin.name: plugin for plugin in plugins}
    for name in by_name if config.plugins is None else config.plugins:
        if name not in by_name:
            raise ConfigError(f"quality.plugins: {name!r} is not installed; allowed: {', '.join(by_name) or 'none'}")
        yield _as_check(by_name[name])


def _as_check(plugin: PluginCheck) -> Check:
    return Check(
        name=f"plugin.{plugin.name}",
        severity=Severity(plugin.severity),
        mark=f"plugin: {plugin.name}",
        meaning=f"The plug-in check `{plugin.name}` found something.",
        advice="See the documentation of the package that brings it.",
        find=partial(_rows, plugin=plugin),
    )


def _rows(batch: Batch, plugin: PluginCheck) -> Mask:
    rows = np.asarray(plugin.find(batch.table))
    if rows.dtype != bool or rows.shape != (batch.num_rows,):
        raise ConfigError(
            f"the plug-in check {plugin.name!r} answered {rows.dtype} {list(rows.shape)} for {batch.num_rows} tickets; "
            f"allowed: bool [{batch.num_rows}]"
        )
    return rows
