"""What the configuration allows, how it says no, and where its keys come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tickets.config import TicketsConfig
from tickets.config.parse import check_key, dump, environment_overrides, parse, secret_keys, secrets
from tickets.errors import ConfigError

SOURCE = {"source": {"name": "mine"}}


def models_below(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    from tickets.config.base import Config, member_types

    seen.add(model)
    for info in model.model_fields.values():
        for kind in member_types(info.annotation):
            if isinstance(kind, type) and issubclass(kind, Config) and kind not in seen:
                models_below(kind, seen)
    return seen


def test_every_field_is_documented_where_it_is_defined() -> None:
    undocumented = [
        f"{model.__name__}.{name}"
        for model in models_below(TicketsConfig, set())
        for name, info in model.model_fields.items()
        if not info.description
    ]
    assert undocumented == []


def test_a_hierarchy_waits_for_its_targets() -> None:
    source = {"name": "mine", "targets": ["category"], "hierarchy": {"subcategory": "category"}}
    assert parse({"source": source}).source.hierarchy == {"subcategory": "category"}


def test_a_share_that_files_give_is_not_cut() -> None:
    split = {"kind": "files", "train": "a*", "test": "b*", "validation_share": 0.5, "test_share": 0.5}
    assert parse({"source": {"name": "mine", "split": split}}).source.split is not None


def test_a_target_may_end_like_a_column_of_another_name() -> None:
    assert parse({"source": {"name": "mine", "targets": ["is_true", "top"]}}).source.targets == ("is_true", "top")


def test_defaults_are_enough() -> None:
    config = parse(SOURCE)
    assert config.bucket == "mine"
    assert Path(config.storage.root).is_absolute()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": {"name": "m", "targts": []}}, ["source.targts", "no such key", "did you mean targets"]),
        ({**SOURCE, "sweep": {"num_trials": "many"}}, ["sweep.num_trials='many'", "integer"]),
        ({**SOURCE, "model": {"families": ["forest"]}}, ["model.families.0='forest'", "'linear'", "'dnn'"]),
        ({**SOURCE, "storage": {"root": "here"}}, ["storage.root='here'", "absolute path"]),
        ({**SOURCE, "storage": {"root": "gs://b/p"}}, ["storage.root='gs://b/p'", "absolute path"]),
        ({**SOURCE, "features": {"text": ["subjct"]}}, ["'subjct' is no field"]),
        ({"source": {"name": "m", "targets": []}}, ["source.targets", "none is named"]),
        ({"source": {"name": "m", "targets": ["a", "b", "a"]}}, ["source.targets", "'a' is named twice"]),
        ({"source": {"name": "m", "targets": ["release"]}}, ["'release' is a column of every table", "source.fields"]),
        ({"source": {"name": "m", "targets": ["a", "a_top"]}}, ["'a_top' is a column of the answers to 'a'"]),
        (
            {"source": {"name": "m", "split": {"kind": "time", "validation": 0.6, "test": 0.4}}},
            ["source.split", "validation=0.6, calibration=0.1, test=0.4 leave no row to train on"],
        ),
        (
            {"source": {"name": "m", "split": {"kind": "random", "calibration": 0.8}}},
            ["calibration=0.8", "sum to less than 1"],
        ),
        (
            {"source": {"name": "m", "split": {"kind": "files", "train": "a*", "validation_share": 0.9}}},
            ["validation_share=0.9", "test_share=0.1", "leave no row"],
        ),
        ({**SOURCE, "predict": {"output": "a.txt"}}, ["predict.output", "'a.txt'", "allowed: .csv, .parquet"]),
        ({**SOURCE, "features": {"logs": ["nope"]}}, ["features.logs", "'nope' is no field"]),
        ({**SOURCE, "model": {"sweep_targets": ["mood"]}}, ["'mood' is no target", "category"]),
        ({"source": {"name": "m", "split": {"kind": "moon"}}}, ["source.split", "'time', 'random', 'files'"]),
        ({"source": {"name": "m", "split": {"kind": "time", "test": 2}}}, ["source.split.test=2", "less than 1"]),
        (
            {"source": {"name": "m", "hierarchy": {"subcategry": "category"}}},
            ["'subcategry' is no field and no target", "category"],
        ),
        (
            {"source": {"name": "m", "targets": ["a", "b"], "hierarchy": {"a": "b", "b": "a"}}},
            ["a → b → a is a circle"],
        ),
        ({"source": {"name": "m", "targets": ["a"], "hierarchy": {"a": "a"}}}, ["a → a is a circle"]),
        ({**SOURCE, "mlflow": {"tracking_uri": "http://u:p@h"}}, ["mlflow.tracking_uri", "MLFLOW_TRACKING_PASSWORD"]),
        ({}, ["source", "required"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(given)
    assert "\n" not in raised.value.message
    for word in words:
        assert word in raised.value.message


def test_texts_from_the_environment_become_lists_and_mappings() -> None:
    config = parse({"source": {"name": "m", "targets": "[priority, category]", "fields": "{subject: Title}"}})
    assert config.source.targets == ("priority", "category")
    assert config.source.fields == {"subject": "Title"}


def test_a_secret_stays_out_of_dumps_and_errors() -> None:
    config = parse({**SOURCE, "redis": {"password": "pl4nted"}})
    assert secrets(config) == ["pl4nted"]
    assert "pl4nted" not in str(dump(config)) + repr(config)
    with pytest.raises(ConfigError) as raised:
        parse({**SOURCE, "redis": {"password": ["pl4nted"]}})
    assert "pl4nted" not in str(raised.value)


def test_a_login_in_a_uri_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match=r"//\*\*\*@host") as raised:
        parse({**SOURCE, "mlflow": {"tracking_uri": "http://me:pl4nted@host/"}})
    assert "pl4nted" not in str(raised.value)


def test_a_password_that_looks_like_a_list_stays_text() -> None:
    assert secrets(parse({**SOURCE, "redis": {"password": "[x]"}})) == ["[x]"]


def test_secret_keys_are_found() -> None:
    assert secret_keys() == {"redis.password", "storage.access_key_id", "storage.secret_access_key"}


def test_keys_of_the_environment() -> None:
    environment = {
        "DATA__RAW_FILE": "raw/tickets.json",
        "DATA__BUCKET": "tickets",
        "SOURCE__SPLIT__KIND": "time",
        "REDIS_HOST": "cache",
        "TICKETS_ROOT": "/data",
        "STORAGE__ROOT": "/other",
        "XDG__SOMETHING": "not ours",
        "PATH": "/bin",
    }
    assert environment_overrides(environment) == {
        "data.raw_file": "DATA__RAW_FILE",
        "data.bucket": "DATA__BUCKET",
        "source.split.kind": "SOURCE__SPLIT__KIND",
        "redis.host": "REDIS_HOST",
        "storage.root": "STORAGE__ROOT",
    }


def test_a_wrong_key_of_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match=r"data\.bucked.*did you mean bucket.*DATA__BUCKED"):
        environment_overrides({"DATA__BUCKED": "secret value"})


@pytest.mark.parametrize("key", ["data.bucket", "source.fields.subject", "source.split.test", "search.dnn.hidden.high"])
def test_known_keys_pass(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize("key", ["data.bucket2", "nothing", "search.dnn.hiden.high"])
def test_unknown_keys_are_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        check_key(key)


def test_every_option_in_the_repository_parses() -> None:
    conf = Path(__file__).parents[3] / "conf"
    options = sorted(path for path in conf.rglob("*.yaml") if path.parent != conf)
    assert len(options) > 8
    for path in options:
        group = path.parent.name
        text = path.read_text()
        content = yaml.safe_load(text)
        config = parse({**SOURCE, **(content if text.startswith("# @package _global_\n") else {group: content})})
        assert dump(config)[group], path
