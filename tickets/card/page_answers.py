"""The part of a card's page that a support lead reads: per target what may be automated, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tickets.card.limits import percent, verdict
from tickets.page import (
    Block,
    Curve,
    Curves,
    Interval,
    KeyFigure,
    KeyFigures,
    Number,
    Points,
    Section,
    Share,
    Status,
    Table,
)
from tickets.page.content import Cell

Target = Mapping[str, Any]

_MATRIX_LABELS: Final = 12
"""Labels up to which the whole table of confusions is shown."""
_MAX_LABELS: Final = 20
_MAX_PAIRS: Final = 15
_MAX_SLICES: Final = 40
_TESTS: Final = {
    "typos": "typing mistakes in one of ten words",
    "lower_case": "everything in lower case",
    "upper_case": "everything in upper case",
    "white_space": "blanks doubled, empty lines around",
    "greeting": "another greeting",
    "signature": "a signature below",
    "truncated": "the second half of the text is missing",
}


def sections(name: str, target: Target) -> list[Section]:
    """What may be automated, what is confused, where it is worse, and what happens when texts are written otherwise."""
    return [
        Section(f"{name}: what may be automated", _automation(target)),
        Section(f"{name}: which labels", _labels(target)),
        Section(f"{name}: where it is right less often", _slices(target)),
        Section(f"{name}: the same ticket, written differently", _behaviour(target)),
    ]


def _automation(target: Target) -> tuple[Block, ...]:
    found, scores = target["automation"], target["scores"]
    automate, suggest, accuracy = found["automate"], found["suggest"], scores["accuracy"]
    tone, words = verdict(target)
    asked = f"asked {percent(automate['asked'], 0)}" if automate["asked"] else ""
    figures = KeyFigures(
        (
            KeyFigure("Automated", Share(automate["coverage"]), "of the test tickets"),
            KeyFigure("Right when automated", _share(automate["right"]), f"{automate['right']['num_rows']:,} tickets"),
            KeyFigure("Promise", Status(words, tone), asked),
            KeyFigure("Suggested", Share(suggest["coverage"]), "a person decides"),
            KeyFigure("Right when suggested", _share(suggest["right"]), f"{suggest['right']['num_rows']:,} tickets"),
            KeyFigure(
                "Right, all answers",
                Interval(accuracy["value"], accuracy["low"], accuracy["high"], is_share=True),
                f"{scores['num_rows']:,} tickets" + _ceiling(scores),
            ),
        )
    )
    return figures, *_plots(target), _patterns(target), *_ladder(target)


def _ceiling(scores: Mapping[str, Any]) -> str:
    return "" if scores["ceiling"] is None else f"; expected ceiling {percent(scores['ceiling'])}"


def _plots(target: Target) -> tuple[Block, ...]:
    curve, consistency = target["automation"]["curve"], target["scores"]["consistency"]
    bins, outside, band = consistency["bins"], consistency["num_outside"], percent(consistency["band"], 0)
    if not curve:
        return ()
    across = tuple(of["coverage"] for of in curve)
    bounds = (Curve(name, across, tuple(of[name] for of in curve), is_faint=True) for name in ("low", "high"))
    shares = Curve("right", across, tuple(of["precision"] for of in curve))
    return (
        Curves(
            "The more is automated, the less often it is right",
            (shares, *bounds),
            "share of tickets, the surest first",
            "right",
            x_is_share=True,
            y_is_share=True,
        ),
        Points(
            "Does confidence come true?",
            x=tuple(of["confidence"] for of in bins),
            y=tuple(of["accuracy"] for of in bins),
            low=tuple(of["band_low"] for of in bins),
            high=tuple(of["band_high"] for of in bins),
            diagonal=True,
            is_share=True,
            x_label="confidence",
            y_label="right",
        ),
        f"Each bar of the second plot holds what a model with perfect confidences would show {band} of the time; a dot "
        f"outside its bar is a confidence that is off. Outside are {outside} of {len(bins)} dots.",
    )


def _patterns(target: Target) -> Table:
    """Thresholds and figures for each set of inputs, and for text alone as if nothing else had come."""
    found, by_pattern = target["automation"], target["scores"]["patterns"]
    thresholds = found["automate"]["thresholds"]
    rows = [
        (pattern.replace("+", " and "), *_pattern_row(thresholds.get(pattern), by_pattern.get(pattern)))
        for pattern in dict.fromkeys([*thresholds, *by_pattern])
    ]
    if target["scores_alone"]:
        rows.append(
            ("all, had they come with text alone", *_pattern_row(thresholds.get("text"), target["scores_alone"]))
        )
    columns = (
        "A ticket holds",
        "Automated from confidence",
        "Test tickets",
        "Right",
        "Automated",
        "Right when automated",
    )
    note = "A set of inputs of which calibration saw too few tickets has no threshold: nothing of it is automated."
    if any(found["automate"]["by_label"].values()):
        note = "Each label has a threshold of its own, or is not automated: see the labels."
    return Table("By what a ticket holds", columns, tuple(rows), note)


def _pattern_row(threshold: Mapping[str, Any] | None, scores: Mapping[str, Any] | None) -> tuple[Cell, ...]:
    value = Number(threshold["value"] if threshold else None, digits=3)
    if scores is None:
        return value, Number(0), None, None, None
    accuracy, automation = scores["accuracy"], scores["automation"]
    return (
        value,
        Number(scores["num_rows"]),
        Interval(accuracy["value"], accuracy["low"], accuracy["high"], is_share=True),
        Share(automation["coverage"]),
        Interval(automation["precision"], automation["low"], automation["high"], is_share=True),
    )


def _ladder(target: Target) -> tuple[Block, ...]:
    rows = tuple(
        (Share(of["asked"]), Share(of["coverage"]), _share(of["right"])) for of in target["automation"]["ladder"]
    )
    columns = "Asked", "Automated on test tickets", "Right"
    note = "A policy may ask for any of these without training again; others could not be shown."
    return (Table("What another asked precision would give", columns, rows, note),) if rows else ()


def _labels(target: Target) -> tuple[Block, ...]:
    entries = sorted(target["scores"]["per_class"], key=lambda of: (of["f1"] is None, of["f1"]))
    automated = target["automated_labels"]
    usual = next(iter(target["automation"]["automate"]["by_label"].values()))
    rows = tuple(
        (
            of["label"],
            Number(of["support"]),
            Share(of["recall"]),
            Share(of["precision"]),
            Number(automated[of["label"]]["num_rows"]),
            _share(automated[of["label"]]),
            *((Number((usual.get(of["label"]) or {}).get("value"), digits=3),) if usual else ()),
        )
        for of in entries[:_MAX_LABELS]
    )
    more = len(entries) - len(rows)
    note = f"The {len(rows)} labels with the least F1; {more} more stand in card.json." if more else ""
    columns = (
        "Label", "Test tickets", "Found of these", "Right when said", "Automated", "Right when automated",
        *(("Automated from confidence",) if usual else ()),
    )  # fmt: skip
    return _table(target, "", columns, rows, note), *_pairs(target), *_matrix(target)


def _pairs(target: Target) -> tuple[Block, ...]:
    pairs = target["confusion"]
    rows = tuple(
        (
            of["true"],
            of["given"],
            Number(of["num_rows"]),
            Share(of["share"]),
            Number(of["num_automated"]),
            ", ".join(of["tickets"]),
        )
        for of in pairs[:_MAX_PAIRS]
    )
    columns = "Is", "Was called", "Tickets", "Share of these", "Automated", "For example"
    note = "The surest mistakes are named first."
    return (_table(target, "What is taken for what", columns, rows, note),) if rows else ()


def _matrix(target: Target) -> tuple[Block, ...]:
    confusion = target["scores"]["confusion"]
    labels = confusion["labels"]
    if not 2 < len(labels) <= _MATRIX_LABELS:
        return ()
    rows = [(name, *map(Number, counts)) for name, counts in zip(labels, confusion["counts"], strict=True)]
    if any(confusion["outside"]):
        rows.append(("(a label outside the list)", *map(Number, confusion["outside"])))
    return (Table("Counts: rows are the truth, columns the answer", ("Is", *labels), tuple(rows)),)


def _slices(target: Target) -> tuple[Block, ...]:
    found = target["slices"]["slices"]
    if not found:
        return ("No field splits the test tickets into parts that are large enough to look at.",)
    rows = tuple(_slice_row(of) for of in sorted(found, key=_urgency)[:_MAX_SLICES])
    flagged = sum(of["worse"] or of["automated"]["below"] for of in found)
    words = (
        f"{len(found)} slices were compared with the rest; "
        + (f"{flagged} are surely worse." if flagged else "none is surely worse.")
        + f" Values with too few test tickets to look at: {target['slices']['num_small']}."
    )
    columns = "Field", "Value", "Verdict", "Tickets", "Right", "Right elsewhere", "Automated", "Right when automated"
    more = len(found) - len(rows)
    return words, _table(target, "", columns, rows, f"{more} more slices stand in card.json." if more else "")


def _urgency(found: Mapping[str, Any]) -> tuple[bool, float]:
    gap = found["right"]["share"] - (found["rest"] if found["rest"] is not None else found["right"]["share"])
    return not (found["worse"] or found["automated"]["below"]), gap


def _slice_row(found: Mapping[str, Any]) -> tuple[Cell, ...]:
    words = [
        word for word, holds in (("worse", found["worse"]), ("less than asked", found["automated"]["below"])) if holds
    ]
    return (
        found["dimension"].replace("_", " "),
        found["value"].strip(),
        Status(", ".join(words), "bad") if words else Status("as elsewhere", "plain"),
        Number(found["right"]["num_rows"]),
        _share(found["right"]),
        Share(found["rest"]),
        Number(found["automated"]["num_rows"]),
        _share(found["automated"]),
    )


def _behaviour(target: Target) -> tuple[Block, ...]:
    rows = tuple(
        (
            _TESTS.get(of["test"], of["test"]),
            _test_verdict(of),
            _share(of["labels"]),
            Share(of["bar"]),
            Number(of["labels"]["num_rows"]),
            Share(of["automated"]["share"]),
            Share(of["relabelled"]["share"]),
            Number(of["automated"]["num_rows"]),
            ", ".join(of["tickets"]),
        )
        for of in target["behaviour"]
    )
    columns = (
        "Change", "Verdict", "Labels that change", "Bar", "Tickets", "Automated answers that change",
        "into another automated label", "Automated tickets", "For example",
    )  # fmt: skip
    bar = next((of["automated_bar"] for of in target["behaviour"]), None)
    note = (
        "An automated answer changes where it gets another label or is no longer automated; at most "
        f"{percent(bar, 0)} may turn into another automated label."
    )
    return (_table(target, "", columns, rows, note),) if rows else ()


def _test_verdict(found: Mapping[str, Any]) -> Status:
    if found["passed"] is None:
        return Status("no text changed", "plain")
    if found["passed"]:
        return Status("passed", "good")
    return Status("failed", "bad") if found["surely_failed"] else Status("above its bar, perhaps by chance", "warn")


def _table(
    target: Target, caption: str, columns: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...], note: str
) -> Table:
    """A table without its columns on automated answers where there are none."""
    if target["automation"]["automate"]["right"]["num_rows"]:
        return Table(caption, columns, rows, note)
    kept = [at for at, name in enumerate(columns) if "automated" not in name.lower()]
    return Table(caption, tuple(columns[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows), note)


def _share(found: Mapping[str, Any]) -> Interval:
    return Interval(found["share"], found["low"], found["high"], is_share=True)
