"""A whole card of a small model, as it is saved and shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from card_world import encode

from tickets.card.card import Subject, build_card
from tickets.card.judged import Judged, Tickets, judge_all
from tickets.card.limits import limits, uses
from tickets.card.page import build_page
from tickets.config.card import CardConfig
from tickets.models.triage import TriageModel
from tickets.page import render
from tickets.page.markdown import render_markdown
from tickets.release import Manifest, Part
from tickets.train.report import judge

CONFIG = CardConfig(
    slices=("product", "language"), behaviour_rows=20, importance_rows=40, cost_tickets=3, slice_rows=10
)
SECRET = "<script>alert(1)</script>"


def _as_it_is(name: str, values: list[str | None]) -> list[str | None]:
    return values


def _scores(judged: Judged) -> dict[str, Any]:
    values = [judged.name(code) for code in judged.truth]
    majority = judged.model.labels.names[0]
    return judge(
        judged.model.labels, judged.probabilities, judged.automated, values, 0.95, majority, None, judged.patterns
    )


def _chosen(judged: Judged) -> dict[str, Any]:
    members = {member.family: member.weight for member in judged.model.members}
    reached = {"params": {"c": 0.3}, "length": 1.0, "nll": 0.4, "accuracy": 0.8}
    losses = {"nll": 0.5, "brier": 0.3}
    record = {"kind": "temperature", "num_rows": 50, "num_folds": 5, "temperature": 0.8, "uncalibrated": losses}
    mixed = {"nll": 0.4, "gain": 0.02, "low": 0.01, "high": 0.03, "kept": True}
    ensemble = {"ensemble": mixed} if len(members) > 1 else {}
    calibration = {
        **record,
        "kinds": {"temperature": losses, "vector": {**losses, "gain": 0.1, "low": -0.1, "high": 0.2}},
    }
    return {
        "families": dict.fromkeys(members, reached),
        "members": members,
        "best": "linear",
        "calibration": calibration,
        **ensemble,
    }


def _manifest(judged: Sequence[Judged], source: str = "helpdesk") -> Manifest:
    scores = {of.model.name: _scores(of) for of in judged}
    return Manifest(
        format_version=3,
        created_at="20260101T000000000000",
        bucket="support",
        run_id="run-1",
        parts={"encoder": Part(key="encoders/tiny", files={}, num_bytes=1000)},
        targets={of.model.name: list(of.model.labels.names) for of in judged},
        data={},
        metrics=orjson.loads(
            orjson.dumps(
                {
                    "test": scores,
                    "test_unseen_text": scores,
                    "test_text_alone": scores,
                    "chosen": {of.model.name: _chosen(of) for of in judged},
                },
                option=orjson.OPT_SERIALIZE_NUMPY,
            )
        ),
        config={
            "decide": {"confidence": 0.95, "automate_precision": 0.9, "suggest_precision": 0.7},
            "source": {"name": source, "targets": ["category", "priority", "severity"]},
            "cleaning": {"steps": [{"kind": "html"}]},
        },
    )


def _trial(number: int, family: str) -> dict[str, Any]:
    history = [{"step": step, "nll": 1 / step + number / 10} for step in range(1, 4)]
    plain = {"trial_id": f"t{number}", "target": "category", "status": "finished", "error": None, "seconds": 1.0}
    return {**plain, "family": family, "params": {"c": 0.1 * (number + 1)}, "history": history, "ended_s": number + 1.0}


@pytest.fixture(scope="module")
def card(triage_model: TriageModel, tickets: Tickets, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _card(triage_model, tickets, tmp_path_factory.mktemp("model"))


def _card(model: TriageModel, tickets: Tickets, folder: Path, source: str = "helpdesk") -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    model.save(folder)
    audit = [
        {"target": "category", "verdict": "learnable", "reason": "learnable from text", "classes": {"billing": 3},
         "cautions": [{"about": "leak", "short": "x", "sentence": "Suspected leak: channel."},
                      {"about": "drift", "short": "", "sentence": "The labels drift."}]},
        {"target": "priority", "verdict": "noise", "reason": "no tie was found", "baseline": {"accuracy": 0.5}},
        {"target": "tone", "verdict": "noise", "reason": "nor here"},
    ]  # fmt: skip
    lineage = {
        "source": source,
        "offline": "o1",
        "digest": "d" * 64,
        "bronze": "b1",
        "files": [{"name": "mails.csv", "rows_in": 310, "quarantine": 10, "fingerprint": "f"}],
        "num_files": 1,
        "num_tickets": 300,
        "split": "time",
        "split_note": "3 of 300 tickets have no created_at; they train",
        "rows": {"train": 150, "validation": 25, "calibration": 25, "test": 100},
        "spans": {"train": [None, None], "validation": [None, None], "calibration": [None, None],
                  "test": ["2026-01-10T00:00:00+00:00", "2026-02-12T00:00:00+00:00"]},
    }  # fmt: skip
    training = {
        "audit": audit,
        "trials": [_trial(number, "linear") for number in range(4)],
        "fit_s": {"category": {"linear": 1.5}},
    }
    manifest = _manifest(judge_all(model, tickets), source)
    return build_card(Subject(manifest, model, folder, encode, tickets, _as_it_is, training, lineage), CONFIG)


def test_a_card_is_json_and_holds_every_part(card: dict[str, Any]) -> None:
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert card["no_model"] == ["severity"]
    assert card["reads"]["cleaning"] == ["html"]
    assert card["costs"]["bytes"]["encoder"] == 1000
    for target in card["targets"].values():
        assert target["automation"]["curve"]
        assert len(target["behaviour"]) == 7
        assert target["slices"]["slices"]
        assert target["importance"]["families"]
    assert len(card["targets"]["category"]["trials"]) == 4
    assert card["targets"]["category"]["families"]["linear"]["fit_s"] == 1.5
    assert card["targets"]["priority"]["trials"] == []


def test_a_card_holds_no_text_of_a_ticket(card: dict[str, Any], tickets: Tickets) -> None:
    written = json.dumps(card, ensure_ascii=False)
    texts = [text for name in ("subject", "description") for text in tickets.table[name].to_pylist() if text]
    assert len(texts) > 100
    assert not [text for text in texts if text in written]


def test_uses_and_limits_say_what_the_figures_say(card: dict[str, Any]) -> None:
    first, category, priority = card["uses"]
    assert first.startswith("It labels a ticket of “helpdesk” when it is opened, from the text (subject, description)")
    assert category.startswith("category: may be automated where the answer says so.")
    assert priority.startswith("priority: not to be automated.")
    limits = "\n".join(card["limits"])
    assert "severity: there is no model" in limits
    assert "Only 100 test tickets" in limits
    assert "until 2026-02-12" in limits
    assert "priority: the audit calls it noise (no tie was found)." in limits
    assert "category: the audit" not in limits
    assert "category: the promise holds for tickets in the languages de, en with these inputs: " in limits
    assert "category: Suspected leak: channel." in limits
    assert "The labels drift." not in limits
    assert "3 of 300 tickets have no created_at; they train." in limits
    assert "tone: there is no model; the audit calls it noise (nor here)." in limits
    tests = [of for name in card["targets"] for of in card["targets"][name]["behaviour"]]
    assert limits.count("more than it should") == sum(of["surely_failed"] for of in tests) > 0
    assert "priority: the model is not surely better than always answering" in limits


def test_the_page_and_the_markdown_show_it(card: dict[str, Any]) -> None:
    page = build_page(card)
    html, markdown = render(page).decode(), render_markdown(page)
    headings = [section.heading for section in page.sections]
    assert headings[:3] == ["In short", "What it may be used for", "Its limits"]
    for heading in headings:
        assert f"<h2>{heading}</h2>" in html.replace("&#x27;", "'")
        assert f"\n## {heading}\n" in markdown
    for name in ("category", "priority"):
        assert f"{name}: what may be automated" in headings
        assert f"{name}: families" in headings
    assert "category: the search" in headings
    assert "priority: the search" not in headings  # there was none
    assert "no tie was found" in markdown
    assert "category: The labels drift." in markdown
    assert "learnable, leak suspected" in markdown.split("## What it may be used for")[0]
    assert "| all, had they come with text alone |" in markdown
    assert "<svg" in html


def test_a_model_below_the_floor_is_called_worse(card: dict[str, Any]) -> None:
    worse = copy.deepcopy(card)
    scores = worse["targets"]["category"]["scores"]
    scores["majority_floor"] = scores["accuracy"]["high"] + 0.001
    assert "category: the model is surely worse than always answering" in "\n".join(limits(worse))


def test_what_is_not_suggested_is_decided_by_nobody(card: dict[str, Any]) -> None:
    without = copy.deepcopy(card)
    without["targets"]["priority"]["automation"]["suggest"]["asked"] = None
    assert uses(without)[2].endswith("none is suggested.")


def test_labels_with_thresholds_of_their_own_are_shown_with_them(card: dict[str, Any]) -> None:
    own = copy.deepcopy(card)
    automate = own["targets"]["category"]["automation"]["automate"]
    (pattern, *_) = automate["thresholds"]
    automate["thresholds"] = dict.fromkeys(automate["thresholds"])
    automate["by_label"][pattern] = {"billing": {"value": 0.777}, "login": None}
    markdown = render_markdown(build_page(own))
    assert "Automated from confidence" in markdown.split("Found of these")[1].splitlines()[0]
    (row,) = (line for line in markdown.splitlines() if line.startswith("| billing |") and line.endswith(" 0.777 |"))
    assert row.count("|") == 8
    assert "Each label has a threshold of its own" in markdown
    found = "\n".join(limits(own))
    (unshown,) = (line for line in found.splitlines() if "could not show the precision" in line)
    assert unshown.startswith("category: ") and "login" in unshown and "billing" not in unshown
    assert "category: the promise holds for tickets in the languages" in found


def test_what_comes_from_tickets_cannot_become_markup(
    triage_model: TriageModel, tickets: Tickets, tmp_path: Path
) -> None:
    page = build_page(_card(triage_model, tickets, tmp_path / "model", source=SECRET))
    assert SECRET not in render(page).decode()
    assert SECRET not in render_markdown(page)


def test_a_card_repeats(card: dict[str, Any], triage_model: TriageModel, tickets: Tickets, tmp_path: Path) -> None:
    again = _card(triage_model, tickets, tmp_path / "model")
    timed = ("costs", "made_at")
    assert {key: of for key, of in again.items() if key not in (*timed, "targets")} == {
        key: of for key, of in card.items() if key not in (*timed, "targets")
    }
    for name, target in again["targets"].items():
        before = card["targets"][name]
        assert {key: of for key, of in target.items() if key != "families"} == {
            key: of for key, of in before.items() if key != "families"
        }


def test_a_run_that_left_nothing_and_a_target_without_rows_still_have_a_card(
    triage_model: TriageModel, tickets: Tickets, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    triage_model.save(folder)
    nulls = tickets.table
    for name in ("priority",):
        nulls = nulls.set_column(nulls.column_names.index(name), name, [[None] * nulls.num_rows])
    silent = Tickets(nulls, tickets.vectors)
    manifest = _manifest(judge_all(triage_model, silent))
    training: dict[str, Any] = {"audit": [], "trials": [], "fit_s": {}}
    spans = {name: [None, None] for name in ("train", "validation", "calibration", "test")}
    lineage = {
        "source": "helpdesk", "offline": "o1", "digest": "d", "bronze": "b1", "files": [], "num_files": 0,
        "num_tickets": 300, "split": "random", "split_note": "", "rows": dict.fromkeys(spans, 75), "spans": spans,
    }  # fmt: skip
    subject = Subject(manifest, triage_model, folder, encode, silent, _as_it_is, training, lineage)
    card = build_card(subject, CONFIG)
    assert card["targets"]["priority"]["scores"]["num_rows"] == 0
    limits = "\n".join(card["limits"])
    assert "Rows were cut at random" in limits
    assert "The run left no audit" in limits
    page = build_page(card)
    assert render(page)
    assert render_markdown(page)
    assert np.isfinite(card["costs"]["cpu_ms"]["features"])
