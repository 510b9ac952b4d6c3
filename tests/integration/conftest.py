"""One Ray head and one trained release for the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import TINY, Head, Ran, ray_head, run_job


@pytest.fixture(scope="session")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """A Ray head with token and dashboard, ended with every process it started."""
    with ray_head(tmp_path_factory.mktemp("head")) as running:
        yield running


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root that holds a tiny simulated export; its online store is ended afterwards."""
    from tickets.online import embedded

    folder = tmp_path_factory.mktemp("root")
    run_job("simulate", folder, *TINY)
    yield folder
    embedded.stop(folder)


@pytest.fixture(scope="session")
def on_head(head: Head, root: Path) -> Callable[..., Ran]:
    """Runs a job that joins the head."""

    def run(name: str, *arguments: str) -> Ran:
        return run_job(name, root, *arguments, environment={**head.environment, "RAY_ADDRESS": head.address})

    return run


@pytest.fixture(scope="session")
def trained(on_head: Callable[..., Ran]) -> Ran:
    """The main job with all four families, on the head."""
    # One trial at a time: the second one meets what the first one reached, so that the scheduler can stop it.
    sweep = ("sweep=tiny", "sweep.num_trials=2", "sweep.max_concurrent=1", "card.behaviour_rows=20")
    ran = on_head("train", *sweep, "source.targets=[category,priority,severity]")
    assert ran.code == 0, ran.output
    return ran
