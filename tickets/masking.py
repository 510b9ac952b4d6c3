"""What must not be shown of a text: personal addresses and numbers, keys and passwords. It does not know fields.

Every pattern either starts where a run of its characters starts and never gives one back, or is bounded, so that time
grows with the length of the text alone. Names of people and street addresses stay: no pattern can tell them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

EMAIL: Final = "[email]"
PHONE: Final = "[phone]"
CARD: Final = "[card]"
SECRET: Final = "[secret]"

_PRIVATE_KEY: Final = re.compile(
    # Without its end, a key that was cut off hides all that follows: better too much than half a key.
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?s:.)*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
_URL_LOGIN: Final = re.compile(r"(?<=://)[^\s/@:\[\]]{0,100}:[^\s/@]{1,200}(?=@)")
_HEADER: Final = re.compile(r"(?i)(?<![A-Za-z])(bearer|basic)[ \t]{1,4}([\w.~+/=-]{6,}+)")
_PASSWORD_WORDS: Final = (
    r"pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|contraseña|senha|mot de passe|密码|密碼|パスワード"
)
_ASSIGNMENT: Final = re.compile(
    rf"(?i)({_PASSWORD_WORDS}|(?:api|access|secret|private|account)[_ -]?key|secret|token|credentials?)"
    r"""(["']?[ \t]{0,3}[:=：]{1,2}>?[ \t]{0,3}(?:bearer[ \t]{1,3}|basic[ \t]{1,3})?)"""
    r"""("[^"\n]++"|'[^'\n]++'|["']?[^\s,;&"'<>]++)"""
)
_SPOKEN: Final = re.compile(
    rf"(?i)({_PASSWORD_WORDS})([ \t]{{1,3}}(?:is|was|ist|lautet|es|est|é|è)[ \t]{{1,3}})([^\s,;\"'<>]++)"
)
_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"eyJ[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+)?"  # JSON web token
    r"|A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS
    r"|gh[oprsu]_[A-Za-z0-9]{20,}+|github_pat_\w{20,}+|glpat-[\w-]{16,}+"
    r"|xox[a-z]-[\w-]{10,}+"  # Slack
    r"|(?:sk|pk|rk)[-_](?=[A-Za-z_-]{0,40}\d)[\w-]{16,}+"  # Stripe and many others
    r"|AIza[\w-]{35}"  # Google
    r")"
)
_LONG_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{32,}+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LATIN: Final = r"a-zA-Z\u00c0-\u024f"
_EMAIL: Final = re.compile(
    rf"(?<![{_LATIN}0-9._%+'-])[{_LATIN}0-9._%+'-]++@(?:[{_LATIN}0-9-]{{1,63}}\.){{1,8}}[{_LATIN}]{{2,24}}"
)
_DIGIT_GROUPS: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,}+")
_PHONE: Final = re.compile(
    r"(?<![A-Za-z0-9+])\+[1-9]\d{0,3}(?:[ .()/-]{0,3}\d){6,13}(?!\d)"  # +49 (0) 171 1234567
    r"|(?<![\w.,/:+-])00[1-9]\d{0,2}[ .()/-]{1,3}\d(?:[ .()/-]{0,2}\d){5,12}(?!\d)"  # 0049 171 1234567
    r"|(?<![\w.,/:+-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"  # (555) 123-4567
    r"|(?<![\w.,/:+-])(?!\d{1,2}[ ./-]\d{1,2}[ ./-]\d{4}(?!\d))\(?0\d{1,5}\)?[ /-]{1,3}\d(?:[ -]?\d){4,10}(?!\d)"
)
_NAMED_PHONE: Final = re.compile(
    r"(?i)((?<![A-Za-z])(?:tele(?:phone|fono|fone|fon)|téléphone|teléfono|phone|mobile|mobil|handy|fon|tel)(?![A-Za-z])"
    r"|电话|電話|手机)(\.?(?: number| no\.?| nr\.?)?[ :：]{0,3})(\d(?:[ ./()-]{0,2}\d){6,14})(?!\d)"
)

_MIN_CHANGES: Final = (
    0.3  # random base64 changes its kind of character at 0.62 of the places, hex at 0.47, a path at 0.1
)
_MIN_NATIONAL_DIGITS: Final = 8  # a clock time with a date has fewer
_CARD_DIGITS: Final = range(13, 20)
_MAX_GROUPS: Final = 5
_MAX_ROUNDS: Final = 8  # what was masked can lay bare the start of something else; three rounds did for random texts


