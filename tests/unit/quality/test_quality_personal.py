"""Personal data and secrets: what is found is what masking would hide, no more and no less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tickets.masking import mask
from tickets.quality.personal import find_personal_data

Build = Callable[..., Any]

HIDDEN = {
    "email": ["ann@example.com", "Zoë.Müller+x@mail.example.org", "ANN@EXAMPLE.CO.UK"],
    "phone": [
        "+49 (0) 171 1234567",
        "0049 171 1234567",
        "(555) 123-4567",
        "1-555-123-4567",
        "0171 1234567",
        "Tel.: 5551234567",
        "电话：13912345678",
        "Mobile number 555 123 45",
    ],
    "card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "4111111111111111"],
    "secret": [
        "password: hunter2",
        "Passwort ist geheim7",
        "密码：abc123",
        "api_key=1234",
        'token = "a b c"',
        "Authorization: Bearer abc.def1",
        "https://bob:pw@example.com/x",
        "AKIAABCDEFGHIJKLMNOP",
        "ghp_abcdefghijklmnopqrst12",
        "sk-proj-abcdefgh12345678",
        "eyJhbGciOiJI.eyJzdWIiOiIx.abc",
        "xoxb-1234567890-abc",
        "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW",
        "-----BEGIN RSA PRIVATE KEY-----\nabc",
    ],
}
SHOWN = [
    "",
    "The invoice is wrong",
    "2025-05-01 08:00:01 ERROR 0x80070005",
    "see KB-1234, INC0012345, build 10.2.3.4567",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "password is wrong, basic authentication fails",
    "1746086400000",
    "already masked: [email] [phone] [card], and the [secret] password is wrong",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in HIDDEN.items() for text in texts])
def test_each_kind_is_found_in_a_sentence(kind: str, text: str) -> None:
    texts = pa.array([None, f"Hello, {text} is mine", f"{text}", "nothing here"])
    (found,) = find_personal_data([texts])
    assert found[f"[{kind}]"].tolist() == [False, True, True, False]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_no_personal_data_is_not_found(text: str) -> None:
    (found,) = find_personal_data([pa.array([text])])
    assert not any(rows.any() for rows in found.values())


@pytest.mark.parametrize("seed", range(5))
def test_no_text_that_masking_changes_is_passed_over(seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = [text for texts in HIDDEN.values() for text in texts] + SHOWN
    pieces = [text[at : at + 9] for text in whole for at in range(0, len(text), 5)] + [*" \n\t.,:=@/+-()'\"0"]
    pieces += ["٣٤٥٦٧٨٩", "é", "×", "_", "Tel ", "token", "\ud7ff", "password", "://"]
    texts = ["".join(rng.choice(pieces, size=rng.integers(1, 9))) for _ in range(600)]
    (found,) = find_personal_data([pa.array(texts)])
    hidden = np.logical_or.reduce(list(found.values()))
    changed = np.array([mask(text) != text for text in texts])
    assert changed.sum() > 20
    assert [text for text, missed in zip(texts, changed & ~hidden, strict=True) if missed] == []


def test_a_ticket_is_found_once_with_every_place(tickets: Build, checks_of: Build) -> None:
    table = tickets(
        {},
        {"description": "ann@example.com", "resolution": "wrote to ann@example.com"},
        {"customer_id": "bob@example.com", "tags": ["a", "c@example.com"]},
        {"extra": '{"contact": "dan@example.com"}'},
    )
    found = {finding.name: finding for finding in checks_of().run_deep(table, 4)}
    email = found["personal_data.email"]
    assert email.rows.tolist() == [False, True, True, True]
    assert email.details.to_pylist() == ["description, resolution", "customer_id, tags", "extra"]
    assert email.num_examined == 4
    assert not found["personal_data.card"].rows.any()


def test_a_made_id_is_no_card(tickets: Build, checks_of: Build) -> None:
    made = "made-4111111111111111abcd"
    assert mask(made) != made
    found = {finding.name: finding.rows.any() for finding in checks_of().run_deep(tickets({"ticket_id": made}), 1)}
    assert not any(found.values())


def test_only_the_fields_that_are_asked_for_are_searched(tickets: Build, checks_of: Build) -> None:
    table = tickets({"subject": "ann@example.com"}, {"description": "ann@example.com"})
    checks = checks_of(personal_data={"fields": ["subject"]})
    found = {finding.name: finding.rows.tolist() for finding in checks.run_deep(table, 2)}
    assert found["personal_data.email"] == [True, False]
    off = checks_of(personal_data={"enabled": False})
    assert not any(finding.name.startswith("personal_data") for finding in off.run_deep(table, 2))


def test_a_sample_is_the_same_whatever_the_batches_are(tickets: Build, checks_of: Build) -> None:
    rng = np.random.default_rng(3)
    hashes = [rng.bytes(32).hex() for _ in range(400)]
    table = tickets(*({"content_hash": of, "subject": "ann@example.com"} for of in hashes))
    checks = checks_of(personal_data={"sample_rows": 100}, language={"enabled": False})
    (whole,) = (finding for finding in checks.run_deep(table, 400) if finding.name == "personal_data.email")
    parts = [checks.run_deep(table.slice(start, 80), 400) for start in range(0, 400, 80)]
    rows = np.concatenate([finding.rows for part in parts for finding in part if finding.name == whole.name])
    assert rows.tolist() == whole.rows.tolist()
    assert whole.num_examined == whole.rows.sum()
    assert 60 < whole.num_examined < 140
