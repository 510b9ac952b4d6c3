from __future__ import annotations

from typing import Any

import pytest

from tickets.config.parse import parse
from tickets.errors import ConfigError

SOURCE = {"source": {"name": "mine"}}


@pytest.mark.parametrize(("given", "read"), [("on", "on"), (True, "on"), (False, "off"), ("auto", "auto")])
def test_on_and_off_are_read_as_yaml_gives_them(given: Any, read: str) -> None:
    assert parse({**SOURCE, "finetune": {"enabled": given}}).finetune.enabled == read


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"finetune\.enabled='maybe'.*'auto', 'on' or 'off'"):
        parse({**SOURCE, "finetune": {"enabled": "maybe"}})
