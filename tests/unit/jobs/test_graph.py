"""What `serve deploy` takes is written without a Ray: none is started for it, none that is gone is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

from tickets.config import PolicyConfig, ServeConfig

JOBS = Path(__file__).parents[3] / "jobs"


@pytest.mark.parametrize("layout", ["composed", "fused"])
def test_a_config_is_made_without_ray(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from _graph import deploy_config

    assert not ray.is_initialized()
    config = deploy_config("file:///root", "bucket", "release-1", ServeConfig(layout=layout), PolicyConfig())
    assert not ray.is_initialized()
    (application,) = config["applications"]
    assert application["runtime_env"] == {}
    assert application["args"]["release"] is None
    of_ingress = next(of for of in application["deployments"] if of["name"] == "ingress")
    assert of_ingress["user_config"]["release"] == "release-1"
