"""What follows from a card, in plain words: each sentence stands there only where the figures say it.

It does not know how figures are measured or shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

Card = Mapping[str, Any]
Target = Mapping[str, Any]
Tone = Literal["good", "warn", "bad"]

_FEW_ROWS: Final = 200
_SURE: Final = 0.05
_MANY_SEEN: Final = 0.05  # of the test tickets
_MAX_NAMES: Final = 6


def uses(card: Card) -> list[str]:
    """What the release may be used for: one sentence on all of it, one per target."""
    reads, fields = card["reads"], len(card["reads"]["categories"]) + len(card["reads"]["numbers"])
    inputs = " and ".join(
        [
            *([f"the text ({', '.join(reads['text'])})"] if reads["text"] else []),
            *([f"{fields} field{'s' * (fields > 1)}"] if fields else []),
        ]
    )
    when = {"creation": "when it is opened", "in_progress": "while it is worked on", "closed": "once it is closed"}
    first = (
        f"It labels a ticket of “{card['data']['source']}” {when[reads['stage']]}, from {inputs}. "
        "It answers from closed lists of labels, and says for each answer whether it may be automated, suggested to a "
        "person, or has to be reviewed."
    )
    return [first, *(_use(name, target, card["asked"]) for name, target in card["targets"].items())]


def limits(card: Card) -> list[str]:
    """What it should not be used for, and where care is needed."""
    return [*_of_all(card), *(line for name, of in card["targets"].items() for line in _of_target(name, of, card))]


def verdict(target: Target) -> tuple[Tone, str]:
    """What test rows say of the promised precision of automated answers: a tone, and words."""
    found = target["automation"]["automate"]
    right = found["right"]
    if found["asked"] is None:
        return "warn", "nothing is automated"
    if not right["num_rows"]:
        return "warn", "no test ticket reached the threshold"
    if right["high"] < found["asked"]:
        return "bad", "less than promised"
    return "good", "kept on test tickets" if right["low"] < found["asked"] else "more than promised"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a reader sees it."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def _use(name: str, target: Target, asked: Mapping[str, Any]) -> str:
    automate, suggest = target["automation"]["automate"], target["automation"]["suggest"]
    suggested = (
        f"{percent(suggest['coverage'])} may be suggested to a person, who decides"
        if suggest["asked"]
        else "none is suggested"
    )
    if automate["asked"] is None:
        return (
            f"{name}: not to be automated. No threshold was shown to keep the asked "
            f"{percent(asked['automate_precision'], 0)}{_less(target)}; {suggested}."
        )
    right = automate["right"]
    if not right["num_rows"]:
        return f"{name}: may be automated, though no test ticket was sure enough; {suggested}."
    return (
        f"{name}: may be automated where the answer says so. That was {percent(automate['coverage'])} of the test "
        f"tickets, {percent(right['share'])} of them right ({_span(right)}), asked were "
        f"{percent(automate['asked'], 0)}. Of all, {suggested}."
    )


def _less(target: Target) -> str:
    """What the highest precision that could be shown would give."""
    if not target["automation"]["ladder"]:
        return ", nor any lower one that may be asked for"
    rung = target["automation"]["ladder"][-1]
    asked, right = percent(rung["asked"], 0), rung["right"]
    came_true = f", {percent(right['share'])} of them right ({_span(right)})" if right["num_rows"] else ""
    return f" (with {asked} asked, {percent(rung['coverage'])} of the test tickets would be{came_true})"


def _of_all(card: Card) -> Iterator[str]:
    data = card["data"]
    for name in card["no_model"]:
        yield f"{name}: there is no model, since its labels could not be learned from; it is never answered."
    for of in card["audit"]:
        if of["verdict"] == "noise" and of["target"] not in (*card["targets"], *card["no_model"]):
            yield f"{of['target']}: there is no model; the audit calls it noise ({of['reason']})."
    test = data["rows"]["test"]
    if test < _FEW_ROWS:
        yield f"Only {test} test tickets stand behind these figures: their intervals are wide."
    if note := data["split_note"]:
        yield f"{note[0].upper()}{note[1:]}."
    if data["split"] == "random":
        yield "Rows were cut at random, not by time, so nothing here tells how fast the model ages."
    elif last := data["spans"].get("test", [None, None])[1]:
        yield f"It was judged on tickets until {last[:10]}; what changes after that day, no figure here knows."
    if not card["reads"]["text"]:
        yield "It reads no text."
    if not card["audit"]:
        yield "The run left no audit: whether labels can be learned at all was not looked at for this card."


def _of_target(name: str, target: Target, card: Card) -> Iterator[str]:
    scores, audit = target["scores"], {of["target"]: of for of in card["audit"]}.get(name)
    if audit and audit["verdict"] != "learnable":
        yield f"{name}: the audit calls it {audit['verdict']} ({audit['reason']})."
    for caution in (audit or {}).get("cautions", ()):
        if caution["about"] == "leak":
            yield f"{name}: {caution['sentence']}"
    accuracy, floor = scores["accuracy"], scores["majority_floor"]
    if accuracy["low"] is not None and floor is not None and accuracy["low"] <= floor:
        found = "surely worse" if accuracy["high"] < floor else "not surely better"
        yield (
            f"{name}: the model is {found} than always answering “{scores['majority']}” "
            f"({percent(accuracy['value'])} against {percent(floor)})."
        )
    yield from _promise(name, target)
    yield from _support(name, target)
    yield from _seen(name, target)
    yield from _weak_slices(name, target)
    yield from _tests(name, target)


def _promise(name: str, target: Target) -> Iterator[str]:
    tone, _ = verdict(target)
    found = target["automation"]["automate"]
    if tone == "bad":
        yield (
            f"{name}: automated answers were right less often than promised ({_span(found['right'])} against "
            f"{percent(found['asked'], 0)}): do not automate before this is understood."
        )
    error = target["scores"]["consistency"]["debiased_error"]
    if error["p_value"] is not None and error["p_value"] < _SURE:
        yield (
            f"{name}: its confidences are off by more than chance explains (about {percent(error['value'])}); "
            "the thresholds do not rely on them, but a confidence shown to a person should be read with that in mind."
        )


def _support(name: str, target: Target) -> Iterator[str]:
    """Which tickets may be automated at all: those that calibration saw enough of."""
    found = target["automation"]["automate"]
    own = {pattern: {label for label, of in by.items() if of} for pattern, by in found["by_label"].items()}
    support = {pattern: of for pattern, of in target["support"].items() if found["thresholds"][pattern] or own[pattern]}
    if not support:
        return
    seen = {label for of in support.values() for label in of["labels"]}
    if unknown := [label for label in target["labels"] if label not in seen]:
        yield f"{name}: {_names(unknown)} is never automated, since calibration saw no ticket with such a label."
    shown = set[str]().union(*own.values())
    if shown and (unshown := [label for label in target["labels"] if label in seen - shown]):
        yield f"{name}: {_names(unshown)} is never automated, since calibration could not show the precision for it."
    languages = {language for of in support.values() for language in of["languages"]}
    known = sorted(filter(None, languages))
    spoken = [f"in the languages {_names(known)}"] if known else []
    spoken += ["that name no language"] if None in languages else []
    inputs = "; ".join(pattern.replace("+", " and ") for pattern in support)
    others = target["automation"]["num_unsupported"]
    yield (
        f"{name}: the promise holds for tickets {' or '.join(spoken)} with these inputs: "
        f"{inputs}. Others are not automated{f'; that were {others} test tickets' if others else ''}."
    )


def _seen(name: str, target: Target) -> Iterator[str]:
    scores, unseen = target["scores"], target["scores_unseen"]
    if scores["num_outside"]:
        yield (
            f"{name}: {scores['num_outside']} test tickets carry a label that training did not hold often enough; "
            "these are always answered wrongly, and count so here."
        )
    seen = scores["num_rows"] - unseen["num_rows"]
    if unseen["num_rows"] and seen >= _MANY_SEEN * scores["num_rows"]:
        yield (
            f"{name}: {seen} of {scores['num_rows']} test tickets repeat a text that was learned from; on the others "
            f"{percent(unseen['accuracy']['value'])} come right, {percent(scores['accuracy']['value'])} on all."
        )


def _weak_slices(name: str, target: Target) -> Iterator[str]:
    for of in target["slices"]["slices"]:
        where = f"{name}: where {_words(of['dimension'])} is “{of['value'].strip()}”"
        if of["worse"]:
            yield f"{where}, {percent(of['right']['share'])} come right, {percent(of['rest'])} elsewhere."
        if of["automated"]["below"]:
            yield f"{where}, automated answers are surely right less often than asked ({_span(of['automated'])})."


def _tests(name: str, target: Target) -> Iterator[str]:
    for of in target["behaviour"]:
        if of["surely_failed"]:
            labels, relabelled = of["labels"], of["relabelled"]
            acted = (
                f"; {percent(relabelled['share'])} of the automated answers turn into another automated label (bar "
                f"{percent(of['automated_bar'], 0)})"
            )
            yield (
                f"{name}: it minds “{_words(of['test'])}” more than it should: {percent(labels['share'])} of the "
                f"labels change (bar {percent(of['bar'], 0)}){acted if relabelled['num_rows'] else ''}."
            )
    unsure = [of for of in target["behaviour"] if of["passed"] is False and not of["surely_failed"]]
    if unsure:
        yield (
            f"{name}: above the bar, though by chance perhaps, are these changes of the text: "
            f"{', '.join(_words(of['test']) for of in unsure)}."
        )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _span(right: Mapping[str, Any]) -> str:
    return f"{100 * right['low']:.1f}–{percent(right['high'])}"


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    return f"{shown} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else shown
