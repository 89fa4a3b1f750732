"""Who wins a place. Ballots in, the winner and how sure we are out; knows neither engines nor alignments.

Typographic forms of one mark stand together against other marks, and then the form with the most support is
taken: an engine that says ’ supports one that says '.

A tie is broken by what the engines were surer of, then by their weight, then by code point: never by an order of
engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from fusion.alignment.similarity import folded
from fusion.evidence.confidence import Assurance

_TIE = 1e-9  # sums this close differ by rounding only: 0.1 + 0.2 against 0.3


class Method(StrEnum):
    """How votes are counted: by weight, by weight times what the claim is worth, or one engine one vote. A claim is
    worth its probability, or what a tuned profile's evidence makes of it.
    """

    WEIGHTED_VOTING = "weighted_voting"
    CONFIDENCE_WEIGHTED = "confidence_weighted"
    MAJORITY_VOTING = "majority_voting"


class Ballot(NamedTuple):
    """One engine's vote: what it says ("" for nothing), its share of the vote, and how sure it is. A second guess, as
    an engine's alternatives are, counts only as much as the engine is sure of it, whatever the method. `support` is
    what it counts in a tuned profile, in nats; None where evidence was never fitted.
    """

    text: str
    share: float
    probability: float
    second_guess: bool = False
    support: float | None = None


class Winner(NamedTuple):
    """The elected text, "" for nothing, with a confidence in [0, 1]."""

    text: str
    confidence: float


_NO_LEANINGS: Mapping[str, float] = {}


def elect(
    ballots: Sequence[Ballot],
    method: Method,
    leanings: Mapping[str, float] = _NO_LEANINGS,
    assurance: Assurance | None = None,
) -> Winner:
    """The text with the most support. `leanings` are supports for forms that come from no engine.

    Without an assurance, confidence is the sum over the ballots for the winner, in any typographic form, of share times
    probability. Shares add up to 1 over the engines that voted (in majority voting they are equal): so it is at most 1,
    and it grows when one more engine joins the winner.
    """
    if not ballots:
        raise ValueError("an election without ballots; leave the place out")
    cast = [(folded(ballot.text), ballot) for ballot in ballots]
    form = _most(cast, method, leanings)
    text = _most([(ballot.text, ballot) for own, ballot in cast if own == form], method)
    if assurance is not None:
        return Winner(text, _assured(form, cast, leanings, assurance))
    weights = weights_of([ballot.share for ballot in ballots], method)
    agreeing = [weight * ballot.probability for weight, (own, ballot) in zip(weights, cast, strict=True) if own == form]
    return Winner(text, min(1.0, sum(agreeing)))


def _assured(
    form: str, cast: Sequence[tuple[str, Ballot]], leanings: Mapping[str, float], assurance: Assurance
) -> float:
    supports: dict[str, float] = dict(leanings)
    for own, ballot in cast:
        supports[own] = supports.get(own, 0.0) + (ballot.support or 0.0)
    winner = supports.pop(form)
    return assurance.of(winner, list(supports.values()))


def _most(ballots: Sequence[tuple[str, Ballot]], method: Method, leanings: Mapping[str, float] = _NO_LEANINGS) -> str:
    """The choice with the most support, ties broken by summed probability, then by weight, then by code point."""
    leaders = {choice for choice, _ in ballots}
    if len(leaders) == 1:
        return next(iter(leaders))
    for measure in (_COUNT[method], _probability, _share):
        if len(leaders) == 1:
            break
        sums = {choice: leanings.get(choice, 0.0) for choice in leaders}
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
    Method.CONFIDENCE_WEIGHTED: lambda ballot: (
        ballot.share * ballot.probability if ballot.support is None else ballot.support
    ),
    Method.MAJORITY_VOTING: lambda ballot: ballot.probability if ballot.second_guess else 1.0,
}


def weights_of(shares: Sequence[float], method: Method) -> list[float]:
    """What each vote counts in a confidence: the shares, or equal parts in majority voting."""
    return [1.0 / len(shares)] * len(shares) if method is Method.MAJORITY_VOTING else list(shares)
