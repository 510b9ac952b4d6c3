"""The tables of a bucket, without Ray: sums, versions, increments, kills, two writers, logs of events, broken files."""

from __future__ import annotations

import gzip
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickets.config import (
    CleaningConfig,
    CommentsConfig,
    DataConfig,
    FieldConfig,
    FileSplit,
    QualityConfig,
    SnapshotsConfig,
    SourceConfig,
)
from tickets.config.quality import Severity
from tickets.data.comments import ingest_comments, read_comments
from tickets.data.ingest import ingest, repair_quarantine
from tickets.data.inspect import inspect_tickets
from tickets.data.quarantine import export_rows
from tickets.data.retention import list_versions, prune
from tickets.data.sources import SourceFile
from tickets.data.stage import Print, stage_file
from tickets.data.staged import Staged
from tickets.data.tables import Ingested, load_tables
from tickets.data.treatment import Reading
from tickets.errors import ConflictError, RefusedError, SourceError, StorageError
from tickets.schema import Kind, Stage
from tickets.snapshots import (
    commit,
    list_snapshots,
    load_snapshot,
    read_head,
    read_table,
    save_snapshot,
    write_snapshot,
)
from tickets.storage import Storage, open_export
from tickets.storage.files import LocalFiles

SOURCE = SourceConfig(name="acme", path="raw/*.jsonl", value_sets="none")
NOT_COMPARED = ("ingested_at",)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))


def _stage(storage: Storage, bucket: str, files: Mapping[Print, SourceFile], reading: Reading) -> list[Staged]:
    """What Ray tasks do, one after the other."""
    now = datetime.now(UTC)
    staged = [list(stage_file(storage, bucket, of, name, reading, now))[-1] for name, of in files.items()]
    return [of for of in staged if isinstance(of, Staged)]


def _ingest(storage: Storage, source: SourceConfig = SOURCE, **data: Any) -> Ingested:
    return ingest(storage, "acme", Reading(source), DataConfig(**data), Path.cwd(), _stage)


def _write(storage: Storage, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    storage.write_bytes(f"acme/raw/{name}", b"".join(json.dumps(row).encode() + b"\n" for row in rows))


def _ticket(number: int, version: int = 0, month: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "ticket_id": f"T{number}",
        "created_at": f"2026-{month:02d}-0{1 + number % 9}T08:00:00Z",
        "updated_at": f"2026-{month:02d}-1{version}T08:00:00Z",
        "subject": f"version {version} of {number}",
        **more,
    }


def _files(storage: Storage) -> list[Staged]:
    before = load_tables(storage, "acme", read_head(storage, "acme"))
    assert before is not None
    return before.files


def _content(storage: Storage, name: str) -> list[dict[str, Any]]:
    table = read_table(storage, load_snapshot(storage, f"acme/{name}"))
    kept = [column for column in table.column_names if column not in NOT_COMPARED]
    rows: list[dict[str, Any]] = table.select(kept).to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def _subjects(storage: Storage) -> dict[str, str]:
    return {row["ticket_id"]: row["subject"] for row in _content(storage, "offline")}


def test_rows_in_are_bronze_and_quarantine_and_bronze_is_accounted_for(storage: Storage) -> None:
    rows = [_ticket(1), _ticket(2), _ticket(1, 1), _ticket(2), {"ticket_id": "T3"}]
    _write(storage, "a.jsonl", rows)
    storage.write_bytes("acme/raw/b.jsonl", b'{"ticket_id": "T9", "subj\n')
    done = _ingest(storage)
    tables = {name: snapshot.num_rows for name, snapshot in done.tables.items()}
    assert tables == {"bronze": 4, "quarantine": 2, "offline": 2, "online": 2}
    assert (done.rows_in, done.num_superseded, done.num_duplicates) == (6, 1, 1)
    assert done.added == {"files": 2, "rows": 6, "inserts": 2, "updates": 0, "duplicates": 1}
    assert done.reasons == {"no usable field": 1, "not JSON": 1}
    assert _subjects(storage) == {"T1": "version 1 of 1", "T2": "version 0 of 2"}


def test_bronze_keeps_every_version_with_its_time(storage: Storage) -> None:
    _write(storage, "a.jsonl", [_ticket(1), _ticket(1, 3)])
    _ingest(storage)
    versions = sorted(_content(storage, "bronze"), key=lambda row: row["valid_from"])
    assert [row["valid_from"].isoformat() for row in versions] == [
        "2026-01-10T08:00:00+00:00",
        "2026-01-13T08:00:00+00:00",
    ]
    table = read_table(storage, load_snapshot(storage, "acme/bronze"), ["ingested_at"])
    assert table["ingested_at"].null_count == 0


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([{"updated_at": "2026-01-02", "n": 9}, {"updated_at": "2026-01-03", "n": 1}], 1),
        ([{"updated_at": "2026-01-03", "n": 1}, {"updated_at": "2026-01-03", "n": 2}], 2),
        ([{"n": 1}, {"n": 3}], 3),
        ([{"updated_at": "2026-01-03", "n": 1}, {"n": 7}], 1),
        ([{"updated_at": "2026-01-03", "n": 4}, {"updated_at": "2026-01-03"}], 4),
    ],
)
def test_the_later_update_wins_then_the_sequence(
    storage: Storage, versions: list[dict[str, Any]], expected: int
) -> None:
    source = SOURCE.model_copy(update={"sequence": "n"})
    for turn, order in enumerate(itertools.permutations(versions)):
        root = Storage(f"{storage.root}/{turn}")
        for at, version in enumerate(order):
            _write(root, f"{at}.jsonl", [{"ticket_id": "T1", "subject": "x", **version}])
        _ingest(root, source)
        assert [row["sequence"] for row in _content(root, "offline")] == [expected]


def test_without_any_order_the_rule_is_told(storage: Storage) -> None:
    _write(storage, "a.jsonl", [{"ticket_id": "T1", "subject": text} for text in "abc"])
    done = _ingest(storage)
    assert "content hash: the source has neither updated_at nor a sequence" in str(done)


