from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tickets.config import FileSplit, SourceConfig
from tickets.data.sources import find_files
from tickets.errors import SourceError


def _write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def _source(path: str | None = None, **settings: Any) -> SourceConfig:
    return SourceConfig(name="acme", path=path, **settings)


def _names(source: SourceConfig, *places: Path, raw_file: str | None = None) -> list[str]:
    return [file.name for file in find_files(source, raw_file, places)]


def test_a_source_without_a_path_says_how_to_set_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'acme' has no path: set source\.path=… or data\.raw_file=…"):
        find_files(_source(), None, [tmp_path])


def test_nothing_there_names_every_place(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        find_files(_source("raw/x.json"), None, [tmp_path / "bucket", tmp_path / "work"])
    assert str(tmp_path / "bucket/raw/x.json") in caught.value.message
    assert str(tmp_path / "work/raw/x.json") in caught.value.message


def test_of_a_simulated_export_that_is_not_there_the_next_command_is_named(tmp_path: Path) -> None:
    simulated = _source("raw/x.json", truth="raw/x.truth.json")
    with pytest.raises(SourceError, match=r"nothing to read at .*raw/x\.json; python jobs/simulate\.py writes"):
        find_files(simulated, None, [tmp_path])
    with pytest.raises(SourceError) as caught:
        find_files(simulated, "other.json", [tmp_path])
    assert "jobs/simulate.py" not in caught.value.message


def test_a_relative_path_means_the_bucket_first_then_the_working_folder(tmp_path: Path) -> None:
    bucket, work = tmp_path / "bucket", tmp_path / "work"
    _write(work, "x.json", "y.json")
    _write(bucket, "x.json")
    uris = [find_files(_source(), name, [bucket, work])[0].uri for name in ("x.json", "y.json")]
    assert uris == [str(bucket / "x.json"), str(work / "y.json")]


def test_an_absolute_path_and_a_uri_stand_for_themselves(tmp_path: Path) -> None:
    _write(tmp_path, "x.json")
    for path in (f"{tmp_path}/x.json", f"file://{tmp_path}/x.json"):
        (file,) = find_files(_source(path), None, [tmp_path / "elsewhere"])
        assert (file.uri, file.name, file.format, file.split) == (path, "x.json", "json", None)


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _write(tmp_path, "x.json")
    assert find_files(_source("~/x.json"), None, [])[0].uri == f"{tmp_path}/x.json"


def test_the_raw_file_goes_before_the_path(tmp_path: Path) -> None:
    _write(tmp_path, "x.json", "y.json")
    assert _names(_source("x.json"), tmp_path, raw_file="y.json") == ["y.json"]


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("x.json", "json"),
        ("x.jsonl", "jsonl"),
        ("x.ndjson.gz", "jsonl"),
        ("X.CSV.GZ", "csv"),
        ("x.tsv.bz2", "csv"),
        ("x.parquet", "parquet"),
        ("x.2024.pq", "parquet"),
        ("x.json.zst", "json"),
    ],
)
def test_the_ending_says_the_format(tmp_path: Path, name: str, format_: str) -> None:
    _write(tmp_path, name)
    assert find_files(_source(name), None, [tmp_path])[0].format == format_


@pytest.mark.parametrize("name", ["x.tar.gz", "x.xlsx", "tickets", "x.gz"])
def test_an_unknown_ending_is_refused_unless_the_format_is_given(tmp_path: Path, name: str) -> None:
    _write(tmp_path, name)
    with pytest.raises(SourceError, match=r"unknown ending; allowed: \.json.*source\.format"):
        find_files(_source(name), None, [tmp_path])
    assert find_files(_source(name, format="csv"), None, [tmp_path])[0].format == "csv"


def test_other_files_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    _write(tmp_path / "in", "b.json", "a.csv.gz", "old.tar", "old.tar.gz", "README.md", "_SUCCESS")
    assert _names(_source("in"), tmp_path) == ["a.csv.gz", "b.json"]


def test_a_folder_without_a_fitting_file_says_so(tmp_path: Path) -> None:
    _write(tmp_path / "in", "a.tar", "b.md")
    with pytest.raises(SourceError, match=r"none of 2 files fits; allowed: \.json"):
        find_files(_source("in"), None, [tmp_path])


def test_files_of_the_same_name_keep_the_folder_that_tells_them_apart(tmp_path: Path) -> None:
    _write(tmp_path / "in", "day=1/part.parquet", "day=2/part.parquet", "notes.md")
    assert _names(_source("in"), tmp_path) == ["day=1/part.parquet", "day=2/part.parquet"]
    assert _names(_source("in/day=1"), tmp_path) == ["part.parquet"]


def test_a_file_split_chooses_files_and_marks_them(tmp_path: Path) -> None:
    _write(tmp_path / "in", "train-1.csv", "train-2.csv", "test.csv", "dev.csv", "other.csv", "more/train-3.csv")
    split = FileSplit(train="train*", validation="dev*", test="test*")
    found = {file.name: file.split for file in find_files(_source("in", split=split), None, [tmp_path])}
    assert found == {
        "dev.csv": "validation",
        "more/train-3.csv": "train",
        "test.csv": "test",
        "train-1.csv": "train",
        "train-2.csv": "train",
    }


def test_a_file_split_that_fits_no_file_says_so(tmp_path: Path) -> None:
    _write(tmp_path / "in", "a.csv", "b.csv")
    with pytest.raises(SourceError, match=r"none of 2 files fits.*globs of source\.split"):
        find_files(_source("in", split=FileSplit(train="train*")), None, [tmp_path])
