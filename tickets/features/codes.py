"""What a machine wrote into a ticket: codes, exceptions, stack traces, log lines, files, hosts, identifiers.

A text becomes tokens, exact (`code:ora-00942`) and by shape (`code:ora-#`), and a few numbers. It does not know which
fields the text comes from, nor which tokens are kept (`words.py`). Every pattern either starts only where a run of its
characters starts and never gives one back, or is bounded, so that time grows with the length of the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MEASURES: Final = (
    "text: characters",
    "text: lines",
    "text: has a stack trace",
    "text: frames of stack traces",
    "text: share of lines of logs and traces",
    "text: codes",
)
"""Names of the numbers of a text. Codes are all that was found within lines: exceptions, files, hosts, identifiers."""

_URL: Final = re.compile(
    r"""(?<![A-Za-z])(?:https?|ftp|wss?)://(?:[^\s/@]{1,100}@)?([^\s/:?#@<>"'()\[\]]{1,253})[^\s<>"']*+""",
    re.IGNORECASE,
)
_FRAME: Final = re.compile(
    r"""^[ \t>|]{0,40}+(?:
        at[ ](?P<java>[\w$.<>/~`+\[\]]{1,200}+)[ ]?(?:\(|:\d)        # Java, JavaScript, .NET
      | File[ ]"(?P<file>[^"\n]{1,300})",[ ]line[ ]\d{1,7}(?:,[ ]in[ ](?P<python>[\w<>]{1,100}))?
      | \#\d{1,3}[ ]{1,4}(?:0x[0-9a-fA-F]{1,16}[ ]in[ ])?(?P<gdb>[\w$.:~<>/-]{1,200}+)[ ]?\(   # gdb, PHP
      | (?P<plain>[\w$.:~]{1,200}+)\([^()\n]{0,200}\)[ ]at[ ][\w./\\-]{1,200}:\d
      | from[ ][\w./-]{1,200}+:\d{1,7}:in[ ][`'](?P<ruby>[^`'\n]{1,100})
    )""",
    re.MULTILINE | re.VERBOSE,
)
_LEVELS: Final = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL|PANIC"
_LOG_LINE: Final = re.compile(
    rf"""^[ \t>|]{{0,40}}+(?:
        [\[(]?(?:\d{{4}}[-/.]\d\d[-/.]\d\d[T ,]{{1,2}}|[A-Z][a-z]{{2}}[ ]{{1,2}}\d{{1,2}}[ ])?
        \d\d:\d\d:\d\d[^\s]{{0,16}}
      | [\[<(]?(?=(?:{_LEVELS})[\s\]>):|])
    )[\s\]):|-]{{0,4}}(?:[\[<(]?(?P<level>{_LEVELS})\b[\]>):|]{{0,2}})?(?:[ ]\[(?P<source>[\w.$-]{{2,60}})\])?""",
    re.MULTILINE | re.VERBOSE,
)
_THROWN: Final = re.compile(
    r"(?<![\w$.])[A-Za-z_$][\w$]*+(?:\.[A-Za-z_$][\w$]*+)*+(?:(?<=\wException)|(?<=\wError)|(?<=\wFault))"
    r"|^[ \t]{0,8}(?:[A-Z][a-z0-9]++){2,8}+(?=: )",
    re.MULTILINE,
)
_NAMED: Final = re.compile(
    r"(?<![^\W_])(http|status|exit|sqlstate|errno|error|fehler|erreur|errore|event|code)"
    r"(?:[ _-]?(?:status|code|id|number|no|nr))?(?:/\d(?:\.\d)?)?\.?[ ]?[\[(#:=]?[ ]?"
    r"(-?\d{1,6}|(?<=sqlstate.)[0-9a-z]{5}|(?<=sqlstate..)[0-9a-z]{5})(?![\w-])",
    re.IGNORECASE,
)
_STATUS: Final = re.compile(
    r"(?<![\w.-])([45]\d\d)[ :-]{1,3}(?:bad request|unauthorized|forbidden|not found|request timeout|too many requests"
    r"|internal server error|bad gateway|service unavailable|gateway time-?out)",
    re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"""(?<![\w.$-])(?:
        (?P<uuid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
      | (?P<hex>0[xX][0-9a-fA-F]{2,16})
      | (?P<ip>(?:\d{1,3}\.){3}\d{1,3}(?![\w.]))
      | (?!\d{1,2}\.\d{1,2}\.(?:19|20)\d\d(?!\d))(?P<version>[vV]?\d{1,4}(?:\.\d{1,6}){2,3}|[vV]\d{1,4}\.\d{1,6})
      | (?P<snake>[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)++)
      | (?P<errno>E(?:CONN(?:REFUSED|RESET|ABORTED)|TIMEDOUT|NOENT|ACCES|PERM|EXIST|PIPE|HOSTUNREACH|NETUNREACH
          |ADDRINUSE|ADDRNOTAVAIL|NOTFOUND|AI_AGAIN|MFILE|NOSPC|ISDIR|NOTDIR|NOTEMPTY|NOMEM|INVAL|BUSY|IO|AGAIN|PROTO))
      | (?P<code>[A-Za-z]{1,12}(?:[-_]\d{2,12}(?:-\d{1,12}){0,3}|\d{3,12}[A-Za-z]?))
    )(?!\w)""",
    re.VERBOSE,
)
_FILE: Final = re.compile(
    r"(?<![\w$-])([\w$-]{1,80}+\.(dll|exe|sys|so|jar|war|py|jsm?|tsx?|java|class|cs|cpp|cc|c|h|php|rb|go|rs|log|xml|json"
    r"|ya?ml|ini|conf|cfg|properties|sql|db|csv|xlsx?|docx?|pptx?|pdf|pst|ost|msi|bat|ps1|sh|aspx?|jsp|html?|zip|gz|tmp"
    r"|dat|bak|txt|inf|reg|lnk|ttf|pem|crt|pfx))(?![\w-])",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\d+")
_NAME_ENDS: Final = re.compile(r"(?:\.py)?[./\\]|::")
_PATH: Final = re.compile(r"(?<![\w:/\\])(?:([A-Za-z]:\\|\\\\)|/(?:var|usr|etc|opt|home|tmp|bin|srv|mnt|root)/)")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one text.

    Attributes:
        tokens: `kind:value` in lower case, repeated as often as they occur; of most codes the exact one and its shape,
            in which each run of digits is `#`.
        measures: One number for each name in `MEASURES`; empty for an empty text.
    """

    tokens: list[str]
    measures: tuple[float, ...]


def find_codes(text: str) -> Found:
    """Look for everything that a machine wrote.

    Args:
        text: Any text, logs and traces included.
    """
    if not text:
        return Found([], ())
    num_chars, num_lines = len(text), 1 + text.count("\n")
    tokens = [f"host:{host.lower()}" for host in _URL.findall(text)] if "://" in text else []
    if tokens:
        text = _URL.sub(" ", text)  # what stands in an address is no code
    tokens += _codes(text)
    num_codes = len(tokens)
    tokens += [shape for token in tokens if (shape := _shape(token)) != token]
    frames, log_lines = list(_frames(text)), list(_LOG_LINE.finditer(text))
    tokens += [f"frame:{'.'.join(names)}" for names in frames]
    tokens += [f"module:{names[0]}" for names in frames if len(names) > 1]
    for line in log_lines:
        tokens += [f"{kind}:{value.lower()}" for kind, value in line.groupdict().items() if value]
    share = min((len(frames) + len(log_lines)) / num_lines, 1.0)
    return Found(tokens, (num_chars, num_lines, float(bool(frames)), len(frames), share, num_codes))


def _codes(text: str) -> list[str]:
    """Tokens of everything that stands within a line."""
    tokens = [f"{found.lastgroup}:{found[0].lower()}" for found in _CODE.finditer(text)]
    tokens += [f"{keyword.lower()}:{value.lower()}" for keyword, value in _NAMED.findall(text)]
    tokens += [f"http:{status}" for status in _STATUS.findall(text)]
    tokens += [f"thrown:{name.strip().rsplit('.', 1)[-1].lower()}" for name in _THROWN.findall(text)]
    for name, extension in _FILE.findall(text):
        tokens += [f"file:{name.lower()}", f"type:{extension.lower()}"]
    if "\\" in text or "/" in text:
        tokens += [f"path:{'windows' if drive else 'unix'}" for drive in _PATH.findall(text)]
    return tokens


def _shape(token: str) -> str:
    """What tokens of one family share: the class of an HTTP status, the facility of a Windows error, the main version;
    of all others the text around the digits."""
    kind, value = token.split(":", 1)
    if kind == "http":
        return f"http:{value[0]}xx"
    if kind == "hex":
        return f"hex:{value[:6]}#"
    if kind == "version":
        return f"version:{value.lstrip('v').split('.', 1)[0]}.#"
    return f"{kind}:{_DIGITS.sub('#', value)}"


def _frames(text: str) -> Iterator[list[str]]:
    """The last two names of each frame of a stack trace: class or module, where it has one, and function."""
    for found in _FRAME.finditer(text):
        name = next(value for value in found.groups() if value)
        if found["python"]:
            name = f"{found['file']}/{found['python']}"
        yield [part for part in _NAME_ENDS.split(name.lower()) if part][-2:]
