from __future__ import annotations

import random

import pytest

from tickets.masking import mask, mask_error

HIDDEN = {
    "mail a.b+c@firma-x.co.uk now": "mail [email] now",
    "请联系张三zhang@corp.com谢谢": "请联系张三[email]谢谢",
    "an müller@firma.de": "an [email]",
    "call +49 (0) 171 1234567.": "call [phone].",
    "call 0049 171 1234567": "call [phone]",
    "(555) 123-4567 or 1-800-555-0199": "[phone] or [phone]",
    "030 1234567, 090-1234-5678, 01 23 45 67 89": "[phone], [phone], [phone]",
    "Tel.: 12345678": "Tel.: [phone]",
    "电话13812345678": "电话[phone]",
    "4111111111111111": "[card]",
    "4111-1111-1111-1111 12/27": "[card] 12/27",
    "no 12 3782 822463 10005": "no 12 [card]",
    "４１１１１１１１１１１１１１１１": "[card]",
    "Authorization: Bearer abc123.def-x": "Authorization: Bearer [secret]",
    "Basic dXNlcjpwYXNz": "Basic [secret]",
    "DB_PASSWORD=hunter2&x=1": "DB_PASSWORD=[secret]&x=1",
    'Passwort: "my pass phrase", thanks': 'Passwort: "[secret]", thanks',
    'password="abc def': 'password="[secret] def',
    "{'api_key': 'abc def', 'x': 1}": "{'api_key': '[secret]', 'x': 1}",
    "api_key: abc": "api_key: [secret]",
    "token=abc;": "token=[secret];",
    "my password is hunter2": "my password is [secret]",
    "AKIAIOSFODNN7EXAMPLE": "[secret]",
    "ghp_abcdefghijklmnopqrst0123456789.": "[secret].",
    "github_pat_11ABCDEFG0abcdefghijkl": "[secret]",
    "xoxb-123456789-abcdef": "[secret]",
    "sk-abcd1234efgh5678ijkl pk_live_abcdefgh12345678": "[secret] [secret]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-def": "[secret]",
    "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb": "a\n[secret]\nb",
    "cut -----BEGIN PRIVATE KEY-----\nMIIE": "cut [secret]",
    "postgres://user:p4ss@host/db": "postgres://[secret]@host/db",
    "d41d8cd98f00b204e9800998ecf8427e": "[secret]",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "[secret]",
}
KEPT = (
    "E1234 ORA-00942 0x80070005 HTTP-404",
    "2025-01-31T12:00:00+02:00 and 2025-01-31 08:15:30.123",
    "31.12.2025, 01-02-2025, 01/02/2025 12:30, 08 15 30",
    "192.168.100.200 10.0.0.1:8080 fe80::1ff:fe23:4567:890a",
    "v1.2.3 10.0.19045.3448 pkg@1.2.3",
    "TCK-000123 INC0012345 #4567 order 123456789012",
    "4111111111111112",
    "1738312345678",
    "1,234,567.89 EUR, 100 000 000 rows, 50%",
    "Basic authentication fails, bearer authentication too",
    "the password is wrong, max_tokens=4096, keyboard: broken",
    "550e8400-e29b-41d4-a716-446655440000",
    "/usr/lib/python3.11/site-packages/urllib3/connection_pool_manager2",
    "com.example.service2.internal.handlers.RequestHandlerImplementation",
    "",
)
PIECES = (
    *HIDDEN,
    *("[", "]", "[secret]", ":", "=", ",", "'", '"', " ", "\n", "4111 ", "password=", "tel 1", "a@", "-----", "x", "7"),
)


@pytest.mark.parametrize(("text", "expected"), HIDDEN.items())
def test_personal_data_and_secrets_are_hidden(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_what_an_agent_needs_stays(text: str) -> None:
    assert mask(text) == text


def test_masking_twice_is_masking_once() -> None:
    rng = random.Random(0)
    for _ in range(1_000):
        masked = mask("".join(rng.choices(PIECES, k=rng.randint(1, 8))))
        assert mask(masked) == masked


@pytest.mark.parametrize(
    "unit",
    ["a", "1", "4111 ", "0 1", "a@", "a@a.", "://a:", "eyJ.", "password", "password='", "-----BEGIN PRIVATE KEY-----"],
)
def test_a_megabyte_of_one_pattern_comes_to_an_end(unit: str) -> None:
    assert mask(unit * (1_000_000 // len(unit))) is not None


def test_of_an_error_its_last_line_is_shown_masked_and_cut() -> None:
    trace = "Traceback (most recent call last):\n  row = 'a@firma.de'\nValueError: no memory for a@firma.de\n"
    assert mask_error(trace) == "ValueError: no memory for [email]"
    assert mask_error(f"{trace}password=hunter2 {'x ' * 500}", most=21) == "password=[secret] x x"
    assert mask_error("") == mask_error(" \n") == ""
