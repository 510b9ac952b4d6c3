"""Behavioural tests: how many labels change when a text is written differently (`perturb.py`).

It does not know how texts are changed, or how they are encoded: both are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickets.card.judged import Encode, Tickets, share_of
from tickets.card.perturb import CHANGES, OF_BODY, Change
from tickets.config.card import CardConfig
from tickets.decide.policy import Action
from tickets.models.triage import Answer, TriageModel

Clean = Callable[[str, list[str | None]], list[str | None]]
"""Name of a field and its values → the values as ingestion would have left them."""

_NUM_EXAMPLES: Final = 3

Texts = dict[str, list[str | None]]


def run_tests(
    model: TriageModel, tickets: Tickets, encode: Encode, clean: Clean, config: CardConfig, confidence: float
) -> list[dict[str, Any]]:
    """Answer a sample of tickets once as it is and once for every test, for all targets together.

    Args:
        model: What answers.
        tickets: Test tickets; those without text are left out.
        encode: The encoder of the model.
        clean: What is done to a text before the model sees it.
        config: Size of the sample, bars, seed.
        confidence: Of every interval.

    Returns:
        One entry per test and target: `test`, `target`; of the tickets whose text the test changes, `labels`, how
        many get another label, with its `bar`; of those among them that were automated, `automated`, how many are no
        longer or get another label, and `relabelled`, how many are still automated, with another label, with its
        `automated_bar`; `passed` (both bars are kept; None: the test changes no text), `surely_failed` (an interval
        lies above its bar); and in `tickets` up to three ids of tickets with another label, the surest first. Empty
        where there is no text to change.
    """
    rng = np.random.default_rng(config.seed)
    with_text = np.flatnonzero([bool(text.strip()) for text in model.state.texts(tickets.table)])
    chosen = np.sort(rng.choice(with_text, size=min(config.behaviour_rows, len(with_text)), replace=False))
    if not len(chosen):
        return []
    sample = tickets.take(chosen)
    usual = model.answer(sample.table, sample.vectors)
    entries = []
    for number, (name, change) in enumerate(CHANGES.items()):
        bar = float(getattr(config.behaviour, name))
        before = _texts_of(sample.table, model.state.selection.text)
        after = _changed(before, change, name in OF_BODY, np.random.default_rng([config.seed, number]))
        touched = np.any(
            [[old != new for old, new in zip(before[of], after[of], strict=True)] for of in before], axis=0
        )
        table = _with_texts(sample.table, {of: clean(of, values) for of, values in after.items()})
        answers = model.answer(table, _vectors(model, sample, table, encode))
        ids = [str(ticket_id) for ticket_id in sample.table["ticket_id"].to_pylist()]
        for one, other in zip(usual, answers, strict=True):
            found = _compare(one, other, touched, ids, confidence)
            entries.append({"test": name, "target": one.target, **found, **_verdict(found, bar, config.automated_bar)})
    return entries


def _texts_of(table: pa.Table, names: Sequence[str]) -> Texts:
    return {name: table[name].to_pylist() for name in names}


def _changed(texts: Texts, change: Change, of_body: bool, rng: np.random.Generator) -> Texts:
    """Each ticket's texts changed, or its body alone: the last text that it has."""
    changed = {name: list(values) for name, values in texts.items()}
    for row in range(len(next(iter(texts.values()), []))):
        present = [name for name in texts if texts[name][row]]
        for name in present[-1:] if of_body else present:
            changed[name][row] = change(str(texts[name][row]), rng)
    return changed


def _with_texts(table: pa.Table, texts: Mapping[str, list[str | None]]) -> pa.Table:
    for name, values in texts.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    return table


def _vectors(model: TriageModel, sample: Tickets, table: pa.Table, encode: Encode) -> np.ndarray:
    """Of the changed texts; those that read as before are not encoded again."""
    pairs = zip(model.state.texts(sample.table), model.state.texts(table), strict=True)
    texts = {row: after for row, (before, after) in enumerate(pairs) if before != after}
    vectors = sample.vectors.copy()
    if texts:
        vectors[list(texts)] = encode(list(texts.values()))
    return vectors


def _compare(
    usual: Answer, answer: Answer, touched: NDArray[np.bool_], ids: list[str], confidence: float
) -> dict[str, Any]:
    decisions = list(zip(usual.decisions, answer.decisions, strict=True))
    relabelled = np.array([one.label != other.label for one, other in decisions], dtype=bool)
    was, still = (np.array([pair[at].action is Action.AUTOMATE for pair in decisions], dtype=bool) for at in (0, 1))
    flipped = [int(row) for row in np.flatnonzero(relabelled & touched)]
    surest = sorted(flipped, key=lambda row: -usual.decisions[row].confidence)
    return {
        "labels": share_of(relabelled[touched], confidence),
        "automated": share_of((relabelled | ~still)[touched & was], confidence),
        "relabelled": share_of((relabelled & still)[touched & was], confidence),
        "tickets": [ids[row] for row in surest[:_NUM_EXAMPLES]],
    }


def _verdict(found: Mapping[str, Any], bar: float, automated_bar: float) -> dict[str, Any]:
    """A test that changes no text says nothing; one without automated answers is judged by its labels alone."""
    held = [(found["labels"], bar), (found["relabelled"], automated_bar)]
    over = [(of["low"], limit) for of, limit in held if of["num_rows"] and of["share"] > limit]
    passed = None if not found["labels"]["num_rows"] else not over
    sure = any(low > limit for low, limit in over)
    return {"bar": bar, "automated_bar": automated_bar, "passed": passed, "surely_failed": sure}