def mask(text: str) -> str:
    """The text with mail addresses, phone and card numbers, keys and passwords replaced by what they are.

    Error codes, dates, IP addresses, versions, ticket ids and UUIDs stay. Masking what was masked changes nothing.
    """
    for _ in range(_MAX_ROUNDS):
        masked = _mask_once(text)
        if masked == text:
            break
        text = masked
    return text


def mask_error(error: str, most: int = 200) -> str:
    """What may be shown of an error or a traceback: its last line, masked, and of that the first `most` characters.

    What stands above holds values of the program, and the whole stays with the run.
    """
    return mask("".join(error.strip().splitlines()[-1:]))[:most]


def _mask_once(text: str) -> str:
    for pattern, replace in _STEPS:
        text = pattern.sub(replace, text)
    return text


def _mask_value(match: re.Match[str]) -> str:
    """Quotes stay, so that what follows them is not taken for a part of the value next time."""
    value = match[3]
    opening = value[0] if value[0] in "\"'" else ""
    closing = opening if value[1:].endswith(opening) else ""
    return f"{match[1]}{match[2]}{opening}{SECRET}{closing}"


def _mask_header(match: re.Match[str]) -> str:
    """`Basic authentication` is prose, `Basic dXNlcjpwYXNz` is not."""
    value = match[2]
    is_random = bool(re.search(r"[\d=]|[a-z][A-Z]", value))
    return f"{match[1]} {SECRET}" if is_random else match[0]


def _mask_spoken(match: re.Match[str]) -> str:
    """`password is hunter2`, not `password is wrong`."""
    value = match[3]
    is_secret = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    return match[1] + match[2] + SECRET if is_secret else match[0]


def _mask_random(match: re.Match[str]) -> str:
    run = match[0]
    if _UUID.fullmatch(run) or not (any(map(str.isdigit, run)) and any(map(str.isalpha, run))):
        return run
    kinds = [char.isdigit() + 2 * char.isupper() for char in run if char.isalnum()]
    changes = sum(left != right for left, right in pairwise(kinds))
    return SECRET if changes >= _MIN_CHANGES * len(run) else run


def _mask_cards(match: re.Match[str]) -> str:
    """Replace the cards in a row of groups of digits, the longest that starts at a group first."""
    parts = re.split(r"([ -])", match[0])
    groups, separators = parts[::2], [*parts[1::2], ""]
    masked: list[str] = []
    at = 0
    while at < len(groups):
        longest = min(_MAX_GROUPS, len(groups) - at)
        length = next((length for length in range(longest, 0, -1) if _is_card(groups[at : at + length])), 0)
        masked.append(CARD if length else groups[at])
        at += max(length, 1)
        masked.append(separators[at - 1])
    return "".join(masked)


def _is_card(groups: list[str]) -> bool:
    """Whether groups of digits are one card: a single group, or groups of the sizes that are printed on cards."""
    printed_so = len(groups) == 1 or (len(groups[0]) in (4, 6) and all(3 <= len(group) <= 13 for group in groups))
    if not printed_so or sum(map(len, groups)) not in _CARD_DIGITS:
        return False
    digits = [int(char) for group in groups for char in group]
    return 2 <= digits[0] <= 6 and _passes_luhn(digits)  # a time in milliseconds starts with 1


def _passes_luhn(digits: list[int]) -> bool:
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mask_phone(match: re.Match[str]) -> str:
    is_national = match[0].lstrip("(").startswith("0")
    num_digits = sum(char.isdigit() for char in match[0])
    return match[0] if is_national and num_digits < _MIN_NATIONAL_DIGITS else PHONE


_STEPS: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (_PRIVATE_KEY, SECRET),
    (_URL_LOGIN, SECRET),
    (_ASSIGNMENT, _mask_value),
    (_SPOKEN, _mask_spoken),
    (_HEADER, _mask_header),
    (_KEY, SECRET),
    (_EMAIL, EMAIL),
    (_LONG_RUN, _mask_random),
    (_DIGIT_GROUPS, _mask_cards),
    (_PHONE, _mask_phone),
    (_NAMED_PHONE, rf"\1\2{PHONE}"),
)
"""What is looked for, in this order: a secret may hold an `@` or digits, so it goes first."""
