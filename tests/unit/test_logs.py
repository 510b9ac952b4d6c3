"""Log lines are whole, parse, stay in their scope, and never hold a registered secret."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from tickets import logs

SECRET = "hunter2-planted"


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "_secrets", set())
    yield
    logger.remove()


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_json_object_with_its_bound_keys(tmp_path: Path) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    logs.get("ml").bind(job="train", run_id="r1", where=tmp_path).info("first\nsecond {} é")
    (line,) = read(tmp_path / "ml.jsonl")
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO",
        "scope": "ml",
        "message": "first\nsecond {} é",
        "job": "train",
        "run_id": "r1",
        "where": str(tmp_path),
    }


def test_each_scope_has_its_own_file_and_lines_without_one_go_nowhere(tmp_path: Path) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    for scope in ("data", "ml", "api"):
        logs.get(scope).info(f"from {scope}")
    logger.info("from a library")
    for scope in ("data", "ml", "api"):
        assert [line["message"] for line in read(tmp_path / f"{scope}.jsonl")] == [f"from {scope}"]


def test_a_bound_key_cannot_replace_a_fixed_one(tmp_path: Path) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    logs.get("data").bind(message="forged", level="forged").info("real")
    (line,) = read(tmp_path / "data.jsonl")
    assert (line["message"], line["level"]) == ("real", "INFO")


def test_the_level_is_that_of_stdout_and_files_get_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.setup(tmp_path, "WARNING")
    logs.get("data").debug("quiet")
    logs.get("data").warning("loud")
    assert [line["message"] for line in read(tmp_path / "data.jsonl")] == ["quiet", "loud"]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("loud")


def test_stdout_gets_one_plain_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(tmp_path, "INFO")
    try:
        raise ValueError("why")
    except ValueError:
        logs.get("api").exception("it <b>failed</b> {here}")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[1:] == ["ERROR", "api", "it", "<b>failed</b>", "{here}"]
    assert "\x1b" not in line
    (line_in_file,) = read(tmp_path / "api.jsonl")
    assert "ValueError: why" in line_in_file["exception"]


def test_a_worker_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    logs.get("data").info("kept in the file")
    assert capsys.readouterr().out == ""


def test_setting_up_again_writes_no_line_twice(tmp_path: Path) -> None:
    for log_dir in (tmp_path / "a", tmp_path / "b", tmp_path / "b"):
        logs.setup(log_dir, "INFO", human=False)
    logs.get("data").info("once")
    assert not (tmp_path / "a" / "data.jsonl").exists()
    assert len(read(tmp_path / "b" / "data.jsonl")) == 1


def test_secrets_appear_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Client:
        def __str__(self) -> str:
            return f"client({SECRET})"

    logs.setup(tmp_path, "INFO")
    logs.redact(["hunter2", SECRET, ""])
    log = logs.get("data").bind(uri=f"redis://:{SECRET}@host", nested={"a": [SECRET, {"b": (SECRET,)}]}, on=Client())
    try:
        password = SECRET  # a local variable, as diagnosing formatters print them
        raise ValueError(f"bad password {password}")
    except ValueError:
        log.exception(f"refused {SECRET}")
    written = (tmp_path / "data.jsonl").read_text() + capsys.readouterr().out
    assert "hunter2" not in written
    assert "planted" not in written  # the longer secret was replaced as a whole
    (line,) = read(tmp_path / "data.jsonl")
    assert line["message"] == "refused ***"
    assert line["on"] == "client(***)"
    assert line["nested"] == {"a": ["***", {"b": ["***"]}]}
    assert "ValueError: bad password ***" in line["exception"]


def test_a_secret_that_looks_like_json_breaks_no_line(tmp_path: Path) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    logs.redact(["123", 'a"b'])
    logs.get("data").bind(rows=12345).info('it is a"b')
    (line,) = read(tmp_path / "data.jsonl")
    assert (line["rows"], line["message"]) == (12345, "it is ***")


def test_files_rotate_within_bounds_and_keep_the_newest_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_FILE_BYTES", 600)
    monkeypatch.setattr(logs, "NUM_OLD_FILES", 2)
    logs.setup(tmp_path, "INFO", human=False)
    for number in range(50):
        logs.get("data").bind(number=number).info("line")
    files = [tmp_path / name for name in ("data.jsonl.2", "data.jsonl.1", "data.jsonl")]
    assert sorted(tmp_path.glob("data.jsonl*")) == sorted(files)
    assert all(file.stat().st_size <= 600 for file in files)
    numbers = [line["number"] for file in files for line in read(file)]
    assert numbers == list(range(50))[-len(numbers) :]


def test_two_processes_lose_and_cut_no_line(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tickets import logs\n"
        "logs.MAX_FILE_BYTES, logs.NUM_OLD_FILES = 500, 400\n"
        "logs.setup(Path(sys.argv[1]), 'INFO', human=False)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(150): logs.get('data').bind(writer=sys.argv[2], number=number).info('x' * 50)\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    files = list(tmp_path.glob("data.jsonl*"))
    assert len(files) > 10
    lines = sorted((line["writer"], line["number"]) for file in files for line in read(file))
    assert lines == [(name, number) for name in ("a", "b") for number in range(150)]


def test_timed_logs_what_the_body_counted(tmp_path: Path) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    with logs.timed(logs.get("data"), "storage.read", bucket="b") as done:
        done["rows"], done["bytes"] = 3, 120
    (line,) = read(tmp_path / "data.jsonl")
    assert line["seconds"] >= 0
    assert {key: line[key] for key in ("operation", "bucket", "rows", "bytes", "attempt", "level")} == {
        "operation": "storage.read",
        "bucket": "b",
        "rows": 3,
        "bytes": 120,
        "attempt": 1,
        "level": "INFO",
    }


def test_timed_logs_and_passes_on_the_error(tmp_path: Path) -> None:
    logs.setup(tmp_path, "INFO", human=False)
    with pytest.raises(KeyError, match="gone"), logs.timed(logs.get("data"), "storage.read") as done:
        done["attempt"] = 4
        raise KeyError("gone")
    (line,) = read(tmp_path / "data.jsonl")
    assert (line["level"], line["error"], line["attempt"]) == ("ERROR", "KeyError", 4)
    assert "storage.read failed" in line["message"]


def test_importing_sets_nothing_up() -> None:
    program = "import tickets.logs; from loguru import logger; logger.warning('still on stderr')"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "still on stderr" in finished.stderr
