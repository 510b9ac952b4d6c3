"""One way in: what Hydra composed becomes a `TicketsConfig`, or one readable `ConfigError`.

It also says which keys exist, which are secret and which environment variables set them, so that the entry can
check a command line before Hydra sees it. It does not know Hydra, and it does not read any file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, SecretStr, ValidationError

from tickets.config.base import Config, member_types
from tickets.config.root import TicketsConfig
from tickets.errors import ConfigError

ENV_ALIASES: Final[Mapping[str, str]] = {
    "TICKETS_ROOT": "storage.root",
    "MLFLOW_TRACKING_URI": "mlflow.tracking_uri",
    "REDIS_HOST": "redis.host",
    "REDIS_PORT": "redis.port",
    "REDIS_DB": "redis.db",
    "REDIS_USERNAME": "redis.username",
    "REDIS_PASSWORD": "redis.password",
}
"""Names that other tools use too, beside the general form `SECTION__KEY`."""

_LOGIN: Final = re.compile(r"//[^/\s]*@")


def parse(composed: DictConfig | Mapping[str, Any]) -> TicketsConfig:
    """Turn a composed configuration into the frozen model, with every interpolation resolved.

    Raises:
        ConfigError: One line per wrong key, type or value, naming the key and what is allowed.
    """
    values = OmegaConf.to_container(composed, resolve=True) if isinstance(composed, DictConfig) else dict(composed)
    try:
        return TicketsConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("; ".join(_describe(part) for part in error.errors(include_url=False))) from None


def dump(config: TicketsConfig) -> dict[str, Any]:
    """The whole configuration as JSON-able values, secrets masked; what is saved beside every artefact."""
    values: dict[str, Any] = config.model_dump(mode="json")
    return values


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as pairs of a dotted key and a value; an empty mapping is a value.

    Args:
        values: Settings, or figures.
        prefix: What every key begins with.
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def secrets(config: TicketsConfig) -> list[str]:
    """The secret values in use, for the logs to mask."""
    found = (_value_at(config, key) for key in secret_keys())
    return [value.get_secret_value() for value in found if isinstance(value, SecretStr)]


def environment_overrides(environ: Mapping[str, str]) -> dict[str, str]:
    """The keys that environment variables set: dotted key → name of the variable.

    `SECTION__KEY` (and deeper, `A__B__C`) counts where the section exists; `ENV_ALIASES` adds the names that other
    tools use. The general form wins over an alias.

    Raises:
        ConfigError: A variable names a key that its section does not have.
    """
    found = {key: name for name, key in ENV_ALIASES.items() if name in environ}
    for name in sorted(environ):
        section, _, rest = name.partition("__")
        if rest and section.isupper() and _submodels(TicketsConfig.model_fields.get(section.lower(), None)):
            key = name.lower().replace("__", ".")
            check_key(key, origin=f"environment variable {name}")
            found[key] = name
    return found


def check_key(key: str, origin: str = "") -> None:
    """Check that a dotted key such as `data.bucket` exists.

    Raises:
        ConfigError: It does not; the message names the keys that its section allows. Never shows a value.
    """
    models: list[type[BaseModel]] = [TicketsConfig]
    parts = key.split(".")
    for depth, part in enumerate(parts):
        infos = [model.model_fields[part] for model in models if part in model.model_fields]
        if not infos:
            allowed = sorted({name for model in models for name in model.model_fields})
            where = ".".join(parts[: depth + 1])
            raise ConfigError(_unknown(where, part, allowed) + (f" (from {origin})" if origin else ""))
        models = [model for info in infos for model in _submodels(info)]
        if not models:
            return


def secret_keys() -> frozenset[str]:
    """Dotted keys whose values are secret."""
    return frozenset(_secret_keys(TicketsConfig, ""))


def _secret_keys(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        if SecretStr in member_types(info.annotation):
            yield prefix + name
        for child in _submodels(info):
            yield from _secret_keys(child, f"{prefix}{name}.")


def _submodels(info: Any) -> list[type[Config]]:
    """The configuration models that a field may hold itself (not inside a mapping)."""
    types = member_types(info.annotation) if info is not None else ()
    return [kind for kind in types if isinstance(kind, type) and issubclass(kind, Config)]


def _value_at(config: BaseModel, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part, None)
    return value


def _describe(error: Any) -> str:
    """One wrong key or value in words; a secret's value is never shown."""
    places = [
        str(part) for part in error["loc"] if str(part) not in ("time", "random", "files") or len(error["loc"]) < 3
    ]
    key = ".".join(places) or "configuration"
    if error["type"] == "extra_forbidden":
        return _unknown(key, places[-1], sorted(_siblings(places)))
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    value = error.get("input")
    shown = isinstance(value, str | int | float | bool) and key not in secret_keys()
    # A URI may carry a login, also where it is refused for that.
    return f"{key}={_LOGIN.sub('//***@', repr(value))}: {message}" if shown else f"{key}: {message}"


def _siblings(places: list[str]) -> set[str]:
    models: list[type[BaseModel]] = [TicketsConfig]
    for part in places[:-1]:
        models = [kind for model in models for kind in _submodels(model.model_fields.get(part))]
    return {name for model in models for name in model.model_fields}


def _unknown(key: str, name: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{key}: no such key{hint}; allowed: {', '.join(allowed)}"
