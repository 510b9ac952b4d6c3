"""What a model weighs, and what answering one ticket costs, part by part. It does not know how well it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets.card.judged import Encode, Tickets
from tickets.features.state import Features
from tickets.models import transformer
from tickets.models.ensemble import pool
from tickets.models.triage import TargetModel, TriageModel

_NUM_WARM_UPS: Final = 3


def sizes(model_dir: Path, model: TriageModel) -> dict[str, Any]:
    """Bytes on disk of a saved model: `features`, per target in `targets` one number for each member and `head`, and
    `shared`, a network that several targets share."""
    targets = {}
    for target in model.targets:
        parts = [member.family for member in target.members] + ["head"] * (target.head is not None)
        targets[target.name] = {part: _num_bytes(model_dir / "targets" / target.name / part) for part in parts}
    shared = _num_bytes(model_dir / transformer.NAME)
    return {"features": _num_bytes(model_dir / "features"), "targets": targets, "shared": shared}


def prediction_costs(model: TriageModel, encode: Encode, tickets: Tickets, num_tickets: int) -> dict[str, Any]:
    """CPU time of one ticket answered alone, as in service, on real tickets one after the other.

    Args:
        model: The model.
        encode: Its encoder, with one thread.
        tickets: Where the tickets are taken from, evenly.
        num_tickets: How many are answered.

    Returns:
        `num_tickets`; `encoder` and `features`, milliseconds each; and per target in `targets` one number for each
        member, for `head`, and for `decision` (pool, calibration, thresholds). All are medians over the tickets, of
        the process's CPU time.
    """
    rows = np.unique(np.linspace(0, len(tickets.vectors) - 1, num_tickets).astype(np.int64))
    one_by_one = [tickets.take(np.array([row])) for row in rows]
    texts = [model.state.texts(ticket.table) for ticket in one_by_one]
    features = [model.state.transform(ticket.table, ticket.vectors) for ticket in one_by_one]
    return {
        "num_tickets": len(rows),
        "encoder": _median_ms(encode, [(of,) for of in texts]),
        "features": _median_ms(model.state.transform, [(of.table, of.vectors) for of in one_by_one]),
        "targets": {target.name: _target_costs(target, features) for target in model.targets},
    }


def _target_costs(target: TargetModel, features: list[Features]) -> dict[str, float]:
    costs: dict[str, float] = {}
    heads: list[np.ndarray | None] = [None] * len(features)
    if target.head is not None:
        costs["head"] = _median_ms(target.head.predict, [(of,) for of in features])
        heads = [target.head.predict(of) for of in features]
    members = []
    for member in target.members:
        # Fresh copies: what a network said of features is kept for the other targets that share it.
        inputs = [(of.take(np.arange(1)), head) for of, head in zip(features, heads, strict=True)]
        costs[member.family] = _median_ms(member.classifier.predict, inputs)
        members.append([member.classifier.predict(*given) for given in inputs])

    def decide(*answers: np.ndarray) -> None:
        calibrated = target.calibration.transform(pool(answers, target.weights))
        target.policy.decide_all(calibrated, [None], ["text"])

    costs["decision"] = _median_ms(decide, list(zip(*members, strict=True)))
    return costs


def _median_ms(work: Callable[..., Any], inputs: Sequence[tuple[Any, ...]]) -> float:
    """Of the CPU time of one call for each input but a few at the start, that warm up."""
    num_warm_ups = min(_NUM_WARM_UPS, len(inputs) - 1)
    for given in inputs[:num_warm_ups]:
        work(*given)
    spent = []
    for given in inputs[num_warm_ups:]:
        started = time.process_time()
        work(*given)
        spent.append(1000 * (time.process_time() - started))
    return float(np.median(spent))


def _num_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
