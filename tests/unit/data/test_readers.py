from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from tickets.data import json_rows, stream
from tickets.data.readers import read_rows
from tickets.data.rows import RawRow
from tickets.data.sources import Format, SourceFile
from tickets.errors import DamagedFileError, SourceError

Read = Callable[..., list[RawRow]]
BOM = b"\xef\xbb\xbf"
NOT_UTF8 = "not UTF-8: source.encoding says how the file is written"
CHUNKS = [1, 2, 3, 7, 64, 1 << 20]
TICKETS: list[dict[str, Any]] = [
    {"id": 1, "text": "plain"},
    {"id": 2, "text": 'says "}, {" and \\ and ]', "nested": {"a": [{"b": {"c": []}}, {"d": "}"}]}},
    {"id": 3, "text": "größer 中文 😀\n", "list": [1.5, -2e-7, True, None, "]["]},
    {"id": 4, "text": "", "empty": {}},
]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    def read(
        content: bytes,
        format_: Format,
        name: str = "",
        chunk: int = 1 << 20,
        delimiter: str = ",",
        batch_rows: int = 1000,
        lookahead: int = 1 << 16,
        encoding: str = "utf-8",
        records: str | None = None,
    ) -> list[RawRow]:
        monkeypatch.setattr(stream, "_CHUNK_BYTES", chunk)
        monkeypatch.setattr(json_rows, "_LOOKAHEAD", lookahead)
        path = tmp_path / (name or f"x.{format_}")
        path.write_bytes(content)
        file = SourceFile(str(path), path.name, format_, None)
        batches = list(read_rows(file, delimiter, batch_rows, encoding, records))
        assert all(0 < len(batch) <= batch_rows for batch in batches)
        rows = [row for batch in batches for row in batch]
        assert [row.position for row in rows] == list(range(len(rows)))
        for row in rows:
            refused = row.raw is not None and bool(row.reason)
            assert refused is (row.values is None)
        return rows

    return read


def _values(rows: list[RawRow]) -> list[dict[str, Any]]:
    return [row.values for row in rows if row.values is not None]


def _refused(rows: list[RawRow]) -> list[tuple[bytes, str]]:
    return [(row.raw or b"", row.reason or "") for row in rows if row.values is None]


# JSON arrays


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}])
def test_an_array_is_read_whatever_the_chunks(read: Read, chunk: int, layout: dict[str, Any]) -> None:
    content = json.dumps(TICKETS, **layout).encode()
    for text in (content, BOM + content, b"\n " + content + b" \n"):
        rows = read(text, "json", chunk=chunk)
        assert _values(rows) == TICKETS
        assert _refused(rows) == []


@pytest.mark.parametrize("chunk", CHUNKS)
def test_elements_that_are_no_objects_are_refused_one_by_one(read: Read, chunk: int) -> None:
    others: list[Any] = [12345, -1.25e-7, True, None, "a, {", [1, [2]], 0, "é"]
    content = json.dumps([TICKETS[0], *others, TICKETS[1]], ensure_ascii=False).encode()
    rows = read(content, "json", chunk=chunk)
    assert _values(rows) == TICKETS[:2]
    assert [json.loads(raw) for raw, _ in _refused(rows)] == others
    assert {reason.split(" but")[0] for _, reason in _refused(rows)} == {"not a JSON object"}


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("lookahead", [16, 1 << 16])
@pytest.mark.parametrize(
    "broken",
    [
        b'{"id": 9, "text": oops}',
        b'{"id": 9, "text": "no end}',
        b'{"id": 9 "text": ""}',
        b'{"id": 9, "a\nb": 1}',
        b'{"id": 9, "text": "\\x"}',
        b'{"id": 9, "text": oops, "more": "' + b"long " * 20 + b'"}',
    ],
)
def test_a_damaged_object_costs_itself_alone(read: Read, chunk: int, lookahead: int, broken: bytes) -> None:
    good = [json.dumps(ticket).encode() for ticket in TICKETS]
    content = b"[" + b",\n ".join([*good[:2], broken, *good[2:]]) + b"]"
    rows = read(content, "json", chunk=chunk, lookahead=lookahead)
    assert _values(rows) == TICKETS
    ((raw, reason),) = _refused(rows)
    assert raw == broken
    assert reason.startswith("not JSON: ")


