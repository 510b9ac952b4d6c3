"""How a sweep draws settings and stops trials, without Ray running."""

from __future__ import annotations

from typing import Any

import pytest

from tickets.config import SearchConfig, SweepConfig
from tickets.events import TrialRecord
from tickets.models.family import Limits
from tickets.train.sweep import _scheduler, _searcher


def _drawn(losses: list[float], known: list[TrialRecord] | None = None, **settings: Any) -> list[dict[str, float]]:
    """Settings of one trial after the other, each of which is told its loss before the next one is drawn."""
    searcher = _searcher("xgboost", SearchConfig(), known or [], SweepConfig(**settings))
    drawn = []
    for at, loss in enumerate(losses):
        drawn.append(searcher.suggest(str(at)))
        searcher.on_trial_complete(str(at), {"nll": loss})
    return drawn


def test_after_a_third_of_the_trials_losses_decide_what_is_drawn() -> None:
    rising, falling = (_drawn(losses, num_trials=6) for losses in ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]))
    assert rising[0] == SearchConfig().first("xgboost")
    assert rising[:2] == falling[:2]
    assert all(one != other for one, other in zip(rising[2:], falling[2:], strict=True))


@pytest.mark.parametrize(("num_trials", "num_random"), [(1, 2), (4, 2), (12, 4), (1_000, 10)])
def test_how_many_are_drawn_at_random(num_trials: int, num_random: int) -> None:
    up, down = (_drawn(losses, num_trials=num_trials) for losses in ([*range(12)], [*range(12, 0, -1)]))
    assert next(at for at in range(12) if up[at] != down[at]) == num_random


def test_the_same_seed_and_losses_draw_the_same_again_and_another_seed_does_not() -> None:
    losses = [3.0, 1.0, 2.0, 4.0]
    assert _drawn(losses, seed=1) == _drawn(losses, seed=1)
    assert _drawn(losses, seed=1)[1:] != _drawn(losses, seed=2)[1:]


def test_trials_that_were_made_before_count() -> None:
    params = _drawn([1.0, 2.0], num_trials=6)

    def drawn_after(losses: tuple[float, float]) -> dict[str, float]:
        known = [
            TrialRecord(str(at), "xgboost", "label", of, (), "finished", None, 1.0, loss)
            for at, (of, loss) in enumerate(zip(params, losses, strict=True))
        ]
        return _drawn([1.0], known, num_trials=6)[0]

    assert drawn_after((1.0, 2.0)) == drawn_after((1.0, 2.0))
    assert drawn_after((1.0, 2.0)) != drawn_after((2.0, 1.0))
    assert drawn_after((1.0, 2.0)) not in params


@pytest.mark.parametrize("family", ["linear", "xgboost", "dnn"])
@pytest.mark.parametrize("grace_steps", [1, 2, 5, 1_000])
def test_grace_longer_than_a_fit_stops_nothing_and_fails_nothing(family: str, grace_steps: int) -> None:
    limits = Limits(num_classes=3, boosting_rounds=30, epochs=3, patience_steps=3)
    scheduler = _scheduler(family, limits, SweepConfig(grace_steps=grace_steps))
    assert scheduler._max_t == 4
