from __future__ import annotations

from pathlib import Path

import pytest
from card_world import encode

from tickets.card.costs import prediction_costs, sizes
from tickets.card.judged import Tickets
from tickets.models.triage import TriageModel


@pytest.fixture(scope="module")
def folder(triage_model: TriageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    saved = tmp_path_factory.mktemp("model")
    triage_model.save(saved)
    return saved


def test_every_part_is_weighed(triage_model: TriageModel, folder: Path) -> None:
    found = sizes(folder, triage_model)
    assert set(found["targets"]["category"]) == {"linear", "catboost", "xgboost", "dnn", "head"}
    assert set(found["targets"]["priority"]) == {"linear"}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("model.json", "target.json")]
    beside = sum(path.stat().st_size for path in folder.glob("targets/category/*/model.json"))
    in_all = found["features"] + sum(sum(parts.values()) for parts in found["targets"].values())
    assert in_all == sum(path.stat().st_size for path in files) + beside


def test_every_part_of_an_answer_is_timed(triage_model: TriageModel, tickets: Tickets) -> None:
    found = prediction_costs(triage_model, encode, tickets, 4)
    assert found["num_tickets"] == 4
    assert set(found["targets"]["category"]) == {"head", "linear", "catboost", "xgboost", "dnn", "decision"}
    assert set(found["targets"]["priority"]) == {"linear", "decision"}
    times = [found["encoder"], found["features"], *(cost for of in found["targets"].values() for cost in of.values())]
    assert all(0 <= cost < float("inf") for cost in times)
