"""Which fix the past tickets speak for, and whether they are near enough to speak at all.

It does not know how candidates were found or weighed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tickets.retrieval.corpus import Corpus
from tickets.retrieval.documents import Document
from tickets.retrieval.retriever import Candidate

_STRONG_SHARE: Final = 0.5  # of the query's terms that the first keyword match must hold to carry a suggestion alone
_STRONG_TERMS: Final = 3  # and at least so many


@dataclass(frozen=True, slots=True)
class Success:
    """How often a fix helped.

    Attributes:
        rate: Smoothed towards the corpus-wide rate.
        helped: Tickets in which it helped.
        tried: Tickets in which it is known whether it helped.
    """

    rate: float
    helped: int
    tried: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A candidate with its document.

    Attributes:
        candidate: How it was found.
        document: What it is.
        score: What it is ordered by.
        success: How often its fix helped; None where it has none, or nobody ever said of any fix.
    """

    candidate: Candidate
    document: Document
    score: float
    success: Success | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A fix to try.

    Attributes:
        fix: Its id.
        resolution: What was done in the best of the tickets that support it, masked; None where only a code is known.
        resolution_code: The code of that.
        success: How often it helped; None where nobody ever said of any fix.
        ticket_ids: The tickets that support it, the best first.
        why: Short clauses that say why it is suggested.
    """

    fix: str
    resolution: str | None
    resolution_code: str | None
    success: Success | None
    ticket_ids: tuple[str, ...]
    why: tuple[str, ...]


def suggest(weighed: Sequence[Evidence]) -> Suggestion | None:
    """The fix with the highest sum of fused scores, times its smoothed success.

    A ticket in which its fix is known to have failed does not speak for it.

    Args:
        weighed: Candidates, the best first.

    Returns:
        None where no candidate has a fix that may have helped.
    """
    supporters: dict[str, list[Evidence]] = defaultdict(list)
    for evidence in weighed:
        if evidence.document.fix is not None and evidence.document.helped is not False:
            supporters[evidence.document.fix].append(evidence)
    if not supporters:
        return None
    fix, support = max(supporters.items(), key=lambda item: _weight(item[1]))
    told = next((one for one in support if one.document.resolution is not None), support[0]).document
    success = support[0].success
    why = [f"tried in {len(support)} of the {len(weighed)} past tickets that are most like this one"]
    if success is not None and success.tried:
        why.append(f"helped in {success.helped} of {success.tried} tickets")
    ticket_ids = tuple(one.document.ticket_id for one in support)
    return Suggestion(fix, told.resolution, told.resolution_code, success, ticket_ids, tuple(why))


def _weight(support: Sequence[Evidence]) -> float:
    success = support[0].success
    return sum(one.candidate.score for one in support) * (1.0 if success is None else success.rate)


def doubt(corpus: Corpus, query: str, text_print: str, weighed: Sequence[Evidence]) -> str | None:
    """Why the candidates are too far from the query to learn from them; None where they are near enough.

    They are near where the highest cosine reaches the corpus's floor, where a ticket has the same text, or where the
    first keyword match holds half of the query's terms.

    Args:
        corpus: Gives the floor and the terms.
        query: What the customer wrote.
        text_print: Fingerprint of the query, masked.
        weighed: The candidates.
    """
    if not weighed:
        return "no past ticket was found"
    if any(one.document.text_print == text_print for one in weighed) or _is_strong_match(corpus, query, weighed):
        return None
    cosines = [one.candidate.similarity for one in weighed if one.candidate.similarity is not None]
    if not cosines:
        return "the search went by words alone, and no past ticket shares enough of them"
    floor = corpus.similarity_floor
    if floor is None or max(cosines) >= floor:
        return None
    return f"the nearest past ticket has cosine {max(cosines):.2f}, below {floor:.2f}, and shares few words"


def _is_strong_match(corpus: Corpus, query: str, weighed: Sequence[Evidence]) -> bool:
    by_words = [one for one in weighed if one.candidate.keyword_rank is not None]
    if not by_words:
        return False
    first = min(by_words, key=lambda one: one.candidate.keyword_rank or 0)
    terms = set(corpus.lexical.terms(query))
    num_shared = len(terms.intersection(corpus.lexical.terms(first.document.text)))
    return num_shared >= max(_STRONG_TERMS, _STRONG_SHARE * len(terms))
