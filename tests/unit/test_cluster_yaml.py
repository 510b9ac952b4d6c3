"""`cluster.yaml` as Ray's own launcher reads it, without a cloud."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / "cluster.yaml").read_text()))


@pytest.fixture(scope="module")
def prepared(cluster: dict[str, Any]) -> dict[str, Any]:
    """The configuration after Ray has filled in its AWS defaults."""
    from ray.autoscaler._private.util import prepare_config

    return dict(prepare_config(cluster))


def start_command(prepared: dict[str, Any], role: str) -> str:
    (command,) = (line for line in prepared[f"{role}_start_ray_commands"] if "ray start" in line)
    return str(command)


def test_launcher_accepts_it(prepared: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import validate_config

    validate_config(prepared)


def test_ray_is_the_tested_version_and_no_nightly(prepared: dict[str, Any]) -> None:
    tested = re.findall(r"^ray==(\S+)", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
    for role in ("head", "worker"):
        commands = "\n".join(prepared[f"{role}_setup_commands"])
        assert re.findall(r"\bray(?:\[[^]]*\])?==([^\s\"']+)", commands) == tested
        assert ".whl" not in commands


def test_project_is_installed_with_its_constraints(prepared: dict[str, Any]) -> None:
    for role in ("head", "worker"):
        (install,) = (line for line in prepared[f"{role}_setup_commands"] if "ray[default]" in line)
        assert install.startswith("python3.11 -m venv")
        assert "-c constraints.txt" in install
        assert install.endswith(" .")


def test_every_mounted_file_of_the_project_exists(cluster: dict[str, Any]) -> None:
    local = [path for path in cluster["file_mounts"].values() if not path.startswith("~")]
    assert "tickets" in local
    assert [path for path in local if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize("role", ["head", "worker"])
def test_ray_starts_in_token_mode(prepared: dict[str, Any], role: str) -> None:
    assert "RAY_AUTH_MODE=token ray start" in start_command(prepared, role)
    assert prepared["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in prepared[f"{role}_setup_commands"]


def test_dashboard_is_on_loopback(prepared: dict[str, Any]) -> None:
    assert "--dashboard-host=127.0.0.1" in start_command(prepared, "head")
    assert "0.0.0.0" not in yaml.safe_dump(prepared)


def test_head_only_schedules(prepared: dict[str, Any]) -> None:
    head = prepared["available_node_types"][prepared["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]


def test_workers_start_at_zero_and_end_when_idle(prepared: dict[str, Any]) -> None:
    workers = {name: kind for name, kind in prepared["available_node_types"].items() if name != "head"}
    assert {name: kind["min_workers"] for name, kind in workers.items()} == {"cpu": 0, "gpu": 0}
    assert sum(kind["max_workers"] for kind in workers.values()) <= prepared["max_workers"]
    assert 0 < prepared["idle_timeout_minutes"] <= 30
    assert workers["gpu"]["resources"]["GPU"] == 1
    assert workers["cpu"]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_labels_name_the_pool_of_each_node(prepared: dict[str, Any]) -> None:
    assert {name: kind["labels"]["pool"] for name, kind in prepared["available_node_types"].items()} == {
        "head": "head",
        "cpu": "cpu",
        "gpu": "gpu",
    }
