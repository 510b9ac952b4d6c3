"""The rooms of the house: which module may import which, who owns a heavy library, and that importing does nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOMS = (
    ("errors",),
    ("schema", "events", "times"),
    ("config",),
    ("text", "masking", "values", "logs", "page", "plugins"),
    ("cleaning",),
    ("storage",),
    ("snapshots", "predictions", "journal", "multirun"),
    ("features", "decide", "analytics"),
    ("models", "retrieval", "anomaly", "online", "quality"),
    ("release",),
    ("data", "answering"),
    ("train", "registry"),
)
"""From the ground up; a room may import the rooms below it. Rooms on one line do not import each other."""
HOMES = {
    "hydra": {"jobs"},
    "omegaconf": {"tickets/config/parse.py", "jobs"},
    "mlflow": {"tickets/registry"},
    "redis": {"tickets/online"},
    "fakeredis": {"tickets/online"},
    "fsspec": {"tickets/storage"},
    "fastapi": {"serve_app", "jobs/_plain.py"},
    "starlette": {"serve_app"},
    "faiss": {"tickets/retrieval"},
    "bm25s": {"tickets/retrieval"},
    "ftfy": {"tickets/cleaning"},
    "selectolax": {"tickets/cleaning"},
    "py3langid": {"tickets/quality"},
    "aiohttp": {"jobs"},
    "ray": {"tickets/data", "tickets/train", "serve_app", "jobs"},
}
"""Heavy libraries and the only places that may name them."""
SOURCES = sorted(path for folder in ("tickets", "serve_app", "jobs") for path in (REPOSITORY / folder).rglob("*.py"))
NOT_SERVED = ("data", "train", "registry", "online")
"""Rooms that the graph does not need: it reads releases alone."""
MODULES = [
    str(path.relative_to(REPOSITORY).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for path in SOURCES
    if path.is_relative_to(REPOSITORY / "tickets")
]


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, `from a.b import c` as both `a.b` and `a.b.c`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(room: str) -> int:
    return next(at for at, rooms in enumerate(ROOMS) if room in rooms)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_run_one_way(path: Path) -> None:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    for name in imports_of(path):
        if name.split(".")[0] in ("jobs", "serve_app"):
            assert parts[0] in ("jobs", name.split(".")[0]), f"{path} imports {name}"
        if parts[0] == "serve_app" and name.startswith("tickets."):
            assert name.split(".")[1] not in NOT_SERVED, f"{path} imports {name}"
        if parts[0] != "tickets" or parts[1] == "__init__" or not name.startswith("tickets."):
            continue
        own, other = parts[1], name.split(".")[1]
        assert own == other or level(other) < level(own), f"{own} may not import {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_heavy_library_has_one_home(path: Path) -> None:
    place = path.relative_to(REPOSITORY).as_posix()
    for name in imports_of(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or any(place.startswith(home) for home in homes), f"{place} imports {name}"


def test_importing_anything_changes_nothing(tmp_path: Path) -> None:
    watch = f"""
import logging, os, sys, threading
before = dict(os.environ), list(logging.getLogger().handlers), threading.active_count()
for name in {MODULES!r}:
    __import__(name)
after = dict(os.environ), list(logging.getLogger().handlers), threading.active_count()
assert before == after, (before, after)
from loguru import logger
assert len(logger._core.handlers) == 1, "loguru was set up"
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    # torch, which the network's module imports, sets its own variables; only what we import late is held to the rule.
    ran = subprocess.run([sys.executable, "-c", watch], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "light", ["tickets.config.parse", "tickets.storage", "tickets.snapshots", "tickets.data.ingest"]
)
def test_light_modules_stay_light(light: str) -> None:
    check = (
        f"import sys, {light}; print([m for m in ('torch', 'ray', 'pandas', 'sklearn', 'mlflow') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
