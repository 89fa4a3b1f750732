"""A vote among engines of which some cannot write what others read.

An engine without "≤" reads "=" where "≤" stands: that is no vote against "≤". So a candidate that an engine cannot
write is first voted on by those that can, and where there are several such candidates, by those that can write them
all. Where it wins, and one of them is rather sure than not, it stands. Where it does not, all vote, and the winner is
no surer than that candidate was unlikely: the place is doubted. It is doubted as well where one stands whose engines
could not have written another one, and where one form of a quote or dash stands though an engine read another one that
is not the plain form: a plain one is what engines fall back to. An engine that saw a character it has none for
(UNWRITABLE) supports one that it cannot write; where nobody reads such a one, it leaves a doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from fusion.alignment.similarity import NULL, folded
from fusion.votes.voting import Ballot, Winner
from ocr.text.alphabet import UNWRITABLE, Alphabet

RATHER_SURE = 0.5
"""The least probability of a character that stands against engines which cannot write it."""

_CANDIDATES_OF_ALL = frozenset({NULL, " "})

Alphabets = Sequence[Alphabet | None]
"""What engines can write, in the order of their ballots; None is everything."""
Count = Callable[[Sequence[Ballot]], Winner]


class Decision(NamedTuple):
    """Who won, and the most that the confidence of a word with it may be."""

    winner: Winner
    limit: float = 1.0


def decide(ballots: Sequence[Ballot], alphabets: Alphabets, count: Count) -> Decision:
    """Who wins by `count` among engines with these alphabets."""
    if all(ballot.text.isascii() for ballot in ballots):  # as nearly always: then nobody lacks anything
        return Decision(count(ballots))
    contested = _contested(ballots, alphabets)
    for wanted in _tries(contested):
        winner = _of_able(wanted, ballots, alphabets, count)
        if winner is not None:
            limit = _limit_by_rivals(winner, contested, ballots, alphabets)
            return Decision(winner, min(limit, _limit_by_forms(winner, ballots)))
    seen = [ballot.probability for ballot in ballots if UNWRITABLE in ballot.text]
    doubts = [*seen, *(ballot.probability for ballot in ballots if folded(ballot.text) in contested)]
    limit = 1.0 - max(doubts, default=0.0)
    others = [ballot for ballot in ballots if UNWRITABLE not in ballot.text] or list(ballots)
    winner = _in_form_of_able(count(others), ballots, alphabets)
    sure = min(winner.confidence, limit)
    return Decision(winner._replace(confidence=sure), min(limit, _limit_by_forms(winner, ballots)))


def _limit_by_forms(winner: Winner, ballots: Sequence[Ballot]) -> float:
    """How sure one may be at most of the form of a mark, where others were read that are not the plain one."""
    plain = folded(winner.text)
    others = [
        ballot.probability
        for ballot in ballots
        if ballot.text not in (winner.text, plain) and folded(ballot.text) == plain
    ]
    return 1.0 - max(others, default=0.0)


def _tries(contested: Sequence[str]) -> Iterator[Sequence[str]]:
    """What is voted on by those that can write it: all together first, then each."""
    if len(contested) > 1:
        yield contested
    yield from ([candidate] for candidate in contested)


def _of_able(wanted: Sequence[str], ballots: Sequence[Ballot], alphabets: Alphabets, count: Count) -> Winner | None:
    """The winner among those that can write all `wanted`, if it is one of these and somebody is rather sure of it."""
    able = []
    for ballot, alphabet in zip(ballots, alphabets, strict=True):
        can = all(_can_write(alphabet, candidate) for candidate in wanted)
        if UNWRITABLE in ballot.text:
            if not can and len(wanted) == 1:
                able.append(ballot._replace(text=wanted[0]))
        elif can:
            able.append(ballot)
    sure = [ballot for ballot in able if folded(ballot.text) in wanted and ballot.probability >= RATHER_SURE]
    if not sure:
        return None
    winner = count(_alone(able))
    candidate = folded(winner.text)
    if all(folded(ballot.text) != candidate for ballot in sure):
        return None
    return _in_its_form(winner, ballots, candidate)


def _limit_by_rivals(
    winner: Winner, contested: Sequence[str], ballots: Sequence[Ballot], alphabets: Alphabets
) -> float:
    """How sure one may be at most where another contested candidate could not have been written by who read this."""
    own = folded(winner.text)
    supporters = [alphabet for ballot, alphabet in zip(ballots, alphabets, strict=True) if folded(ballot.text) == own]
    rivals = {
        candidate
        for candidate in contested
        if candidate != own and not any(_can_write(alphabet, candidate) for alphabet in supporters)
    }
    return 1.0 - max((ballot.probability for ballot in ballots if folded(ballot.text) in rivals), default=0.0)


def _alone(ballots: Iterable[Ballot]) -> list[Ballot]:
    """The same as if there were no others: their weights add up to 1."""
    own = list(ballots)
    total = sum(ballot.weight for ballot in own)
    return [ballot._replace(weight=ballot.weight / total) for ballot in own] if total > 0.0 else own


def is_contested(candidates: Sequence[str], alphabets: Alphabets) -> bool:
    """Whether not all engines vote against each other: one cannot write what another one reads, or saw a character that
    it has none for. `candidates` are what they read, in the order of their alphabets.
    """
    return not all(map(str.isascii, candidates)) and any(
        UNWRITABLE in other or _is_beyond(other, candidates, alphabets) for other in set(candidates)
    )


def _is_beyond(candidate: str, candidates: Sequence[str], alphabets: Alphabets) -> bool:
    """Whether some engine that reads another one cannot write it."""
    return candidate not in _CANDIDATES_OF_ALL and any(
        own != candidate and not _can_write(alphabet, candidate)
        for own, alphabet in zip(candidates, alphabets, strict=True)
    )


def _contested(ballots: Sequence[Ballot], alphabets: Alphabets) -> list[str]:
    """The candidates that some engine which reads another one cannot write, the surest first."""
    surest: dict[str, float] = {}
    for ballot in ballots:
        candidate = folded(ballot.text)
        if candidate not in _CANDIDATES_OF_ALL and UNWRITABLE not in candidate:
            surest[candidate] = max(surest.get(candidate, 0.0), ballot.probability)
    candidates = [folded(ballot.text) for ballot in ballots]
    contested = [candidate for candidate in surest if _is_beyond(candidate, candidates, alphabets)]
    return sorted(contested, key=lambda candidate: (-surest[candidate], candidate))


def _in_form_of_able(winner: Winner, ballots: Sequence[Ballot], alphabets: Alphabets) -> Winner:
    """With the typographic form that most engines read; of equally many the surest. A plain form counts only where an
    engine could have written every form that was read.
    """
    candidate = folded(winner.text)
    forms = {ballot.text for ballot in ballots if folded(ballot.text) == candidate}
    if len(forms) < 2:
        return winner
    able = [
        ballot
        for ballot, alphabet in zip(ballots, alphabets, strict=True)
        if ballot.text in forms and (ballot.text != candidate or all(_can_write(alphabet, form) for form in forms))
    ]

    def support(form: str) -> tuple[int, float, str]:
        own = [ballot.probability for ballot in able if ballot.text == form]
        return len(own), max(own), form

    return winner._replace(text=max({ballot.text for ballot in able}, key=support))


@lru_cache(maxsize=16384)
def _can_write(alphabet: Alphabet | None, candidate: str) -> bool:
    return alphabet is None or alphabet.can_write(candidate)


def _in_its_form(winner: Winner, ballots: Sequence[Ballot], candidate: str) -> Winner:
    """With a text that some engine read: one that only saw something stands for it."""
    forms = [ballot for ballot in ballots if folded(ballot.text) == candidate]
    if any(ballot.text == winner.text for ballot in forms):
        return winner
    return winner._replace(text=max(forms, key=lambda ballot: (ballot.probability, ballot.text)).text)
