"""Who wins a place. Ballots in, the winner and how sure we are out; knows neither engines nor alignments.

Typographic forms of one mark stand together against other marks, and then the form with the most support is
taken: an engine that says ’ supports one that says '.

A tie is broken by what the engines were surer of, then by their weight, then by code point: never by an order of
engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from fusion.similarity import folded

_TIE_DIGITS = 9  # sums that are equal up to rounding errors are equal: 0.1 + 0.2 against 0.3


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
    supporting = [folded(ballot.text) == form for ballot in ballots]
    text = _most(
        [(ballot.text, ballot) for ballot, supports in zip(ballots, supporting, strict=True) if supports], method
    )
    weights = weights_of([ballot.share for ballot in ballots], method)
    probabilities = [
        weight * ballot.probability
        for weight, ballot, supports in zip(weights, ballots, supporting, strict=True)
        if supports
    ]
    return Winner(text, min(1.0, sum(probabilities)))


def _most(ballots: Iterable[tuple[str, Ballot]], method: Method) -> str:
    """The choice with the most support, ties broken by summed probability, then by weight, then by code point."""
    support: dict[str, list[float]] = {}
    for choice, ballot in ballots:
        sums = support.setdefault(choice, [0.0, 0.0, 0.0])
        sums[0] += _count(ballot, method)
        sums[1] += ballot.probability
        sums[2] += ballot.share
    if len(support) == 1:
        return next(iter(support))
    return min(support, key=lambda choice: (*(-round(value, _TIE_DIGITS) for value in support[choice]), choice))


def _count(ballot: Ballot, method: Method) -> float:
    match method:
        case Method.CONFIDENCE_WEIGHTED:
            return ballot.share * ballot.probability
        case Method.WEIGHTED_VOTING:
            return ballot.share * ballot.probability if ballot.second_guess else ballot.share
        case Method.MAJORITY_VOTING:
            return ballot.probability if ballot.second_guess else 1.0


def weights_of(shares: Sequence[float], method: Method) -> list[float]:
    """What each vote counts in a confidence: the shares, or equal parts in majority voting."""
    return [1.0 / len(shares)] * len(shares) if method is Method.MAJORITY_VOTING else list(shares)
