"""The graph is bound without a Ray; the release may be named later."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

from serve_app.app import AppArgs, build
from tickets.config import ServeConfig
from tickets.errors import ReleaseError


@pytest.mark.parametrize("layout", ["composed", "fused"])
def test_a_release_that_is_named_later_needs_no_champion(layout: str, tmp_path: Path) -> None:
    args = AppArgs(root=str(tmp_path), bucket="acme", serve=ServeConfig.model_validate({"layout": layout}))
    with pytest.raises(ReleaseError, match="'acme' has no champion"):
        build(args)
    build(args.model_copy(update={"release": None}))
    assert not ray.is_initialized()