def test_increments_equal_one_full_run_whatever_their_order(storage: Storage) -> None:
    days = {
        "1.jsonl": [_ticket(n) for n in range(20)] + [{"ticket_id": "T99"}],
        "2.jsonl": [_ticket(n, 1) for n in range(5, 12)] + [_ticket(n, month=2) for n in range(20, 30)],
        "3.jsonl": [_ticket(n, 2) for n in range(3)] + [_ticket(7, 1)],
    }
    contents = []
    for turn, order in enumerate([("1.jsonl", "2.jsonl", "3.jsonl"), ("3.jsonl", "1.jsonl", "2.jsonl"), None]):
        root = Storage(f"{storage.root}/{turn}")
        for name in order or ():
            _write(root, name, days[name])
            _ingest(root)
        if order is None:
            for name, rows in days.items():
                _write(root, name, rows)
            _ingest(root)
        contents.append({name: _content(root, name) for name in ("bronze", "quarantine", "offline", "online")})
    assert contents[0] == contents[1] == contents[2]


def test_an_increment_reads_new_files_alone_and_rewrites_changed_months_alone(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(n, month=1 + n % 3) for n in range(30)])
    first = _ingest(storage)
    _write(storage, "2.jsonl", [_ticket(1, 5, month=2), _ticket(40, month=2)])
    read: list[str] = []

    def stage(root: Storage, bucket: str, files: Mapping[Print, SourceFile], *rest: Any) -> list[Staged]:
        read.extend(of.name for of in files.values())
        return _stage(root, bucket, files, *rest)

    second = ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), stage)
    assert read == ["2.jsonl"]
    assert second.added == {"files": 1, "rows": 2, "inserts": 1, "updates": 1, "duplicates": 0}
    before, after = ({part.key for part in of.offline.parts} for of in (first, second))
    assert {key.split("/")[2] for key in before ^ after} == {"2026-02"}
    third = ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), stage)
    assert third.reused
    assert third.tables == second.tables
    assert read == ["2.jsonl"]


def test_a_changed_file_adds_its_versions(storage: Storage) -> None:
    _write(storage, "a.jsonl", [_ticket(1), _ticket(2)])
    _ingest(storage)
    _write(storage, "a.jsonl", [_ticket(1, 4), _ticket(2), _ticket(3)])
    done = _ingest(storage)
    assert done.added == {"files": 1, "rows": 3, "inserts": 1, "updates": 1, "duplicates": 1}
    assert _subjects(storage) == {"T1": "version 4 of 1", "T2": "version 0 of 2", "T3": "version 0 of 3"}


def test_a_changed_file_without_ids_replaces_what_it_gave(storage: Storage) -> None:
    storage.write_bytes("acme/raw/a.jsonl", b'{"subject": "one"}\n{"subject": "two"}\n')
    _ingest(storage)
    storage.write_bytes("acme/raw/a.jsonl", b'{"subject": "new"}\n{"subject": "one"}\n{"subject": "two"}\n')
    done = _ingest(storage)
    assert done.offline.num_rows == 3
    assert done.rows_in == 3


def test_another_mapping_reads_all_again_and_loses_nothing_silently(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    _ingest(storage)
    _write(storage, "2.jsonl", [_ticket(2)])
    other = SOURCE.model_copy(update={"fields": {"description": "subject"}})
    assert _ingest(storage, other).offline.num_rows == 2
    storage.delete("acme/raw/1.jsonl")
    with pytest.raises(
        SourceError, match=r"1 that were read are gone or changed since: 1\.jsonl; .*data\.rebuild=true"
    ):
        _ingest(storage, SOURCE)
    assert len(_content(storage, "offline")) == 2
    assert _ingest(storage, SOURCE, rebuild=True).offline.num_rows == 1


def test_a_run_that_breaks_anywhere_shows_nothing_and_is_finished_by_the_next(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(storage, "1.jsonl", [_ticket(n, month=1 + n % 2) for n in range(6)])
    _ingest(storage)
    before = _content(storage, "offline"), read_head(storage, "acme")
    _write(storage, "2.jsonl", [_ticket(1, 3, month=2), _ticket(8), {"ticket_id": "T9"}])
    expected = Storage(f"{storage.root}-whole")
    for name in ("1.jsonl", "2.jsonl"):
        expected.write_bytes(f"acme/raw/{name}", storage.read_bytes(f"acme/raw/{name}"))
    _ingest(expected)
    left = [0]

    def breaks(genuine: Any) -> Any:
        def write(self: LocalFiles, *arguments: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return genuine(self, *arguments)

        return write

    for name in ("write", "swap", "adopt_file"):
        monkeypatch.setattr(LocalFiles, name, breaks(getattr(LocalFiles, name)))
    for num_writes in itertools.count():
        left[0] = num_writes
        try:
            _ingest(storage)
        except KeyboardInterrupt:
            left[0] = 10**6
            assert (_content(storage, "offline"), read_head(storage, "acme")) == before
            continue
        break
    assert num_writes > 8
    for table in ("bronze", "quarantine", "offline", "online"):
        assert _content(storage, table) == _content(expected, table)


def test_what_was_read_before_a_break_is_not_read_again(storage: Storage) -> None:
    for name in ("1.jsonl", "2.jsonl"):
        _write(storage, name, [_ticket(int(name[0]))])

    def breaks(root: Storage, bucket: str, files: Mapping[Print, SourceFile], *rest: Any) -> list[Staged]:
        first = dict(list(files.items())[:1])
        _stage(root, bucket, first, *rest)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), breaks)
    (staged,) = storage.list_keys("acme/staged")
    record = storage.read_json(f"acme/staged/{staged}")
    _ingest(storage)
    kept = load_snapshot(storage, "acme/bronze").meta["files"]
    assert {of["ingested_at"] for of in kept if of["name"] == record["name"]} == {record["ingested_at"]}
    assert storage.list_keys("acme/staged") == []


def test_of_two_writers_the_second_fails_and_changes_nothing(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])

    def overtaken(root: Storage, bucket: str, files: Mapping[Print, SourceFile], *rest: Any) -> list[Staged]:
        staged = _stage(root, bucket, files, *rest)
        _write(storage, "2.jsonl", [_ticket(2)])
        _ingest(storage)  # another process, which was faster
        return staged

    with pytest.raises(ConflictError, match="changed by another writer"):
        ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), overtaken)
    assert set(_subjects(storage)) == {"T1", "T2"}
    assert _ingest(storage).reused


