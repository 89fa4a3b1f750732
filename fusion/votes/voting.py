"""Who wins a slot. Ballots in, the winner and how sure the vote is out; knows neither engines nor alignments.

Typographic forms of one mark stand together against other marks, and then the form with the most support is taken: an
engine that reads ’ supports one that reads '.

A tie is broken by what the engines were surer of, then by their weight, then by code point: never by an order of
engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from fusion.alignment.similarity import folded
from fusion.evidence.confidence import CharacterConfidence

_TIE = 1e-9  # sums this close differ by rounding only: 0.1 + 0.2 against 0.3


class Method(StrEnum):
    """How votes are counted: by weight, by weight times probability (in a tuned profile by its evidence), or one engine
    one vote.
    """

    WEIGHTED_VOTING = "weighted_voting"
    CONFIDENCE_WEIGHTED = "confidence_weighted"
    MAJORITY_VOTING = "majority_voting"


class Ballot(NamedTuple):
    """One engine's vote: its text (NULL for nothing), its weight, and how sure it is. A second guess, as an engine's
    alternatives are, counts only as much as the engine is sure of it, whatever the method. `support` is what it counts
    in a tuned profile, in nats; None where the profile is not tuned.
    """

    text: str
    weight: float
    probability: float
    second_guess: bool = False
    support: float | None = None


class Winner(NamedTuple):
    """The text that won, NULL for nothing, with a confidence in [0, 1]."""

    text: str
    confidence: float


_NO_SUPPORTS: Mapping[str, float] = {}


def count_votes(
    ballots: Sequence[Ballot],
    method: Method,
    more_supports: Mapping[str, float] = _NO_SUPPORTS,
    confidence: CharacterConfidence | None = None,
) -> Winner:
    """The text with the most support. `more_supports` are those of candidates that come from no ballot.

    Without a tuned `confidence`, that of the winner is the sum over its ballots, in any typographic form, of weight
    times probability. Weights add up to 1 over the engines that voted (in majority voting they are equal): so it is at
    most 1, and it grows when one more engine joins the winner.
    """
    if not ballots:
        raise ValueError("a vote without ballots; leave the slot out")
    cast = [(folded(ballot.text), ballot) for ballot in ballots]
    candidate = _most(cast, method, more_supports)
    text = _most([(ballot.text, ballot) for own, ballot in cast if own == candidate], method)
    if confidence is not None:
        return Winner(text, _tuned_confidence(candidate, cast, more_supports, confidence))
    weights = effective_weights([ballot.weight for ballot in ballots], method)
    agreeing = [
        weight * ballot.probability for weight, (own, ballot) in zip(weights, cast, strict=True) if own == candidate
    ]
    return Winner(text, min(1.0, sum(agreeing)))


def _tuned_confidence(
    candidate: str,
    cast: Sequence[tuple[str, Ballot]],
    more_supports: Mapping[str, float],
    confidence: CharacterConfidence,
) -> float:
    supports: dict[str, float] = dict(more_supports)
    for own, ballot in cast:
        supports[own] = supports.get(own, 0.0) + (ballot.support or 0.0)
    winner = supports.pop(candidate)
    return confidence.of(winner, list(supports.values()))


def _most(
    ballots: Sequence[tuple[str, Ballot]], method: Method, more_supports: Mapping[str, float] = _NO_SUPPORTS
) -> str:
    """The choice with the most support, ties broken by summed probability, then by weight, then by code point."""
    leaders = {choice for choice, _ in ballots}
    if len(leaders) == 1:
        return next(iter(leaders))
    for measure in (_COUNT[method], _probability, _weight):
        if len(leaders) == 1:
            break
        sums = {choice: more_supports.get(choice, 0.0) for choice in leaders}
        for choice, ballot in ballots:
            if choice in sums:
                sums[choice] += measure(ballot)
        enough = max(sums.values()) - _TIE
        leaders = {choice for choice, total in sums.items() if total >= enough}
    return min(leaders)


def _weight(ballot: Ballot) -> float:
    return ballot.weight


def _probability(ballot: Ballot) -> float:
    return ballot.probability


_COUNT: dict[Method, Callable[[Ballot], float]] = {
    Method.WEIGHTED_VOTING: lambda ballot: ballot.weight * (ballot.probability if ballot.second_guess else 1.0),
    Method.CONFIDENCE_WEIGHTED: lambda ballot: (
        ballot.weight * ballot.probability if ballot.support is None else ballot.support
    ),
    Method.MAJORITY_VOTING: lambda ballot: ballot.probability if ballot.second_guess else 1.0,
}


def effective_weights(weights: Sequence[float], method: Method) -> list[float]:
    """What each vote counts in a confidence: the weights, or equal parts in majority voting."""
    return [1.0 / len(weights)] * len(weights) if method is Method.MAJORITY_VOTING else list(weights)
