from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from tickets.features import codes
from tickets.features.codes import MEASURES, find_codes

sre: Any = importlib.import_module("re._parser")
JAVA = """java.lang.NullPointerException: null
\tat com.acme.billing.Invoice.pay(Invoice.java:12)
\tat com.acme.Main.main(Main.java:3)"""
PYTHON = """Traceback (most recent call last):
  File "/app/billing/invoice.py", line 12, in pay
    total()
ValueError: bad"""
DOT_NET = "   at System.Web.Mvc.Controller.Execute(RequestContext context) in C:\\src\\Controller.cs:line 3"
SCRIPT = "    at Object.load (/srv/app.js:1:2)\n    at /srv/app.js:10:2"
NATIVE = "#0  0x00007f12 in store::write (this=0x1) at store.cpp:7\n  main() at main.cpp:67"
RUBY_PHP = " from app.rb:10:in `call'\n#1 /var/www/a.php(12): Foo->bar()"
LOG = """2025-01-06T07:11:18Z WARN [export_module] request 32779 is being retried
[ERROR] gave up
Jan 12 10:11:12 host sshd[12]: closed"""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("we get ORA-00942.", {"code:ora-00942", "code:ora-#"}),
        ("0x80070005 again", {"hex:0x80070005", "hex:0x8007#"}),
        ("HTTP/1.1 503", {"http:503", "http:5xx"}),
        ("it says 404 Not Found", {"http:404", "http:4xx"}),
        ("Error code: 1603", {"error:1603", "error:#"}),
        ("exit code 137", {"exit:137"}),
        ("Fehler 42", {"fehler:42"}),
        ("SQLSTATE[42S02]", {"sqlstate:42s02"}),
        ("connect ECONNREFUSED 10.0.0.12:80", {"errno:econnrefused", "ip:10.0.0.12"}),
        ("DNS_PROBE_FINISHED_NXDOMAIN", {"snake:dns_probe_finished_nxdomain"}),
        ("E1234 and KB4012345", {"code:e1234", "code:kb4012345", "code:kb#"}),
        ("ticket TK-2024-100960", {"code:tk-2024-100960", "code:tk-#-#"}),
        ("since v4.7.0", {"version:v4.7.0", "version:4.#"}),
        ("see https://me@Support.Example.com/kb/KB123?x=1", {"host:support.example.com"}),
        ("C:\\Windows\\msvcr100.dll and /var/log/syslog", {"file:msvcr100.dll", "type:dll", "path:windows"}),
        ("a TypeError was thrown", {"thrown:typeerror"}),
        ("RecordNotFound: request was not completed", {"thrown:recordnotfound"}),
        (JAVA, {"thrown:nullpointerexception", "frame:invoice.pay", "module:invoice", "file:invoice.java"}),
        (PYTHON, {"thrown:valueerror", "frame:invoice.pay", "module:invoice"}),
        (DOT_NET, {"frame:controller.execute"}),
        (SCRIPT, {"frame:object.load", "module:object", "frame:app.js"}),
        (NATIVE, {"frame:store.write", "frame:main"}),
        (RUBY_PHP, {"frame:call", "frame:a.php"}),
        (LOG, {"level:warn", "level:error", "source:export_module"}),
    ],
)
def test_what_machines_write_is_found(text: str, tokens: set[str]) -> None:
    assert tokens <= set(find_codes(text).tokens)


@pytest.mark.parametrize(
    "text",
    [
        "Hello, I cannot log in since yesterday at 10:00. Please help!",
        "I was there at the moment (I think) and at noon",
        "On 12.05.2024 we paid 3.50 for A-levels",
        "Info: the order is late. ERROR everywhere, he SAID",
        "我的订单没有到 😀",
    ],
)
def test_prose_holds_no_codes(text: str) -> None:
    assert find_codes(text).tokens == []


@pytest.mark.parametrize(
    ("text", "frames"), [(JAVA, 2), (PYTHON, 1), (DOT_NET, 1), (SCRIPT, 2), (NATIVE, 2), (RUBY_PHP, 2), (LOG, 0)]
)
def test_a_text_is_measured(text: str, frames: int) -> None:
    measured = dict(zip(MEASURES, find_codes(text).measures, strict=True))
    assert measured["text: characters"] == len(text)
    assert measured["text: lines"] == text.count("\n") + 1
    assert measured["text: frames of stack traces"] == frames
    assert measured["text: has a stack trace"] == (frames > 0)
    assert 0 < measured["text: share of lines of logs and traces"] <= 1


def test_without_a_text_nothing_is_measured() -> None:
    assert (find_codes("").tokens, find_codes("").measures) == ([], ())
    assert find_codes("hello").measures == (5, 1, 0, 0, 0, 0)


def test_an_address_hides_what_looks_like_codes_in_it() -> None:
    assert find_codes("https://example.com/ORA-00942/404.html").tokens == ["host:example.com"]


@pytest.mark.parametrize(
    "part",
    [
        "a", "A_", "a.", "1.", "a-", "at a", "\n", " ", "\n ", "http://", 'File "', '\nFile "a', "(", "\na(", "Ab",
        "0x", "error ", "#1 ", "\n12:12:12", "\\", "\n>|", "sqlstate[", "aaaaaaaa-1-1-1-", "from a:", "\nfrom a/",
        "x.py", "@",
    ],
)  # fmt: skip
def test_a_long_text_of_anything_is_read(part: str) -> None:
    length = 20_000 // len(part) * len(part)
    assert find_codes(part * (20_000 // len(part))).measures[0] == length


def test_no_pattern_can_give_back_an_unbounded_run() -> None:
    """With that, a pattern does bounded work after each start, or consumes what it looked at."""
    patterns = {name: of for name, of in vars(codes).items() if isinstance(of, re.Pattern)}
    assert len(patterns) >= 8
    for name, pattern in patterns.items():
        parsed = sre.parse(pattern.pattern, pattern.flags & ~re.UNICODE.value)
        assert _unbounded(list(parsed)) == (1 if pattern.pattern == r"\d+" else 0), name


def _unbounded(parsed: Any) -> int:
    """Repeats without an upper bound that backtrack, anywhere in a parsed pattern."""
    if isinstance(parsed, tuple) and parsed and str(parsed[0]) in ("MAX_REPEAT", "MIN_REPEAT"):
        _, (_, most, inside) = parsed
        return (str(most) == "MAXREPEAT") + _unbounded(inside)
    if isinstance(parsed, list | tuple) or type(parsed).__name__ == "SubPattern":
        return sum(_unbounded(part) for part in parsed)
    return 0


def test_the_check_of_patterns_sees_what_backtracks() -> None:
    assert [_unbounded(sre.parse(pattern)) for pattern in ("(a+b)*", "a{1,9}b*+", "(?:x|y+?)++z")] == [2, 0, 1]
