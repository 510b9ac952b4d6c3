"""The command line as Hydra should see it: environment first, secrets by reference, every valid key settable.

It does not know what the keys mean; `tickets.config.parse` says which exist and which are secret.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from tickets.config.parse import check_key, environment_overrides, secret_keys
from tickets.errors import ConfigError

_OPTIONS_WITH_VALUE: Final = (
    *("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"),
    *("--package", "-p", "--cfg", "-c", "--experimental-rerun"),
)


def hydra_arguments(arguments: Sequence[str], conf_dir: Path, environ: MutableMapping[str, str]) -> list[str]:
    """Rewrite a command line: what the environment sets comes first, so that the line itself wins.

    A plain `key=value` becomes `++key=value`, so that a key need not stand in a YAML file to be set; the value of a
    secret moves into the environment, so that no file or log of Hydra's can hold it.

    Args:
        arguments: The command line without the program's name.
        conf_dir: The project's own configuration folder.
        environ: The environment; receives the secrets of the command line.

    Raises:
        ConfigError: A key does not exist.
    """
    groups = {
        path.name for folder in (conf_dir, *_config_dirs(arguments)) for path in folder.iterdir() if path.is_dir()
    }
    chosen = [f"{group}={environ[group.upper()]}" for group in sorted(groups) if group.upper() in environ]
    from_environment = [_reference(key, name) for key, name in environment_overrides(environ).items()]
    options, overrides = _parted(arguments)
    return [*options, *chosen, *from_environment, *(_rewritten(override, groups, environ) for override in overrides)]


class HideSecrets(Callback):
    """Takes secrets out of what Hydra saves of a multirun (`conf/config.yaml` registers it)."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Replace the value of each secret that a YAML file gave by a reference to the environment."""
        values = OmegaConf.to_container(config, resolve=False)
        for key in secret_keys():
            value: Any = values
            for part in key.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, str) and not value.startswith("${"):
                os.environ[_variable(key)] = value
                OmegaConf.update(config, key, f"${{oc.env:{_variable(key)}}}")


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's own options, and the overrides, which its parser wants in one row behind them."""
    options: list[str] = []
    overrides: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_option = argument.startswith("-") or before in _OPTIONS_WITH_VALUE
        (options if is_option else overrides).append(argument)
    return options, overrides


def _config_dirs(arguments: Sequence[str]) -> list[Path]:
    """The folder of the user's own groups, as `--config-dir DIR`, `--config-dir=DIR` or `-cd DIR` name it."""
    named = [after for word, after in pairwise(arguments) if word in ("--config-dir", "-cd")]
    named += [word.partition("=")[2] for word in arguments if word.startswith("--config-dir=")]
    return [path for path in map(Path, named) if path.is_dir()]


def _rewritten(argument: str, groups: set[str], environ: MutableMapping[str, str]) -> str:
    key, equals, value = argument.partition("=")
    key = key.lstrip("+")
    is_own = equals and not argument.startswith(("-", "~", "hydra.", "hydra/")) and "@" not in key and "/" not in key
    if not is_own or key in groups:
        return argument
    check_key(key)
    if any(secret.startswith(f"{key}.") for secret in secret_keys()):
        raise ConfigError(f"{key}=…: a whole section may hold a secret; set its keys one by one, as {key}.KEY=VALUE")
    if key in secret_keys() and not value.startswith("${"):
        environ[_variable(key)] = value
        return _reference(key, _variable(key))
    return f"++{key}={value}"


def _variable(key: str) -> str:
    return key.upper().replace(".", "__")


def _reference(key: str, name: str) -> str:
    return f"++{key}=${{oc.env:{name}}}"