@pytest.mark.parametrize("chunk", CHUNKS)
def test_rubbish_between_objects_costs_itself_alone(read: Read, chunk: int) -> None:
    rows = read(b'[{"id": 1}, rubbish, {"id": 2}]', "json", chunk=chunk)
    assert _values(rows) == [{"id": 1}, {"id": 2}]
    assert [raw for raw, _ in _refused(rows)] == [b"rubbish"]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_an_array_that_breaks_off_gives_what_is_whole(read: Read, chunk: int) -> None:
    rows = read(b'[{"id": 1}, {"id": 2}, {"id": 3, "text": "brok', "json", chunk=chunk)
    assert _values(rows) == [{"id": 1}, {"id": 2}]
    assert [raw for raw, _ in _refused(rows)] == [b'{"id": 3, "text": "brok']


@pytest.mark.parametrize("chunk", CHUNKS)
def test_broken_utf8_in_an_array_costs_its_object_and_keeps_its_bytes(read: Read, chunk: int) -> None:
    broken = b'{"id": 2, "text": "gr\xf6\xdfer"}'
    rows = read(b'[{"id": 1}, ' + broken + b', {"id": 3, "text": "\xc3\xa4"}]', "json", chunk=chunk)
    assert _values(rows) == [{"id": 1}, {"id": 3, "text": "ä"}]
    assert _refused(rows) == [(broken, NOT_UTF8)]


@pytest.mark.parametrize("content", [b"", b" \n", BOM, BOM + b"\n"])
@pytest.mark.parametrize("format_", ["json", "jsonl", "csv"])
def test_nothing_is_no_row(read: Read, content: bytes, format_: Format) -> None:
    assert read(content, format_) == []


@pytest.mark.parametrize("content", [b"[]", b" [ ] ", BOM + b"[\n]\n"])
def test_an_empty_array_is_no_row(read: Read, content: bytes) -> None:
    assert read(content, "json") == []


