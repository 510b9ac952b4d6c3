"""The part of a card's page that a data scientist reads: per target families, searches, and what answers hang on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tickets.card.importance import ALL
from tickets.page import Bars, Block, Curve, Curves, Interval, Number, Parallel, Section, Share, Status, Table
from tickets.page.cells import quantity
from tickets.page.content import Cell

Target = Mapping[str, Any]
Trials = Sequence[Mapping[str, Any]]

_MAX_INPUTS: Final = 15
_MAX_LABELS: Final = 20
_MIN_PARALLEL: Final = 3
"""Trials from which on settings beside their loss tell anything."""
_MEBI: Final = 1024**2


def sections(name: str, target: Target) -> list[Section]:
    """Families and calibration, the searches, and importance."""
    return [
        Section(f"{name}: families", _families(target)),
        Section(f"{name}: the search", _search(target["trials"])),
        Section(f"{name}: what answers hang on", (*_importance(target), *_gains(target), *_terms(target))),
    ]


def _families(target: Target) -> tuple[Block, ...]:
    rows = tuple(_family_row(name, of) for name, of in target["families"].items())
    columns = (
        "Family", "Kept", "Weight", "NLL", "Right", "Trials", "Trial time", "Final fit", "Size", "One answer",
    )  # fmt: skip
    note = "NLL and accuracy on validation tickets; trial time is the sum over trials, which may run side by side."
    blocks: list[Block] = [Table("", columns, rows, note)]
    if ensemble := target["ensemble"]:
        gain, low, high = (quantity(ensemble[name], digits=4) for name in ("gain", "low", "high"))
        kept = "it is kept" if ensemble["kept"] else "it is not kept: it must surely gain over that and over linear"
        blocks.append(f"A pool of all families gains {gain} ({low} to {high}) in NLL over the best alone; {kept}.")
    settings = "; ".join(
        f"{name}: {', '.join(f'{key} {_setting(value)}' for key, value in of['params'].items())}"
        for name, of in target["families"].items()
        if of["params"]
    )
    notes = (of["note"] for of in target["families"].values() if of["note"])
    return *blocks, f"Best settings. {settings}.", *notes, _calibration(target)


def _setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _family_row(name: str, found: Mapping[str, Any]) -> tuple[Cell, ...]:
    trials = found["num_trials"]
    counted = ", ".join(f"{count} {status}" for status, count in trials.items() if count)
    size = found["num_bytes"]
    return (
        name,
        Status(("yes: " if found["weight"] else "no: ") + found["why"], "good" if found["weight"] else "plain"),
        Number(found["weight"]),
        Number(found["nll"]),
        Share(found["accuracy"]),
        counted or "none",
        Number(found["trial_s"], "s"),
        Number(found["fit_s"], "s"),
        Number(None if size is None else size / _MEBI, "MiB"),
        Number(found["cost_ms"], "ms"),
    )


def _calibration(target: Target) -> Table:
    record = target["calibration"]
    rows: list[tuple[Cell, ...]] = [
        (
            "as the model gives them",
            None,
            Number(record["uncalibrated"]["nll"]),
            Number(record["uncalibrated"]["brier"]),
            None,
        )
    ]
    for kind, of in record["kinds"].items():
        gain = Interval(of.get("gain"), of.get("low"), of.get("high"))
        chosen = Status("yes", "good") if kind == record["kind"] else None
        rows.append((kind, chosen, Number(of["nll"]), Number(of["brier"]), gain))
    scores = target["scores"]
    rows.append(("on test tickets", None, Number(scores["nll"]), Number(scores["brier"]), None))
    held_out = f"{record['num_rows']:,} calibration tickets, held out in {record['num_folds']} folds"
    note = f"On {held_out}; the gain is that of NLL over temperature."
    return Table("Calibration of probabilities", ("Probabilities", "Chosen", "NLL", "Brier", "Gain"), tuple(rows), note)


def _search(trials: Trials) -> tuple[Block, ...]:
    by_family: dict[str, list[Mapping[str, Any]]] = {}
    for trial in trials:
        by_family.setdefault(trial["family"], []).append(trial)
    blocks: list[Block] = []
    if any(trial["nll"] for trial in trials):
        blocks.append(_best_so_far(by_family))
    for family, own in by_family.items():
        ran = sorted((trial for trial in own if trial["nll"]), key=lambda trial: trial["nll"][-1])
        if any(len(trial["nll"]) > 1 for trial in ran):
            blocks.append(_curves(family, ran))
        if len(ran) >= _MIN_PARALLEL:
            blocks.append(_parallel(family, ran))
    failed = [(trial["family"], trial["error"]) for trial in trials if trial["error"]]
    return (*blocks, Table("Trials that failed", ("Family", "Error"), tuple(failed))) if failed else tuple(blocks)


def _best_so_far(by_family: Mapping[str, Trials]) -> Curves:
    curves = []
    for family, own in by_family.items():
        best: float | None = None
        values: list[float | None] = []
        for trial in own:
            reached = trial["nll"][-1] if trial["nll"] else None
            best = reached if best is None else best if reached is None else min(best, reached)
            values.append(best)
        curves.append(Curve(family, tuple(trial["ended_s"] for trial in own), tuple(values)))
    return Curves("Best validation NLL so far", tuple(curves), "seconds since the first fit", "NLL")


def _curves(family: str, ran: Trials) -> Curves:
    """All trials, the best one in colour."""
    best, *others = (
        Curve(
            "best trial" if rank == 0 else f"trial {rank + 1} by NLL",
            tuple(range(1, len(trial["nll"]) + 1)),
            tuple(trial["nll"]),
            is_faint=rank > 0,
        )
        for rank, trial in enumerate(ran)
    )
    return Curves(f"{family}: NLL of every trial, the best in colour", (*others, best), "steps", "NLL")


def _parallel(family: str, ran: Trials) -> Parallel:
    """Settings beside the loss; those of the best quarter in colour."""
    names = [name for name, value in ran[0]["params"].items() if isinstance(value, int | float)]
    rows = tuple((*(float(trial["params"][name]) for name in names), float(trial["nll"][-1])) for trial in ran)
    title = f"{family}: settings and NLL, the best quarter in colour"
    return Parallel(title, (*names, "NLL"), rows, num_marked=max(len(rows) // 4, 1))


def _importance(target: Target) -> tuple[Block, ...]:
    """The inputs that surely matter, and the names of those that do not."""
    found = target["importance"]
    families = found["families"]
    whole = families.get(ALL, {}).get("inputs", {})
    if not whole:
        return ()
    shown = [name for name, of in whole.items() if of["low"] > 0][:_MAX_INPUTS] or list(whole)[:1]
    others = [name for name in whole if name not in shown]
    blocks: list[Block] = [
        Bars(
            title=f"How much NLL grows when an input is shuffled among {found['num_rows']:,} test tickets",
            labels=tuple(shown),
            values=tuple(whole[name]["increase"] for name in shown),
            low=tuple(whole[name]["low"] for name in shown),
            high=tuple(whole[name]["high"] for name in shown),
            horizontal=True,
        )
    ]
    if len(families) > 2:
        rows = tuple((name, *(_grown(of["inputs"].get(name)) for of in families.values())) for name in shown)
        columns = "Input", *("the release" if name == ALL else name for name in families)
        blocks.append(Table("The same, family by family", columns, rows, "Growth of NLL with its interval."))
    if others:
        blocks.append(f"Of {', '.join(others)} it is not sure that they matter: others may tell the same.")
    return tuple(blocks)


def _grown(found: Mapping[str, float] | None) -> Interval:
    return Interval(found["increase"], found["low"], found["high"]) if found else Interval(None, None, None)


def _gains(target: Target) -> tuple[Block, ...]:
    """What the splits of trees gain."""
    plots = []
    for family, of in target["inside"].items():
        gains = {name: part for name, part in of.get("gains", {}).items() if part > 0}
        shown = list(gains)[:_MAX_INPUTS]
        if shown:
            values = tuple(gains[name] for name in shown)
            plots.append(
                Bars(f"{family}: part of what all splits gain", tuple(shown), values, is_share=True, horizontal=True)
            )
    return tuple(plots)


def _terms(target: Target) -> tuple[Block, ...]:
    tables = []
    supports = {of["label"]: of["support"] for of in target["scores"]["per_class"]}
    for family, of in target["inside"].items():
        labels = of.get("labels", {})
        largest = sorted(labels, key=lambda label: -supports[label])[:_MAX_LABELS]
        rows = tuple(
            (label, _in_words(labels[label]["terms"]), _in_words(labels[label]["fields"])) for label in largest
        )
        more = len(labels) - len(rows)
        note = "The number is the part of the log-odds that it makes on tickets of the label, compared with all labels."
        if more:
            note += f" The {len(rows)} most frequent labels; {more} more stand in card.json."
        if rows:
            tables.append(Table(f"{family}: what speaks most for each label", ("Label", "Words", "Fields"), rows, note))
    return tuple(tables)


def _in_words(effects: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{of['name']} {of['effect']:.2f}" for of in effects)
