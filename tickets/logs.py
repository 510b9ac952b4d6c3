"""Log lines of the three scopes `data`, `ml` and `api`: JSON in rotating files, one short line each on stdout.

It does not know what is logged, nor which process is a driver and which a worker: every process calls `setup`
with the same folder and appends to the same `<log_dir>/<scope>.jsonl`. Each line is written under a file lock,
and the writer that finds the file full rotates it under that same lock (`data.jsonl` becomes `data.jsonl.1`, and
so on), so processes never cut, mix or lose each other's lines. A writer holds no file between two lines, so a
rotation by one process needs no notice to the others.

A JSON line has these keys:

    time       ISO 8601 in UTC with milliseconds, ending in Z
    level      DEBUG, INFO, WARNING, ERROR or CRITICAL
    scope      data, ml or api
    message    what happened
    exception  the traceback, only where there is one
    ...        whatever was bound: job, run_id, bucket, operation, rows, bytes, seconds, attempt, error

Texts registered with `redact` are replaced by *** in all of them. Lines logged without a scope are dropped.
"""

from __future__ import annotations

import fcntl
import itertools
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import orjson
from loguru import logger

if TYPE_CHECKING:
    from loguru import Logger, Message, Record

Scope = Literal["data", "ml", "api"]

MAX_FILE_BYTES: Final = 10_000_000
"""Size that no log file exceeds, unless one line alone does."""
NUM_OLD_FILES: Final = 5
"""Rotated files kept for each scope, `.1` the newest."""

_HUMAN_LINE: Final = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {extra[scope]: <4} {message}\n"
_secrets: set[str] = set()


def get(scope: Scope) -> Logger:
    """Return the logger of a scope; `.bind(job=..., run_id=...)` adds keys to every line it writes."""
    return logger.bind(scope=scope)


def setup(log_dir: Path, level: str, human: bool = True) -> None:
    """Send the lines of every scope to its JSON file and, where `human`, to stdout.

    Asking again for the same changes nothing; asking for something else replaces the earlier set-up. Every other
    loguru sink of the process, its default one on stderr included, is removed.

    Args:
        log_dir: Local folder of the files; created if missing.
        level: Least severe level on stdout: DEBUG, INFO, WARNING, ERROR or CRITICAL. The files get everything.
        human: Also write a short line to stdout, coloured on a terminal. A Ray worker passes False, because its
            stdout is repeated by the driver.
    """
    _setup(log_dir.absolute(), level, human)


@lru_cache(maxsize=1)  # remembers the set-up in force: the same one again is a no-op, another one runs
def _setup(log_dir: Path, level: str, human: bool) -> None:
    log_dir.mkdir(parents=True, exist_ok=True)
    # Loguru's diagnosis prints the values of variables into tracebacks, and with them whatever is secret.
    common: dict[str, Any] = {"diagnose": False, "backtrace": False}
    handlers: list[Any] = [
        {
            "sink": partial(_write_json, log_dir / f"{scope}.jsonl"),
            "filter": partial(_has_scope, (scope,)),
            "format": _no_text,
            "level": "DEBUG",
            **common,
        }
        for scope in get_args(Scope)
    ]
    if human:
        has_any_scope = partial(_has_scope, get_args(Scope))
        handlers.append({"sink": sys.stdout, "filter": has_any_scope, "format": _human_line, "level": level, **common})
    logger.configure(handlers=handlers, patcher=_hide_in_record)


def redact(secrets: Iterable[str]) -> None:
    """Register texts that from now on appear as *** in messages, bound values and tracebacks of this process."""
    _secrets.update(filter(None, secrets))


def hide(value: Any) -> Any:
    """Return the value with *** in place of every registered secret in its strings, at any depth."""
    if isinstance(value, str):
        # The longest first, as one secret may contain another.
        for secret in sorted(_secrets, key=len, reverse=True):
            value = value.replace(secret, "***")
        return value
    if isinstance(value, Mapping):
        return {key: hide(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [hide(item) for item in value]
    return value


@contextmanager
def timed(log: Logger, operation: str, level: str = "INFO", **fields: Any) -> Iterator[dict[str, Any]]:
    """Log one line when the body ends: how long it took, or that it failed, with what it counted.

    Args:
        log: Logger that writes the line.
        operation: What the body does, for example `online.publish`.
        level: Severity of the line when all went well.
        fields: Keys of the line that are known beforehand.

    Yields:
        The keys of the line, `attempt` being 1; the body may change or add some, such as `rows` and `bytes`.

    Raises:
        Exception: Whatever the body raised, after its line was logged as an error.
    """
    done: dict[str, Any] = {"operation": operation, "attempt": 1, **fields}
    began = time.perf_counter()
    try:
        yield done
    except Exception as error:
        done["seconds"] = round(time.perf_counter() - began, 6)
        text = f"{operation} failed after {done['seconds']:.3f} s: {error}"
        log.bind(**done, error=type(error).__name__).error(text)
        raise
    done["seconds"] = round(time.perf_counter() - began, 6)
    rows = f"{done['rows']} rows, " if "rows" in done else ""
    log.bind(**done).log(level, f"{operation}: {rows}{done['seconds']:.3f} s")


def _has_scope(scopes: tuple[str, ...], record: Record) -> bool:
    return record["extra"].get("scope") in scopes


def _no_text(record: Record) -> str:
    return ""  # the JSON sinks read the record; loguru would otherwise format a text that nobody uses


def _human_line(record: Record) -> str:
    return _HUMAN_LINE  # given as a function, because loguru adds the traceback to a format that is a string


def _hide_in_record(record: Record) -> None:
    record["message"] = hide(record["message"])
    record["extra"] = hide(record["extra"])


def _write_json(path: Path, message: Message) -> None:
    line = orjson.dumps(_keys(message.record), default=lambda value: hide(str(value)), option=orjson.OPT_NON_STR_KEYS)
    _append(path, line + b"\n")


def _keys(record: Record) -> dict[str, Any]:
    moment = record["time"].astimezone(UTC).isoformat(timespec="milliseconds")
    keys: dict[str, Any] = {
        "time": moment.replace("+00:00", "Z"),
        "level": record["level"].name,
        "scope": record["extra"]["scope"],
        "message": record["message"],
    }
    if record["exception"] is not None:
        keys["exception"] = hide("".join(traceback.format_exception(record["exception"].value)))
    return keys | {key: value for key, value in record["extra"].items() if key not in keys}


def _append(path: Path, line: bytes) -> None:
    """Append a line under the lock that all writers of `path` share, in this process and in others."""
    with path.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_size + len(line) > MAX_FILE_BYTES:
            _rotate(path)
        with path.open("ab", buffering=0) as file:
            file.write(line)


def _rotate(path: Path) -> None:
    """Shift `path` to `.1`, `.1` to `.2` and so on; the oldest one is overwritten."""
    names = [path, *(Path(f"{path}.{age}") for age in range(1, NUM_OLD_FILES + 1))]
    for younger, older in reversed(list(itertools.pairwise(names))):
        if younger.exists():
            younger.replace(older)