def test_a_log_of_events_folds_into_tickets(storage: Storage) -> None:
    source = SourceConfig(
        name="log",
        path="raw/log.csv",
        events=True,
        sequence="n",
        value_sets="none",
        fields={"ticket_id": "id", "updated_at": "at", "opened_priority": "priority"},
        own_fields={"opened_priority": FieldConfig(kind=Kind.CATEGORICAL, stage=Stage.CREATION)},
    )
    lines = [
        "id,at,n,created_at,subject,priority,resolution_code",
        "1,2026-01-02,0,2026-01-01,first words,low,FIXED",
        "1,2026-01-02,1,2026-01-01,other words,high,FIXED",
        "2,2026-01-05,0,2026-02-01,only,mid,",
        "1,2026-01-01,5,2026-01-01,earliest words,none,FIXED",
    ]
    storage.write_bytes("acme/raw/log.csv", "\n".join(lines).encode())
    done = _ingest(storage, source)
    rows = {row["ticket_id"]: row for row in _content(storage, "offline")}
    assert (done.offline.num_rows, done.num_superseded) == (2, 2)
    assert (rows["1"]["subject"], rows["1"]["opened_priority"]) == ("earliest words", "none")
    assert (rows["1"]["sequence"], rows["1"]["resolution_code"]) == (1, "FIXED")
    assert (rows["2"]["subject"], rows["2"]["opened_priority"]) == ("only", "mid")


def test_the_newest_tickets_are_sliced_with_iso_times(storage: Storage) -> None:
    rows = [_ticket(n, month=1 + n // 10) for n in range(30)]
    _write(storage, "1.jsonl", [*rows, {"ticket_id": "undated", "subject": "x"}])
    _ingest(storage, online_rows=12)
    online = _content(storage, "online")
    newest = sorted(rows, key=lambda row: str(row["created_at"]))[-12:]
    assert {row["created_at"] for row in online} == {f"{str(row['created_at'])[:-1]}.000Z" for row in newest}
    assert len(online) == 12


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["2026-01-31", "31/01/2026", "20260131", "1769817600000", "NaN", "null", "\ud800", "\x00", "a" * 9000]
    ),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.lists(st.integers(), max_size=2), max_size=2),
)
NAMES = st.sampled_from(
    ["ticket_id", "subject", "description", "created_at", "updated_at", "tags", "affected_users", "escalated", "other"]
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=12)


def _spoil(content: bytes, how: str) -> bytes:
    cut = content[: len(content) * 2 // 3]
    return {
        "whole": content,
        "bom": b"\xef\xbb\xbf" + content,
        "cut": cut,
        "bytes": content.replace(b"e", b"\xff", 2),
        "empty": b"",
        "zeros": content + b"\x00" * 50,
        "packed": gzip.compress(content),
        "packed, cut": gzip.compress(content)[: len(gzip.compress(content)) * 2 // 3],
        "no end": content.rstrip(b"\n]"),
    }[how]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    how=st.sampled_from(["whole", "bom", "cut", "bytes", "empty", "zeros", "packed", "packed, cut", "no end"]),
    form=st.sampled_from(["json", "jsonl"]),
)
def test_whatever_a_file_holds_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], how: str, form: str
) -> None:
    storage = Storage(str(tmp_path_factory.mktemp("root")))
    texts = [json.dumps(row) for row in rows]
    content = ("[" + ", ".join(texts) + "]" if form == "json" else "\n".join(texts) + "\n").encode()
    spoilt = _spoil(content, how)
    name = f"a.{form}{'.gz' if 'packed' in how else ''}"
    storage.write_bytes(f"acme/raw/{name}", spoilt)
    _write(storage, "z.jsonl", [_ticket(1)])
    source = SOURCE.model_copy(update={"path": "raw/*"})
    done = _ingest(storage, source)
    tables = {table: snapshot.num_rows for table, snapshot in done.tables.items()}
    assert done.rows_in == tables["bronze"] + tables["quarantine"]
    assert tables["bronze"] == tables["offline"] + done.num_superseded + done.num_duplicates
    if how in ("whole", "bom", "packed"):
        assert done.rows_in == len(rows) + 1
    quarantine = read_table(storage, done.tables["quarantine"]) if done.tables["quarantine"].parts else None
    if quarantine is not None:
        assert quarantine["original"].null_count == 0
        assert quarantine["reason"].null_count == 0
    ids = read_table(storage, done.offline, ["ticket_id"])["ticket_id"]
    assert len(pc.unique(ids)) == tables["offline"]


def test_a_column_whose_type_changes_between_files_is_one_column(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1, affected_users=3), _ticket(2, affected_users="4")])
    _write(storage, "2.jsonl", [_ticket(3, affected_users=[5]), _ticket(4, affected_users=6.5)])
    _ingest(storage)
    table = read_table(storage, load_snapshot(storage, "acme/offline"), ["ticket_id", "affected_users", "marks"])
    assert table.schema.field("affected_users").type == pa.float64()
    found = {row["ticket_id"]: (row["affected_users"], row["marks"]) for row in table.to_pylist()}
    assert found["T3"] == (None, ["affected_users: not a number"])
    assert [found[name][0] for name in ("T1", "T2", "T4")] == [3, 4, 6.5]


def test_a_field_of_ten_megabytes_is_kept(storage: Storage) -> None:
    text = "long words " * 950_000
    _write(storage, "1.jsonl", [_ticket(1, description=text), _ticket(2)])
    _ingest(storage)
    found = {row["ticket_id"]: row["description"] for row in _content(storage, "offline")}
    assert found == {"T1": text, "T2": None}


