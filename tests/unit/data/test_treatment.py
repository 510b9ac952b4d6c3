"""Rows mapped, cleaned and checked: the settings of the checks govern the marks, and used plug-ins alone the digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tickets.config import CleaningConfig, QualityConfig, SourceConfig
from tickets.data.rows import RawRow
from tickets.data.treatment import Reading, Treatment
from tickets.errors import ConfigError
from tickets.plugins import GROUP, installed_plugins
from tickets.schema import BY_NAME, TAXONOMY, VALUE_SETS, Kind

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
TEXT = {"subject": "usable", "created_at": "2025-05-01T08:00:00Z"}
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes a distribution with one plug-in known, as an installer would; its name is its module's too."""
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_plugins.cache_clear()

    def known(name: str, code: str, version: str = "1.0") -> None:
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}_module:plugin\n")
        (tmp_path / f"{name}_module.py").write_text(
            f"from tickets.plugins import Check, CleaningStep\nplugin = {code}\n"
        )
        installed_plugins.cache_clear()

    yield known
    installed_plugins.cache_clear()


def _treatment(quality: QualityConfig | None = None, **settings: Any) -> Treatment:
    return Treatment(Reading(SourceConfig(name="acme", **settings), quality=quality or QualityConfig()), NOW)


def _apply(treatment: Treatment, *rows: dict[str, Any]) -> tuple[pa.Table, pa.Table]:
    return treatment.apply("x.json", None, [RawRow(at, {**TEXT, **row}) for at, row in enumerate(rows)])


def _marks(row: dict[str, Any], quality: QualityConfig | None = None, **settings: Any) -> list[str]:
    """The marks of one ticket that is kept."""
    tickets, refused = _apply(_treatment(quality, **settings), row)
    assert (tickets.num_rows, refused.num_rows) == (1, 0)
    marks: list[str] = tickets["marks"][0].as_py()
    return marks


def _digest(**settings: Any) -> str:
    return Reading(SourceConfig(name="acme"), **settings).digest


# Closed sets and the taxonomy


@pytest.mark.parametrize("name", list(VALUE_SETS))
def test_a_value_outside_its_set_is_marked_by_default(name: str) -> None:
    value = 77 if BY_NAME[name].kind is Kind.NUMBER else "Elsewhere"
    assert f"{name}: outside the value set" in _marks({name: value})


def test_a_subcategory_of_another_category_is_marked_by_default() -> None:
    assert _marks({"category": "Security", "subcategory": "Encryption"}) == []
    assert _marks({"category": "Security", "subcategory": "Bug"}) == ["subcategory: not of its category"]
    assert _marks({"subcategory": "Bug"}) == []
    everything = [{"category": name, "subcategory": sub} for name, subs in TAXONOMY.items() for sub in subs]
    tickets, _ = _apply(_treatment(), *everything)
    assert tickets["marks"].to_pylist() == [[]] * len(everything)


def test_no_sets_mark_nothing() -> None:
    row = {"category": "Security", "subcategory": "Bug", "priority": "P7"}
    assert _marks(row, value_sets="none") == []


def test_own_sets_replace_those_of_the_contract() -> None:
    sets = {"priority": ("P1",), "satisfaction_score": ("1", "2"), "tags": ("a", "b"), "known_issue": ("true",)}
    fits = {"priority": "P1", "satisfaction_score": 2, "tags": ["b", "a"], "known_issue": True, "severity": "any"}
    assert _marks(fits, value_sets=sets) == []
    misses = {"priority": "high", "tags": ["a", "c"], "known_issue": False}
    assert _marks(misses, value_sets=sets) == [f"{name}: outside the value set" for name in misses]


def test_the_severity_governs_the_marks() -> None:
    row = {"category": "Security", "subcategory": "Bug", "priority": "P7"}
    counted = QualityConfig.model_validate({"severities": {"value_set": "count", "taxonomy": "count"}})
    treatment = _treatment(counted)
    tickets, _ = _apply(treatment, row)
    assert tickets["marks"].to_pylist() == [[]]
    assert treatment.tally.checks["value_set.priority"].num_found == 1
    refused = QualityConfig.model_validate({"severities": {"taxonomy": "quarantine"}})
    tickets, bad = _apply(_treatment(refused), row)
    assert (tickets.num_rows, bad["reason"].to_pylist()) == (0, ["failed a check: taxonomy.subcategory"])


def test_the_taxonomy_governs_the_marks() -> None:
    own = QualityConfig.model_validate({"taxonomy": {"Security": ["Bug"]}})
    assert _marks({"category": "Security", "subcategory": "Bug"}, own) == []
    assert _marks({"category": "Security", "subcategory": "Encryption"}, own) == ["subcategory: not of its category"]


# Columns


def test_the_columns_that_stand_in_any_row_are_noted() -> None:
    treatment = _treatment(fields={"description": "Titel", "product": "System"})
    _apply(treatment, {"System": None}, {"Other": 1})
    _apply(treatment, {"priority": "low"})
    treatment.apply("y.json", None, [RawRow(0, None, b"{", "not JSON")])
    unread = _treatment()
    unread.apply("y.json", None, [RawRow(0, None, b"{", "not JSON")])
    assert unread.tally.columns is None
    assert treatment.tally.columns == ("System", "created_at", "priority", "subject")


# Plug-ins


def test_a_step_that_there_is_none_of_is_told_before_anything_is_read() -> None:
    reading = Reading(SourceConfig(name="acme"), CleaningConfig.model_validate({"steps": ["html", "qoutes"]}))
    with pytest.raises(ConfigError, match="'qoutes' is no step; allowed: html"):
        reading.checks(NOW)


def test_a_plugin_that_nobody_uses_changes_no_digest(install: Install) -> None:
    before = _digest()
    install("footer", "CleaningStep(clean=str.strip)")
    assert _digest() == before
    install("counting", "Check(find=len, severity='count')")
    assert _digest() == before
    install("marking", "Check(find=len)")
    assert _digest(quality=QualityConfig(plugins=())) == before
    assert _digest() != before


def test_a_plugin_in_use_is_in_the_digest_with_its_version(install: Install) -> None:
    install("footer", "CleaningStep(clean=str.strip)")
    cleaning = CleaningConfig.model_validate({"steps": ["footer"]})
    one = _digest(cleaning=cleaning)
    install("footer", "CleaningStep(clean=str.strip)", version="1.1")
    assert _digest(cleaning=cleaning) != one


def test_a_check_of_a_plugin_that_shall_mark_is_in_the_digest(install: Install) -> None:
    install("counting", "Check(find=len, severity='count')")
    marking = QualityConfig.model_validate({"severities": {"plugin.counting": "mark"}})
    one = _digest(quality=marking)
    install("counting", "Check(find=len, severity='count')", version="2.0")
    assert _digest(quality=marking) != one
    assert _digest() == _digest(quality=QualityConfig(plugins=()))


def test_a_check_that_raises_ends_no_job(install: Install) -> None:
    install("raising", "Check(find=lambda tickets: 1 / 0, severity='quarantine')")
    treatment = _treatment()
    tickets, refused = _apply(treatment, {}, {})
    assert (tickets.num_rows, refused.num_rows) == (2, 0)
    assert tickets["marks"].to_pylist() == [["plugin: raising: failed"]] * 2
    failed = treatment.tally.checks["plugin_failed.raising"]
    assert (failed.num_found, failed.details.counts) == (2, {"ZeroDivisionError: division by zero": 2})
