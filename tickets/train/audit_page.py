"""An audit as a page for a support lead. It computes nothing, and does not know HTML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from tickets.page import (
    Bars,
    Block,
    Interval,
    KeyFigure,
    KeyFigures,
    Lines,
    Number,
    Page,
    Section,
    Series,
    Share,
    Status,
    Table,
)
from tickets.page.content import Cell
from tickets.train.audit import Audit, TargetAudit
from tickets.train.drift import Drift
from tickets.train.leaks import FieldTie
from tickets.train.verdict import Baseline, Verdict

_MAX_BARS: Final = 25
_MAX_TIES: Final = 25
_MAX_LABELS: Final = 12
_VERDICTS: Final[dict[Verdict, Status]] = {
    "learnable": Status("learnable", "good"),
    "weak": Status("weak", "warn"),
    "noise": Status("noise", "bad"),
}
_USES: Final = {
    "input": "yes",
    "unread": "no",
    "target": "no: it is a target itself",
    "later": "no: its value comes later",
}
_RELATIONS: Final = {
    "copy": "the target in other words",
    "finer": "each value has one label",
    "coarser": "each label has one value",
    None: "",
}


def build_page(audit: Audit, title: str) -> Page:
    """The page; `tickets.page.render` writes it.

    Args:
        audit: What was found.
        title: Heading of the page.
    """
    counts = {verdict: sum(of.verdict == verdict for of in audit.targets) for verdict in _VERDICTS}
    found = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return Page(
        title=title,
        summary=(f"What can be learned of each target, before any model is trained: {found}.",),
        sections=(_glance(audit), *map(_target, audit.targets), _split(audit), _method()),
    )


def _glance(audit: Audit) -> Section:
    columns = ("Target", "Verdict", "Labelled", "Labels", "Floor", "Baseline", "Ceiling", "To know")
    rows = tuple(
        (
            of.target,
            _VERDICTS[of.verdict],
            of.num_labelled,
            len(of.classes),
            Share(of.majority_floor),
            _accuracy(of.baseline),
            Share(of.ceiling),
            "; ".join(caution.short for caution in of.cautions if caution.short),
        )
        for of in audit.targets
    )
    return Section("At a glance", (Table("", columns, rows),))


def _target(audit: TargetAudit) -> Section:
    return Section(
        f"Target: {audit.target}",
        (
            _in_words(audit),
            _figures(audit),
            *(caution.sentence for caution in audit.cautions),
            *_accuracies(audit),
            *_labels(audit),
            *_ties(audit.ties),
            *(_drift(audit.drift) if audit.drift else ()),
        ),
    )


def _in_words(audit: TargetAudit) -> str:
    """Verdict and reason; that no leak was found is worth a sentence too."""
    words = audit.reason if audit.reason.startswith(audit.verdict) else f"{audit.verdict}: {audit.reason}"
    clean = " No field that a model reads answers it by itself." if audit.ties and not audit.leaks else ""
    return f"{words[0].upper()}{words[1:]}.{clean}"


def _figures(audit: TargetAudit) -> KeyFigures:
    share = audit.num_labelled / max(audit.num_rows, 1)
    figures = [
        KeyFigure("Verdict", _VERDICTS[audit.verdict]),
        KeyFigure("Tickets with a label", Number(audit.num_labelled), f"{share:.0%} of {audit.num_rows:,}"),
        KeyFigure("Labels", Number(len(audit.classes))),
    ]
    if audit.baseline:
        gain = Interval(audit.baseline.gain, *audit.baseline.gain_interval, is_share=True)
        chance = "beyond chance" if audit.baseline.is_tied else "it could be chance"
        figures.append(KeyFigure("Gain of the baseline", gain, f"p = {audit.baseline.p_value:.3g}: {chance}"))
    if audit.repeated_texts is not None:
        figures.append(KeyFigure("Repeated texts", Share(audit.repeated_texts), "of the tickets with a text"))
    return KeyFigures(tuple(figures))


def _accuracies(audit: TargetAudit) -> Iterator[Block]:
    """Floor, baselines and ceilings, as far as they are known."""
    rows: list[tuple[str, float | None, float | None, float | None]] = []
    if audit.baseline:
        floor = audit.baseline.accuracy - audit.baseline.gain
        rows.append(("Most frequent one", floor, None, None))
        rows.append(("Quick baseline", audit.baseline.accuracy, *audit.baseline.interval))
    if audit.without_leaks:
        without = audit.without_leaks.baseline
        rows.append(("Without leaks", without.accuracy, *without.interval))
    rows.append(("Ceiling by text", audit.text_ceiling, None, None))
    rows.append(("Ceiling by all", audit.input_ceiling, None, None))
    known = [row for row in rows if row[1] is not None]
    if known:
        labels, values, low, high = zip(*known, strict=True)
        title = "Share of the tickets that come right: floor, baseline, ceiling"
        yield Bars(title, labels, values, low, high, is_share=True, horizontal=True)


def _labels(audit: TargetAudit) -> Iterator[Block]:
    if audit.classes:
        shown = list(audit.classes.items())[:_MAX_BARS]
        which = f"the {len(shown)} most frequent of {len(audit.classes)}" if len(shown) < len(audit.classes) else "all"
        names, counts = zip(*shown, strict=True)
        yield Bars(f"Tickets by label, {which}", names, counts, horizontal=True)
    volume = audit.volume
    if volume and (volume.thin or volume.unshown):
        columns = ("Label", "Tickets", "That train, if too few", "That calibrate, if too few")
        scarce = [label for label in audit.classes if label in volume.thin or label in volume.unshown]
        table = tuple(
            (label, Number(audit.classes[label]), volume.thin.get(label), volume.unshown.get(label))
            for label in sorted(scarce, key=lambda label: (audit.classes[label], label))
        )
        note = (
            f"Wanted: {volume.min_label_rows} that train, and {volume.rows_to_show} that calibrate where a label is to "
            "be automated by itself. A dash: enough."
        )
        yield Table("Labels with too few tickets", columns, table, note)


def _ties(ties: tuple[FieldTie, ...]) -> Iterator[Block]:
    if not ties:
        return
    columns = ("Field", "Suspicion", "Known at", "A model reads it", "Alone right", "Gain", "Of what is open", "Form")
    rows = tuple(
        (
            f"{tie.field} (label in its words)" if tie.way == "words" else tie.field,
            Status("suspected leak", "bad") if tie.suspected else None,
            tie.stage.replace("_", " "),
            _USES[tie.use],
            Share(tie.accuracy),
            Interval(tie.gain, *tie.gain_interval, is_share=True),
            Share(tie.share),
            _RELATIONS[tie.relation],
        )
        for tie in ties[:_MAX_TIES]
    )
    note = (
        "A field that a model reads and that alone gains nearly all that is possible is suspected: was its value there "
        "before the label? Fields that come later are kept out anyway, and shown for information."
    )
    more = f" The {_MAX_TIES} strongest of {len(ties)}." if len(ties) > _MAX_TIES else ""
    yield Table("What single fields tell by themselves", columns, rows, note + more)


def _drift(drift: Drift) -> Iterator[Block]:
    lines = tuple(
        Series(label, tuple(n / all_ if all_ else None for n, all_ in zip(counts, drift.period_rows, strict=True)))
        for label, counts in drift.counts.items()
    )
    days = tuple(map(date.fromisoformat, drift.periods))
    if len(days) > 1:
        every = "month" if all(day.day == 1 for day in days) else "week"
        yield Lines(f"Share of the most frequent labels by {every}", days, lines, is_share=True)
    columns = ("Label", "First quarter", "Last quarter")
    rows = tuple((label, Share(drift.early[label]), Share(drift.late[label])) for label in drift.moved[:_MAX_LABELS])
    note = (
        f"Quarters of the {drift.num_rows:,} labelled tickets from {drift.first} to {drift.last}. Other labels on "
        f"{drift.distance:.1%} of them, where chance gives {drift.expected:.1%} (p = {drift.p_value:.3g})."
    )
    yield Table("Labels that moved most", columns, rows, note)
    if drift.later:
        later = drift.later
        figures = (
            KeyFigure(
                f"Learned before {later.since}", Share(later.accuracy), f"right of {later.num_rows} later tickets"
            ),
            KeyFigure("Learned at all times", Share(later.cross_validated), "right of the same tickets"),
            KeyFigure("Lost by age", Interval(later.gap, *later.gap_interval, is_share=True)),
        )
        yield KeyFigures(figures)


def _split(audit: Audit) -> Section:
    if audit.split_error:
        return Section("The split that training will use", (f"Tickets cannot be cut: {audit.split_error}.",))
    kinds = {"time": "the oldest train, the newest test", "random": "at random", "files": "as the source's files say"}
    rows = ", ".join(f"{name} {count:,}" for name, count in audit.split_rows.items())
    table = Table(
        "Texts that stand in training tickets too",
        ("Split", "Tickets", "With a text", "The same", "The same or nearly so"),
        tuple((of.split, of.num_rows, of.num_texts, Share(of.same), Share(of.near)) for of in audit.overlap),
        "The same: apart from case, white space and digits. Nearly: four fifths of the runs of five characters in "
        "common. A model that remembers does well on these; how it does on new texts, the other tickets tell.",
    )
    told = f" {audit.split_note[0].upper()}{audit.split_note[1:]}." if audit.split_note else ""
    cut = f"Cut by {audit.split_kind} ({kinds.get(audit.split_kind or '', 'as configured')}): {rows}.{told}"
    return Section("The split that training will use", (cut, table))


def _method() -> Section:
    return Section(
        "How to read this",
        (
            "The floor is what always answering the most frequent label gets right. The baseline is a quick linear "
            "model, each ticket answered by a fit that did not see its text; a swept model does better. The ceilings "
            "say how much can be right at most where the same text, or the same text and fields, carries different "
            "labels; they say little where hardly any text returns.",
            "Learnable: the baseline gains surely, and a tenth or more of what is open. Weak: there is a tie, but less "
            "gain. Noise: shuffled labels look as well tied to the tickets as the real ones, so a sweep finds nothing. "
            "The span in brackets holds the true value with a probability of 95 %.",
            "Baseline, verdict and single fields look at the latest labelled tickets that train or validate alone, as "
            "those that calibrate or test may decide nothing; labels, ceilings, volumes and shares over time at all.",
        ),
    )


def _accuracy(baseline: Baseline | None) -> Cell:
    return Interval(baseline.accuracy, *baseline.interval, is_share=True) if baseline else None