@pytest.mark.data
def test_the_incident_log_folds_into_its_incidents(storage: Storage, data_dir: Path) -> None:
    from omegaconf import OmegaConf

    path = Path(__file__).parents[3] / "conf/source/servicenow.yaml"
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    source = SourceConfig(**content["source"], path=str(data_dir / "servicenow/incident_events.csv.gz"))
    done = _ingest(storage, source)
    assert (done.rows_in, done.offline.num_rows) == (101_045, 17_136)
    assert done.tables["quarantine"].num_rows == 0
    log = read_table(storage, done.tables["bronze"], ["ticket_id", "updated_at", "sequence", "opened_priority"])
    order = pc.sort_indices(
        log, sort_keys=[("ticket_id", "ascending"), ("updated_at", "ascending"), ("sequence", "ascending")]
    )
    ids = log["ticket_id"].take(order).to_pylist()
    first: dict[str, str] = {}
    for name, priority in zip(ids, log["opened_priority"].take(order).to_pylist(), strict=True):
        first.setdefault(name, priority)
    folded = read_table(storage, done.offline, ["ticket_id", "opened_priority"])
    found = dict(zip(folded["ticket_id"].to_pylist(), folded["opened_priority"].to_pylist(), strict=True))
    assert found == first


def _limited(**limits: float) -> Reading:
    return Reading(SOURCE, quality=QualityConfig(limits=limits))


def test_too_much_of_anything_stops_the_job_and_nothing_is_published(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(n) for n in range(8)])
    _ingest(storage)
    head = read_head(storage, "acme")
    wrong = [_ticket(20 + n, resolved_at="2020-01-01T00:00:00Z") for n in range(3)]
    _write(storage, "2.jsonl", [*wrong, _ticket(30)])
    limits = {"time_order": 0.5}
    with pytest.raises(RefusedError, match=r"quality\.limits: .*time_order.*nothing was published"):
        ingest(storage, "acme", _limited(**limits), DataConfig(), Path.cwd(), _stage)
    assert read_head(storage, "acme") == head
    limits["time_order"] = 0.8
    done = ingest(storage, "acme", _limited(**limits), DataConfig(), Path.cwd(), _stage)
    assert done.offline.num_rows == 12
    assert done.marks == {"resolved_at: before created_at": 3}


def test_a_check_can_send_tickets_to_quarantine(storage: Storage) -> None:
    reading = Reading(SOURCE, quality=QualityConfig(severities={"time_order": Severity.QUARANTINE}))
    bad = _ticket(2, resolved_at="2020-01-01T00:00:00Z", password="hunter2")
    _write(storage, "1.jsonl", [_ticket(1), bad])
    done = ingest(storage, "acme", reading, DataConfig(), Path.cwd(), _stage)
    assert {name: of.num_rows for name, of in done.tables.items()}["quarantine"] == 1
    (row,) = read_table(storage, done.tables["quarantine"]).to_pylist()
    assert row["reason"].startswith("failed a check: time_order")
    assert json.loads(row["original"]) == bad
    (part,) = done.tables["quarantine"].parts
    assert storage.local_path(part.key).stat().st_mode & 0o077 == 0


def test_quarantine_can_be_masked(storage: Storage) -> None:
    storage.write_bytes(
        "acme/raw/1.jsonl", b'{"subject": "mail jane.doe@example.com"\n' + json.dumps(_ticket(1)).encode()
    )
    done = ingest(storage, "acme", Reading(SOURCE, mask_quarantine=True), DataConfig(), Path.cwd(), _stage)
    (row,) = read_table(storage, done.tables["quarantine"]).to_pylist()
    assert row["original"] == b'{"subject": "mail [email]"\n'


def test_repaired_rows_leave_the_quarantine_and_become_tickets(storage: Storage) -> None:
    storage.write_bytes(
        "acme/raw/1.jsonl", b'{"ticket_id": "T5"\n{"ticket_id": "T6"}\n' + json.dumps(_ticket(1)).encode()
    )
    before = _ingest(storage)
    lines = [json.loads(line) for line in export_rows(storage, _files(storage))]
    assert [(of["source_row"], of["original"]) for of in lines] == [
        (0, '{"ticket_id": "T5"\n'),
        (1, '{"ticket_id":"T6"}'),
    ]
    repaired = [
        {"quarantine_id": lines[0]["quarantine_id"], "row": _ticket(5)},
        {"quarantine_id": lines[1]["quarantine_id"], "row": {"ticket_id": "T6"}},
    ]
    text = [json.dumps(of).encode() for of in repaired]
    done, result = repair_quarantine(storage, "acme", Reading(SOURCE), DataConfig(), text)
    assert (result.num_accepted, dict(result.refused)) == (1, {"no usable field": 1})
    assert done.rows_in == before.rows_in == 3
    assert done.reasons == {"no usable field": 1}
    assert set(_subjects(storage)) == {"T1", "T5"}
    (row,) = _content(storage, "quarantine")
    assert row["source_row"] == 1
    with pytest.raises(SourceError, match="is no row in quarantine; 1 such lines"):
        repair_quarantine(storage, "acme", Reading(SOURCE), DataConfig(), text[:1])
    _write(storage, "2.jsonl", [_ticket(9)])
    assert _ingest(storage).rows_in == 4
    assert set(_subjects(storage)) == {"T1", "T5", "T9"}


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"quarantine_id": 1, "row": {}}', b'{"quarantine_id": "x", "row": 2}'])
def test_a_repaired_line_that_is_none_is_named(storage: Storage, line: bytes) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    _ingest(storage)
    with pytest.raises(SourceError, match="line 1; allowed: an object with quarantine_id and row"):
        repair_quarantine(storage, "acme", Reading(SOURCE), DataConfig(), [line])


def test_refused_content_expires_and_the_sums_stay(storage: Storage) -> None:
    storage.write_bytes("acme/raw/1.jsonl", b'{"secret": \n' + json.dumps(_ticket(1)).encode())
    _ingest(storage)
    month_ago = datetime.now(UTC) - timedelta(days=31)
    head = read_head(storage, "acme")
    bronze = load_snapshot(storage, "acme/bronze")
    aged = {**bronze.meta, "files": [{**of, "ingested_at": month_ago.isoformat()} for of in bronze.meta["files"]]}
    commit(storage, "acme", head, [save_snapshot(storage, "acme/bronze", bronze.parts, aged)])
    kept = ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), _stage, expire_days=60)
    assert kept.reused
    done = ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), _stage, expire_days=30)
    (row,) = read_table(storage, done.tables["quarantine"]).to_pylist()
    assert (row["original"], row["source_row"]) == (None, 0)
    assert done.rows_in == 2
    assert ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), _stage, expire_days=30).reused


