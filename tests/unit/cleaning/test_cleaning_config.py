from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tickets.config.cleaning import CleaningConfig, HtmlStep, PluginStep, SignatureStep


def read(steps: Any) -> CleaningConfig:
    return CleaningConfig.model_validate({"steps": steps})


def test_nothing_is_cleaned_by_default() -> None:
    assert CleaningConfig().steps == ()


def test_a_step_is_its_name_or_has_settings() -> None:
    steps = read(["html", {"kind": "signature", "starts": ["^ACME"]}, {"kind": "mine", "options": {"a": 1}}]).steps
    assert steps == (HtmlStep(), SignatureStep(starts=("^ACME",)), PluginStep(kind="mine", options={"a": 1}))


def test_steps_come_as_text_from_the_environment() -> None:
    assert read("[html, {kind: signature, starts: ['^ACME']}]") == read(["html", SignatureStep(starts=("^ACME",))])


def test_what_was_dumped_is_read_again() -> None:
    config = read(["html", {"kind": "quotes", "separators": ["x"]}, {"kind": "mine", "options": {"a": [1]}}])
    assert CleaningConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["html", {"kind": "html"}], "'html' is listed twice"),
        ([{"kind": "html", "starts": ["x"]}], "starts"),
        ([{"kind": "signature", "starts": ["(?=x)"]}], "RE2"),
        ([{"kind": "signature", "starts": [""]}], "at least 1 character"),
        (["Not A Kind"], "pattern"),
        ([{}], "kind"),
        ("html", "tuple"),
    ],
)
def test_a_wrong_step_is_refused(steps: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        read(steps)
