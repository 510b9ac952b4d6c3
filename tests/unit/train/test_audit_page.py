"""What a support lead sees of an audit."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.config import AuditConfig, DecideConfig
from tickets.page import render
from tickets.schema import Field, Kind, Stage
from tickets.train.audit import Audit, Tickets, audit_target
from tickets.train.audit_page import build_page
from tickets.train.audit_table import format_audit
from tickets.train.leaks import Candidate
from tickets.train.overlap import measure_overlap

ATTACK = "<script>alert(1)</script>"


def _audit(mark: str = "", num_rows: int = 200) -> Audit:
    """A target with a leak, drift, thin labels and near-duplicates; `mark` stands in every name and text."""
    rng = np.random.default_rng(0)
    codes = np.where(
        np.arange(num_rows) < num_rows / 2, rng.integers(2, size=num_rows), rng.integers(1, 4, size=num_rows)
    )
    labels: list[str | None] = [f"label {code}{mark}" for code in codes]
    texts = [f"{mark} ticket {' '.join(rng.choice(list('abcdef'), size=8))}" for _ in codes]
    leak = pa.chunked_array([pa.array([f"R{code}{mark}" for code in codes])])
    splits = np.array(["train"] * (num_rows - 40) + ["calibration"] * 20 + ["test"] * 20, dtype=object)
    candidate = Candidate.of(Field(f"routing{mark}", Kind.CATEGORICAL, Stage.CREATION), "input", leak)
    tickets = Tickets(
        texts=texts,
        inputs=pa.table({f"routing{mark}": leak}),
        times=np.datetime64("2025-01-01", "ms") + np.arange(num_rows) * np.timedelta64(1, "D"),
        splits=splits,
        candidates=[candidate] if candidate else [],
        candidate_rows=np.arange(num_rows),
    )
    target = audit_target(f"team{mark}", labels, tickets, AuditConfig(), DecideConfig())
    return Audit((target,), "time", {"train": num_rows - 40}, None, measure_overlap(texts, splits))


def _shown(html: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)))


def test_verdict_leak_drift_volume_and_split_are_told() -> None:
    audit = _audit()
    words = _shown(render(build_page(audit, "Audit of acme")).decode())
    (target,) = audit.targets
    for part in (
        "Audit of acme",
        "before any model is trained: 1 learnable.",
        "Target: team",
        *(caution.sentence for caution in target.cautions),
        "suspected leak",
        "Tickets by label, all",
        "Share of the most frequent labels by month",
        "Labels with too few tickets",
        "Without leaks",
        "Texts that stand in training tickets too",
    ):
        assert part in words
    assert {caution.about for caution in target.cautions} == {"leak", "drift", "volume"}


def test_nothing_that_tickets_hold_becomes_markup_or_is_loaded() -> None:
    html = render(build_page(_audit(ATTACK), f"Audit of {ATTACK}")).decode()
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert not re.search(r"\b(?:src|href|onload|onerror)\s*=", html)
    assert "https:" not in html
    plain = render(build_page(_audit(), "Audit of x")).decode()
    assert html.count("<") == plain.count("<")


def test_how_rows_are_cut_is_told_where_it_is_not_what_one_expects() -> None:
    told = replace(_audit(), split_note="3 of 300 tickets have no created_at; they train")
    words = _shown(render(build_page(told, "Audit")).decode())
    assert ": train 160. 3 of 300 tickets have no created_at; they train." in words
    assert "split: 3 of 300 tickets have no created_at; they train" in format_audit(told).splitlines()


@pytest.mark.parametrize("labels", [[None] * 30, ["a"] * 30, ["a", "b"] * 5])
def test_a_target_of_which_little_is_known_has_a_page(labels: list[Any]) -> None:
    target = audit_target("team", labels, Tickets(["x"] * len(labels), pa.table({})), AuditConfig(), DecideConfig())
    words = _shown(render(build_page(Audit((target,), None, {}, "no row is left", ()), "Audit")).decode())
    assert target.reason in words
    assert "Tickets cannot be cut: no row is left." in words