def test_one_long_object_is_not_parsed_again_with_every_chunk(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, starts = json_rows._next_element, []

    def spy(text: str, *others: Any) -> Any:
        starts.append(len(text))
        return genuine(text, *others)

    monkeypatch.setattr(json_rows, "_next_element", spy)
    ticket = {"text": "x" * 20_000}
    assert _values(read(json.dumps([ticket] * 2).encode(), "json", chunk=10)) == [ticket] * 2
    assert sum(starts) < 10 * 40_000


# What JSON allows, or Python writes, at the edge


EDGES = [
    (b'{"n": 123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
    (b'{"n": 18446744073709551615}', {"n": 18446744073709551615}),
    (b'{"t": "cut \\ud83d"}', {"t": "cut \ud83d"}),
    (b'{"a": 1, "a": 2}', {"a": 2}),
    (b'{"t": "a\xe2\x80\xa8b\x7f"}', {"t": "a\u2028b\x7f"}),
    (b'{"n": 1e999}', {"n": float("inf")}),
]


@pytest.mark.parametrize(("text", "value"), EDGES)
def test_an_array_and_lines_read_the_same(read: Read, text: bytes, value: dict[str, Any]) -> None:
    assert _values(read(b"[" + text + b"]", "json")) == [value]
    assert _values(read(text, "jsonl")) == [value]
    assert _values(read(text + b"\n" + text, "json", name="lines.json")) == [value, value]


def test_not_a_number_is_read(read: Read) -> None:
    for content, format_ in ((b'[{"n": NaN}]', "json"), (b'{"n": NaN}', "jsonl")):
        assert str(_values(read(content, format_))) == "[{'n': nan}]"


@pytest.mark.parametrize("depth", [201, 500, 3000])
def test_what_is_nested_too_deep_to_be_written_again_is_refused(read: Read, depth: int) -> None:
    deep = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    for content, format_ in ((b"[" + deep + b', {"id": 1}]', "json"), (deep + b'\n{"id": 1}', "jsonl")):
        rows = read(content, format_)
        assert _values(rows) == [{"id": 1}]
        assert [raw.strip() for raw, _ in _refused(rows)] == [deep]


def test_many_brackets_side_by_side_are_not_deep(read: Read) -> None:
    wide = {"a": [{"b": []} for _ in range(500)]}
    assert _values(read(json.dumps(wide).encode(), "jsonl")) == [wide]


def test_an_integer_longer_than_python_reads_is_refused(read: Read) -> None:
    long = b'{"n": ' + b"9" * 5000 + b"}"
    rows = read(b"[" + long + b', {"id": 1}]', "json")
    assert _values(rows) == [{"id": 1}]
    assert [raw for raw, _ in _refused(rows)] == [long]


# JSON Lines


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("format_", ["jsonl", "json"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_are_read_whatever_the_chunks(read: Read, chunk: int, format_: Format, end: bytes) -> None:
    lines = [json.dumps(ticket, ensure_ascii=False).encode() for ticket in TICKETS]
    for content in (end.join(lines), BOM + end.join(lines) + end, (end + b"  " + end).join([b"", *lines, b""])):
        rows = read(content, format_, chunk=chunk)
        assert _values(rows) == TICKETS
        assert _refused(rows) == []


@pytest.mark.parametrize("format_", ["jsonl", "json"])
def test_bad_lines_cost_themselves_alone(read: Read, format_: Format) -> None:
    bad = [b'{"id": 2\n', b'{"id": "\xff"}\n', b"[3]\n", b"null\n", b"rubbish\n"]
    rows = read(bad[4] + b'{"id": 1}\n' + b"".join(bad[:4]) + b'{"id": 5}', format_)
    assert _values(rows) == [{"id": 1}, {"id": 5}]
    assert [raw for raw, _ in _refused(rows)] == [bad[4], *bad[:4]]
    reasons = [reason.split(":")[0] for _, reason in _refused(rows)]
    assert reasons == [
        "not JSON",
        "not JSON",
        "not UTF-8",
        "not a JSON object but list",
        "not a JSON object but NoneType",
    ]


def test_a_json_file_may_hold_one_object(read: Read) -> None:
    for layout in (None, 2):
        for ticket in TICKETS:
            assert _values(read(json.dumps(ticket, indent=layout).encode(), "json")) == [ticket]


def test_a_json_file_that_is_one_broken_value_is_one_refused_row(read: Read) -> None:
    broken = b'{\n"id": 1,\n"text": oops\n}\n'
    assert [raw for raw, _ in _refused(read(broken, "json"))] == [broken]


# CSV


@pytest.mark.parametrize("chunk", CHUNKS)
def test_csv_is_read_whatever_the_chunks(read: Read, chunk: int) -> None:
    content = 'id,text\n1,"a ""quoted"" word"\n2,"two\nlines, and a comma"\n3,größer\n\n4,\n'.encode()
    expected = [
        {"id": "1", "text": 'a "quoted" word'},
        {"id": "2", "text": "two\nlines, and a comma"},
        {"id": "3", "text": "größer"},
        {"id": "4", "text": ""},
    ]
    assert _values(read(content, "csv", chunk=chunk)) == expected
    ends = content.replace(b"\n", b"\r\n")
    assert [row["id"] for row in _values(read(ends, "csv", chunk=chunk))] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("header", [b"id,text", b'"id","text"', b" id , text "])
def test_a_header_may_have_a_mark_quotes_and_spaces(read: Read, header: bytes) -> None:
    assert _values(read(BOM + header + b"\n1,a\n", "csv")) == [{"id": "1", "text": "a"}]


def test_columns_of_the_same_name_are_all_kept(read: Read) -> None:
    rows = read(b"id,Comment,Comment,Comment\n1,a,b,c\n", "csv")
    assert _values(rows) == [{"id": "1", "Comment": "a", "Comment (2)": "b", "Comment (3)": "c"}]


def test_rows_of_another_width_or_no_utf8_are_refused_with_their_bytes(read: Read) -> None:
    bad = [b"2\n", b'3,"x\ny",z\n', b"4,gr\xf6\xdfer\n"]
    rows = read(b"id,text\n1,a\n" + b"".join(bad) + b"5,e\n", "csv")
    assert [row["id"] for row in _values(rows)] == ["1", "5"]
    assert _refused(rows) == [
        (bad[0], "1 columns where the header has 2"),
        (bad[1], "3 columns where the header has 2"),
        (bad[2], NOT_UTF8),
    ]


@pytest.mark.parametrize("bad", [b'2,"never closed\n', b'2,"closed" too early\n', b"2,bare\rreturn\n"])
@pytest.mark.parametrize("after", [b'3,c\n4,"d"\n', b"3,c\n4,d\n"])
def test_a_row_that_breaks_the_rules_costs_itself_alone(read: Read, bad: bytes, after: bytes) -> None:
    rows = read(b"id,text\n1,a\n" + bad + after, "csv")
    assert _values(rows) == [{"id": "1", "text": "a"}, {"id": "3", "text": "c"}, {"id": "4", "text": "d"}]
    ((raw, reason),) = _refused(rows)
    assert raw == bad
    assert reason.startswith("not CSV: ")


@pytest.mark.parametrize(
    ("name", "delimiter", "mark"), [("x.csv", ";", b";"), ("x.tsv", ",", b"\t"), ("x.tsv", "|", b"|")]
)
def test_the_delimiter_is_the_configured_one_or_a_tab(read: Read, name: str, delimiter: str, mark: bytes) -> None:
    rows = read(mark.join([b"id", b"text"]) + b"\n" + mark.join([b"1", b"a"]), "csv", name=name, delimiter=delimiter)
    assert _values(rows) == [{"id": "1", "text": "a"}]


@pytest.mark.parametrize("delimiter", ["", "\\t", "||"])
def test_a_delimiter_of_several_letters_is_refused(read: Read, delimiter: str) -> None:
    with pytest.raises(SourceError, match=r"source\.delimiter=.*allowed: one character"):
        read(b"id\n1\n", "csv", delimiter=delimiter)


@pytest.mark.parametrize("header", [b'"id,text\n1,a\n', b"id\rtext\n1,a\n", b"id,\xff\n1,a\n"])
def test_a_header_that_cannot_be_read_is_no_source(read: Read, header: bytes) -> None:
    with pytest.raises(SourceError, match="the header is not"):
        read(header, "csv")


def test_a_header_alone_is_no_row(read: Read) -> None:
    assert read(b"id,text\n", "csv") == []


# Encodings


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
def test_a_file_is_read_in_its_encoding(read: Read, format_: Format, encoding: str, chunk: int) -> None:
    text = {
        "csv": 'id,text\n1,größer\n2,"two\nlines"\n',
        "json": '[{"id": "1", "text": "größer"}, {"id": "2", "text": "two\\nlines"}]',
        "jsonl": '{"id": "1", "text": "größer"}\n{"id": "2", "text": "two\\nlines"}\n',
    }[format_]
    rows = read(text.encode(encoding), format_, encoding=encoding, chunk=chunk)
    assert _values(rows) == [{"id": "1", "text": "größer"}, {"id": "2", "text": "two\nlines"}]
    assert _refused(rows) == []


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_the_mark_of_utf16_says_its_byte_order(read: Read, mark: str) -> None:
    content = f"{mark}id,text\n1,größer\n".encode("utf-16-be")
    assert _values(read(content, "csv", encoding="utf-16-be")) == [{"id": "1", "text": "größer"}]
    if mark:
        assert _values(read(content, "csv", encoding="utf-16-le")) == [{"id": "1", "text": "größer"}]


def test_the_mark_of_utf8_wins(read: Read) -> None:
    assert _values(read(BOM + "id,text\n1,größer\n".encode(), "csv", encoding="cp1252"))[0]["text"] == "größer"


@pytest.mark.parametrize("chunk", [1, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
def test_a_file_of_utf16_that_is_read_as_another_is_one_fault(
    read: Read, format_: Format, encoding: str, chunk: int
) -> None:
    content = '{"id": 1}\n{"id": 2}\n'.encode("utf-16")
    with pytest.raises(DamagedFileError, match=r"is UTF-16 by its byte order mark.*source\.encoding=utf-16"):
        read(content, format_, encoding=encoding, chunk=chunk)


def test_what_is_not_of_the_encoding_costs_its_row_alone(read: Read) -> None:
    rows = read(b"id,text\n1,\xe4\n2,\x81\n3,c\n", "csv", encoding="cp1252")
    assert _values(rows) == [{"id": "1", "text": "ä"}, {"id": "3", "text": "c"}]
    assert _refused(rows) == [(b"2,\x81\n", NOT_UTF8.replace("UTF-8", "CP1252"))]
    halves = '{"id": 1}\n'.encode("utf-16-le") + b'"\x00\x00\xd8"\x00\n\x00' + '{"id": 3}\n'.encode("utf-16-le")
    rows = read(halves, "jsonl", encoding="utf-16-le")
    assert _values(rows) == [{"id": 1}, {"id": 3}]
    assert [reason.split(":")[0] for _, reason in _refused(rows)] == ["not UTF-16-LE"]


def test_half_a_letter_at_the_end_is_damage(read: Read) -> None:
    rows = read('{"id": 1}\n{"id": 2'.encode("utf-16") + b"}", "jsonl", encoding="utf-16")
    assert _values(rows) == [{"id": 1}]
    assert [(raw, reason.split(":")[0]) for raw, reason in _refused(rows)] == [
        (b'{"id": 2', "the file is damaged from here on")
    ]


# Rows that are wrapped


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"separators": (",", ":")}])
@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_rows_of_an_envelope_are_read(read: Read, chunk: int, layout: dict[str, Any], format_: Format) -> None:
    around = {"users": [{"tickets": [{"id": 99}], 'a"\\': "]}[{"}, {"data": {"tickets": [{"id": 98}]}}], "count": 4}
    behind = {"tickets": [{"id": 97}], "next": None, "more": [{"id": 96}, {"id": 95}]}
    page = {**around, "data": {"meta": [1, "}"], "tickets": TICKETS, "others": [{"id": 94}]}, **behind}
    empty = {"data": {"tickets": []}}
    content = "\n".join(json.dumps(part, **layout) for part in (page, empty, page)).encode()
    rows = read(BOM + content, format_, chunk=chunk, records="data.tickets")
    assert _values(rows) == TICKETS * 2
    assert _refused(rows) == []


@pytest.mark.parametrize("chunk", CHUNKS)
def test_of_an_envelope_a_damaged_row_costs_itself_alone(read: Read, chunk: int) -> None:
    content = b'{"a": [{"id": 1}, 7, {"id": oops}, {"id": "\xff"}, {"id": 2}], "b": [{"id": 3}]}'
    rows = read(content, "json", chunk=chunk, records="a")
    assert _values(rows) == [{"id": 1}, {"id": 2}]
    assert [raw for raw, _ in _refused(rows)] == [b"7", b'{"id": oops}', b'{"id": "\xff"}']


@pytest.mark.parametrize("chunk", [50, 1 << 20])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_of_an_envelope_that_breaks_off_all_before_is_read(read: Read, share: float, chunk: int) -> None:
    packed = gzip.compress(b'{"x": [1], "a": ' + _packed("json", 2000) + b"}")
    packed = packed[: int(len(packed) * share)]
    plain = zlib.decompressobj(31).decompress(packed)
    rows = read(packed, "json", name="x.json.gz", chunk=chunk, records="a")
    assert [row["id"] for row in _values(rows)] == [str(row) for row in range(plain.count(b"}"))]
    ((raw, reason),) = _refused(rows)
    assert reason.startswith("the file is damaged from here on: ")
    assert plain.endswith(raw)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'[{"a": []}]', b'{"a": null}', b'{"b": {"a": []}}', b'{"a": {"b": []}}']
)
def test_an_envelope_without_its_array_is_named(read: Read, content: bytes) -> None:
    with pytest.raises(DamagedFileError, match=r"x\.json: holds no array under source\.records=a"):
        read(content, "json", records="a")


def test_rows_before_an_envelope_ends_do_not_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_CHUNK_BYTES", 100)
    path = tmp_path / "x.json"
    path.write_bytes(json.dumps({"head": "x" * 500, "a": [{"id": row} for row in range(1000)], "tail": "y"}).encode())
    given, genuine = [], stream.ByteStream._unpacked
    monkeypatch.setattr(
        stream.ByteStream, "_unpacked", lambda self: (given.append(1) or chunk for chunk in genuine(self))
    )
    batches = read_rows(SourceFile(str(path), "x.json", "json", None), ",", 5, "utf-8", "a")
    assert [row.values for row in next(batches)] == [{"id": row} for row in range(5)]
    assert len(given) < 12


# Packed files


def _packed(format_: Format, num_rows: int) -> bytes:
    rng = np.random.default_rng(3)
    rows = [{"id": str(row), "text": rng.bytes(40).hex()} for row in range(num_rows)]
    if format_ == "json":
        return json.dumps(rows).encode()
    if format_ == "jsonl":
        return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    return ("id,text\n" + "".join(f'{row["id"]},"{row["text"]}"\n' for row in rows)).encode()


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv"])
def test_a_packed_file_is_read(read: Read, format_: Format) -> None:
    rows = read(gzip.compress(_packed(format_, 500)), format_, name=f"x.{format_}.gz", batch_rows=7)
    assert [row["id"] for row in _values(rows)] == [str(row) for row in range(500)]
    assert _refused(rows) == []


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv"])
@pytest.mark.parametrize("share", [0.3, 0.8, 0.9999])
@pytest.mark.parametrize("chunk", [50, 1 << 20])
def test_of_a_packed_file_that_breaks_off_all_before_is_read(
    read: Read, format_: Format, share: float, chunk: int
) -> None:
    packed = gzip.compress(_packed(format_, 2000))
    packed = packed[: int(len(packed) * share)]
    plain = zlib.decompressobj(31).decompress(packed)
    num_whole = plain.count(b"}") if format_ == "json" else plain.count(b"\n") - (format_ == "csv")
    rows = read(packed, format_, name=f"x.{format_}.gz", chunk=chunk)
    assert [row["id"] for row in _values(rows)] == [str(row) for row in range(num_whole)]
    ((raw, reason),) = _refused(rows)
    assert reason.startswith("the file is damaged from here on: ")
    assert plain.endswith(raw)
    assert rows[-1].raw == raw


def test_of_a_damaged_file_the_log_names_the_file_and_the_place(read: Read) -> None:
    said: list[str] = []
    handler = logger.add(lambda message: said.append(str(message)), level="WARNING", format="{message}")
    read(gzip.compress(b'{"id": 1}\n{"id": 2}\n')[:-8], "jsonl", name="x.jsonl.gz")
    logger.remove(handler)
    assert "x.jsonl.gz: damaged, all rows after" in said[0]


def test_a_quoted_cell_that_breaks_off_is_one_refused_row(read: Read) -> None:
    packed = gzip.compress(b'id,text\n1,a\n2,"two\nlines\nand mo')[:-8]
    rows = read(packed, "csv", name="x.csv.gz")
    assert _values(rows) == [{"id": "1", "text": "a"}]
    ((raw, reason),) = _refused(rows)
    assert raw == b'2,"two\nlines\nand mo'
    assert reason.startswith("the file is damaged from here on: ")


def test_bytes_that_flipped_are_damage_too(read: Read) -> None:
    packed = bytearray(gzip.compress(_packed("jsonl", 2000)))
    packed[len(packed) // 2] ^= 0xFF
    rows = read(bytes(packed), "jsonl", name="x.jsonl.gz")
    assert (rows[-1].reason or "").startswith("the file is damaged from here on: ")
    assert 500 < len(_values(rows)) < 2000


def test_a_file_that_only_claims_to_be_packed_is_one_refused_row(read: Read) -> None:
    rows = read(b'{"id": 1}', "jsonl", name="x.jsonl.gz")
    assert len(rows) == 1
    assert "damaged" in (rows[0].reason or "")


def test_a_system_that_cannot_read_is_no_damage(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk:
        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

        def __enter__(self) -> Disk:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(stream, "open_export", lambda uri: Disk())
    with pytest.raises(SourceError, match="cannot be read"):
        read(b"", "jsonl")


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv", "parquet"])
def test_a_file_that_is_gone_is_named(tmp_path: Path, format_: Format) -> None:
    file = SourceFile(str(tmp_path / "gone"), "gone", format_, None)
    with pytest.raises(SourceError, match=r"/gone: "):
        list(read_rows(file, ",", 10))


# Parquet


def test_parquet_keeps_its_types(read: Read, tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2**62], pa.int64()),
            "price": pa.array([Decimal("1.50"), None]),
            "day": pa.array([date(2024, 2, 29), None]),
            "tags": [["a"], []],
            "nested": [{"a": 1}, None],
        }
    )
    path = tmp_path / "made.parquet"
    pq.write_table(table, path)
    assert _values(read(path.read_bytes(), "parquet", batch_rows=1)) == table.to_pylist()


