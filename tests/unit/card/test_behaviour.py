from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from card_world import encode

from tickets.card.behaviour import Clean, _verdict, run_tests
from tickets.card.judged import Tickets
from tickets.card.perturb import CHANGES
from tickets.config.card import BehaviourBars, CardConfig
from tickets.models.triage import TriageModel

CONFIG = CardConfig(behaviour_rows=40)


def _found(num_hits: int, low: float) -> dict[str, Any]:
    nothing = {"num_rows": 0, "num_hits": 0, "share": None, "low": None, "high": None}
    return {
        "labels": {"num_rows": 60, "num_hits": num_hits, "share": num_hits / 60, "low": low, "high": 1.0},
        "relabelled": nothing,
    }


def as_it_is(name: str, values: list[str | None]) -> list[str | None]:
    return values


def _run(model: TriageModel, tickets: Tickets, config: CardConfig = CONFIG, clean: Clean = as_it_is) -> Any:
    own = Tickets(tickets.table, encode(model.state.texts(tickets.table)))
    return run_tests(model, own, encode, clean, config, 0.95)


@pytest.fixture(scope="module")
def entries(triage_model: TriageModel, tickets: Tickets) -> list[dict[str, Any]]:
    return _run(triage_model, tickets)


def test_every_test_is_run_for_every_target(entries: list[dict[str, Any]]) -> None:
    ran = [(of["test"], of["target"]) for of in entries]
    assert ran == [(name, target) for name in CHANGES for target in ("category", "priority")]
    for of in entries:
        assert of["automated"]["num_rows"] == of["relabelled"]["num_rows"] <= of["labels"]["num_rows"] <= 40
        assert of["automated"]["num_hits"] >= of["relabelled"]["num_hits"]
        assert len(of["tickets"]) == min(of["labels"]["num_hits"], 3)


def test_vectors_that_follow_every_letter_fail_the_tests(entries: list[dict[str, Any]]) -> None:
    by_test = {of["test"]: of for of in entries if of["target"] == "category"}
    assert by_test["signature"]["labels"]["share"] > 0
    assert by_test["lower_case"]["labels"]["num_rows"] == 0  # they are in lower case already
    assert by_test["lower_case"]["passed"] is None


def test_the_bar_decides(triage_model: TriageModel, tickets: Tickets) -> None:
    for bar, automated_bar, expected in ((1.0, 1.0, True), (0.0, 1.0, False)):
        config = CONFIG.model_copy(update={"behaviour": BehaviourBars(signature=bar), "automated_bar": automated_bar})
        (found,) = (
            of for of in _run(triage_model, tickets, config) if (of["test"], of["target"]) == ("signature", "category")
        )
        assert (found["passed"], found["surely_failed"], found["bar"]) == (expected, not expected, bar)
    chance = _verdict(_found(num_hits=3, low=0.01), 0.04, 0.02)
    assert (chance["passed"], chance["surely_failed"]) == (False, False)
    relabelled = _verdict({**_found(num_hits=0, low=0.0), "relabelled": _found(10, 0.1)["labels"]}, 0.04, 0.02)
    assert (relabelled["passed"], relabelled["surely_failed"]) == (False, True)


def test_what_cleaning_takes_out_changes_nothing(triage_model: TriageModel, tickets: Tickets) -> None:
    def without_signature(name: str, values: list[str | None]) -> list[str | None]:
        return [value.split("\n\n")[0] if value else value for value in values]

    found = [of for of in _run(triage_model, tickets, clean=without_signature) if of["test"] == "signature"]
    assert [of["labels"]["num_hits"] for of in found] == [0, 0]
    assert all(of["labels"]["num_rows"] == 40 and of["passed"] for of in found)


def test_a_test_repeats_with_its_seed_and_encodes_only_what_changed(
    triage_model: TriageModel, tickets: Tickets, entries: list[dict[str, Any]]
) -> None:
    encoded: list[str] = []

    def counted(texts: Sequence[str]) -> np.ndarray:
        encoded.extend(texts)
        return encode(texts)

    own = Tickets(tickets.table, encode(triage_model.state.texts(tickets.table)))
    assert run_tests(triage_model, own, counted, as_it_is, CONFIG, 0.95) == entries
    assert not set(encoded) & set(triage_model.state.texts(tickets.table))


def test_the_body_is_the_last_text_that_is_there(triage_model: TriageModel, tickets: Tickets) -> None:
    seen: dict[str, list[str | None]] = {}

    def look(name: str, values: list[str | None]) -> list[str | None]:
        seen.setdefault(name, []).extend(values)
        return values

    bodies = pa.array(["a body"] * 5 + [None] * 5, pa.string())
    table = tickets.table.slice(0, 10)
    table = table.set_column(table.column_names.index("description"), "description", bodies)
    config = CONFIG.model_copy(update={"behaviour_rows": 10})
    run_tests(triage_model, Tickets(table, tickets.vectors[:10]), encode, look, config, 0.95)
    at = list(CHANGES).index("signature") * 10
    subjects, descriptions = seen["subject"][at : at + 10], seen["description"][at : at + 10]
    assert subjects[:5] == table["subject"].to_pylist()[:5]
    assert all("\n\n" in str(subject) for subject in subjects[5:])
    assert all(str(description).startswith("a body\n\n") for description in descriptions[:5])
    assert descriptions[5:] == [None] * 5


def test_without_texts_or_rows_nothing_is_said(triage_model: TriageModel, tickets: Tickets) -> None:
    silent = triage_model.complete(tickets.table.drop_columns(["subject", "description"]))
    for table, rows in ((silent, 40), (tickets.table, 0)):
        config = CONFIG.model_copy(update={"behaviour_rows": rows})
        assert run_tests(triage_model, Tickets(table, tickets.vectors), encode, as_it_is, config, 0.95) == []
