"""What the service found out, in the form that `serve_app.api` documents, and for a person at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from serve_app.current import Current
from serve_app.service import Found, Triaged
from tickets.decide.policy import Decision, TargetPolicy
from tickets.decide.rules import Rules
from tickets.retrieval.rerank import Similar
from tickets.retrieval.suggestion import Suggestion

_MOST_TEXT: Final = 600


def triage_answer(triaged: Triaged, prediction_id: str, ticket_id: str | None) -> dict[str, Any]:
    """The content of a `TriageAnswer`."""
    ranking = triaged.ranking
    return {
        "prediction_id": prediction_id,
        "ticket_id": ticket_id,
        "release": triaged.current.id,
        "policy": triaged.current.policy_id,
        "labels": {target: _label(decision) for target, decision in triaged.decisions.items()},
        "suggestion": ranking.suggestion and _suggestion(ranking.suggestion),
        "why_no_suggestion": ranking.why_no_suggestion,
        "similar": [_similar(similar) for similar in ranking.similar],
        "anomaly": triaged.anomaly and _shown(triaged.anomaly),
        "degraded": list(triaged.degraded),
        "milliseconds": _milliseconds(triaged.seconds),
    }


def search_answer(found: Found) -> dict[str, Any]:
    """The content of a `SearchAnswer`."""
    return {
        "results": [_similar(similar) for similar in found.ranking.similar],
        "release": found.current.id,
        "degraded": list(found.degraded),
        "milliseconds": _milliseconds(found.seconds),
    }


def release_answer(current: Current, refused: str | None) -> dict[str, Any]:
    """The content of a `ReleaseAnswer`."""
    manifest = current.release.manifest
    targets = {
        target: {
            "labels": list(policy.labels),
            **_thresholds(policy),
            "apart": {pattern: _thresholds(rules) for pattern, rules in policy.apart.items()},
        }
        for target, policy in current.policies.items()
    }
    return {
        "release": current.id,
        "created_at": manifest.created_at,
        "bucket": manifest.bucket,
        "policy": {"id": current.policy_id, **current.policy.model_dump(mode="json")},
        "targets": targets,
        "reads": current.selection.columns,
        "filters": list(current.corpus.documents.filter_fields),
        "metrics": {name: manifest.metrics[name] for name in ("test", "retrieval") if name in manifest.metrics},
        "refused": refused,
    }


def format_answer(title: str, answer: Mapping[str, Any]) -> str:
    """A triage answer as an agent would want to read it: what it is, what to do, what helped before, what is odd."""
    lines = [title]
    width = max(len(target) for target in answer["labels"])
    for target, label in answer["labels"].items():
        others = ", ".join(f"{of['label']} {of['probability']:.2f}" for of in label["top"][1:])
        lines.append(
            f"  {target:<{width}}  {label['action']:<8}  {label['label']} {label['probability']:.2f}  (next: {others})"
        )
        lines.append(f"  {'':<{width}}  {'':<8}  {label['reason']}")
    if fix := answer["suggestion"]:
        lines += [f"  try: {fix['resolution'] or fix['resolution_code']}", f"       {'; '.join(fix['why'])}"]
    else:
        lines.append(f"  no fix is suggested: {answer['why_no_suggestion']}")
    for similar in answer["similar"][:3]:
        lines.append(f"  like {similar['ticket_id']}: {_short(' '.join(similar['text'].split()), 80)}")
        lines.append(f"       {'; '.join(similar['why'])}")
    if answer["anomaly"] and answer["anomaly"]["is_unusual"]:
        lines.append(f"  unusual: {'; '.join(answer['anomaly']['why'])}")
    if answer["degraded"]:
        lines.append(f"  answered without: {', '.join(answer['degraded'])}")
    lines.append(f"  {answer['milliseconds']['total']:.0f} ms, prediction {answer['prediction_id']}")
    return "\n".join(lines)


def _label(decision: Decision) -> dict[str, Any]:
    return {
        "label": decision.label,
        "probability": decision.confidence,
        "action": decision.action.value,
        "reason": decision.reason,
        "top": [{"label": label, "probability": share} for label, share in decision.top],
    }


def _similar(similar: Similar) -> dict[str, Any]:
    resolution = similar.resolution and _short(similar.resolution, _MOST_TEXT)
    return {**_shown(similar), "text": _short(similar.text, _MOST_TEXT), "resolution": resolution}


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    shown = _shown(suggestion)
    del shown["fix"]
    shown["resolution"] = suggestion.resolution and _short(suggestion.resolution, _MOST_TEXT)
    return shown


def _shown(found: Any) -> dict[str, Any]:
    """The fields of a flat dataclass; `asdict` copies every value at any depth, which costs half a millisecond here."""
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _milliseconds(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(1000 * value, 2) for name, value in seconds.items()}


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _thresholds(policy: TargetPolicy) -> dict[str, Any]:
    return {**_pair(policy), "by_label": {label: _pair(rules) for label, rules in policy.by_label.items()}}


def _pair(rules: Rules | TargetPolicy) -> dict[str, Any]:
    return {
        "automate": rules.automate and rules.automate.to_json(),
        "suggest": rules.suggest and rules.suggest.to_json(),
    }
