from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tickets.cleaning import build_cleaner
from tickets.config.cleaning import CleaningConfig
from tickets.config.quality import Severity
from tickets.errors import ConfigError
from tickets.plugins import GROUP, Plugins, installed_plugins

EXAMPLE = Path(__file__).parents[1] / "fixtures" / "example_plugin"

Install = Callable[[str, dict[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes a distribution known to this Python as an installer would, without installing anything."""
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_plugins.cache_clear()

    def known(name: str, entry_points: dict[str, str]) -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}" for key, value in entry_points.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")

    yield known
    installed_plugins.cache_clear()


@pytest.fixture
def example(install: Install, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """The plug-ins of the example package, as its `pyproject.toml` declares them."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(project["name"], project["entry-points"][GROUP])
    return installed_plugins()


def test_the_example_adds_a_step_and_a_check(example: Plugins) -> None:
    assert example.names == ("portal_footer", "resolved_by_nobody")
    (check,) = example.checks()
    assert (check.name, check.severity) == ("resolved_by_nobody", Severity.COUNT)
    tickets = pa.table({"resolved_at": [1, None, 3], "agent_id": [None, None, "A1"]})
    assert check.find(tickets).tolist() == [True, False, False]


def test_a_step_runs_by_its_kind_with_its_options(example: Plugins) -> None:
    config = CleaningConfig.model_validate(
        {"steps": ["signature", {"kind": "portal_footer", "options": {"portal": "ACME"}}]}
    )
    cleaner = build_cleaner(config)
    assert cleaner.kinds == ("portal_footer", "signature")
    cleaned = cleaner.clean("[test] It fails.\n\nRegards\nAnn\nSubmitted through ACME")
    assert cleaned.text == "[test] It fails."
    assert cleaned.changed == ("portal_footer", "signature")
    assert cleaned.marks == ("portal-test",)
    assert build_cleaner(config).clean("Submitted through the portal").changed == ()


def test_options_that_the_step_does_not_take_are_refused(example: Plugins) -> None:
    config = CleaningConfig.model_validate({"steps": [{"kind": "portal_footer", "options": {"gate": "ACME"}}]})
    with pytest.raises(ConfigError, match=r"portal_footer.*'gate'"):
        build_cleaner(config, example)


def test_a_check_is_no_step_and_an_unknown_kind_is_named(example: Plugins) -> None:
    with pytest.raises(ConfigError, match=r"'resolved_by_nobody'.*example-plugin 1\.0 is a check"):
        example.step("resolved_by_nobody")
    with pytest.raises(ConfigError, match=r"'portal_foot'.*html.*portal_footer"):
        example.step("portal_foot")


def test_a_check_may_not_have_a_reserved_name(example: Plugins) -> None:
    with pytest.raises(ConfigError, match=r"'resolved_by_nobody'.*example-plugin 1\.0: a built-in check"):
        example.checks(reserved=["resolved_by_nobody"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:step", "ModuleNotFoundError"),
        ("tickets.errors:nothing", "AttributeError"),
        ("tickets.plugins:GROUP", "a str; allowed: a CleaningStep or a Check"),
    ],
)
def test_what_cannot_be_loaded_is_named_with_its_distribution(install: Install, value: str, said: str) -> None:
    install("acme-steps", {"broken": value})
    plugins = installed_plugins()
    with pytest.raises(ConfigError, match=rf"'broken' \({value}\) of acme-steps 1\.0: .*{said}"):
        plugins.step("broken")
    with pytest.raises(ConfigError, match="acme-steps"):
        plugins.checks()


@pytest.mark.parametrize(
    ("name", "said"), [("html", "a built-in step has that name"), ("Bad Name", "small letters, digits and _")]
)
def test_a_name_that_is_taken_or_not_allowed_is_refused(install: Install, name: str, said: str) -> None:
    install("acme-steps", {name: "example_plugin:portal_footer"})
    with pytest.raises(ConfigError, match=f"acme-steps 1.0: .*{said}"):
        installed_plugins()


def test_two_packages_may_not_bring_the_same_name(install: Install) -> None:
    install("acme-steps", {"footer": "a:b"})
    install("other-steps", {"footer": "c:d"})
    with pytest.raises(ConfigError, match=r"(acme|other)-steps 1\.0: .*(acme|other)-steps 1\.0 has that name"):
        installed_plugins()


def test_a_severity_that_there_is_none_of_is_refused(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "severe_checks.py").write_text(
        "from tickets.plugins import Check\nsevere = Check(find=lambda tickets: None, severity='severe')\n"
    )
    install("acme-checks", {"severe": "severe_checks:severe"})
    with pytest.raises(ConfigError, match=r"acme-checks 1\.0: severity 'severe'; allowed: quarantine, mark, count"):
        installed_plugins().checks()


def test_entry_points_are_looked_for_once(install: Install) -> None:
    first = installed_plugins()
    install("acme-steps", {"footer": "a:b"})
    assert installed_plugins() is first
    assert first.names == ()


def test_importing_looks_for_nothing() -> None:
    check = (
        "import importlib.metadata as metadata\n"
        "asked, find = [], metadata.entry_points\n"
        "metadata.entry_points = lambda **kinds: asked.append(kinds.get('group')) or find(**kinds)\n"
        "import tickets.plugins, tickets.cleaning\n"
        f"assert {GROUP!r} not in asked, asked\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
