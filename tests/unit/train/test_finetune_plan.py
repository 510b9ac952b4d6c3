"""Whether a fine-tune belongs to a run, and which checkpoints it takes up; the fine-tune itself needs Ray."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tickets.config import EncoderConfig, FinetuneConfig
from tickets.config.parse import parse
from tickets.models.transformer import Shape
from tickets.models.transformer_rows import Rows
from tickets.train.finetune import is_asked
from tickets.train.workers import Plan, checkpoint_digest


@pytest.mark.parametrize(
    ("enabled", "accelerator", "num_gpus", "expected"),
    [
        ("auto", "auto", 1, True),
        ("auto", "auto", 0, False),
        ("auto", "cpu", 1, False),
        ("auto", "gpu", 0, True),  # demanded: an autoscaler brings one
        ("on", "auto", 0, True),
        ("off", "gpu", 1, False),
    ],
)
def test_it_is_asked_for_where_a_gpu_is_or_by_name(
    monkeypatch: pytest.MonkeyPatch, enabled: str, accelerator: str, num_gpus: int, expected: bool
) -> None:
    import ray

    node = {"Alive": True, "Resources": {"CPU": 2.0, "GPU": float(num_gpus)}}
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    settings = {"finetune": {"enabled": enabled}, "sweep": {"accelerator": accelerator}}
    assert is_asked(parse({"source": {"name": "mine"}, **settings})) is expected


def _rows(tokens: list[int]) -> Rows:
    none = np.zeros((1, 0))
    return Rows(np.array(tokens), np.array([len(tokens)]), none, none, np.zeros((1, 1), np.int64))


def _name(tokens: list[int], last_epoch: int | None = None, **settings: Any) -> str:
    shape = Shape((), 0, {"one": 2}, 8)
    plan = Plan(shape, EncoderConfig(), FinetuneConfig(**settings), 0, 1, last_epoch)
    return checkpoint_digest(plan, (_rows(tokens), _rows([1])))


def test_a_checkpoint_is_taken_up_by_the_same_rows_and_settings_alone() -> None:
    usual = _name([1, 2])
    assert _name([1, 2], num_workers=2, time_budget_s=5.0, refit=True) == usual
    assert len({usual, _name([1, 3]), _name([1, 2], epochs=9), _name([1, 2], last_epoch=1)}) == 4
