"""Who wins a place. Ballots in, the winner and how sure we are out; knows neither engines nor alignments.

Typographic forms of one mark stand together against other marks, and then the form with the most support is
taken: an engine that says ’ supports one that says '.

A tie is broken by what the engines were surer of, then by their weight, then by code point: never by an order of
engines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from fusion.similarity import folded

_TIE = 1e-9  # sums this close differ by rounding only: 0.1 + 0.2 against 0.3


class Method(StrEnum):
    """How votes are counted: by weight, by weight times probability, or one engine one vote."""

    WEIGHTED_VOTING = "weighted_voting"
    CONFIDENCE_WEIGHTED = "confidence_weighted"
    MAJORITY_VOTING = "majority_voting"


class Ballot(NamedTuple):
    """One engine's vote: what it says ("" for nothing), its share of the vote, and how sure it is. A second guess, as
    an engine's alternatives are, counts only as much as the engine is sure of it, whatever the method.
    """

    text: str
    share: float
    probability: float
    second_guess: bool = False


class Winner(NamedTuple):
    """The elected text, "" for nothing, with a confidence in [0, 1]."""

    text: str
    confidence: float


def elect(ballots: Sequence[Ballot], method: Method) -> Winner:
    """The text with the most support.

    Confidence is the sum over the ballots for the winner, in any typographic form, of share times probability. Shares
    add up to 1 over the engines that voted (in majority voting they are equal): so it is at most 1, and it grows when
    one more engine joins the winner.
    """
    if not ballots:
        raise ValueError("an election without ballots; leave the place out")
    form = _most([(folded(ballot.text), ballot) for ballot in ballots], method)
    supporters = [(ballot.text, index) for index, ballot in enumerate(ballots) if folded(ballot.text) == form]
    text = _most([(text, ballots[index]) for text, index in supporters], method)
    weights = weights_of([ballot.share for ballot in ballots], method)
    return Winner(text, min(1.0, sum([weights[index] * ballots[index].probability for _, index in supporters])))


def _most(ballots: Sequence[tuple[str, Ballot]], method: Method) -> str:
    """The choice with the most support, ties broken by summed probability, then by weight, then by code point."""
    leaders = {choice for choice, _ in ballots}
    for measure in (_COUNT[method], _probability, _share):
        if len(leaders) == 1:
            break
        sums = dict.fromkeys(leaders, 0.0)
        for choice, ballot in ballots:
            if choice in sums:
                sums[choice] += measure(ballot)
        enough = max(sums.values()) - _TIE
        leaders = {choice for choice, total in sums.items() if total >= enough}
    return min(leaders)


def _share(ballot: Ballot) -> float:
    return ballot.share


def _probability(ballot: Ballot) -> float:
    return ballot.probability


_COUNT: dict[Method, Callable[[Ballot], float]] = {
    Method.WEIGHTED_VOTING: lambda ballot: ballot.share * (ballot.probability if ballot.second_guess else 1.0),
    Method.CONFIDENCE_WEIGHTED: lambda ballot: ballot.share * ballot.probability,
    Method.MAJORITY_VOTING: lambda ballot: ballot.probability if ballot.second_guess else 1.0,
}


def weights_of(shares: Sequence[float], method: Method) -> list[float]:
    """What each vote counts in a confidence: the shares, or equal parts in majority voting."""
    return [1.0 / len(shares)] * len(shares) if method is Method.MAJORITY_VOTING else list(shares)
