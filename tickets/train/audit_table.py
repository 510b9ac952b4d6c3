"""An audit for a terminal: a line and a sentence for each target. It computes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tickets.train.audit import Audit, TargetAudit
from tickets.train.sample import Interval
from tickets.train.verdict import Baseline

_HEADER = ("target", "rows", "labels", "floor", "ceiling", "baseline", "gain", "p", "verdict")


def format_audit(audit: Audit) -> str:
    """A table of fixed width, a sentence for each target, and one on the split where there is something to say."""
    lines = [_HEADER, *map(_line, audit.targets)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    table = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    table.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*table, "", *map(_sentence, audit.targets), *_on_split(audit)])


def _line(audit: TargetAudit) -> tuple[str, ...]:
    return (
        audit.target,
        str(audit.num_labelled),
        str(len(audit.classes)),
        _number(audit.majority_floor),
        _number(audit.ceiling),
        *_baseline_cells(audit.baseline),
        audit.verdict,
    )


def _sentence(audit: TargetAudit) -> str:
    return "; ".join([f"{audit.target}: {audit.reason}", *(of.short for of in audit.cautions if of.short)])


def _on_split(audit: Audit) -> Iterator[str]:
    if audit.split_error:
        yield f"split: {audit.split_error}"
    if audit.split_note:
        yield f"split: {audit.split_note}"
    shared = [f"{of.near:.0%} of {of.split}" for of in audit.overlap if of.near and of.near >= 0.005]
    if shared:
        yield f"split: the same or nearly the same text stands in training rows: {', '.join(shared)}"


def _baseline_cells(baseline: Baseline | None) -> tuple[str, str, str]:
    if baseline is None:
        return "-", "-", "-"
    return (
        _with_interval(baseline.accuracy, baseline.interval),
        _with_interval(baseline.gain, baseline.gain_interval),
        f"{baseline.p_value:.3g}",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _with_interval(value: float, interval: Interval) -> str:
    return f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"