def test_cleaned_texts_keep_their_originals(storage: Storage) -> None:
    reading = Reading(SOURCE, cleaning=CleaningConfig(steps=["html", "quotes"]))
    mail = "<p>It stops.</p><p>Why?</p>"
    _write(storage, "1.jsonl", [_ticket(1, description=mail), _ticket(2, description="plain a < b")])
    done = ingest(storage, "acme", reading, DataConfig(), Path.cwd(), _stage)
    first, second = sorted(_content(storage, "offline"), key=lambda row: row["ticket_id"])
    assert "<p>" not in first["description"]
    assert json.loads(first["originals"]) == {"description": mail}
    assert (second["description"], second["originals"]) == ("plain a < b", None)
    assert done.changed == {"description: html": 1}


def test_comments_are_later_turns_with_their_time(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1), _ticket(2)])
    comments = CommentsConfig(path="comments/*.csv", ticket_id="ticket", created_at="at", text="words", author="who")
    source = SOURCE.model_copy(update={"comments": comments})
    lines = [
        "ticket,at,words,who",
        "T1,2026-01-05,second turn,ann",
        "T1,2026-01-04,first turn,bob",
        "T7,2026-01-04,?,x",
    ]
    storage.write_bytes("acme/comments/a.csv", "\n".join([*lines, "T2,2026-01-09,orphan not,ann,too many"]).encode())
    _ingest(storage, source)
    again = (storage, "acme", Reading(source), comments, DataConfig(), Path.cwd(), _stage)
    done = ingest_comments(*again)
    assert (done.snapshot.num_rows, done.refused.num_rows, done.num_orphans) == (2, 2, 0)
    found = read_comments(storage, "acme").to_pylist()
    assert [(row["ticket_id"], row["text"], row["author"]) for row in found] == [
        ("T1", "first turn", "bob"),
        ("T1", "second turn", "ann"),
    ]
    storage.write_bytes("acme/comments/b.csv", "\n".join([lines[0], lines[1], "T9,2026-01-05,lost,ann"]).encode())
    done = ingest_comments(*again)
    assert (done.snapshot.num_rows, done.num_orphans) == (4, 1)
    assert len(read_comments(storage, "acme")) == 3
    assert {row["subject"] for row in _content(storage, "offline")} == {"version 0 of 1", "version 0 of 2"}


def test_versions_that_nobody_needs_are_pruned(storage: Storage) -> None:
    for day in range(4):
        _write(storage, f"{day}.jsonl", [_ticket(n, day) for n in range(3)])
        _ingest(storage)
    (storage.local_path("acme/data") / ".draft-killed").mkdir()
    config = SnapshotsConfig(keep=1, older_than_h=0)
    versions = list_versions(storage, "acme", config)
    assert [of.why for of in versions if of.table == "offline"] == ["", "", "", "seen"]
    young = prune(storage, "acme", SnapshotsConfig(keep=1))
    assert (young.snapshots, young.parts, young.drafts) == (0, 0, 0)
    before = {name: _content(storage, name) for name in ("bronze", "quarantine", "offline", "online")}
    pruned = prune(storage, "acme", config)
    assert pruned.snapshots == 12
    assert pruned.parts > 0
    assert pruned.drafts == 1
    assert before == {name: _content(storage, name) for name in before}
    assert prune(storage, "acme", config).parts == 0


def test_a_setting_that_changes_loses_no_version_silently(storage: Storage) -> None:
    for day in range(3):
        _write(storage, "a.jsonl", [_ticket(1, day)])
        _ingest(storage)
    cleaned = Reading(SOURCE, cleaning=CleaningConfig(steps=["html"]))
    with pytest.raises(SourceError, match=r"2 that were read are gone or changed since: a\.jsonl"):
        ingest(storage, "acme", cleaned, DataConfig(), Path.cwd(), _stage)
    reported = Reading(SOURCE, quality=QualityConfig(top_values=3))  # changes no row
    assert ingest(storage, "acme", reported, DataConfig(), Path.cwd(), _stage).reused


def test_a_second_folder_changes_no_name(storage: Storage) -> None:
    source = SOURCE.model_copy(update={"path": "raw"})
    storage.write_bytes("acme/raw/2025-01/t.jsonl", b'{"subject": "one"}\n{"subject": "two"}\n')
    _ingest(storage, source)
    storage.write_bytes("acme/raw/2025-02/t.jsonl", b'{"subject": "three"}\n')
    done = _ingest(storage, source)
    assert (done.offline.num_rows, done.added["files"]) == (3, 1)


@pytest.mark.parametrize("texts", [("old", "new"), ("new", "old"), ("a", "b"), ("b", "a")])
def test_without_any_order_the_newer_content_of_a_file_wins(storage: Storage, texts: tuple[str, str]) -> None:
    for text in texts:
        _write(storage, "a.jsonl", [{"ticket_id": "T1", "subject": text}])
        _ingest(storage)
    assert _subjects(storage) == {"T1": texts[1]}


def test_a_row_without_an_id_takes_none_of_the_others_with_it(storage: Storage) -> None:
    _write(storage, "a.jsonl", [_ticket(1), _ticket(2), {"subject": "no id"}])
    _ingest(storage)
    _write(storage, "a.jsonl", [_ticket(1, 3), {"subject": "other, no id"}, {"ticket_id": "made-up", "subject": "x"}])
    done = _ingest(storage)
    subjects = sorted(_subjects(storage).values())
    assert subjects == ["other, no id", "version 0 of 2", "version 3 of 1", "x"]
    assert done.tables["bronze"].num_rows == 5
    _write(storage, "a.jsonl", [_ticket(1, 3)])
    assert sorted(_subjects(storage).values()) == subjects
    assert _ingest(storage).offline.num_rows == 3


def test_repaired_rows_are_read_again_with_the_others(storage: Storage) -> None:
    storage.write_bytes("acme/raw/1.jsonl", b'{"ticket_id": "T5"\n' + json.dumps(_ticket(1)).encode())
    _ingest(storage)
    (line,) = [json.loads(line) for line in export_rows(storage, _files(storage))]
    text = json.dumps({"quarantine_id": line["quarantine_id"], "row": _ticket(5)}).encode()
    repair_quarantine(storage, "acme", Reading(SOURCE), DataConfig(), [text])
    other = SOURCE.model_copy(update={"fields": {"description": "subject"}})
    for source, rebuild in ((other, False), (other, True)):
        done = _ingest(storage, source, rebuild=rebuild)
        assert (done.rows_in, done.tables["quarantine"].num_rows, done.offline.num_rows) == (2, 0, 2)


