"""A card as a page: first what a support lead asks, then what a data scientist does. It does not know HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tickets.card import page_answers, page_models
from tickets.card.limits import Tone, percent, verdict
from tickets.page import Block, Interval, Number, Page, Section, Share, Status, Table
from tickets.page.content import Cell

Card = Mapping[str, Any]

_VERDICTS: Final[Mapping[str, Tone]] = {"learnable": "good", "weak": "warn", "noise": "bad"}
_KIBI: Final = 1024


def build_page(card: Card) -> Page:
    """The page; `tickets.page.render` and `tickets.page.markdown.render_markdown` write it."""
    targets = card["targets"]
    sections = [_glance(card), Section("What it may be used for", tuple(card["uses"])), _limits(card)]
    for name, target in targets.items():
        sections += page_answers.sections(name, target)
    sections += [_data(card), _audit(card), _costs(card)]
    for name, target in targets.items():
        sections += page_models.sections(name, target)
    sections.append(_method(card))
    data = card["data"]
    return Page(
        title=f"Model card: {data['source']}",
        summary=(
            f"Release {card['release']}; card made {card['made_at']}.",
            f"{data['num_tickets']:,} tickets, {data['rows']['test']:,} of them test tickets that chose nothing.",
        ),
        sections=tuple(section for section in sections if section.blocks),
    )


def right(found: Mapping[str, Any]) -> Interval:
    """A cell of what `share_of` counted."""
    return Interval(found["share"], found["low"], found["high"], is_share=True)


def _glance(card: Card) -> Section:
    audits = {of["target"]: of for of in card["audit"]}
    rows = []
    for name, target in card["targets"].items():
        found, scores = target["automation"], target["scores"]
        accuracy, automate = scores["accuracy"], found["automate"]
        tone, words = verdict(target)
        learned = audits.get(name)
        rows.append(
            (
                name,
                _audited(learned) if learned else None,
                Interval(accuracy["value"], accuracy["low"], accuracy["high"], is_share=True),
                Share(scores["majority_floor"]),
                Share(automate["coverage"]),
                right(automate["right"]),
                Status(words, tone),
                Share(found["suggest"]["coverage"]),
            )
        )
    asked = card["asked"]
    note = (
        f"Asked were {percent(asked['automate_precision'], 0)} right among automated answers and "
        f"{percent(asked['suggest_precision'], 0)} among suggested ones, each with {percent(asked['confidence'], 0)} "
        "confidence. What is neither automated nor suggested is left to a person."
    )
    columns = (
        "Target", "Audit", "Right, all answers", "Always the commonest", "Automated", "Right, automated", "Promise",
        "Suggested",
    )  # fmt: skip
    return Section("In short", (Table("On test tickets", columns, tuple(rows), note),))


def _limits(card: Card) -> Section:
    return Section("Its limits", tuple(card["limits"]) or ("Nothing was found that limits it.",))


def _data(card: Card) -> Section:
    data, reads = card["data"], card["reads"]
    splits = tuple(
        (name, Number(count), *((of or "")[:10] or None for of in data["spans"][name]))
        for name, count in data["rows"].items()
    )
    files = tuple((of["name"], Number(of["rows_in"]), Number(of["quarantine"])) for of in data["files"])
    more = data["num_files"] - len(files)
    cleaned = (
        f"Texts were cleaned by: {', '.join(reads['cleaning'])}." if reads["cleaning"] else "Texts were not cleaned."
    )
    inputs = [
        f"{kind}: {', '.join(names)}"
        for kind, names in ((kind, reads[kind]) for kind in ("text", "logs", "categories", "numbers"))
        if names
    ]
    how = {
        "time": "by time, the latest last",
        "random": "at random, identical texts together",
        "files": "as the files say",
    }
    blocks: list[Block] = [
        f"The model reads, known at the stage “{reads['stage']}”: {'; '.join(inputs)}. {cleaned}",
        f"Snapshot {data['offline']} (digest {data['digest'][:16]}) of bronze {data['bronze']}.",
        Table(
            f"Rows, cut {how.get(data['split'], data['split'])}", ("Split", "Tickets", "First", "Last"), splits,
            "Training fits, validation compares families, calibration sets probabilities and thresholds, test judges.",
        ),
        Table("Files", ("File", "Rows in", "In quarantine"), files, f"{more} more files." if more else ""),
    ]  # fmt: skip
    return Section("Data", tuple(blocks))


def _audit(card: Card) -> Section:
    rows = []
    for of in card["audit"]:
        baseline = of.get("baseline") or {}
        rows.append(
            (
                of["target"],
                _learned(of["verdict"]),
                Number(of.get("num_labelled")),
                Number(len(of.get("classes") or ())),
                Share(of.get("majority_floor")),
                Share(of.get("text_ceiling")),
                Share(baseline.get("accuracy")),
                of["reason"],
            )
        )
    columns = "Target", "Verdict", "Labelled", "Labels", "Floor", "Ceiling of the text", "Quick baseline", "Why"
    found = tuple(
        f"{of['target']}: {caution['sentence']}" for of in card["audit"] for caution in of.get("cautions", ())
    )
    table = Table("", columns, tuple(rows), "Looked at before anything was trained.")
    return Section("Audit: what can be learned at all", (table, *found) if rows else ())


def _audited(found: Mapping[str, Any]) -> Status:
    """The verdict; a suspected leak is no good news, whatever it lets be learned."""
    status = _learned(found["verdict"])
    leaks = any(caution["about"] == "leak" for caution in found.get("cautions", ()))
    return (
        Status(f"{status.text}, leak suspected", "warn" if status.tone == "good" else status.tone) if leaks else status
    )


def _learned(found: str) -> Status:
    return Status(found, _VERDICTS[found]) if found in _VERDICTS else Status(found)


def _costs(card: Card) -> Section:
    cpu, size = card["costs"]["cpu_ms"], card["costs"]["bytes"]
    rows: list[tuple[Cell, ...]] = [
        ("all targets", "sentence encoder", _ms(cpu["encoder"]), _mib(size["encoder"])),
        ("all targets", "features", _ms(cpu["features"]), _mib(size["features"])),
    ]
    if size["shared"]:
        rows.append(("several targets", "the transformer that they share", None, _mib(size["shared"])))
    for name, parts in cpu["targets"].items():
        for part, cost in parts.items():
            label = {"head": "text head", "decision": "pool, calibration, decision"}.get(part, part)
            rows.append((name, label, _ms(cost), _mib(size["targets"][name].get(part))))
    total = cpu["encoder"] + cpu["features"] + sum(sum(parts.values()) for parts in cpu["targets"].values())
    rows.append(("in all", "one ticket, all targets", _ms(total), None))
    note = f"Median CPU time of {cpu['num_tickets']} test tickets answered one by one, on the machine of this card."
    if size["shared"]:
        note += " The transformer is computed once for all its targets, but counted for each."
    return Section("What one answer costs", (Table("", ("For", "Part", "CPU time", "Size"), tuple(rows), note),))


def _method(card: Card) -> Section:
    sure = percent(card["asked"]["confidence"], 0)
    return Section(
        "How to read this",
        (
            f"The span in brackets holds the true share with a probability of {sure} (Clopper and Pearson, 1934). A "
            "dash means that nothing is known, never zero.",
            "Thresholds were chosen on calibration tickets so that the asked precision is kept with the asked "
            "confidence (Learn then Test; Angelopoulos et al., 2021). Test tickets chose nothing; they only judge.",
            "A slice is called worse where Fisher's exact test against all other tickets says so after correction for "
            "the number of slices (Holm, 1979).",
            "Behavioural tests change the text and nothing else (CheckList; Ribeiro et al., 2020). A test "
            "has failed where the whole interval of a share lies above its bar.",
            "Tickets are named by their id; no text of theirs stands here, but for terms that several of them hold.",
        ),
    )


def _ms(value: float) -> Number:
    return Number(value, "ms")


def _mib(num_bytes: int | None) -> Number:
    return Number(None if num_bytes is None else num_bytes / _KIBI**2, "MiB")
