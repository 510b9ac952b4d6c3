"""The graph, bound by one typed builder.

    serve run serve_app.app:build root=/data/tickets bucket=acme profile=fused
    serve build serve_app.app:app -o serve.yaml     (from TICKETS_ROOT, DATA__BUCKET and TICKETS_SERVE, and so deployed)

It does not know how a job composes its configuration, nor what the parts do. (Annotations are not postponed in this
file: Ray Serve looks at the type of the builder's argument.)
"""

import os
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import Field
from ray import serve
from ray.serve import Application, Deployment

from serve_app.guard import refuse_open_door
from serve_app.ingress import Ingress
from serve_app.part import Place
from serve_app.parts import PARTS, part_args
from tickets.config import Config, ServeConfig, StorageConfig
from tickets.errors import ConfigError

PROFILES_DIR: Final = Path(__file__).resolve().parents[1] / "conf" / "serve"
_NAMES_PLACE: Final = ("TICKETS_ROOT", "DATA__BUCKET")
_ROLLING: Final[dict[str, Any]] = {
    "graceful_shutdown_timeout_s": 20,
    "health_check_period_s": 10,
    "health_check_timeout_s": 10,
}
_QUEUE: Final = 64
"""Calls that wait for one part's processes, at most; the ingress keeps far fewer."""


def _root() -> str:
    return StorageConfig(root=os.environ["TICKETS_ROOT"]).root if "TICKETS_ROOT" in os.environ else StorageConfig().root


class AppArgs(Config):
    """What the graph is built from."""

    root: str = Field(default_factory=_root)
    """Storage root; also `TICKETS_ROOT`."""
    bucket: str = Field(default_factory=lambda: os.environ.get("DATA__BUCKET", "simulated"))
    """Folder under it; also `DATA__BUCKET`."""
    release: str | None = "champion"
    """Release that answers first: `champion`, `latest` or an id; later ones come by `user_config`. Null: that names the
    first one too."""
    profile: str = Field(default_factory=lambda: os.environ.get("TICKETS_SERVE", "local"))
    """A file of `conf/serve/` (`local`, `cluster`, `fused`); also `TICKETS_SERVE`. `serve` stands in place of it."""
    serve: ServeConfig | None = None
    """All settings of the graph, in place of a profile."""

    @property
    def config(self) -> ServeConfig:
        """The settings, given or of the profile.

        Raises:
            ConfigError: There is no such profile.
        """
        return self.serve if self.serve is not None else read_profile(self.profile)


def read_profile(name: str) -> ServeConfig:
    """The settings of a profile.

    Raises:
        ConfigError: There is no such profile.
    """
    known = sorted(path.stem for path in PROFILES_DIR.glob("*.yaml"))
    if name not in known:
        raise ConfigError(f"profile={name!r}; allowed: {', '.join(known)}")
    return ServeConfig.model_validate(yaml.safe_load((PROFILES_DIR / f"{name}.yaml").read_text()) or {})


def build(args: AppArgs) -> Application:
    """Bind the graph.

    Raises:
        ConfigError: HAProxy would listen on every interface and no keys are asked.
        ReleaseError: The release cannot be opened.
    """
    config, place = args.config, Place(args.root, args.bucket)
    refuse_open_door(config)
    first = {} if args.release is None else {"release": place.open_release(args.release).id}
    names = PARTS if config.layout == "composed" else ()
    parts = {name: _bind_part(name, place, config, first) for name in names}
    ingress = _deployment(
        serve.ingress()(Ingress),
        name="ingress",
        num_replicas=config.replicas.ingress,
        max_ongoing_requests=2 * config.max_pending,
        max_queued_requests=2 * config.max_pending,
        user_config=first and {**first, "policy": config.policy.model_dump(mode="json")},
        ray_actor_options={"num_cpus": config.num_cpus},
        **_ROLLING,
    )
    return ingress.bind(place, config, **parts)


def _bind_part(name: str, place: Place, config: ServeConfig, first: dict[str, str]) -> Application:
    deployment = _deployment(
        PARTS[name],
        name=name,
        num_replicas=getattr(config.replicas, name),
        max_ongoing_requests=4,
        max_queued_requests=_QUEUE,
        user_config=first,
        ray_actor_options={"num_cpus": config.num_cpus},
        **_ROLLING,
    )
    return deployment.bind(*part_args(name, place, config))


def _deployment(of: Any, **options: Any) -> Deployment:
    """A class as a deployment; Ray's decorator has no type for this use of it."""
    made: Any = serve.deployment(of, **options)
    assert isinstance(made, Deployment)
    return made


def __getattr__(name: str) -> Any:
    """`app`, the graph of the environment's settings, bound when it is asked for: importing binds nothing."""
    if name == "app":
        if missing := [key for key in _NAMES_PLACE if key not in os.environ]:
            raise ConfigError(
                f"serve_app.app:app needs {' and '.join(missing)} where it is imported (once deployed, that is the "
                "cluster): set runtime_env.env_vars of the application, or use serve_app.app:build with args"
            )
        return build(AppArgs())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
