"""The command line as Hydra gets it, and what Hydra composes from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tickets.config import SearchConfig, TicketsConfig
from tickets.config.parse import parse
from tickets.errors import ConfigError

JOBS = Path(__file__).parents[3] / "jobs"
CONF = JOBS.parent / "conf"


def composed(arguments: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> TicketsConfig:
    """The configuration of a command line in an environment."""
    from _overrides import hydra_arguments

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    rewritten = hydra_arguments(arguments, CONF, environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return parse(compose("config", overrides=rewritten))


def test_a_key_that_no_yaml_mentions_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    config = composed(["features.max_terms=77", "search.dnn.hidden.high=300"], {}, monkeypatch)
    assert config.features.max_terms == 77
    assert config.search.dnn.hidden.high == 300


def test_the_command_line_wins_over_the_environment_and_that_over_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"SWEEP__NUM_TRIALS": "9", "MODEL": "xgboost", "SOURCE__TARGETS": "[priority]"}
    config = composed([], environment, monkeypatch)
    assert (config.sweep.num_trials, config.model.families, config.source.targets) == (9, ("xgboost",), ("priority",))
    config = composed(["sweep.num_trials=3", "model=dnn"], environment, monkeypatch)
    assert (config.sweep.num_trials, config.model.families) == (3, ("dnn",))


def test_the_documented_lines_work_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "DATA__RAW_FILE": "raw/tickets.json",
        "DATA__BUCKET": "tickets",
        "REDIS_HOST": "cache.internal",
        "REDIS_PASSWORD": "p=a,b#c[1]",
    }
    config = composed([], environment, monkeypatch)
    assert (config.data.raw_file, config.bucket, config.redis.host) == ("raw/tickets.json", "tickets", "cache.internal")
    assert config.redis.password is not None
    assert config.redis.password.get_secret_value() == "p=a,b#c[1]"


def test_a_secret_of_the_command_line_moves_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from _overrides import hydra_arguments

    environment: dict[str, str] = {}
    rewritten = hydra_arguments(["redis.password=pl4nted#{}"], CONF, environment)
    assert "pl4nted" not in " ".join(rewritten)
    config = composed(["redis.password=pl4nted#{}"], environment, monkeypatch)
    assert config.redis.password is not None
    assert config.redis.password.get_secret_value() == "pl4nted#{}"


def test_options_may_stand_anywhere() -> None:
    from _overrides import hydra_arguments

    given = ["sweep.num_trials=1", "--multirun", "model=linear,dnn", "--config-dir", str(CONF)]
    expected = ["--multirun", "--config-dir", str(CONF), "++sweep.num_trials=1", "model=linear,dnn"]
    assert hydra_arguments(given, CONF, {}) == expected


def test_what_is_hydras_own_stays_as_it_is() -> None:
    from _overrides import hydra_arguments

    given = ["hydra.run.dir=x", "~model", "+source@other=simulated", "hydra/launcher=basic"]
    assert hydra_arguments(given, CONF, {}) == given


def test_groups_of_another_folder_are_groups(tmp_path: Path) -> None:
    from _overrides import hydra_arguments

    (tmp_path / "team").mkdir()
    assert hydra_arguments([f"--config-dir={tmp_path}", "team=red"], CONF, {})[-1] == "team=red"


def test_a_wrong_key_is_found_before_hydra_starts() -> None:
    from _overrides import hydra_arguments

    with pytest.raises(ConfigError, match=r"redis\.pasword: no such key \(did you mean password\?\)") as raised:
        hydra_arguments(["redis.pasword=pl4nted"], CONF, {})
    assert "pl4nted" not in str(raised.value)


def test_a_whole_section_that_may_hold_a_secret_is_refused() -> None:
    from _overrides import hydra_arguments

    with pytest.raises(ConfigError, match=r"redis\.KEY=VALUE") as raised:
        hydra_arguments(["redis={password: pl4nted, port: x}"], CONF, {})
    assert "pl4nted" not in str(raised.value)


def test_a_secret_in_a_file_stays_out_of_what_hydra_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    from _overrides import HideSecrets

    monkeypatch.delenv("REDIS__PASSWORD", raising=False)
    config = OmegaConf.create({"redis": {"password": "pl4nted", "host": "h"}})
    HideSecrets().on_multirun_start(config)
    assert "pl4nted" not in OmegaConf.to_yaml(config)
    assert config.redis.password == "pl4nted"


def test_the_spaces_of_a_search_are_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, wide = composed([], {}, monkeypatch).search, composed(["search=wide"], {}, monkeypatch).search
    assert plain == SearchConfig()
    for name in type(plain).model_fields:
        spaces = getattr(plain, name), getattr(wide, name)
        ranges = {key: tuple(getattr(space, key) for space in spaces) for key in type(spaces[0]).model_fields}
        assert any(of[1].low < of[0].low or of[1].high > of[0].high for of in ranges.values()), name
        assert all(of[1].low <= of[0].low and of[1].high >= of[0].high for of in ranges.values()), name
        assert plain.first(name) == wide.first(name)


def test_a_key_of_a_chosen_space_can_be_set_too(monkeypatch: pytest.MonkeyPatch) -> None:
    config = composed(["search=wide", "search.linear.c.high=9"], {}, monkeypatch)
    assert (config.search.linear.c.low, config.search.linear.c.high) == (0.002, 9)
