"""The words of a ticket: subject, description, log lines, stack trace. It does not know labels, customers or times.

A reader can always tell the issue type: the clause that a ticket is about stands in a frame of `Bank.statements`, and
any other clause in a frame of `Bank.asides`, which says that the matter is settled. Counting words does not tell the
two apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tickets.data.simulate.dice import Dice
from tickets.data.simulate.issues import ISSUES, MODULES, SUDDEN, Issue
from tickets.data.simulate.phrases import ENGLISH, Bank
from tickets.data.simulate.translations import BANKS

ERRORS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "denied": ("PermissionDenied", 403),
        "expired": ("CredentialExpired", 401),
        "fails": ("ProcessingError", 500),
        "garbled": ("ChecksumMismatch", 422),
        "missing": ("RecordNotFound", 404),
        "slow": ("DeadlineExceeded", 504),
        "undelivered": ("DeliveryError", 502),
        "update": ("IncompatibleVersion", 409),
    }
)
"""Problem → the exception and status that machines report for it."""

FIRST_NAMES: Final = (
    *("Amira", "Ben", "Carla", "Daniel", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kim", "Lena"),
    *("Marek", "Nadia", "Oscar", "Paula", "Quentin", "Rosa", "Sanjay", "Tomas", "Ulla", "Vera", "Wanda", "Yuki"),
)

_ALERT_SHARE: Final = 0.08  # of the English tickets about a sudden problem, which makes some 3 % of all
_ASIDE_SHARE: Final = 0.35
_OTHER_ERROR_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Setting:
    """What a customer may mention beside the issue."""

    product: str
    version: str
    module: str
    affected_users: int
    created: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class Text:
    """The written part of a ticket; an empty string where there is nothing."""

    subject: str
    description: str
    error_logs: str
    stack_trace: str
    sentiment: str
    """Sentiment that the words express."""
    by_machine: bool
    """An alert mail: the same words each time."""

    @property
    def contains_error_code(self) -> bool:
        """Whether an error code stands in the description or in the log lines."""
        return "ERR-" in self.description or "ERR-" in self.error_logs


def write_text(issue: Issue, language: str, setting: Setting, is_tense: bool, dice: Dice) -> Text:
    """Put a ticket's words together.

    Args:
        issue: What the ticket is about.
        language: A key of `BANKS`.
        setting: What else may be mentioned.
        is_tense: Whether the customer has more reason than usual to be upset.
        dice: Source of every choice.
    """
    if language == "en" and issue.problem in SUDDEN and dice.chance(_ALERT_SHARE):
        return _alert_mail(issue)
    bank = BANKS[language]
    sentiment = _sentiment(is_tense, dice)
    logs, trace = _machine_output(issue, setting, dice)
    return Text(
        subject=_subject(bank, issue, setting, dice),
        description=_description(bank, issue, setting, sentiment, dice),
        error_logs=logs,
        stack_trace=trace,
        sentiment=sentiment,
        by_machine=False,
    )


def module_of(issue: Issue, dice: Dice) -> str:
    """The module that the customer names: mostly one that belongs to the object, at times any."""
    if dice.chance(0.15):
        return dice.pick(MODULES[dice.pick(ISSUES).object])
    return dice.pick(MODULES[issue.object])


def clause(bank: Bank, issue: Issue, dice: Dice) -> str:
    """An object and its problem, such as `the invoice appears twice`."""
    return f"{dice.pick(bank.objects[issue.object])} {dice.pick(bank.problems[issue.problem])}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _alert_mail(issue: Issue) -> Text:
    exception, status = ERRORS[issue.problem]
    noun, predicate = ENGLISH.objects[issue.object][0], ENGLISH.problems[issue.problem][0]
    return Text(
        subject=f"[ALERT] {noun.removeprefix('the ')}: {exception}",
        description=f"Automatic message: {noun} {predicate}. Status ERR-{status}. Do not reply to this address.",
        error_logs="",
        stack_trace="",
        sentiment="neutral",
        by_machine=True,
    )


def _sentiment(is_tense: bool, dice: Dice) -> str:
    upset, pleased = (0.5, 0.03) if is_tense else (0.2, 0.16)
    roll = dice.roll()
    if roll < upset:
        return dice.pick(("angry", "frustrated", "frustrated"))
    if roll > 1.0 - pleased:
        return dice.pick(("grateful", "satisfied"))
    return dice.pick(("neutral", "neutral", "neutral", "confused"))


def _subject(bank: Bank, issue: Issue, setting: Setting, dice: Dice) -> str:
    roll = dice.roll()
    if roll < 0.2:
        return _capital(clause(bank, issue, dice))
    if roll < 0.55:
        return _capital(dice.pick(bank.topics).format(o=dice.pick(bank.objects[issue.object])))
    return dice.pick(bank.subjects).format(product=setting.product)


def _description(bank: Bank, issue: Issue, setting: Setting, sentiment: str, dice: Dice) -> str:
    """Greeting, a shuffled body that holds the statement, closing."""
    statement = dice.pick(bank.statements).format(c=clause(bank, issue, dice), when=dice.pick(bank.times))
    body = [_capital(statement), *_surroundings(bank, issue, setting, dice)]
    if dice.chance(_ASIDE_SHARE):
        body.append(_aside(bank, issue, dice))
    first = dice.number(0, len(body) - 1)
    body[0], body[first] = body[first], body[0]
    if sentiment in ("angry", "frustrated") and dice.chance(0.7):
        body.append(dice.pick(bank.upset))
    if sentiment in ("grateful", "satisfied") and dice.chance(0.7):
        body.append(dice.pick(bank.pleased))
    if issue.problem in ERRORS and dice.chance(0.15):
        body.append(f"ERR-{_status(issue, dice)}")
    greeting = dice.pick(bank.greetings) + "\n" if dice.chance(0.7) else ""
    closing = f"\n{dice.pick(bank.closings)},\n{dice.pick(FIRST_NAMES)}" if dice.chance(0.6) else ""
    return greeting + " ".join(body) + closing


def _surroundings(bank: Bank, issue: Issue, setting: Setting, dice: Dice) -> list[str]:
    """Remarks that fit every ticket, and sometimes one on the object or on the problem."""
    values = {"product": setting.product, "version": setting.version, "users": setting.affected_users}
    remarks = {dice.pick(bank.remarks): None for _ in range(dice.number(0, 3))}
    sentences = [remark.format(**values) for remark in remarks]
    if issue.object in bank.contexts and dice.chance(0.25):
        sentences.append(dice.pick(bank.contexts[issue.object]))
    if issue.problem in bank.signs and dice.chance(0.25):
        sentences.append(dice.pick(bank.signs[issue.problem]))
    return sentences


def _aside(bank: Bank, issue: Issue, dice: Dice) -> str:
    """A sentence on another issue that is settled."""
    other = dice.pick(ISSUES)
    while other is issue:
        other = dice.pick(ISSUES)
    return dice.pick(bank.asides).format(c=clause(bank, other, dice))


def _status(issue: Issue, dice: Dice) -> int:
    """Mostly the problem's own status, at times that of another problem which came along."""
    return dice.pick(tuple(ERRORS.values()))[1] if dice.chance(_OTHER_ERROR_SHARE) else ERRORS[issue.problem][1]


def _machine_output(issue: Issue, setting: Setting, dice: Dice) -> tuple[str, str]:
    """Log lines and a stack trace, for problems that machines report."""
    if issue.problem not in ERRORS:
        return "", ""
    logs, trace = "", ""
    exception, module = ERRORS[issue.problem][0], setting.module
    if dice.chance(0.4):
        request = dice.number(10_000, 99_999)
        logs = (
            f"{setting.created} WARN [{module}] request {request} is being retried\n"
            f"{setting.created} ERROR [{module}] request {request} ended with ERR-{_status(issue, dice)}"
        )
    if dice.chance(0.25):
        line = dice.number(12, 980)
        trace = (
            f"{exception}: request was not completed\n"
            f"  at {module}.handle({module}.py:{line})\n"
            f"  at worker.run_task(worker.py:{dice.number(20, 240)})"
        )
    return logs, trace