def test_what_expired_is_in_no_file_any_more(storage: Storage) -> None:
    storage.write_bytes("acme/raw/1.jsonl", b'{"planted-secret-88"\n' + json.dumps(_ticket(1)).encode())
    _ingest(storage)
    _write(storage, "2.jsonl", [_ticket(2)])
    _ingest(storage)
    bronze, head = load_snapshot(storage, "acme/bronze"), read_head(storage, "acme")
    month_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    aged = {**bronze.meta, "files": [{**of, "ingested_at": month_ago} for of in bronze.meta["files"]]}
    commit(storage, "acme", head, [save_snapshot(storage, "acme/bronze", bronze.parts, aged)])
    ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), _stage, expire_days=30)
    for name in storage.list_keys("acme/data/2026-11") + storage.list_keys(f"acme/data/{datetime.now(UTC):%Y-%m}"):
        for month in storage.list_keys("acme/data"):
            if storage.exists(f"acme/data/{month}/{name}"):
                with storage.open_file(f"acme/data/{month}/{name}") as file:
                    assert b"planted-secret-88" not in pq.read_table(file).to_pandas().to_json().encode()
    assert len(list_snapshots(storage, "acme/quarantine")) == 1


def test_one_bad_file_stops_none_of_the_others(storage: Storage) -> None:
    source = SOURCE.model_copy(update={"path": "raw/*"})
    _write(storage, "a.jsonl", [_ticket(1)])
    storage.write_bytes("acme/raw/b.parquet", b"no Parquet at all")
    storage.write_bytes("acme/raw/c.csv", "größe,b\n1,2\n".encode("latin-1"))
    done = _ingest(storage, source)
    assert {name: of.num_rows for name, of in done.tables.items()}["quarantine"] == 2
    assert done.reasons == {"the file cannot be read": 2}
    storage.write_bytes("acme/raw/d.jsonl", b'{"half\n')
    assert _ingest(storage, source).tables["quarantine"].num_rows == 3
    assert _subjects(storage) == {"T1": "version 0 of 1"}


def test_a_file_whose_end_nobody_told_is_found_or_missed(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    _write(storage, "2.jsonl", [_ticket(2)])

    def forgets(*arguments: Any) -> list[Staged]:
        return _stage(*arguments)[:1]

    def skips(root: Storage, bucket: str, files: Mapping[Print, SourceFile], reading: Reading) -> list[Staged]:
        return _stage(root, bucket, dict(list(files.items())[:1]), reading)

    with pytest.raises(StorageError, match="its reading did not end"):
        ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), skips)
    done = ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), forgets)
    assert done.offline.num_rows == 2


def test_the_same_rows_again_are_no_updates(storage: Storage) -> None:
    rows = [_ticket(n) for n in range(5)]
    _write(storage, "a.jsonl", rows)
    _ingest(storage)
    for turn in range(4):
        _write(storage, f"copy-{turn}.jsonl", rows[::-1])
        _write(storage, "a.jsonl", [*rows, {"ticket_id": f"N{turn}", "subject": "new"}])
        added = _ingest(storage).added
        assert (added["inserts"], added["updates"]) == (1, 0)


def test_events_stand_in_the_month_of_their_first(storage: Storage) -> None:
    source = SourceConfig(name="log", path="raw/log.jsonl", events=True, sequence="n", value_sets="none")
    cleaned = Reading(source, cleaning=CleaningConfig(steps=["html"]))
    rows = [
        {
            "ticket_id": "T",
            "n": 0,
            "created_at": "2025-01-05",
            "description": "<p>first</p>",
            "resolution": "<p>no</p>",
        },
        {
            "ticket_id": "T",
            "n": 1,
            "created_at": "2025-03-05",
            "description": "<p>last</p>",
            "resolution": "<p>yes</p>",
        },
        {"ticket_id": "U", "n": 0, "created_at": "2025-02-05", "description": "u"},
    ]
    _write(storage, "log.jsonl", rows)
    done = ingest(storage, "acme", cleaned, DataConfig(online_rows=1), Path.cwd(), _stage)
    assert [part.month for part in done.offline.parts] == ["2025-01", "2025-02"]
    assert [row["ticket_id"] for row in _content(storage, "online")] == ["U"]
    folded = next(row for row in _content(storage, "offline") if row["ticket_id"] == "T")
    assert json.loads(folded["originals"]) == {"description": "<p>first</p>", "resolution": "<p>yes</p>"}
    assert (folded["description"].strip(), folded["resolution"].strip()) == ("first", "yes")


def test_another_size_of_the_slice_is_taken_without_new_files(storage: Storage) -> None:
    _write(storage, "a.jsonl", [_ticket(n) for n in range(5)])
    _ingest(storage, online_rows=2)
    assert _ingest(storage, online_rows=4).tables["online"].num_rows == 4


def test_another_table_that_moves_is_no_conflict(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])

    def meanwhile(*arguments: Any) -> list[Staged]:
        write_snapshot(storage, "acme/splits", [pa.table({"x": [1]})], pa.schema([("x", pa.int64())]), {})
        return _stage(*arguments)

    assert ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), meanwhile).offline.num_rows == 1
    assert "splits" in read_head(storage, "acme").tables


def test_a_refused_run_leaves_nothing_once_its_file_was_mended(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1, resolved_at="2020-01-01T00:00:00Z")])
    with pytest.raises(RefusedError):
        ingest(storage, "acme", _limited(time_order=0.1), DataConfig(), Path.cwd(), _stage)
    (record,) = storage.list_keys("acme/staged")
    assert storage.local_path(f"acme/staged/{record}").stat().st_mode & 0o077 == 0
    _write(storage, "1.jsonl", [_ticket(1)])
    _ingest(storage)
    prune(storage, "acme", SnapshotsConfig(older_than_h=0))
    assert storage.list_keys("acme/staged") == []


