"""What a single line looks like: a name, a contact, something that was said. It does not know its neighbours."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 100
"""Characters; a longer line is part of no signature."""
NAME: Final = (
    r"(?:[^\W\d_a-z][\w.'’-]*|von|van|vom|de[lrn]?|da|di|la|le|el|bin|zu|und|and|y|e|i\.A\.|i\.V\.|&)"
    r"(?:[ ,]+(?:[^\W\d_a-z][\w.'’()-]*|von|van|vom|de[lrn]?|da|di|la|le|el|bin|zu|und|and|y|e|i\.A\.|i\.V\.|&)){0,4}"
)
"""Up to five words that begin with a capital, and what stands between them in names."""

_MAX_WORDS: Final = 12
_MAX_TITLE: Final = 5  # words
_MAX_CJK: Final = 24  # characters
_LEADING: Final = "-–—~ "  # `- Bob`
_IS_NAME: Final = re.compile(rf"{NAME}[.,]?")
_IS_FIRST_NAME: Final = re.compile(r"[^\W\d_]{2,12}[.,]?")
_IS_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_IS_RULE: Final = re.compile(r"[-=_*~─━＝]{4,}")
_IS_CONTACT: Final = re.compile(
    r"(?i)(?:^|[\s|,;·•(])(?:tel(?:ephone|efon|[eé]fono|[eé]phone)?|t[eé]l|phone|fon|mobile?|cell|handy|fax|direct|www"
    r"|office|e-?mail|web|skype|linkedin|internet|[tmfphew])\b ?[.:：|]|\+?\(?\d[\d ()./-]{6,}\d|\bwww\.\w"
    r"|[\w.+-]{1,64}@[\w-]{1,63}\.\w|^(?:https?://)?[\w-]+(?:\.[\w-]+){1,3}/?$|电话|手机|邮箱|電話|携帯|メール|住所|〒\d"
    r"|\b(?:gmbh|ag|kg|ohg|e\.?v|inc|llc|ltd|limited|plc|corp|corporation|company|group|s\.?a\.?s?|s\.?r\.?l|s\.?p\.?a"
    r"|b\.?v|n\.?v|oy|ab|pty|co)\b\.?(?:$|[\s,|])|公司|株式会社|有限会社|集团"
    r"|\b(?:amtsgericht|registergericht|handelsregister|hrb|ust-?id|vorstand|sitz der|siret|rcs|kvk|vat|nif|cif)\b"
    r"|\b(?:manager|engineer|director|officer|head of|lead|administrator|admin|analyst|consultant|assistant|specialist"
    r"|developer|president|ceo|cto|cio|coo|cfo|support|sales|service ?desk|department|dept|team|leiter(?:in)?"
    r"|[\w-]*abteilung|gesch(?:ä|ae)ftsf(?:ü|ue)hrer(?:in)?|sachbearbeiter(?:in)?|vertrieb|ingenieur|directeur"
    r"|directrice|responsable|ingeniero|gerente|directora?|jefe|responsabile|direttore|medewerker|hoofd)\b"
    r"|经理|工程师|技术部|课長|課長|係長|部$|\b\d{4,5}\b \w|\w(?:stra(?:ß|ss)e|str\.|weg|allee|platz) \d"
    r"|\b\d{1,5} \w+ (?:street|st|road|rd|avenue|ave|lane)\b"
)
_SAYS_MORE: Final = re.compile(
    r"(?i)[?？]|[:：]$|[{};=$\\]|[-=]>|::|[a-z_]\(|\d\d:\d\d:\d\d|^[-*•·>] |^\d+[.)] |https?://\S+/\S"
    r"|^p\.? ?p?\.? ?s\b|^(?:nb|nachtrag|edit)\b"
    r"|\b(?:error|exception|traceback|warn(?:ing)?|fatal|failed|failure|fehler|erreur|undefined|null)\b"
)


def is_rule(line: str) -> bool:
    """Whether it is drawn, `-----` or the like."""
    return len(line) <= MAX_LENGTH and _IS_RULE.fullmatch(line) is not None


def is_contact(line: str) -> bool:
    """Whether it names a number, an address, a company or a position, and does not plainly say something."""
    return _may_belong(line) and _IS_CONTACT.search(line) is not None


def is_bare(line: str) -> bool:
    """Whether it could stand among contacts, though it is none: a name, a title, a rule."""
    if is_rule(line):
        return True
    if not _may_belong(line):
        return False
    if _IS_CJK.search(line):
        return len(line) <= _MAX_CJK and not line.endswith(("。", "！"))
    num_words = len(line.split())
    is_title = num_words <= _MAX_TITLE and not (line[0].islower() and num_words > 2)
    return is_title or _IS_NAME.fullmatch(line) is not None


def is_name(line: str, may_be_small: bool = False) -> bool:
    """Whether it can be read as somebody's name.

    Args:
        line: A line without the white space around it.
        may_be_small: A single word counts though it has no capital.
    """
    name = line.lstrip(_LEADING)
    if not is_bare(name or line):
        return False
    is_small_name = may_be_small and _IS_FIRST_NAME.fullmatch(name) is not None
    return bool(is_small_name or _IS_NAME.fullmatch(name) or _IS_CJK.search(name))


def _may_belong(line: str) -> bool:
    return 0 < len(line) <= MAX_LENGTH and len(line.split()) <= _MAX_WORDS and not _SAYS_MORE.search(line)
