"""The card of a release as one JSON-able object: every measurement, per target. It does not know how a card is shown.

It holds no ticket text: tickets are named by their ids, terms of a model are those that `inside.py` may show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tickets import logs
from tickets.card.automation import automation, policies_of
from tickets.card.behaviour import Clean, run_tests
from tickets.card.confusion import automated_labels, worst_pairs
from tickets.card.costs import prediction_costs, sizes
from tickets.card.families import curves, families
from tickets.card.importance import permutation_importance
from tickets.card.inside import look_inside
from tickets.card.judged import Encode, Judged, Tickets, judge_all
from tickets.card.limits import limits, uses
from tickets.card.slices import error_slices, slice_columns
from tickets.config.card import CardConfig
from tickets.features.state import Features
from tickets.models.triage import TriageModel
from tickets.release import Manifest

FORMAT: Final = 1
"""Version of the card's layout."""


@dataclass(frozen=True)
class Subject:
    """What a card is made of.

    Attributes:
        manifest: The release.
        model: Its model, as it is loaded in service.
        model_dir: Folder of the saved model.
        encode: Its encoder, with one thread.
        tickets: The test rows.
        clean: What is done to a text before the model sees it.
        training: What the run saw: `audit`, `trials`, `fit_s`; empty where it left nothing.
        lineage: Where the rows come from, JSON-able.
    """

    manifest: Manifest
    model: TriageModel
    model_dir: Path
    encode: Encode
    tickets: Tickets
    clean: Clean
    training: Mapping[str, Any]
    lineage: Mapping[str, Any]


def build_card(subject: Subject, config: CardConfig) -> dict[str, Any]:
    """Measure everything.

    Returns:
        `format`, `release`, `bucket`, `released_at`, `made_at`; `asked` (precision and confidence); `data` (lineage);
        `reads` (what the model reads of a ticket); `audit`; `costs` (`bytes` and `cpu_ms`); `targets`: per target
        `labels`, `support`, `scores`, `scores_unseen` and `scores_alone` (as the manifest has them), `calibration`,
        `ensemble`, `automation`, `automated_labels`, `slices`, `confusion`, `behaviour`, `families`, `trials`,
        `importance`, `inside`; `no_model` (targets that were asked for in vain); and in `uses` and `limits` what
        follows, in words.
    """
    manifest, model, tickets = subject.manifest, subject.model, subject.tickets
    confidence = float(manifest.config["decide"]["confidence"])
    with logs.timed(logs.get("ml"), "card.answer", rows=len(tickets.vectors)):
        judged = judge_all(model, tickets)
        features = model.state.transform(tickets.table, tickets.vectors)
    with logs.timed(logs.get("ml"), "card.costs"):
        costs = {
            "bytes": {**sizes(subject.model_dir, model), "encoder": manifest.parts["encoder"].num_bytes},
            "cpu_ms": prediction_costs(model, subject.encode, tickets, config.cost_tickets),
        }
    with logs.timed(logs.get("ml"), "card.behaviour"):
        behaviour = run_tests(model, tickets, subject.encode, subject.clean, config, confidence)
    selection = model.state.selection
    texts, patterns = model.state.texts(tickets.table), model.state.patterns(tickets.table)
    columns = slice_columns(tickets.table, config.slices, texts, patterns)
    card: dict[str, Any] = {
        "format": FORMAT,
        "release": manifest.id,
        "bucket": manifest.bucket,
        "released_at": manifest.created_at,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked": manifest.config["decide"],
        "data": dict(subject.lineage),
        "reads": {
            "stage": selection.stage.value,
            "text": list(selection.text),
            "logs": list(selection.logs),
            "categories": list(model.state.categories.values),
            "numbers": list(model.state.numbers.centres),
            "cleaning": [step["kind"] for step in manifest.config.get("cleaning", {}).get("steps", [])],
        },
        "audit": list(subject.training["audit"]),
        "costs": costs,
        "targets": {},
        "no_model": [name for name in manifest.config["source"]["targets"] if name not in manifest.targets],
    }
    for of in judged:
        with logs.timed(logs.get("ml"), "card.target", target=of.model.name):
            card["targets"][of.model.name] = {
                **_measured(of, features, columns, subject, config, confidence),
                **_known(of, subject, costs),
                "behaviour": [entry for entry in behaviour if entry["target"] == of.model.name],
            }
    return {**card, "uses": uses(card), "limits": limits(card)}


def _measured(
    judged: Judged,
    features: Features,
    columns: Mapping[str, Any],
    subject: Subject,
    config: CardConfig,
    confidence: float,
) -> dict[str, Any]:
    """What test rows say of a target."""
    state, own, seed = subject.model.state, features.take(judged.rows), config.seed
    asked = subject.manifest.config["decide"]
    return {
        "automation": automation(judged, asked, confidence),
        "automated_labels": automated_labels(judged, confidence),
        "slices": error_slices(
            judged, columns, asked["automate_precision"], config.slice_rows, config.significance, confidence
        ),
        "confusion": worst_pairs(judged),
        "importance": permutation_importance(
            judged.model, state, own, judged.truth, config.importance_rows, seed, confidence
        ),
        "inside": look_inside(judged.model, state, own, judged.truth, config),
    }


def _known(judged: Judged, subject: Subject, costs: Mapping[str, Any]) -> dict[str, Any]:
    """What was known of a target when it was released."""
    name, metrics, training = judged.model.name, subject.manifest.metrics, subject.training
    chosen = metrics["chosen"][name]
    of_parts = costs["bytes"]["targets"][name], costs["cpu_ms"]["targets"][name]
    return {
        "labels": list(judged.model.labels.names),
        "support": {pattern: of.support.to_json() for pattern, of in policies_of(judged.model.policy).items()},
        "scores": metrics["test"][name],
        "scores_unseen": metrics["test_unseen_text"][name],
        "scores_alone": metrics["test_text_alone"].get(name),
        "calibration": chosen["calibration"],
        "ensemble": chosen.get("ensemble"),
        "families": families(name, chosen, training["trials"], training["fit_s"].get(name, {}), *of_parts),
        "trials": curves(name, training["trials"]),
    }