def test_a_whole_number_is_the_same_id_in_every_format(storage: Storage) -> None:
    source = SOURCE.model_copy(update={"path": "raw/*"})
    _write(storage, "a.jsonl", [{"ticket_id": 45, "subject": "x"}])
    table = pa.table({"ticket_id": [45.0, None], "subject": ["x", "y"]})
    pq.write_table(table, storage.local_path("acme/raw/b.parquet"))
    assert {row["ticket_id"][:5] for row in (_ingest(storage, source), _content(storage, "offline"))[1]} == {
        "45",
        "made-",
    }


def test_comments_of_files_that_are_gone_stay(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    comments = CommentsConfig(path="comments/*.jsonl")
    source = SOURCE.model_copy(update={"comments": comments})
    _ingest(storage, source)
    again = (storage, "acme", Reading(source), comments, DataConfig(), Path.cwd(), _stage)
    for number in (1, 2):
        row = {"ticket_id": "T1", "created_at": f"2026-01-0{number}", "text": f"turn {number}"}
        storage.write_bytes(f"acme/comments/{number}.jsonl", json.dumps(row).encode())
        ingest_comments(*again)
        storage.delete(f"acme/comments/{number - 1}.jsonl")
    head = read_head(storage, "acme")
    assert read_comments(storage, "acme")["text"].to_pylist() == ["turn 1", "turn 2"]
    ingest_comments(*again)
    assert read_head(storage, "acme") == head


def test_the_report_counts_what_a_check_refused(storage: Storage) -> None:
    reading = Reading(SOURCE, quality=QualityConfig(severities={"time_order": Severity.QUARANTINE}))
    bad = [_ticket(10 + n, resolved_at="2020-01-01T00:00:00Z") for n in range(2)]
    storage.write_bytes("acme/raw/2.jsonl", b"{broken\n")
    _write(storage, "1.jsonl", [_ticket(1), *bad])
    ingest(storage, "acme", reading, DataConfig(), Path.cwd(), _stage)
    report = inspect_tickets(storage, "acme", reading, datetime.now(UTC))
    assert (report.num_rows, report.num_tickets, report.num_unreadable, report.num_refused) == (4, 3, 1, 2)
    (found,) = [check for check in report.checks if check.num_refused]
    assert (found.name.split(".")[0], found.num_found, found.verdict) == ("time_order", 2, "found")


def test_the_bytes_of_a_file_that_did_not_change_are_not_read(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def opened(uri: str, unpack: bool = True) -> IO[bytes]:
        read.append(Path(uri).name)
        return open_export(uri, unpack)

    for name in ("stage", "stream"):
        monkeypatch.setattr(f"tickets.data.{name}.open_export", opened)
    for name, number in (("a", 1), ("b", 2)):
        _write(storage, f"{name}.jsonl", [_ticket(number)])
    _ingest(storage)
    assert set(read) == {"a.jsonl", "b.jsonl"}
    read.clear()
    before = storage.local_path("acme/raw/b.jsonl").stat()
    _write(storage, "b.jsonl", [_ticket(3)])  # as many bytes as before
    os.utime(storage.local_path("acme/raw/b.jsonl"), ns=(before.st_atime_ns, before.st_mtime_ns))  # as rsync -t does
    assert _ingest(storage).added["inserts"] == 1
    assert set(read) == {"b.jsonl"}
    read.clear()
    assert _ingest(storage).offline.num_rows == 3
    assert not read
    assert _ingest(storage, rebuild=True).offline.num_rows == 2
    assert set(read) == {"a.jsonl", "b.jsonl"}


def test_a_file_that_only_looks_new_gives_nothing_twice(storage: Storage) -> None:
    _write(storage, "a.jsonl", [_ticket(1)])
    _ingest(storage)
    os.utime(storage.local_path("acme/raw/a.jsonl"))
    done = _ingest(storage)
    assert (done.tables["bronze"].num_rows, done.offline.num_rows) == (1, 1)


def test_refused_comments_expire_too(storage: Storage) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    comments = CommentsConfig(path="comments/*.jsonl")
    source = SOURCE.model_copy(update={"comments": comments})
    _ingest(storage, source)
    storage.write_bytes("acme/comments/1.jsonl", b'{"ticket_id": "T1", "text": "planted \n')
    again = (storage, "acme", Reading(source), comments, DataConfig(), Path.cwd(), _stage)
    before = ingest_comments(*again)
    aged = datetime.now(UTC) - timedelta(days=31)
    files = [{**of, "ingested_at": aged.isoformat()} for of in before.snapshot.meta["files"]]
    meta = {**before.snapshot.meta, "files": files}
    commit(
        storage,
        "acme",
        read_head(storage, "acme"),
        [save_snapshot(storage, "acme/comments", before.snapshot.parts, meta)],
    )
    done = ingest_comments(*again, expire_days=30)
    (row,) = read_table(storage, done.refused).to_pylist()
    assert (row["original"], row["source_row"]) == (None, 0)
    assert not any(storage.exists(part.key) for part in before.refused.parts)


def test_a_repaired_row_keeps_the_split_of_its_file(storage: Storage) -> None:
    split = FileSplit(train="train*", test="test*")
    source = SOURCE.model_copy(update={"split": split})
    _write(storage, "train.jsonl", [_ticket(1)])
    storage.write_bytes("acme/raw/test.jsonl", b'{"ticket_id": "T5"\n' + json.dumps(_ticket(2)).encode())
    _ingest(storage, source)
    (line,) = export_rows(storage, _files(storage))
    text = json.dumps({"quarantine_id": json.loads(line)["quarantine_id"], "row": _ticket(5)}).encode()
    repair_quarantine(storage, "acme", Reading(source), DataConfig(), [text])
    given = {row["ticket_id"]: row["given_split"] for row in _content(storage, "offline")}
    assert given == {"T1": "train", "T2": "test", "T5": "test"}


@pytest.mark.parametrize("with_ids", [True, False])
def test_a_content_that_comes_back_counts_again(storage: Storage, with_ids: bool) -> None:
    def put(*subjects: str) -> Ingested:
        ids = [{"ticket_id": f"T{number}"} if with_ids else {} for number in range(len(subjects))]
        rows = [{**id_, "subject": subject} for id_, subject in zip(ids, subjects, strict=True)]
        _write(storage, "a.jsonl", rows)
        return _ingest(storage)

    put("one", "two", "three")
    put("four", "two", "three")
    assert {row["subject"] for row in _content(storage, "offline")} == {"four", "two", "three"}
    done = put("one", "two", "three")
    assert {row["subject"] for row in _content(storage, "offline")} == {"one", "two", "three"}
    assert done.added["files"] == 1
    assert _ingest(storage).reused


def test_files_of_one_name_in_two_places_do_not_replace_each_other(storage: Storage, tmp_path: Path) -> None:
    for number, subjects in enumerate((["one", "two", "three"], ["four"])):
        folder = tmp_path / f"d{number}"
        folder.mkdir()
        (folder / "x.jsonl").write_text("".join(json.dumps({"subject": subject}) + "\n" for subject in subjects))
        _ingest(storage, raw_file=str(folder / "x.jsonl"))
    assert sorted(row["subject"] for row in _content(storage, "offline")) == ["four", "one", "three", "two"]
    assert _ingest(storage, raw_file=f"{tmp_path}/d*/x.jsonl").reused  # named otherwise, but where it was


def test_equal_refused_rows_of_two_files_are_repaired_apart(storage: Storage) -> None:
    for folder in "ab":
        storage.write_bytes(f"acme/raw/{folder}/x.jsonl", b'{"ticket_id": "T1"\n')
    _write(storage, "c.jsonl", [_ticket(9)])
    source = SOURCE.model_copy(update={"path": "raw"})
    _ingest(storage, source)
    ids = [json.loads(line)["quarantine_id"] for line in export_rows(storage, _files(storage))]
    lines = [json.dumps({"quarantine_id": id_, "row": _ticket(n)}).encode() for n, id_ in enumerate(ids)]
    assert len(set(ids)) == 2
    with pytest.raises(SourceError, match=r"line 2 repairs .* a second time"):
        repair_quarantine(storage, "acme", Reading(source), DataConfig(), [lines[0], lines[0]])
    done, repaired = repair_quarantine(storage, "acme", Reading(source), DataConfig(), lines)
    assert (repaired.num_accepted, done.rows_in, done.offline.num_rows) == (2, 3, 3)


def _holds(storage: Storage, secret: bytes) -> bool:
    """Whether any table of refused rows, named by a snapshot or not, holds a text."""
    folder = storage.local_path("acme/data")
    tables = [pq.read_table(path) for path in folder.rglob("*.parquet")]
    originals = [row for table in tables if "original" in table.column_names for row in table["original"].to_pylist()]
    return any(secret in (original or b"") for original in originals)


def test_masking_that_is_switched_on_later_leaves_nothing_unmasked(storage: Storage) -> None:
    storage.write_bytes("acme/raw/1.jsonl", b"broken ann@example.org\n" + json.dumps(_ticket(1)).encode())
    _ingest(storage)
    assert _holds(storage, b"ann@example.org")
    masked = Reading(SOURCE, mask_quarantine=True)
    ingest(storage, "acme", masked, DataConfig(), Path.cwd(), _stage, expire_days=30)
    assert not _holds(storage, b"ann@example.org")
    assert _holds(storage, b"[email]")


def test_refused_rows_of_a_run_that_published_nothing_expire(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    _ingest(storage)
    storage.write_bytes("acme/raw/2.jsonl", b"broken ann@example.org\n")
    strict = Reading(SOURCE, quality=QualityConfig(limits={"unreadable": 0.01}))
    with pytest.raises(RefusedError):
        ingest(storage, "acme", strict, DataConfig(), Path.cwd(), _stage, expire_days=30)
    storage.delete("acme/raw/2.jsonl")
    monkeypatch.setattr(Storage, "age_s", lambda self, key: 31 * 86_400.0)
    ingest(storage, "acme", strict, DataConfig(), Path.cwd(), _stage, expire_days=30)
    assert not _holds(storage, b"ann@example.org")
    assert not storage.list_keys("acme/staged")


def test_events_that_nothing_orders_are_refused(storage: Storage) -> None:
    _write(storage, "1.jsonl", [{"ticket_id": "T1", "subject": subject} for subject in ("a", "b")])
    with pytest.raises(SourceError, match=r"source\.events=true: no event has updated_at or a sequence"):
        _ingest(storage, SOURCE.model_copy(update={"events": True}))


def test_what_a_killed_run_had_published_is_not_forgotten(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(storage, "1.jsonl", [_ticket(1)])
    comments = CommentsConfig(path="comments/*.jsonl")
    source = SOURCE.model_copy(update={"comments": comments})
    _ingest(storage, source)
    storage.write_bytes("acme/comments/1.jsonl", b'{"ticket_id": "T1", "text": "kept \n')

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tickets.data.comments.forget_staged", killed)
        ingest_comments(storage, "acme", Reading(source), comments, DataConfig(), Path.cwd(), _stage)
    assert storage.list_keys("acme/staged")
    monkeypatch.setattr(Storage, "age_s", lambda self, key: 31 * 86_400.0)
    ingest(storage, "acme", Reading(source), DataConfig(), Path.cwd(), _stage, expire_days=30)
    assert not storage.list_keys("acme/staged")
    (row,) = read_table(storage, load_snapshot(storage, "acme/comments_refused")).to_pylist()
    assert row["original"] == b'{"ticket_id": "T1", "text": "kept \n'


def test_what_was_repaired_does_not_stay_in_older_versions(storage: Storage) -> None:
    storage.write_bytes("acme/raw/1.jsonl", b"broken ann@example.org\n" + json.dumps(_ticket(1)).encode())
    _ingest(storage)
    (line,) = export_rows(storage, _files(storage))
    text = json.dumps({"quarantine_id": json.loads(line)["quarantine_id"], "row": _ticket(5)}).encode()
    repair_quarantine(storage, "acme", Reading(SOURCE), DataConfig(), [text])
    assert _holds(storage, b"ann@example.org")
    done = ingest(storage, "acme", Reading(SOURCE), DataConfig(), Path.cwd(), _stage, expire_days=30)
    assert (done.rows_in, done.offline.num_rows) == (2, 2)
    assert not _holds(storage, b"ann@example.org")
