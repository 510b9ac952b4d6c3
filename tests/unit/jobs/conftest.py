from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

JOBS = Path(__file__).parents[3] / "jobs"


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a script of `jobs/` ran: it finds its neighbours, and nothing of them stays."""
    monkeypatch.syspath_prepend(str(JOBS))
    yield
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "").parent == JOBS:
            del sys.modules[name]
