"""Quarantine without what must not be shown."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tickets.quality.quarantine import mask_original, mask_quarantine

SECRETS = ("ann@example.com", "hunter2", "4111111111111111", "5551234567", "4111 1111 1111 1111")


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (
            {"id": 7, "mail": "to ann@example.com now", "tags": ["x", "ann@example.com"]},
            {"id": 7, "mail": "to [email] now", "tags": ["x", "[email]"]},
        ),
        (
            {"user": {"password": "hunter2 and more", "name": "ann"}},
            {"user": {"password": "[secret]", "name": "ann"}},
        ),
        ({"credentials": {"who": "ann", "pin": 1234}}, {"credentials": {"who": "[secret]", "pin": "[secret]"}}),
        ({"api_key": 1234, "token": None, "secret": True}, {"api_key": "[secret]", "token": None, "secret": True}),
        ({"card": 4111111111111111, "n": 1.5}, {"card": "[card]", "n": 1.5}),
        ({"phone": 5551234567}, {"phone": "[phone]"}),
        ({"ann@example.com": 1}, {"[email]": 1}),
        (["ann@example.com", 2], ["[email]", 2]),
    ],
)
def test_json_keeps_its_shape(raw: object, masked: object) -> None:
    assert json.loads(mask_original(json.dumps(raw).encode())) == masked


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (b'7,open,"write to ann@example.com",high\n', b'7,open,"write to [email]",high\n'),
        (b'{"id": 7, "password": "hunter2", "text": "cut o', b'{"id": 7, "password": "[secret]", "text": "cut o'),
        (b'{"text": "call me\\n0171 1234567 or', b'{"text": "call me\\n[phone] or'),
        (b'{"mail": "ann\\u0040example.com', b'{"mail": "[email]'),
        (b'{"a": "ann@example.com", "a": 1}', b'{"a": "[email]", "a": 1}'),
        (b'{"ann@example.com": 1, "bob@example.com": 2}', b'{"[email]": 1, "[email]": 2}'),
        (b"\xff\xfe caf\xe9 ann@example.com \x80", b"\xff\xfe caf\xe9 [email] \x80"),
        ("ann@example.com".encode("utf-16-le"), b"[email]"),
        (b'"ann@example.com"', b'"[email]"'),
        (b"[" * 100_000 + b"ann@example.com", b"[" * 100_000 + b"[email]"),
    ],
)
def test_what_is_no_object_is_masked_as_text(raw: bytes, masked: bytes) -> None:
    assert mask_original(raw) == masked


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"null",
        b'{"b": 1, "a":  "\\u00e9\\n"}',
        b'{"n": NaN, "i": 123456789012345678901234}',
        b"1,2\n",
        b"\0",
    ],
)
def test_a_row_with_nothing_to_hide_keeps_its_bytes(raw: bytes) -> None:
    assert mask_original(raw) == raw


def test_odd_values_beside_a_secret_are_written_again() -> None:
    raw = b'{"mail": "ann@example.com", "odd": "\\ud800", "big": 123456789012345678901234, "n": null, "x": "\\u0000"}'
    assert json.loads(mask_original(raw)) == {**json.loads(raw), "mail": "[email]"}


def test_a_table_keeps_its_rows_and_other_columns() -> None:
    schema = pa.schema(
        [("source_file", pa.string()), ("source_row", pa.int64()), ("reason", pa.string()), ("original", pa.binary())]
    )
    rows = [
        {"source_file": "a", "source_row": 1, "reason": "not JSON: ann@example.com", "original": b"ann@example.com"},
        {"source_file": "a", "source_row": 2, "reason": None, "original": None},
    ]
    masked = mask_quarantine(pa.Table.from_pylist(rows, schema=schema))
    assert masked.schema.equals(schema)
    assert masked.to_pylist() == [{**rows[0], "reason": "not JSON: [email]", "original": b"[email]"}, rows[1]]


@pytest.mark.parametrize("seed", range(4))
def test_no_secret_survives_in_a_mutilated_row(seed: int) -> None:
    """Cut anywhere behind the secret, and with bytes broken before it, a row shows no part that was whole."""
    rng = np.random.default_rng(seed)
    for secret in SECRETS:
        row = json.dumps({"id": 1, "phone": 1, "text": f"write to {secret} today", "password": secret, "n": [1, 2]})
        raw = bytearray(row.encode())
        end = row.rindex(secret) + len(secret)
        cut = bytes(raw[: rng.integers(end, len(raw) + 1)])
        broken = bytearray(cut)
        broken[int(rng.integers(0, 8))] = 0xFF
        for variant in (cut, bytes(broken)):
            shown = mask_original(variant).decode("utf-8", "replace")
            assert f'"password": "{secret}' not in shown
            if secret not in ("hunter2", "5551234567"):  # nothing tells these from other words and numbers
                assert secret not in shown