@pytest.mark.parametrize("content", [b"", b"id,text\n1,a\n", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_what_is_no_parquet_file_is_no_source(read: Read, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"x\.parquet: not a readable Parquet file"):
        read(content, "parquet")


def test_a_time_that_python_cannot_hold_is_no_bare_error(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    pq.write_table(pa.table({"at": pa.array([2**60], pa.timestamp("us"))}), path)
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        read(path.read_bytes(), "parquet")


# Everything at once


@pytest.mark.parametrize("seed", range(20))
def test_rows_good_and_refused_are_all_there(read: Read, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bad = [b'{"id": oops}', b'{"id" 1}', b'{"text": "\xff"}', b'{"id": 1, }']
    kinds = rng.choice(len(bad) + 6, size=rng.integers(1, 40))
    tickets = [TICKETS[kind % len(TICKETS)] | {"row": row} for row, kind in enumerate(kinds)]
    is_bad = [bool(kind < len(bad)) for kind in kinds]
    texts = [
        bad[kind] if wrong else json.dumps(ticket, ensure_ascii=bool(rng.integers(2))).encode()
        for kind, wrong, ticket in zip(kinds, is_bad, tickets, strict=True)
    ]
    good = [ticket for ticket, wrong in zip(tickets, is_bad, strict=True) if not wrong]
    chunk = int(rng.choice(CHUNKS))
    for content, format_ in ((b"[" + b", ".join(texts) + b"]", "json"), (b"\n".join(texts), "jsonl")):
        rows = read(content, format_, chunk=chunk, batch_rows=int(rng.integers(1, 9)))
        assert _values(rows) == good
        # Where the last object is damaged, nobody can say whose the closing bracket is.
        refused = [raw.strip().removesuffix(b"]") for raw, _ in _refused(rows)]
        assert refused == [text for text, wrong in zip(texts, is_bad, strict=True) if wrong]


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(['"},{"', "},\n {", "[{", '\\"', "\ud800", "x" * 3000]),
    st.lists(st.one_of(st.integers(), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)), max_size=3),
    st.dictionaries(st.text(max_size=3), st.lists(st.integers(), max_size=2), max_size=2),
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.one_of(st.dictionaries(st.text(max_size=4), CELLS, max_size=4), st.integers()), max_size=30),
    indent=st.sampled_from([None, 1]),
    spoil=st.sampled_from([None, b"}", b'"', b","]),
)
def test_whole_stretches_of_an_array_read_like_element_by_element(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], indent: int | None, spoil: bytes | None
) -> None:
    content = json.dumps(rows, indent=indent).encode()
    if spoil is not None:
        middle = len(content) // 2
        content = content[:middle] + spoil + content[middle:]
    path = tmp_path_factory.mktemp("array") / "a.json"
    path.write_bytes(content)
    file = SourceFile(str(path), "a.json", "json", None)
    fast = [row for batch in read_rows(file, ",", 7) for row in batch]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "_whole_elements", lambda text: None)
        slow = [row for batch in read_rows(file, ",", 7) for row in batch]
    assert repr(fast) == repr(slow)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), OSError(5, "Input/output error")])
def test_a_network_that_fails_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: OSError
) -> None:
    class Failing:
        def __init__(self) -> None:
            self.left = [b'{"id": 1}\n{"id": 2}\n']

        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *_: object) -> None: ...

        def read1(self, size: int) -> bytes:
            if not self.left:
                raise error
            return self.left.pop()

        read = read1

    monkeypatch.setattr(stream, "open_export", lambda uri: Failing())
    with pytest.raises(SourceError, match=r"a\.jsonl.*cannot be read"):
        list(read_rows(SourceFile(str(tmp_path / name), name, "jsonl", None), ",", 10))
